"""What must hold of every rule about packets. Yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.traffic import ICMP, ICMPV6, LARGEST_PORT, VERSIONS, WITH_PORTS, Ports, TrafficRule


def traffic(record: TrafficRule) -> Iterator[str]:
    """Numbers that packets have, and only those that the protocol has."""
    if record.protocol is not None and not 0 <= record.protocol <= 255:
        yield f"protocol: {record.protocol} is not in 0..255"
    if record.ports is not None:
        if record.protocol not in WITH_PORTS:
            yield "ports: only TCP, UDP and SCTP have ports"
        yield from port_range("ports", record.ports)
    for field in ("icmp_type", "icmp_code"):
        value = getattr(record, field)
        if value is None:
            continue
        if record.protocol not in (ICMP, ICMPV6):
            yield f"{field}: only ICMP and ICMPv6 have one"
        elif not 0 <= value <= 255:
            yield f"{field}: {value} is not in 0..255"
    if record.icmp_code is not None and record.icmp_type is None:
        yield "icmp_code: it needs an icmp_type"
    versions = {prefix.version for prefix in (*record.sources, *record.destinations)}
    if len(versions) > 1:
        yield "sources, destinations: IPv4 and IPv6 prefixes cannot stand in one rule"
    own = VERSIONS.get(record.protocol or 0)
    if own is not None and versions - {own}:
        yield "protocol: ICMP goes with IPv4, ICMPv6 with IPv6"


def port_range(field: str, ports: Ports) -> Iterator[str]:
    """A first port that is not above the last, both such as packets have."""
    first, last = ports
    if not (1 <= first <= LARGEST_PORT and 1 <= last <= LARGEST_PORT):
        yield f"{field}: {first}..{last} is not in 1..{LARGEST_PORT}"
    elif first > last:
        yield f"{field}: {first}, the first port, is above {last}, the last"
