"""Rules for NICs behind plain switches, many of them such as are served there; packets for lists of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from itertools import product
from random import Random
from typing import Any

from sdn_orch.dataplane.places import UNGROUPED
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.mirrored import unmirrored, versions_of
from sdn_orch.intent.model import Attachment, Network, NetworkKind, Nic, Record, Switch
from sdn_orch.intent.packet import IPV4, IPV6, Packet
from sdn_orch.intent.policy import PolicyKind, policy_of
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.intent.traffic import GRE, ICMP, ICMPV6, SCTP, TCP, UDP, Direction, Prefix, Verdict
from sdn_orch.intent.validate import check
from tests.property.clouds import Cloud

#: Those of the tiers of a random cloud among them; many lie in others, or beside them.
FAR: tuple[tuple[Prefix, ...], ...] = (
    (),
    (),
    (IPv4Network("10.0.0.0/16"),),
    (IPv4Network("10.0.0.0/24"),),
    (IPv4Network("10.0.1.0/25"), IPv4Network("10.0.1.128/25")),
    (IPv4Network("203.0.113.0/24"), IPv4Network("10.0.1.10/32")),
    (IPv4Network("0.0.0.0/0"),),
    (IPv6Network("2001:db8::/64"),),
    (IPv6Network("2001:db8::/48"), IPv6Network("2001:db8:0:1::a/128")),
)
HALVES: tuple[Prefix, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_PROTOCOLS = (None, None, None, ICMP, ICMPV6, TCP, UDP, GRE)


def list_of(random: Random, id: str, vpc_id: str | None = None) -> list[Record]:
    """A list with its items: the same in and out, or so but for one thing, or anything."""
    kind, items = random.random(), list(_any_items(random, id))
    if kind < 0.8:
        items = list(_both_ways(random, items))
    if 0.5 < kind < 0.8 and items:
        spoilt = random.randrange(len(items))
        items[spoilt] = _spoilt(random, items[spoilt])
    places = sorted(random.sample(range(1, 65_536), len(items)))
    positioned = [
        replace(item, id=f"{id}/{place}", position=place) for item, place in zip(items, places, strict=True)
    ]
    return [AclList(id=id, name=id, vpc_id=vpc_id), *positioned]


def _any_items(random: Random, list_id: str) -> Iterator[AclItem]:
    for _ in range(random.choice((0, 1, 2, 2, 3, 4))):
        direction, protocol = random.choice(list(Direction)), random.choice(_PROTOCOLS)
        version = {ICMP: 4, ICMPV6: 6}.get(protocol or 0)
        far = random.choice([each for each in FAR if version in (None, *(one.version for one in each))])
        verdict = random.choice((Verdict.ALLOW, Verdict.ALLOW, Verdict.DENY))
        said: dict[str, Any] = {_far_side(direction): far, "direction": direction, "verdict": verdict}
        yield AclItem(id="", list_id=list_id, position=0, protocol=protocol, **said)


def _far_side(direction: Direction) -> str:
    return "sources" if direction is Direction.INGRESS else "destinations"


def _both_ways(random: Random, items: list[AclItem]) -> Iterator[AclItem]:
    """Each item with its mirror image. What goes out is closed by something where anything is."""
    inward, outward = (
        [_towards(direction, each) for each in items] for direction in (Direction.INGRESS, Direction.EGRESS)
    )
    both = [*inward, *outward]
    if random.random() < 0.5:
        # In any order among the two directions.
        both = []
        while inward or outward:
            both.append(random.choice([way for way in (inward, outward) if way]).pop(0))
    yield from both
    if both and random.random() < 0.5:
        yield AclItem(
            id="", list_id=both[0].list_id, position=0, direction=Direction.EGRESS, verdict=Verdict.DENY
        )


def _towards(direction: Direction, item: AclItem) -> AclItem:
    sides: dict[str, Any] = {"sources": (), "destinations": (), _far_side(direction): _far(item)}
    return replace(item, direction=direction, **sides)


def _far(item: AclItem) -> tuple[Prefix, ...]:
    return item.sources or item.destinations


def _spoilt(random: Random, item: AclItem) -> AclItem:
    """One thing of it is otherwise; that need not make a difference."""
    changes: list[dict[str, Any]] = [
        {"verdict": Verdict.DENY if item.verdict is Verdict.ALLOW else Verdict.ALLOW},
        {_far_side(item.direction): random.choice([each for each in FAR if _fits(item, each)])},
    ]
    if item.protocol in (None, TCP, UDP):
        changes.append({"protocol": random.choice((None, TCP, UDP))})
    if item.protocol in (TCP, UDP):
        changes.append({"ports": (80, 90)})
    if item.protocol == ICMP:
        changes.append({"icmp_type": 8})
    return replace(item, **random.choice(changes))


def _fits(item: AclItem, far: tuple[Prefix, ...]) -> bool:
    version = {ICMP: 4, ICMPV6: 6}.get(item.protocol or 0)
    return not far or version in (None, *(prefix.version for prefix in far))


#: Rules of security groups, by their names: as direction, protocol and far side.
GROUPS: dict[str, tuple[tuple[Direction, int | None, tuple[Prefix, ...]], ...]] = {
    "open": ((Direction.INGRESS, None, ()),),
    "halves": tuple((way, None, (half,)) for way in Direction for half in HALVES),
    "one half": ((Direction.INGRESS, None, HALVES[:1]),),
    "one way": ((Direction.INGRESS, None, ()), (Direction.EGRESS, TCP, ())),
    "closed": (),
}
#: In which groups NICs are, and whether these together let everything through.
_TOGETHER = {
    ("open",): True,
    ("halves",): True,
    ("open", "closed"): True,
    ("one way", "halves"): True,
    ("one half",): False,
    ("one way",): False,
    ("closed",): False,
    ("open", "one way"): False,
}


def with_policies_on_plain(random: Random, cloud: Cloud) -> Cloud:
    """The cloud with a list for most tiers, and groups for other NICs; without those that are not served."""
    snapshot = cloud.snapshot
    records: list[Record] = []
    for network in snapshot.all(Network):
        if network.vpc_id is not None and random.random() < 0.9:
            listed = list_of(random, f"list of {network.id}", network.vpc_id)
            records += [*listed, replace(network, acl_id=listed[0].id)]
    together = _grouped(random, snapshot, records)
    changes = [Put(record) for record in records]
    check(snapshot, changes)
    snapshot = snapshot.change(changes)
    world = World.of(snapshot)
    gone: list[Delete] = []
    for attachment in snapshot.all(Attachment):
        nic = snapshot.need(Nic, attachment.nic_id)
        policy, place = policy_of(snapshot, nic), world.place(nic.id)
        reason = ""
        if not snapshot.need(Switch, attachment.switch_id).is_plain_edge:
            policy = None
        if policy is not None and policy.kind is PolicyKind.LIST:
            reason = unmirrored(snapshot, policy.id, versions_of(snapshot.need(Network, nic.network_id)))
        elif policy is not None and not together[nic.id]:
            reason = UNGROUPED
        assert place is None or place.refusal == reason
        if reason:
            gone.append(Delete(Attachment, attachment.id))
    return replace(cloud, snapshot=snapshot.change(gone))


def _grouped(random: Random, snapshot: Snapshot, records: list[Record]) -> dict[str, bool]:
    """Add groups to records, and NICs in them; says of each whether it is let do everything."""
    accounts = {network.account_id for network in snapshot.all(Network)}
    for account, name in product(sorted(accounts), GROUPS):
        group = SecurityGroup(id=f"{account}/{name}", account_id=account, name=name)
        records.append(group)
        for number, (direction, protocol, far) in enumerate(GROUPS[name]):
            said: dict[str, Any] = {_far_side(direction): far, "protocol": protocol}
            records.append(
                SecurityRule(id=f"{group.id}/{number}", group_id=group.id, direction=direction, **said)
            )
    found: dict[str, bool] = {}
    for nic in snapshot.all(Nic):
        network = snapshot.need(Network, nic.network_id)
        if network.vpc_id is None and network.kind is not NetworkKind.L2 and random.random() < 0.6:
            names = random.choice(list(_TOGETHER))
            found[nic.id] = _TOGETHER[names]
            ids = tuple(f"{network.account_id}/{name}" for name in names)
            records.append(replace(nic, group_ids=ids))
    return found


class Words:
    """Random packets between one address and others at the edges of the prefixes that rules name."""

    def __init__(self, random: Random, nic: Nic, items: tuple[AclItem, ...]) -> None:
        self._random, self._mac = random, mac_number(nic.mac)
        self._own: dict[int, int] = {address.version: int(address) for address in nic.addresses}
        edges: dict[int, set[int]] = {4: {0x08080808}, 6: {0x20010DB8 << 96 | 0x77}}
        for prefix in (prefix for item in items for prefix in _far(item)):
            first, beyond = int(prefix.network_address), int(prefix.network_address) + prefix.num_addresses
            edges[prefix.version] |= {max(first - 1, 1), first, beyond - 1, beyond} - {0, 1 << 32, 1 << 128}
        self.far = {version: sorted(found - {self._own[version]}) for version, found in edges.items()}

    def begin(self, direction: Direction) -> Packet:
        """Something that nobody need have asked for."""
        version, protocol = self._random.choice((4, 4, 6)), self._random.choice((TCP, UDP, SCTP, GRE, 1, 89))
        protocol = ICMPV6 if (version, protocol) == (6, 1) else protocol
        ports = (self._random.choice((80, 1024)), self._random.choice((80, 53)))
        return self.packet(version, protocol, self._random.choice(self.far[version]), direction, ports)

    def packet(
        self, version: int, protocol: int, far: int, direction: Direction, ports: tuple[int, int] = (1024, 80)
    ) -> Packet:
        """One packet from or to the machine."""
        ends = (self._own[version], far)
        source, destination = ends if direction is Direction.EGRESS else reversed(ends)
        fields = {
            "eth_dst": mac_number("0e:5d:00:00:00:01"),
            "eth_src": self._mac,
            "eth_type": IPV4 if version == 4 else IPV6,
            "ip_frag": 0,
            "ip_ttl": 64,
            "ip_proto": protocol,
            f"ipv{version}_src": source,
            f"ipv{version}_dst": destination,
        }
        name = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}.get(protocol)
        if name is not None:
            fields |= {f"{name}_src": ports[0], f"{name}_dst": ports[1]}
        if protocol in (ICMP, ICMPV6):
            fields |= {f"icmpv{version}_type": 8 if version == 4 else 128, f"icmpv{version}_code": 0}
        return Packet.from_fields(fields, bytes(20))


def protocols_of(snapshot: Snapshot, list_id: str) -> set[int]:
    """Those that a list names, and one that it does not."""
    return {89, *(item.protocol for item in snapshot.where(AclItem, "list_id", list_id) if item.protocol)}
