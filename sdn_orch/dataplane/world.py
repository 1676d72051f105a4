"""Everything that the compiler sees: one snapshot, the fabric's topology, and indexes derived from both.

The indexes are persistent: a change makes a new world that shares what it does not touch with the one
before, at a cost that does not grow with the cloud. `World.advance` gives what `World.of` would give.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import METERED_NICS, SWITCH_METERS
from sdn_orch.dataplane.topology import Topology
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.gateways import gateway_of, gateways, realm_of, router_id
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Attachment, Link, Machine, Network, Nic, Record, Switch, SwitchRole
from sdn_orch.intent.policy import is_open, policy_of
from sdn_orch.intent.rates import limit_of
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.snapshot import Difference, Snapshot
from sdn_orch.intent.table import Table

#: Access ports up to this one have a zone of connections for themselves.
LARGEST_GUARDED_PORT = 0x3FFF

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an active NIC is plugged in; `refusal` says why nothing is programmed for it there, if so."""

    switch_id: str
    port: int
    vlan: int | None
    refusal: str = ""


class World:
    """See the module."""

    __slots__ = ("_members", "_memory", "_networks_at", "_places", "_present", "snapshot", "topology")

    def __init__(
        self,
        snapshot: Snapshot,
        topology: Topology,
        places: Table[str, Place],
        present: Table[tuple[str, str], Table[int, str]],
        members: Table[str, Table[int, str]],
        networks_at: Table[str, Table[int, str]],
    ) -> None:
        self.snapshot = snapshot
        self.topology = topology
        #: NIC id -> its place, of active attached NICs.
        self._places = places
        #: (switch id, network id) -> NIC number -> NIC id, of NICs that are programmed there.
        self._present = present
        #: Network id -> switch number -> switch id, where it is present.
        self._members = members
        #: Switch id -> network number -> network id, of networks present there.
        self._networks_at = networks_at
        self._memory: dict[Hashable, object] = {}

    @classmethod
    def of(cls, snapshot: Snapshot) -> World:
        """The world of a snapshot, from nothing."""
        return _place_all(snapshot, Topology.of(snapshot))

    def advance(self, differences: Iterable[Difference], snapshot: Snapshot) -> World:
        """The world after these differences, which led from this world's snapshot to the new one."""
        differences = tuple(differences)
        world = World(
            snapshot,
            self.topology.advance(differences, snapshot),
            self._places,
            self._present,
            self._members,
            self._networks_at,
        )
        affected = affected_nics(self, world, differences)
        for nic_id in affected:
            world._leave(self, nic_id)
        for nic_id in affected:
            world._enter(nic_id)
        return world

    def place(self, nic_id: str) -> Place | None:
        """Where a NIC is attached, refused or not; None if it is nowhere or not active."""
        return self._places.get(nic_id)

    def is_placed(self, nic_id: str) -> bool:
        """Whether a NIC is programmed somewhere."""
        place = self._places.get(nic_id)
        return place is not None and not place.refusal

    def nics_at(self, switch_id: str, network_id: str) -> Iterator[str]:
        """The NICs of a network programmed on a switch, in the order of their numbers."""
        present = self._present.get((switch_id, network_id))
        return iter(()) if present is None else present.values()

    def is_present(self, switch_id: str, network_id: str) -> bool:
        """Whether a switch has NICs of a network."""
        return self._present.get((switch_id, network_id)) is not None

    def members(self, network_id: str) -> Iterator[str]:
        """The switches that have NICs of a network, in the order of their numbers."""
        members = self._members.get(network_id)
        return iter(()) if members is None else members.values()

    def networks_at(self, switch_id: str) -> Iterator[str]:
        """The networks that have NICs on a switch."""
        networks = self._networks_at.get(switch_id)
        return iter(()) if networks is None else networks.values()

    def realm(self, network_id: str) -> tuple[Network, ...]:
        """The networks that a network's router joins: the tiers of its VPC, or it alone."""
        network = self.snapshot.get(Network, network_id)
        return () if network is None else realm_of(self.snapshot, network)

    def realm_members(self, realm: Sequence[Network]) -> set[str]:
        """The switches that have NICs of any of these networks, and the gateway of their router."""
        found = {switch_id for network in realm for switch_id in self.members(network.id)}
        gateway = self.gateway(realm)
        return found if gateway is None else found | {gateway.id}

    def in_realm(self, switch_id: str, realm: Sequence[Network]) -> bool:
        """Whether a switch has NICs of any of these networks, or is the gateway of their router."""
        return self.is_gateway(switch_id, realm) or any(
            self.is_present(switch_id, network.id) for network in realm
        )

    def is_gateway(self, switch_id: str, realm: Sequence[Network]) -> bool:
        """Whether a switch is the gateway of the router of these networks."""
        gateway = self.gateway(realm)
        return gateway is not None and gateway.id == switch_id

    def gateway(self, realm: Sequence[Network]) -> Switch | None:
        """The gateway of the router of these networks, if they go out by any."""
        return self.gateway_of(router_id(realm[0])) if realm else None

    def gateway_of(self, router: str) -> Switch | None:
        """The gateway of a router, if it goes out by any."""
        return gateway_of(self.snapshot, router, self.gateways())

    def gateways(self) -> tuple[Switch, ...]:
        """The gateways that routers can go out by."""
        found = self.recall("gateways", tuple)
        return self.remember("gateways", gateways(self.snapshot)) if found is None else found

    def list_members(self, list_id: str) -> set[str]:
        """The switches that have NICs of tiers under a list of rules, or private gateways under it."""
        under = self.snapshot.where(Network, "acl_id", list_id)
        outside = self.snapshot.where(PrivateGateway, "acl_id", list_id)
        gateways = (self.gateway_of(gateway.vpc_id) for gateway in outside)
        found = {switch_id for tier in under for switch_id in self.members(tier.id)}
        return found | {gateway.id for gateway in gateways if gateway is not None}

    def nics(self, network_id: str) -> tuple[Nic, ...]:
        """A network's NICs that are programmed somewhere."""
        nics = self.snapshot.where(Nic, "network_id", network_id)
        return tuple(nic for nic in nics if (place := self.place(nic.id)) and not place.refusal)

    def recall(self, key: Hashable, kind: type[T]) -> T | None:
        """What was worked out before for this key in this very world."""
        found = self._memory.get(key)
        return found if isinstance(found, kind) else None

    def remember(self, key: Hashable, value: T) -> T:
        """Keep what was worked out, for as long as this world lives."""
        self._memory[key] = value
        return value

    def _leave(self, before: World, nic_id: str) -> None:
        """Take a NIC out of its old place. Only on a world that nobody has yet."""
        nic, place = before.snapshot.get(Nic, nic_id), before.place(nic_id)
        if nic is None or place is None:
            return
        self._places = self._places.drop(nic_id)
        if place.refusal:
            return
        network = before.snapshot.need(Network, nic.network_id)
        switch = before.snapshot.need(Switch, place.switch_id)
        here = (switch.id, network.id)
        self._present = _without(self._present, here, nic.number)
        if self._present.get(here) is None:
            self._members = _without(self._members, network.id, switch.number)
            self._networks_at = _without(self._networks_at, switch.id, network.number)

    def _enter(self, nic_id: str) -> None:
        """Put a NIC into its new place. Only on a world that nobody has yet."""
        nic = self.snapshot.get(Nic, nic_id)
        place = find_place(self.snapshot, nic) if nic is not None else None
        if nic is None or place is None:
            return
        self._places = self._places.put(nic_id, place)
        if place.refusal:
            return
        network = self.snapshot.need(Network, nic.network_id)
        switch = self.snapshot.need(Switch, place.switch_id)
        self._present = _with(self._present, (switch.id, network.id), nic.number, nic.id)
        self._members = _with(self._members, network.id, switch.number, switch.id)
        self._networks_at = _with(self._networks_at, switch.id, network.number, network.id)


def find_place(snapshot: Snapshot, nic: Nic) -> Place | None:
    """Where a NIC is plugged in, by the records alone; None if nowhere or not active."""
    attachments = snapshot.where(Attachment, "nic_id", nic.id)
    if not attachments or not nic.active:
        return None
    attachment = attachments[0]
    refusal = _refusal(snapshot, nic, attachment)
    return Place(attachment.switch_id, attachment.port, attachment.vlan, refusal)


def _refusal(snapshot: Snapshot, nic: Nic, attachment: Attachment) -> str:
    switch = snapshot.need(Switch, attachment.switch_id)
    end = (switch.id, attachment.port)
    if switch.role is not SwitchRole.EDGE:
        return f"switch {switch.name} is not an edge"
    if attachment.port == switch.underlay or snapshot.where(Link, "ports", end):
        return f"port {attachment.port} of switch {switch.name} leads to other switches"
    if attachment.port == switch.public_port:
        return f"port {attachment.port} of switch {switch.name} leads to the public networks"
    if attachment.port >= SWITCH_METERS:
        return f"port {attachment.port} of switch {switch.name} is above {SWITCH_METERS - 1}"
    if addresses.is_reserved(mac_number(nic.mac)):
        return f"MAC address {nic.mac} is one of those kept for gateways"
    if policy_of(snapshot, nic) is not None and (reason := _unguarded(snapshot, switch, attachment)):
        return reason
    if limit_of(snapshot, nic) is not None and (reason := _unmetered(snapshot, switch, nic)):
        return reason
    for rival in _rivals(snapshot, nic, attachment):
        # Whoever has the lower number keeps a place that two want.
        if rival.number < nic.number and rival.active:
            return f"port {attachment.port} of switch {switch.name} is taken by NIC {rival.id}"
    return ""


def _unguarded(snapshot: Snapshot, switch: Switch, attachment: Attachment) -> str:
    """Why nothing can be guarded at a place: its connections could not be told from others', or at all."""
    if not switch.capabilities.open_vswitch:
        return "lists of rules and security groups need connection tracking: Open vSwitch"
    if attachment.vlan is None and attachment.port > LARGEST_GUARDED_PORT:
        return (
            f"port {attachment.port} of switch {switch.name} has no rules: it is above {LARGEST_GUARDED_PORT}"
        )
    for trunk in attachment.trunks:
        for other in snapshot.where(Attachment, "trunks", trunk):
            if other.port != attachment.port:
                behind = f"VLAN {attachment.vlan} is behind port {other.port} of switch {switch.name} too"
                return f"{behind}: their connections could not be told apart"
    return ""


def _unmetered(snapshot: Snapshot, switch: Switch, nic: Nic) -> str:
    """Why a NIC cannot be held to its limit on a switch."""
    if not switch.capabilities.meters:
        return f"rate limits need meters, and switch {switch.name} has none"
    for other in _sharing_meters(snapshot, nic, nic.number):
        attachment = snapshot.first(Attachment, "nic_id", other.id)
        is_here = other.active and attachment is not None and attachment.switch_id == switch.id
        if is_here and limit_of(snapshot, other) is not None:
            return f"its rate limit needs meters that NIC {other.id} has on switch {switch.name}"
    return ""


def _sharing_meters(snapshot: Snapshot, nic: Nic, below: int = Nic.LARGEST_NUMBER + 1) -> Iterator[Nic]:
    """The other NICs, with numbers below this one, that would have the same meters."""
    for number in range(nic.number % METERED_NICS, below, METERED_NICS):
        other = snapshot.numbered(Nic, number)
        if other is not None and other.id != nic.id:
            yield other


def _rivals(snapshot: Snapshot, nic: Nic, attachment: Attachment) -> Iterator[Nic]:
    """The NICs that cannot share a port with this one.

    A place (a port, or a VLAN of a trunk) says which network a frame is in, and a network has one place on
    a port, so that its frames need not leave where they came in.
    """
    for other in snapshot.where(Attachment, "ports", (attachment.switch_id, attachment.port)):
        theirs = snapshot.need(Nic, other.nic_id)
        if (other.vlan == attachment.vlan) != (theirs.network_id == nic.network_id):
            yield theirs


def affected_nics(before: World, after: World, differences: Iterable[Difference]) -> dict[str, None]:
    """The NICs whose place may be another one than before (in a fixed order)."""
    found: dict[str, None] = {}
    for old, new in differences:
        if isinstance(old or new, Switch | Network | Machine) and _position(old) == _position(new):
            continue
        for world, record in ((before, old), (after, new)):
            if record is not None:
                found.update(dict.fromkeys(_concerned(world.snapshot, record)))
        if isinstance(item := old or new, AclItem):
            found.update(dict.fromkeys(_guarded_anew(before.snapshot, after.snapshot, item.list_id)))
    return found


def _guarded_anew(before: Snapshot, after: Snapshot, list_id: str) -> Iterator[str]:
    """The NICs under a list that lets everything through now, and did not, or the other way round."""
    if is_open(before, list_id) != is_open(after, list_id):
        for network in after.where(Network, "acl_id", list_id):
            yield from (nic.id for nic in after.where(Nic, "network_id", network.id))


def _position(record: Record | None) -> object:
    """What places depend on of a switch or network."""
    if isinstance(record, Switch):
        can = record.capabilities.open_vswitch, record.capabilities.meters
        places = (record.number, record.role, record.underlay, record.public_port)
        return (*places, record.name, can)
    if isinstance(record, Network):
        return (record.number, record.acl_id, record.rate)
    if isinstance(record, Machine):
        return record.rate
    return record and record.number


def _concerned(snapshot: Snapshot, record: Record) -> Iterator[str]:
    if isinstance(record, Nic):
        yield from _limited_anew(snapshot, record)
        for attachment in snapshot.where(Attachment, "nic_id", record.id):
            yield from (rival.id for rival in _rivals(snapshot, record, attachment))
    elif isinstance(record, Attachment):
        yield from _limited_anew(snapshot, snapshot.need(Nic, record.nic_id))
        for trunk in record.trunks:
            yield from (other.nic_id for other in snapshot.where(Attachment, "trunks", trunk))
        yield from (rival.id for rival in _rivals(snapshot, snapshot.need(Nic, record.nic_id), record))
    elif isinstance(record, Link):
        for end in record.ports:
            yield from (attachment.nic_id for attachment in snapshot.where(Attachment, "ports", end))
    elif isinstance(record, Switch):
        yield from (found.nic_id for found in snapshot.where(Attachment, "switch_id", record.id))
    elif isinstance(record, Network):
        for nic in snapshot.where(Nic, "network_id", record.id):
            yield from _limited_anew(snapshot, nic)
    elif isinstance(record, Machine):
        for nic in snapshot.where(Nic, "machine_id", record.id):
            yield from _limited_anew(snapshot, nic)


def _limited_anew(snapshot: Snapshot, nic: Nic) -> Iterator[str]:
    """A NIC that may be limited otherwise now, and those that may have its meters, or may not any more."""
    yield nic.id
    if limit_of(snapshot, nic) is not None:
        yield from (other.id for other in _sharing_meters(snapshot, nic))


def _place_all(snapshot: Snapshot, topology: Topology) -> World:
    places: dict[str, Place] = {}
    present: dict[tuple[str, str], dict[int, str]] = {}
    members: dict[str, dict[int, str]] = {}
    networks_at: dict[str, dict[int, str]] = {}
    for nic in snapshot.all(Nic):
        place = find_place(snapshot, nic)
        if place is None:
            continue
        places[nic.id] = place
        if place.refusal:
            continue
        network = snapshot.need(Network, nic.network_id)
        switch = snapshot.need(Switch, place.switch_id)
        present.setdefault((switch.id, network.id), {})[nic.number] = nic.id
        members.setdefault(network.id, {})[switch.number] = switch.id
        networks_at.setdefault(switch.id, {})[network.number] = network.id
    return World(snapshot, topology, Table(places), _tables(present), _tables(members), _tables(networks_at))


def _tables(index: dict[K, dict[int, str]]) -> Table[K, Table[int, str]]:
    return Table({key: Table(numbered) for key, numbered in index.items()})


def _with(index: Table[K, Table[int, str]], key: K, number: int, id: str) -> Table[K, Table[int, str]]:
    numbered: Table[int, str] = index.get(key) or Table()
    return index.put(key, numbered.put(number, id))


def _without(index: Table[K, Table[int, str]], key: K, number: int) -> Table[K, Table[int, str]]:
    numbered = index.get(key)
    if numbered is None:
        return index
    left = numbered.drop(number)
    return index.put(key, left) if len(left) else index.drop(key)
