"""What gateways have to say and to learn in public networks: whose addresses are here, and who leads on.

Public addresses are announced where they come to live (gratuitous ARP, RFC 5227, 3), so that the outside
sends there at once. The gateway of each public range is asked for its MAC address from every place that
needs it, again and again, and its answer becomes a fact in the store. Everything runs on the facts' thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final
from uuid import uuid4

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import NETWORK, public_network
from sdn_orch.guest.frame import ARP, ethernet, read_frame, tagged
from sdn_orch.intent.gateways import gateway_of, gateways, principal
from sdn_orch.intent.model import Switch
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Change, Put, Snapshot
from sdn_orch.openflow.values import Output
from sdn_orch.southbound.base import Datapath, PacketIn, PacketOut

#: Seconds between two questions: to a range's gateway that has not answered yet, and to one that has.
UNANSWERED, ANSWERED = 1.0, 30.0
#: Seconds after an address has come to a gateway at which it is announced.
ANNOUNCED_AT: Final = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
_BROADCAST = b"\xff" * 6
#: Hardware Ethernet, protocol IPv4, their address lengths, a request (RFC 826).
_REQUEST = bytes.fromhex("0001080006040001")


@dataclass(frozen=True, slots=True)
class _Home:
    """Where an address lives, and as what it is known there."""

    switch_id: str
    address: IPv4Address
    mac: bytes
    range_id: str


class Uplinks:
    """See the module. `datapath_of` gives the session of a switch by its dpid, if there is one."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], datapath_of: Callable[[int], Datapath | None]
    ) -> None:
        self._snapshot = snapshot
        self._datapath_of = datapath_of
        self._homes: dict[str, _Home] = {}
        #: Somebody of each range at each gateway, who asks.
        self._askers: dict[tuple[str, str], _Home] = {}
        self._is_stale = True
        self._ask_at: dict[tuple[str, str], float] = {}
        self._announce: list[tuple[float, str]] = []

    def changed(self) -> None:
        """Addresses, ranges or switches are not what they were."""
        self._is_stale = True

    def connected(self, switch_id: str, now: float) -> None:
        """A switch has come, at `now` in monotonic seconds: what lives on it may be news to the outside."""
        self._refresh(now)
        here = [id for id, home in self._homes.items() if home.switch_id == switch_id]
        self._announce += [(now + pause, id) for pause in ANNOUNCED_AT for id in here]

    def tick(self, now: float) -> None:
        """To be called every now and then, with the monotonic time."""
        if self._is_stale:
            self._refresh(now)
        due = {id for at, id in self._announce if at <= now}
        self._announce = [(at, id) for at, id in self._announce if at > now]
        for id in due & self._homes.keys():
            home = self._homes[id]
            self._send(home, home.address)
        snapshot = self._snapshot()
        for place, home in self._askers.items():
            if now >= self._ask_at.get(place, 0.0):
                known = snapshot.where(NextHop, "range_id", home.range_id)
                self._ask_at[place] = now + (ANSWERED if known else UNANSWERED)
                if (asked := snapshot.get(PublicRange, home.range_id)) is not None:
                    self._send(home, asked.gateway)

    def _refresh(self, now: float) -> None:
        self._is_stale = False
        before, self._homes = self._homes, dict(_homes(self._snapshot()))
        self._askers = {(home.switch_id, home.range_id): home for home in self._homes.values()}
        self._ask_at = {place: at for place, at in self._ask_at.items() if place in self._askers}
        come = [id for id, home in self._homes.items() if before.get(id) != home]
        self._announce += [(now + pause, id) for pause in ANNOUNCED_AT for id in come]

    def _send(self, home: _Home, target: IPv4Address) -> None:
        """Ask for an address in the name of another; who asks for its own says that it is here."""
        snapshot = self._snapshot()
        switch, known = snapshot.get(Switch, home.switch_id), snapshot.get(PublicRange, home.range_id)
        if switch is None or known is None or switch.public_port is None:
            return
        asking = _REQUEST + home.mac + home.address.packed + bytes(6) + target.packed
        frame = ethernet(_BROADCAST, home.mac, ARP, asking)
        if known.vlan is not None:
            frame = tagged(frame, known.vlan)
        PacketOut((Output(switch.public_port),), frame).send(self._datapath_of(switch.dpid))


def answered(snapshot: Snapshot, packet: PacketIn) -> Sequence[Change]:
    """What follows from the answer of a range's gateway: whoever has its address in its network is it."""
    frame = read_frame(packet.frame)
    switch = snapshot.first(Switch, "dpid", packet.dpid)
    if frame is None or frame.ethertype != ARP or len(frame.payload) < 28 or switch is None:
        return ()
    if packet.in_port != switch.public_port:
        return ()
    mac, address = frame.payload[8:14].hex(":"), IPv4Address(frame.payload[14:18])
    if frame.payload[8] & 1:
        return ()
    network = NETWORK.read(packet.metadata)
    changes: list[Change] = []
    for known in snapshot.all(PublicRange):
        if known.gateway != address or public_network(known.vlan) != network:
            continue
        hop = snapshot.first(NextHop, "range_id", known.id)
        if hop is None:
            changes.append(Put(NextHop(id=str(uuid4()), range_id=known.id, mac=mac)))
        elif hop.mac != mac:
            changes.append(Put(replace(hop, mac=mac)))
    return changes


def _homes(snapshot: Snapshot) -> Iterator[tuple[str, _Home]]:
    """Where each public address lives that has a router and a gateway."""
    among = gateways(snapshot)
    places: dict[str, tuple[str, bytes] | None] = {}
    for address in snapshot.all(PublicAddress) if among else ():
        router = address.router_id
        if router is None:
            continue
        if router not in places:
            places[router] = _place(snapshot, router, among)
        if (place := places[router]) is not None:
            yield address.id, _Home(place[0], address.address, place[1], address.range_id)


def _place(snapshot: Snapshot, router: str, among: tuple[Switch, ...]) -> tuple[str, bytes] | None:
    """The switch and the MAC address that a router has outside."""
    gateway, first = gateway_of(snapshot, router, among), principal(snapshot, router)
    if gateway is None or first is None:
        return None
    return gateway.id, addresses.public_mac(first.number).to_bytes(6, "big")
