"""What a rule is about, as fields of matches: one match for each prefix and each block of ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import product

from sdn_orch.dataplane.stages.protocols import IPV4
from sdn_orch.dataplane.views import Fields
from sdn_orch.intent.traffic import (
    ICMP,
    ICMPV6,
    LARGEST_PORT,
    SCTP,
    TCP,
    UDP,
    VERSIONS,
    Ports,
    Prefix,
    TrafficRule,
)
from sdn_orch.openflow.values import Match

_PORTS = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}
_PORT_FIELDS = {protocol: f"{name}_dst" for protocol, name in _PORTS.items()}
_ICMP_FIELDS = {ICMP: "icmpv4", ICMPV6: "icmpv6"}
#: What Open vSwitch calls the fields of a rule in the packet that began a connection.
_ORIGINS = {
    "ipv4_src": "ct_nw_src",
    "ipv4_dst": "ct_nw_dst",
    "ipv6_src": "ct_ipv6_src",
    "ipv6_dst": "ct_ipv6_dst",
    "ip_proto": "ct_nw_proto",
    "icmpv4_type": "ct_tp_src",
    "icmpv6_type": "ct_tp_src",
    **dict.fromkeys((*_PORT_FIELDS.values(), "icmpv4_code", "icmpv6_code"), "ct_tp_dst"),
}


def matches(rule: TrafficRule, version: int) -> Iterator[Fields]:
    """The fields of each match, of packets of one version of IP, that together say what a rule is about."""
    for source, destination, transport in product(*parts(rule, version)):
        yield {**source, **destination, **transport}


def parts(rule: TrafficRule, version: int) -> tuple[tuple[Fields, ...], ...]:
    """What a packet must be to be one that a rule is about: of each part, one of the fields."""
    sources, destinations = (
        tuple(prefix_fields(side, prefix) for prefix in _of(prefixes, version))
        for side, prefixes in (("src", rule.sources), ("dst", rule.destinations))
    )
    if rule.protocol is not None and VERSIONS.get(rule.protocol, version) != version:
        return sources, destinations, ()
    return sources, destinations, tuple(_transport(rule, block) for block in _ports(rule))


def _transport(rule: TrafficRule, block: tuple[int, int]) -> Fields:
    if rule.protocol is None:
        return {}
    return {"ip_proto": rule.protocol, **port_fields(rule.protocol, block), **_icmp_fields(rule)}


def own_matches(rule: TrafficRule, said: Iterable[TrafficRule], here: Fields) -> Iterator[Match]:
    """The matches of a rule about packets in a place, but for those of others at its priority."""
    return _own(rule, said, here, lambda fields: fields)


def own_origins(rule: TrafficRule, said: Iterable[TrafficRule], here: Fields) -> Iterator[Match]:
    """As `own_matches`, of packets whose connection was begun by one that the rule is about."""
    return _own(rule, said, here, origin)


def _own(
    rule: TrafficRule, said: Iterable[TrafficRule], here: Fields, about: Callable[[Fields], Fields]
) -> Iterator[Match]:
    version = 4 if here["eth_type"] == IPV4 else 6
    known = {Match.of(**here, **about(fields)) for other in said for fields in matches(other, version)}
    own = {Match.of(**here, **about(fields)): None for fields in matches(rule, version)}
    return (match for match in own if match not in known)


def origin(fields: Fields) -> Fields:
    """Fields of a packet, as those of the one that began its connection."""
    return {_ORIGINS[name]: value for name, value in fields.items()}


def port_matches(
    here: Fields, protocol: int, ports: Ports, sources: Iterable[Prefix | None]
) -> Iterator[Match]:
    """The matches in a place of what is for one of these ports, from one of these sources."""
    return (Match.of(**here, **fields) for fields in _to_ports(protocol, ports, sources))


def port_origins(
    here: Fields, protocol: int, ports: Ports, sources: Iterable[Prefix | None]
) -> Iterator[Match]:
    """As `port_matches`, of packets whose connection was begun by one that is for these ports."""
    return (Match.of(**here, **origin(fields)) for fields in _to_ports(protocol, ports, sources))


def answer_matches(
    here: Fields, protocol: int, ports: Ports, sources: Iterable[Prefix | None]
) -> Iterator[Match]:
    """As `port_matches`, of what is said back, from these ports to these sources."""
    return (Match.of(**here, **_said_back(fields)) for fields in _to_ports(protocol, ports, sources))


def _said_back(fields: Fields) -> Fields:
    turned = {"src": "dst", "dst": "src"}
    found: Fields = {}
    for name, value in fields.items():
        base, _, end = name.rpartition("_")
        found[f"{base}_{turned[end]}" if end in turned else name] = value
    return found


def _to_ports(protocol: int, ports: Ports, sources: Iterable[Prefix | None]) -> Iterator[Fields]:
    for block in port_blocks(*ports):
        for source in dict.fromkeys(sources):
            yield {"ip_proto": protocol, **port_fields(protocol, block), **prefix_fields("src", source)}


def _of(prefixes: tuple[Prefix, ...], version: int) -> tuple[Prefix | None, ...]:
    """Those of one version; None for any."""
    return tuple(prefix for prefix in prefixes if prefix.version == version) if prefixes else (None,)


def _ports(rule: TrafficRule) -> tuple[tuple[int, int], ...]:
    if rule.ports is None or rule.protocol not in _PORT_FIELDS:
        return ((0, 0),)
    return port_blocks(*rule.ports)


@lru_cache(maxsize=4096)
def port_blocks(first: int, last: int) -> tuple[tuple[int, int], ...]:
    """A range of ports as values and masks, as few as there can be; a mask of 0 is any port."""
    first, last = max(first, 0), min(last, LARGEST_PORT)
    blocks: list[tuple[int, int]] = []
    while first <= last:
        size = (first & -first) or LARGEST_PORT + 1
        while first + size - 1 > last:
            size >>= 1
        blocks.append((first, LARGEST_PORT + 1 - size))
        first += size
    return tuple(blocks)


def port_fields(protocol: int, block: tuple[int, int]) -> Fields:
    """The destination port of a protocol that has ports; nothing for any port."""
    return {_PORT_FIELDS[protocol]: block} if block[1] else {}


def port_field(protocol: int, side: str) -> str:
    """The field of the `src` or `dst` port of a protocol that has ports."""
    return f"{_PORTS[protocol]}_{side}"


def prefix_fields(side: str, prefix: Prefix | None) -> Fields:
    """The packet's `src` or `dst` address in a prefix; nothing for any."""
    if prefix is None or not prefix.prefixlen:
        return {}
    return {f"ipv{prefix.version}_{side}": (int(prefix.network_address), int(prefix.netmask))}


def _icmp_fields(rule: TrafficRule) -> Fields:
    name = _ICMP_FIELDS.get(rule.protocol or 0)
    if name is None or rule.icmp_type is None:
        return {}
    fields: Fields = {f"{name}_type": rule.icmp_type}
    return fields if rule.icmp_code is None else {**fields, f"{name}_code": rule.icmp_code}
