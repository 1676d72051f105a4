"""Lists of rules for the tiers of a random cloud, and security groups for other NICs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from random import Random
from typing import Any

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.model import Network, NetworkKind, Nic, Record
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Put
from sdn_orch.intent.traffic import ICMP, ICMPV6, TCP, UDP, Direction, Verdict
from sdn_orch.intent.validate import check
from tests.property.clouds import Cloud

_FAR: tuple[tuple[IPv4Network | IPv6Network, ...], ...] = (
    (),
    (),
    (IPv4Network("10.0.0.0/24"),),
    (IPv4Network("192.0.2.0/24"), IPv4Network("10.0.1.10/32")),
    (IPv6Network("2001:db8::/64"), IPv6Network("2001:db8:0:1::a/128")),
    # Some in others; with a range of ports they are conjunctions.
    (
        *(IPv4Network(f"10.0.{tier}.{host}/32") for tier in (0, 1) for host in range(10, 14)),
        *(IPv4Network("10.0.0.0/30"), IPv4Network("10.0.1.0/29"), IPv4Network("192.0.2.64/26")),
    ),
    (*(IPv6Network(f"2001:db8:0:{tier}::{host}/128") for tier in (0, 1) for host in range(5)),),
)


def with_policies(random: Random, cloud: Cloud) -> Cloud:
    """The cloud with a list for most tiers, and groups for some other NICs."""
    snapshot = cloud.snapshot
    records: list[Record] = []
    for network in snapshot.all(Network):
        if network.vpc_id is not None and random.random() < 0.8:
            records += _list(random, network)
    groups = [
        SecurityGroup(id=f"{account}/{name}", account_id=account, name=name)
        for account in ("red", "blue")
        for name in ("web", "db")
    ]
    records += groups
    for group in groups:
        for number in range(random.choice((0, 1, 2, 4))):
            direction = random.choice(list(Direction))
            peer = random.choice((None, None, *(other.id for other in groups)))
            rule = SecurityRule(
                id=f"{group.id}/{number}",
                group_id=group.id,
                direction=direction,
                peer_id=peer,
                **_packets(random, None if peer else _far_side(direction)),
            )
            # Two of the same are refused.
            if not any(isinstance(each, SecurityRule) and each.meanings == rule.meanings for each in records):
                records.append(rule)
    for nic in snapshot.all(Nic):
        network = snapshot.need(Network, nic.network_id)
        if network.vpc_id is None and network.kind is not NetworkKind.L2 and random.random() < 0.4:
            mine = [group.id for group in groups if group.account_id == network.account_id]
            chosen = random.sample(mine, random.choice((1, 1, 2)))
            records.append(replace(nic, group_ids=tuple(chosen)))
    changes = [Put(record) for record in records]
    check(snapshot, changes)
    return replace(cloud, snapshot=snapshot.change(changes))


def _list(random: Random, network: Network) -> list[Record]:
    chosen = AclList(id=f"list of {network.id}", name=network.id, vpc_id=network.vpc_id)
    found: list[Record] = [chosen, replace(network, acl_id=chosen.id)]
    for position in sorted(random.sample(range(1, 65_536), random.choice((0, 1, 2, 3, 5)))):
        direction = random.choice(list(Direction))
        item = AclItem(
            id=f"{chosen.id}/{position}",
            list_id=chosen.id,
            position=position,
            direction=direction,
            verdict=random.choice((Verdict.ALLOW, Verdict.ALLOW, Verdict.DENY)),
            **_packets(random, _far_side(direction)),
        )
        found.append(item)
    return found


def _far_side(direction: Direction) -> str:
    return "sources" if direction is Direction.INGRESS else "destinations"


def _packets(random: Random, far: str | None) -> dict[str, Any]:
    """Some protocol, and some prefixes of its version of IP on the far side."""
    protocol = random.choice((None, None, ICMP, ICMPV6, TCP, UDP))
    said: dict[str, Any] = {"protocol": protocol}
    if protocol in (ICMP, ICMPV6):
        said["icmp_type"] = random.choice((None, 8, 128))
    if protocol in (TCP, UDP):
        said["ports"] = random.choice((None, (1, 65535), (79, 90), (1, 1024), (1000, 1999)))
    if far is not None:
        version = {ICMP: 4, ICMPV6: 6}.get(protocol or 0)
        said[far] = random.choice(
            [each for each in _FAR if version in (None, *(one.version for one in each))]
        )
    return said
