"""Everything that the compiler sees: one snapshot, the fabric's topology, and indexes derived from both.

The indexes are persistent: a change makes a new world that shares what it does not touch with the one
before, at a cost that does not grow with the cloud. `World.advance` gives what `World.of` would give.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import TypeVar

from sdn_orch.dataplane.places import Place, find_ahead, find_place, rivals, sharing_meters
from sdn_orch.dataplane.topology import Topology
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.gateways import gateway_of, gateways, realm_of, router_id
from sdn_orch.intent.mirrored import unmirrored, versions_of
from sdn_orch.intent.model import Arrival, Attachment, Link, Machine, Network, Nic, Record, Switch
from sdn_orch.intent.policy import is_open
from sdn_orch.intent.rates import limit_of
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Difference, Snapshot
from sdn_orch.intent.table import Table

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class World:
    """See the module."""

    __slots__ = (
        "_ahead",
        "_members",
        "_memory",
        "_networks_at",
        "_places",
        "_present",
        "snapshot",
        "topology",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        topology: Topology,
        places: Table[str, Place],
        ahead: Table[str, Place],
        present: Table[tuple[str, str], Table[int, str]],
        members: Table[str, Table[int, str]],
        networks_at: Table[str, Table[int, str]],
    ) -> None:
        self.snapshot = snapshot
        self.topology = topology
        #: NIC id -> its place, of active attached NICs.
        self._places = places
        #: NIC id -> the place that it is about to come to, where it is programmed too.
        self._ahead = ahead
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
            self._ahead,
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

    def places(self, nic_id: str) -> tuple[Place, ...]:
        """Where a NIC is attached, refused or not, and where it is about to come to."""
        place, ahead = self._places.get(nic_id), self._ahead.get(nic_id)
        return tuple(each for each in (place, ahead) if each is not None)

    def place_at(self, nic_id: str, switch_id: str) -> Place | None:
        """Where a NIC is programmed on one switch."""
        return next((place for place in self._programmed(nic_id) if place.switch_id == switch_id), None)

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
        """The switches that NICs of tiers under a list of rules are at, or private gateways under it.

        Of plain switches also those that serve none of these NICs: there the list may be why.
        """
        under = self.snapshot.where(Network, "acl_id", list_id)
        outside = self.snapshot.where(PrivateGateway, "acl_id", list_id)
        gateways = (self.gateway_of(gateway.vpc_id) for gateway in outside)
        found = {switch_id for tier in under for switch_id in self.members(tier.id)}
        found |= {gateway.id for gateway in gateways if gateway is not None}
        return found.union(*(self._refusing(tier) for tier in under)) if _has_plain(self.snapshot) else found

    def _refusing(self, network: Network) -> Iterator[str]:
        """The plain switches that NICs of a network are at without being programmed."""
        for nic in self.snapshot.where(Nic, "network_id", network.id):
            place = self.place(nic.id)
            if (
                place is not None
                and place.refusal
                and self.snapshot.need(Switch, place.switch_id).is_plain_edge
            ):
                yield place.switch_id

    def unmirrored(self, list_id: str, versions: tuple[int, ...]) -> str:
        """Why a list of rules needs connection tracking for some versions of IP; see `mirrored`."""
        key = (unmirrored, list_id, versions)
        found = self.recall(key, str)
        return self.remember(key, unmirrored(self.snapshot, list_id, versions)) if found is None else found

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
        self._places, self._ahead = self._places.drop(nic_id), self._ahead.drop(nic_id)
        network = before.snapshot.need(Network, nic.network_id)
        for programmed in before._programmed(nic_id):
            switch = before.snapshot.need(Switch, programmed.switch_id)
            here = (switch.id, network.id)
            self._present = _without(self._present, here, nic.number)
            if self._present.get(here) is None:
                self._members = _without(self._members, network.id, switch.number)
                self._networks_at = _without(self._networks_at, switch.id, network.number)

    def _enter(self, nic_id: str) -> None:
        """Put a NIC into its new place. Only on a world that nobody has yet."""
        nic = self.snapshot.get(Nic, nic_id)
        place = find_place(self.snapshot, nic, self.unmirrored) if nic is not None else None
        if nic is None or place is None:
            return
        self._places = self._places.put(nic_id, place)
        if (ahead := find_ahead(self.snapshot, nic, place, self.unmirrored)) is not None:
            self._ahead = self._ahead.put(nic_id, ahead)
        network = self.snapshot.need(Network, nic.network_id)
        for programmed in self._programmed(nic_id):
            switch = self.snapshot.need(Switch, programmed.switch_id)
            self._present = _with(self._present, (switch.id, network.id), nic.number, nic.id)
            self._members = _with(self._members, network.id, switch.number, switch.id)
            self._networks_at = _with(self._networks_at, switch.id, network.number, network.id)

    def _programmed(self, nic_id: str) -> Iterator[Place]:
        return (place for place in self.places(nic_id) if not place.refusal)


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
            found.update(dict.fromkeys(_guarded_anew(before, after, item.list_id)))
        elif isinstance(item, SecurityRule) and _has_plain(after.snapshot):
            grouped = after.snapshot.where(Nic, "group_ids", item.group_id)
            found.update(dict.fromkeys(nic.id for nic in grouped if _is_plain(after.snapshot, nic)))
    return found


def _guarded_anew(before: World, after: World, list_id: str) -> Iterator[str]:
    """The NICs that a list guards otherwise now.

    It lets everything through and did not, or the other way round; or plain switches have another reason to
    refuse it, or none.
    """
    snapshot = after.snapshot
    is_turned = is_open(before.snapshot, list_id) != is_open(snapshot, list_id)
    if not is_turned and not _has_plain(snapshot):
        return
    for network in snapshot.where(Network, "acl_id", list_id):
        asked = list_id, versions_of(network)
        if is_turned or before.unmirrored(*asked) != after.unmirrored(*asked):
            nics = snapshot.where(Nic, "network_id", network.id)
            yield from (nic.id for nic in nics if is_turned or _is_plain(snapshot, nic))


def _is_plain(snapshot: Snapshot, nic: Nic) -> bool:
    """Whether a NIC is plugged in at an edge that tracks no connections."""
    attachment = snapshot.first(Attachment, "nic_id", nic.id)
    return attachment is not None and snapshot.need(Switch, attachment.switch_id).is_plain_edge


def _has_plain(snapshot: Snapshot) -> bool:
    """Whether there are edges that track no connections."""
    return snapshot.count_where(Switch, "is_plain_edge", True) > 0


def _position(record: Record | None) -> object:
    """What places depend on of a switch or network."""
    if isinstance(record, Switch):
        can = record.capabilities.open_vswitch, record.capabilities.meters
        places = (record.number, record.role, record.underlay, record.public_port)
        return (*places, record.name, can)
    if isinstance(record, Network):
        return (record.number, record.acl_id, record.rate, versions_of(record))
    if isinstance(record, Machine):
        return record.rate
    return record and record.number


def _concerned(snapshot: Snapshot, record: Record) -> Iterator[str]:
    if isinstance(record, Nic):
        yield from _limited_anew(snapshot, record)
        for attachment in snapshot.where(Attachment, "nic_id", record.id):
            yield from _at_port(snapshot, record, attachment)
        for arrival in snapshot.where(Arrival, "nic_id", record.id):
            yield from _at_port(snapshot, record, arrival)
    elif isinstance(record, Attachment | Arrival):
        nic = snapshot.need(Nic, record.nic_id)
        yield from _limited_anew(snapshot, nic)
        for trunk in record.trunks if isinstance(record, Attachment) else ():
            yield from (other.nic_id for other in snapshot.where(Attachment, "trunks", trunk))
        yield from _at_port(snapshot, nic, record)
    elif isinstance(record, Link):
        for end in record.ports:
            yield from (attachment.nic_id for attachment in snapshot.where(Attachment, "ports", end))
            yield from (arrival.nic_id for arrival in snapshot.where(Arrival, "ports", end))
    elif isinstance(record, Switch):
        yield from (found.nic_id for found in snapshot.where(Attachment, "switch_id", record.id))
        yield from (found.nic_id for found in snapshot.where(Arrival, "switch_id", record.id))
    elif isinstance(record, Network):
        for nic in snapshot.where(Nic, "network_id", record.id):
            yield from _limited_anew(snapshot, nic)
    elif isinstance(record, Machine):
        for nic in snapshot.where(Nic, "machine_id", record.id):
            yield from _limited_anew(snapshot, nic)


def _at_port(snapshot: Snapshot, nic: Nic, at: Attachment | Arrival) -> Iterator[str]:
    """The NICs that a NIC at a port, or on its way there, may keep from it or leave it to."""
    yield from (rival.id for rival in rivals(snapshot, nic, at))
    yield from (arrival.nic_id for arrival in snapshot.where(Arrival, "ports", at.ports[0]))


def _limited_anew(snapshot: Snapshot, nic: Nic) -> Iterator[str]:
    """A NIC that may be limited otherwise now, and those that may have its meters, or may not any more."""
    yield nic.id
    if limit_of(snapshot, nic) is not None:
        yield from (other.id for other in sharing_meters(snapshot, nic))


def _place_all(snapshot: Snapshot, topology: Topology) -> World:
    places: dict[str, Place] = {}
    ahead: dict[str, Place] = {}
    present: dict[tuple[str, str], dict[int, str]] = {}
    members: dict[str, dict[int, str]] = {}
    networks_at: dict[str, dict[int, str]] = {}
    obstacle = cache(partial(unmirrored, snapshot))
    for nic in snapshot.all(Nic):
        place = find_place(snapshot, nic, obstacle)
        if place is None:
            continue
        places[nic.id] = place
        if place.refusal:
            continue
        programmed = [place]
        if (coming := find_ahead(snapshot, nic, place, obstacle)) is not None:
            ahead[nic.id] = coming
            programmed.append(coming)
        network = snapshot.need(Network, nic.network_id)
        for each in programmed:
            switch = snapshot.need(Switch, each.switch_id)
            present.setdefault((switch.id, network.id), {})[nic.number] = nic.id
            members.setdefault(network.id, {})[switch.number] = switch.id
            networks_at.setdefault(switch.id, {})[network.number] = network.id
    indexes = (_tables(present), _tables(members), _tables(networks_at))
    return World(snapshot, topology, Table(places), Table(ahead), *indexes)


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
