"""Lists of rules, and security groups, that mean the same whether connections are tracked or not.

Answers pass by connection tracking. Where there is none each packet is judged alone, and comes to the same if
a list lets out to each address just what it lets in from there, told apart by nothing that an answer has
otherwise. Of security groups only those are asked for that let everything through.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, summarize_address_range
from itertools import pairwise

from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.model import Network
from sdn_orch.intent.policy import Policy, items, rules
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import ICMP, ICMPV6, SCTP, TCP, UDP, VERSIONS, Direction, Prefix, Verdict

_NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ICMPV6: "ICMPv6", SCTP: "SCTP"}
_BITS = {4: 32, 6: 128}
_ALL: frozenset[tuple[Prefix, ...]] = frozenset({(IPv4Network("0.0.0.0/0"),), (IPv6Network("::/0"),)})


def versions_of(network: Network) -> tuple[int, ...]:
    """The versions of IP that are routed to and from a network."""
    prefixes = ((4, network.ipv4), (6, network.ipv6))
    return tuple(version for version, prefix in prefixes if prefix is not None)


def unmirrored(snapshot: Snapshot, list_id: str, versions: tuple[int, ...]) -> str:
    """Why a list needs connection tracking for these versions of IP, by which item; empty if it does not."""
    inward, outward = (items(snapshot, list_id, way) for way in (Direction.INGRESS, Direction.EGRESS))
    for item in sorted((*inward, *outward), key=lambda item: item.position):
        if particular := _particular(item):
            return (
                f"item {item.position} names {particular}: to know the answers needs connection tracking, "
                "Open vSwitch; items about all of a protocol, in both directions, do without"
            )
    for version in versions:
        for protocol in (None, *_protocols((*inward, *outward), version)):
            if found := _difference(inward, outward, version, protocol):
                return (
                    f"{found}: that answers pass needs connection tracking, Open vSwitch; lists that let the "
                    "same in and out do without"
                )
    return ""


def lets_all(snapshot: Snapshot, policy: Policy) -> bool:
    """Whether the security groups of a policy let everything in, and everything out."""
    inward, outward = (tuple(rules(snapshot, policy, way)) for way in (Direction.INGRESS, Direction.EGRESS))
    return _is_all(inward) and (not outward or _is_all(outward))


def _is_all(found: Iterable[SecurityRule]) -> bool:
    """Whether rules let every packet through: one of them, or one for each version of IP."""
    sides = {
        rule.sources or rule.destinations for rule in found if rule.protocol is None and rule.peer_id is None
    }
    return () in sides or sides >= _ALL


def _particular(item: AclItem) -> str:
    """What an item tells packets apart by besides protocol and far side."""
    if item.ports is not None:
        return "ports"
    if item.icmp_type is not None:
        return "a type of ICMP"
    near = item.destinations if item.direction is Direction.INGRESS else item.sources
    return "addresses of the tier" if near else ""


def _protocols(found: Sequence[AclItem], version: int) -> list[int]:
    """Those that items about a version of IP name."""
    named = {item.protocol for item in found if item.protocol is not None}
    return sorted(protocol for protocol in named if VERSIONS.get(protocol, version) == version)


def _difference(
    inward: Sequence[AclItem], outward: Sequence[AclItem], version: int, protocol: int | None
) -> str:
    """Where a protocol (None: one that no item names) may go one way only, and by which items."""
    about = [[item for item in way if item.protocol in (None, protocol)] for way in (inward, outward)]
    ends = (end for way in about for item in way for part in _parts(item, version) for end in part)
    edges = sorted({0, 1 << _BITS[version], *ends})
    decided = (_decided(way, version, edges) for way in about)
    for (first, beyond), lets_in, lets_out in zip(pairwise(edges), *decided, strict=True):
        comes = lets_in is not None and lets_in.verdict is Verdict.ALLOW
        leaves = not outward if lets_out is None else lets_out.verdict is Verdict.ALLOW
        if comes != leaves:
            what = f"IPv{version}" if protocol is None else _NAMES.get(protocol, f"protocol {protocol}")
            where = _prefix(version, first, beyond)
            into, out = f"{what} from {where} in", f"{what} to {where} out"
            return _told(lets_in, into, lets_out, out) if comes else _told(lets_out, out, lets_in, into)
    return ""


def _told(letting: AclItem | None, passes: str, other: AclItem | None, stays: str) -> str:
    """By what one direction passes (None: there is no item about what goes out) and the other does not."""
    by = "the list, without items about what goes out," if letting is None else f"item {letting.position}"
    kept = "no item lets" if other is None else f"item {other.position} does not let"
    return f"{by} lets {passes}, and {kept} {stays}"


def _decided(way: Sequence[AclItem], version: int, edges: Sequence[int]) -> list[AclItem | None]:
    """The item that decides about each of the ranges between edges: the first one."""
    decided: list[AclItem | None] = [None] * (len(edges) - 1)
    for item in reversed(way):
        for first, beyond in _parts(item, version):
            here = slice(bisect_left(edges, first), bisect_left(edges, beyond))
            decided[here] = [item] * (here.stop - here.start)
    return decided


def _parts(item: AclItem, version: int) -> Iterator[tuple[int, int]]:
    """The far side of an item in a version of IP, as first addresses and those beyond the last ones."""
    far = item.sources if item.direction is Direction.INGRESS else item.destinations
    if not far:
        yield 0, 1 << _BITS[version]
    for prefix in far:
        if prefix.version == version:
            first = int(prefix.network_address)
            yield first, first + prefix.num_addresses


def _prefix(version: int, first: int, beyond: int) -> Prefix:
    """The first prefix of a range."""
    if version == 4:
        return next(summarize_address_range(IPv4Address(first), IPv4Address(beyond - 1)))
    return next(summarize_address_range(IPv6Address(first), IPv6Address(beyond - 1)))
