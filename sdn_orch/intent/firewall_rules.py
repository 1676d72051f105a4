"""What must hold of firewall rules. Every rule yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from sdn_orch.intent.firewall import EgressRule, FirewallRule, OpenRule, RoutedRule
from sdn_orch.intent.model import Network, NetworkKind
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Prefix
from sdn_orch.intent.traffic_rules import traffic


def firewall_rule(after: Snapshot, record: FirewallRule) -> Iterator[str]:
    """IPv4, and not of a VPC, whose tiers have lists of their own."""
    yield from traffic(record)
    yield from _version(record, 4)
    address = after.need(PublicAddress, record.address_id)
    if address.vpc_id is not None:
        yield f"address_id: public address {address.address} ({address.id}) is a VPC's"


def egress_rule(after: Snapshot, record: EgressRule) -> Iterator[str]:
    """IPv4, of an isolated network that is no tier, with sources inside of it."""
    yield from traffic(record)
    yield from _version(record, 4)
    network = after.need(Network, record.network_id)
    if network.kind is not NetworkKind.ISOLATED or network.vpc_id is not None:
        yield f"network_id: {network.name} ({network.id}) is not an isolated network outside of VPCs"
    if network.routed4:
        yield f"network_id: {network.name} ({network.id}) is routed, and has rules for what is routed"
    for source in record.sources:
        inside = isinstance(source, IPv4Network) and network.ipv4 and source.subnet_of(network.ipv4)
        if not inside and source.prefixlen:
            yield f"sources: {source} is not inside {network.ipv4} of network {network.name} ({network.id})"


def routed_rule(after: Snapshot, record: RoutedRule) -> Iterator[str]:
    """Of the version that it says, and that the network has."""
    yield from traffic(record)
    yield from _version(record, record.version)
    network = after.need(Network, record.network_id)
    if (network.ipv4 if record.version == 4 else network.ipv6) is None:
        yield f"version: network {network.name} ({network.id}) has no IPv{record.version} prefix"


def same(snapshot: Snapshot, mine: OpenRule) -> OpenRule | None:
    """Another rule that lets through some of the same packets from some of the same sources, if there is one.

    The cost does not grow with the number of rules about other ports.
    """
    for block in mine.blocks:
        for other in snapshot.where(type(mine), "blocks", block):
            if other.id != mine.id and _meet(mine, other):
                return other
    return None


def _meet(mine: OpenRule, other: OpenRule) -> bool:
    if (mine.icmp_type, mine.icmp_code) != (other.icmp_type, other.icmp_code):
        return False
    if mine.ports is not None and other.ports is not None:
        if other.ports[1] < mine.ports[0] or mine.ports[1] < other.ports[0]:
            return False
    elif mine.ports is not other.ports:
        return False
    return _overlap(mine.sources, other.sources) and _overlap(mine.destinations, other.destinations)


def _overlap(mine: tuple[Prefix, ...], others: tuple[Prefix, ...]) -> bool:
    """Whether an address is in both; no prefix is any address."""
    if not mine or not others:
        return True
    return any(one.version == other.version and one.overlaps(other) for one in mine for other in others)


def _version(record: FirewallRule | EgressRule | RoutedRule, version: int) -> Iterator[str]:
    for field in ("sources", "destinations"):
        for prefix in getattr(record, field):
            if prefix.version != version:
                yield f"{field}: {prefix} is not IPv{version}"
