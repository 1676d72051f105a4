"""What gateways have to say and to learn in public networks: whose addresses are here, and who leads on.

Public addresses are announced where they come to live (gratuitous ARP, RFC 5227, 3), and so are the IPv6
addresses of routers (unsolicited advertisements, RFC 4861, 7.2.6), so that the outside sends there at once.
The gateways of each public range, of both versions, are asked for their MAC addresses from every place that
needs them, again and again, and their answers become facts in the store. All runs on the facts' thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from uuid import uuid4

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import NETWORK, public_network
from sdn_orch.guest.frame import ARP, Frame, ethernet, read_frame, tagged
from sdn_orch.guest.neighbour import advertised, advertisement, solicitation
from sdn_orch.intent.gateways import gateway_of, gateways, next_hop, older_gateway, principal
from sdn_orch.intent.model import Switch
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.routed import uplink_of
from sdn_orch.intent.routes import hops_behind
from sdn_orch.intent.routing import PrivateGateway, PrivateHop
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
_REPLY = bytes.fromhex("0001080006040002")


#: A switch, a VLAN outside, and who is asked for there.
_Question = tuple[str, int | None, IPv4Address | IPv6Address]


@dataclass(frozen=True, slots=True)
class _Home:
    """Where an address lives, and as what it is known there."""

    switch_id: str
    address: IPv4Address | IPv6Address
    mac: bytes
    vlan: int | None


#: The id of a public address or private gateway, and the version: of 6 that of the router which has it first.
_Key = tuple[str, int]


class Uplinks:
    """See the module. `datapath_of` gives the session of a switch by its dpid, if there is one."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], datapath_of: Callable[[int], Datapath | None]
    ) -> None:
        self._snapshot = snapshot
        self._datapath_of = datapath_of
        self._homes: dict[_Key, _Home] = {}
        #: Somebody at each gateway who asks for each next hop, by switch, VLAN and address.
        self._askers: dict[_Question, _Home] = {}
        self._is_stale = True
        self._asked_at: dict[_Question, float] = {}
        self._announce: list[tuple[float, _Key]] = []

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
        answered = _answered(self._snapshot()) if self._askers else set()
        for question, home in self._askers.items():
            _, vlan, target = question
            # What is not known any more is asked for as if it had never been.
            pause = ANSWERED if (vlan, target) in answered else UNANSWERED
            asked_at = self._asked_at.get(question)
            if asked_at is None or now >= asked_at + pause:
                self._asked_at[question] = now
                self._send(home, target)

    def asked(self, packet: PacketIn) -> None:
        """Somebody outside asks for an address where the switch cannot answer by flows (RFC 826)."""
        frame = read_frame(packet.frame)
        switch = self._snapshot().first(Switch, "dpid", packet.dpid)
        if frame is None or switch is None or frame.ethertype != ARP or len(frame.payload) < 28:
            return
        if frame.payload[:8] != _REQUEST or packet.in_port != switch.public_port:
            return
        network, target = NETWORK.read(packet.metadata), frame.payload[24:28]
        for home in self._homes.values():
            is_it = home.switch_id == switch.id and public_network(home.vlan) == network
            if is_it and home.address.packed == target:
                said = _REPLY + home.mac + target + frame.payload[8:18]
                answer = ethernet(frame.source, home.mac, ARP, said)
                answer = answer if home.vlan is None else tagged(answer, home.vlan)
                PacketOut((Output(packet.in_port),), answer).send(self._datapath_of(packet.dpid))

    def _refresh(self, now: float) -> None:
        self._is_stale = False
        snapshot = self._snapshot()
        before, self._homes = self._homes, dict(_homes(snapshot))
        self._askers = dict(_questions(snapshot, self._homes))
        self._asked_at = {question: at for question, at in self._asked_at.items() if question in self._askers}
        come = [id for id, home in self._homes.items() if before.get(id) != home]
        self._announce += [(now + pause, id) for pause in ANNOUNCED_AT for id in come]

    def _send(self, home: _Home, target: IPv4Address | IPv6Address) -> None:
        """Ask for an address in the name of another; who asks for its own says that it is here."""
        snapshot = self._snapshot()
        switch = snapshot.get(Switch, home.switch_id)
        if switch is None or switch.public_port is None:
            return
        if target.version == 6:
            own = home.address.packed
            is_own = target == home.address
            frame = advertisement(home.mac, own) if is_own else solicitation(home.mac, own, target.packed)
        else:
            asking = _REQUEST + home.mac + home.address.packed + bytes(6) + target.packed
            frame = ethernet(_BROADCAST, home.mac, ARP, asking)
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


def _questions(snapshot: Snapshot, homes: Mapping[_Key, _Home]) -> Iterator[tuple[_Question, _Home]]:
    """Whose MAC addresses are needed where, with somebody there who can ask."""
    ranges = {known.id: known for known in snapshot.all(PublicRange)}
    for address in snapshot.all(PublicAddress):
        known = ranges[address.range_id]
        for version, upstream in ((4, known.gateway), (6, known.gateway6)):
            if upstream is not None and (home := homes.get((address.id, version))) is not None:
                yield (home.switch_id, home.vlan, upstream), home
    for gateway in snapshot.all(PrivateGateway):
        if (home := homes.get((gateway.id, 4))) is not None:
            for hop in hops_behind(snapshot, gateway):
                yield (home.switch_id, home.vlan, hop), home


def _homes(snapshot: Snapshot) -> Iterator[tuple[_Key, _Home]]:
    """Where each public address and private gateway lives, and each router's IPv6 address."""
    among = gateways(snapshot)
    vlans = {known.id: known.vlan for known in snapshot.all(PublicRange)}
    for private in snapshot.all(PrivateGateway) if among else ():
        at = gateway_of(snapshot, private.vpc_id, among)
        if at is not None and older_gateway(snapshot, private) is None:
            mac = bytes.fromhex(private.router_mac.replace(":", ""))
            yield (private.id, 4), _Home(at.id, private.address, mac, private.vlan)
    places: dict[str, tuple[str, bytes] | None] = {}
    for address in snapshot.all(PublicAddress) if among else ():
        router = address.router_id
        if router is None:
            continue
        if router not in places:
            places[router] = _place(snapshot, router, among)
        if (place := places[router]) is not None:
            vlan = vlans[address.range_id]
            yield (address.id, 4), _Home(place[0], address.address, place[1], vlan)
            uplink = uplink_of(snapshot, router)
            if uplink is not None and uplink.first == address:
                yield (address.id, 6), _Home(place[0], uplink.address, place[1], vlan)


def _place(snapshot: Snapshot, router: str, among: tuple[Switch, ...]) -> tuple[str, bytes] | None:
    """The switch and the MAC address that a router has outside."""
    gateway, first = gateway_of(snapshot, router, among), principal(snapshot, router)
    if gateway is None or first is None:
        return None
    return gateway.id, addresses.public_mac(first.number).to_bytes(6, "big")
