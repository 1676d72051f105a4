"""What gateways have to say and to learn in public networks: whose addresses are here, and who leads on.

Public addresses are announced where they come to live, as soon as they are served there (gratuitous ARP,
RFC 5227, 3), and so are the IPv6 addresses of routers (unsolicited advertisements, RFC 4861, 7.2.6), so that
the outside sends there at once.
Each time it is also said to somebody who is nowhere: a switch outside that keeps flows for what it has seen
takes what it has seen before for no news, and learns nothing from it while the flow is in its cache.
The gateways of each public range, of both versions, are asked for their MAC addresses from every place that
needs them, again and again, and their answers become facts in the store. All runs on the facts' thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from secrets import token_bytes
from typing import Final
from uuid import uuid4

from sdn_orch.dataplane.pipeline import NETWORK, public_network
from sdn_orch.guest.frame import ARP, ARP_REQUEST, Frame, arp_reply, ethernet, read_frame, tagged
from sdn_orch.guest.neighbour import advertised, advertisement, solicitation
from sdn_orch.homes import Home, Homes, Key, Question
from sdn_orch.intent.gateways import next_hop
from sdn_orch.intent.model import Switch
from sdn_orch.intent.public import NextHop, PublicRange
from sdn_orch.intent.routes import hops_behind
from sdn_orch.intent.routing import PrivateGateway, PrivateHop
from sdn_orch.intent.snapshot import Change, Difference, Put, Snapshot
from sdn_orch.openflow.values import Output
from sdn_orch.southbound.base import Datapath, PacketIn, PacketOut

#: Seconds between two questions: to a range's gateway that has not answered yet, and to one that has.
UNANSWERED, ANSWERED = 1.0, 30.0
#: Seconds after an address has come to a gateway at which it is announced.
ANNOUNCED_AT: Final = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
_BROADCAST = b"\xff" * 6
#: The first octets of MAC addresses that nobody has: of routers' (0e:5d:02) they are the next ones.
_NOWHERE = bytes((0x0E, 0x5D, 0x03))


class Uplinks:
    """See the module. `datapath_of` gives the session of a switch by its dpid, if there is one.

    `is_serving` says whether a switch holds what it needs for what lives there at a revision of the store.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        datapath_of: Callable[[int], Datapath | None],
        is_serving: Callable[[str, int], bool],
    ) -> None:
        self._snapshot = snapshot
        self._datapath_of = datapath_of
        self._is_serving = is_serving
        self._homes = Homes()
        self._asked_at: dict[Question, float] = {}
        self._announce: list[tuple[float, Key]] = []
        #: What has come to a switch that may not serve it yet, and the revision by which it came.
        self._come: set[Key] = set()
        self._revision = 0

    def changed(self, changes: Sequence[Difference]) -> None:
        """Records are not what they were; without any, nobody knows which."""
        self._homes.changed(changes)

    def connected(self, switch_id: str) -> None:
        """A switch has come: what lives on it may be news to the outside."""
        self._refresh()
        self._come |= {key for key, home in self._homes.by_key.items() if home.switch_id == switch_id}

    def tick(self, now: float) -> None:
        """To be called every now and then, with the monotonic time."""
        self._refresh()
        ready = self._ready()
        self._come -= ready
        self._announce += [(now + pause, key) for pause in ANNOUNCED_AT for key in ready]
        due = {key for at, key in self._announce if at <= now}
        self._announce = [(at, key) for at, key in self._announce if at > now]
        come = [self._homes.by_key[key] for key in due & self._homes.by_key.keys()]
        for home in come:
            self._send(home, home.address)
        for home in {(home.switch_id, home.vlan, home.mac): home for home in come}.values():
            self._send(home, home.address, _NOWHERE + token_bytes(3))
        answered = _answered(self._snapshot()) if self._homes.askers else set()
        for question, askers in self._homes.askers.items():
            _, vlan, target = question
            # What is not known any more is asked for as if it had never been.
            pause = ANSWERED if (vlan, target) in answered else UNANSWERED
            asked_at = self._asked_at.get(question)
            if asked_at is None or now >= asked_at + pause:
                self._asked_at[question] = now
                self._send(next(iter(askers.values())), target)

    def asked(self, packet: PacketIn) -> None:
        """Somebody outside asks for an address where the switch cannot answer by flows (RFC 826)."""
        frame = read_frame(packet.frame)
        switch = self._snapshot().first(Switch, "dpid", packet.dpid)
        if frame is None or switch is None or frame.ethertype != ARP or len(frame.payload) < 28:
            return
        if frame.payload[:8] != ARP_REQUEST or packet.in_port != switch.public_port:
            return
        network, target = NETWORK.read(packet.metadata), frame.payload[24:28]
        for home in self._homes.by_key.values():
            is_it = home.switch_id == switch.id and public_network(home.vlan) == network
            if is_it and home.address.packed == target:
                answer = arp_reply(frame.source, home.mac, target, frame.payload[8:18])
                answer = answer if home.vlan is None else tagged(answer, home.vlan)
                PacketOut((Output(packet.in_port),), answer).send(self._datapath_of(packet.dpid))

    def _ready(self) -> set[Key]:
        """What has come to switches that serve it by now: nobody outside is to send there before."""
        self._come &= self._homes.by_key.keys()
        homes = {key: self._homes.by_key[key].switch_id for key in self._come}
        serving = {id for id in set(homes.values()) if self._is_serving(id, self._revision)}
        return {key for key, switch_id in homes.items() if switch_id in serving}

    def _refresh(self) -> None:
        if not self._homes.is_stale:
            return
        snapshot = self._snapshot()
        self._come |= set(self._homes.refresh(snapshot))
        self._revision = snapshot.revision
        askers = self._homes.askers
        self._asked_at = {question: at for question, at in self._asked_at.items() if question in askers}

    def _send(self, home: Home, target: IPv4Address | IPv6Address, to: bytes = b"") -> None:
        """Ask for an address in the name of another; who asks for its own says that it is here.

        All are asked, or whoever has the MAC address `to`.
        """
        snapshot = self._snapshot()
        switch = snapshot.get(Switch, home.switch_id)
        if switch is None or switch.public_port is None:
            return
        if target.version == 6:
            own = home.address.packed
            is_own = target == home.address
            frame = advertisement(home.mac, own) if is_own else solicitation(home.mac, own, target.packed)
        else:
            asking = ARP_REQUEST + home.mac + home.address.packed + bytes(6) + target.packed
            frame = ethernet(_BROADCAST, home.mac, ARP, asking)
        frame = to + frame[len(to) :]
        if home.vlan is not None:
            frame = tagged(frame, home.vlan)
        PacketOut((Output(switch.public_port),), frame).send(self._datapath_of(switch.dpid))


def answered(snapshot: Snapshot, packet: PacketIn) -> Sequence[Change]:
    """What follows from the answer of a next hop: whoever has its address in its network is it."""
    frame = read_frame(packet.frame)
    switch = snapshot.first(Switch, "dpid", packet.dpid)
    if frame is None or switch is None or packet.in_port != switch.public_port:
        return ()
    said = _announced(frame) if frame.ethertype == ARP else advertised(frame)
    if said is None or said[0][0] & 1:
        return ()
    mac, address = said[0].hex(":"), ip_address(said[1])
    network = NETWORK.read(packet.metadata)
    changes: list[Change] = []
    for known in snapshot.all(PublicRange):
        if address not in (known.gateway, known.gateway6) or public_network(known.vlan) != network:
            continue
        hop = next_hop(snapshot, known.id, address.version)
        if hop is None:
            changes.append(Put(NextHop(id=str(uuid4()), range_id=known.id, mac=mac, version=address.version)))
        elif hop.mac != mac:
            changes.append(Put(replace(hop, mac=mac)))
    if isinstance(address, IPv4Address):
        changes += _answered_privately(snapshot, network, address, mac)
    return changes


def _answered_privately(snapshot: Snapshot, network: int, address: IPv4Address, mac: str) -> Iterator[Change]:
    """The same behind private gateways."""
    for gateway in snapshot.all(PrivateGateway):
        if public_network(gateway.vlan) != network or address not in hops_behind(snapshot, gateway):
            continue
        hops = snapshot.where(PrivateHop, "gateway_id", gateway.id)
        known = next((hop for hop in hops if hop.address == address), None)
        if known is None:
            yield Put(PrivateHop(id=str(uuid4()), gateway_id=gateway.id, address=address, mac=mac))
        elif known.mac != mac:
            yield Put(replace(known, mac=mac))


def _announced(frame: Frame) -> tuple[bytes, bytes] | None:
    """The MAC and IPv4 address of whoever sends an ARP packet."""
    return (frame.payload[8:14], frame.payload[14:18]) if len(frame.payload) >= 28 else None


def _answered(snapshot: Snapshot) -> set[tuple[int | None, IPv4Address | IPv6Address | None]]:
    """The next hops that have answered, by VLAN and address."""
    found: set[tuple[int | None, IPv4Address | IPv6Address | None]] = set()
    for hop in snapshot.all(NextHop):
        known = snapshot.need(PublicRange, hop.range_id)
        found.add((known.vlan, known.gateway if hop.version == 4 else known.gateway6))
    for behind in snapshot.all(PrivateHop):
        found.add((snapshot.need(PrivateGateway, behind.gateway_id).vlan, behind.address))
    return found
