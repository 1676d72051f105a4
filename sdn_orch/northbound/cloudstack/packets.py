"""Parameters and fields of rules about packets: protocol, ports, ICMP type and code, CIDRs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sdn_orch.intent.traffic import AH, ESP, GRE, ICMP, ICMPV6, TCP, UDP, WITH_PORTS, Prefix
from sdn_orch.northbound.cloudstack.declare import Call
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.parameters import Parameter, cidrs, integer, text

PROTOCOL = text("protocol", "tcp, udp, icmp, all, or where it says so a number")
START_PORT = integer("startport", "the first port", 1, 65_535)
END_PORT = integer("endport", "the last port; the first by default", 1, 65_535)
ICMP_TYPE = integer("icmptype", "the ICMP type; -1, which is the default: any", -1, 255)
ICMP_CODE = integer("icmpcode", "the ICMP code; -1, which is the default: any", -1, 255)
CIDRS = cidrs("cidrlist", "the CIDRs that packets come from; all by default")
DESTINATION_CIDRS = cidrs("destcidrlist", "the CIDRs that packets go to; all by default")

PACKETS = (START_PORT, END_PORT, ICMP_TYPE, ICMP_CODE, CIDRS)

#: CloudStack's names of protocols.
NUMBERS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "ah": AH, "esp": ESP, "gre": GRE}
#: Names of protocols that rules can be about, by whether numbers are names too.
BASIC = frozenset(("tcp", "udp", "icmp"))
BASIC_AND_ALL = BASIC | {"all"}
OF_GROUPS = BASIC_AND_ALL | {"ah", "esp", "gre"}


def read_packets(
    call: Call,
    allowed: Iterable[str],
    *,
    numbers: bool = False,
    version: int | None = 4,
    otherwise: str = "",
) -> dict[str, Any]:
    """The fields of a TrafficRule that the call says; `sources` is `cidrlist`. Raises parameter faults.

    `allowed` are names of protocols; with `numbers` also IANA's numbers. CIDRs are of `version`, or of any
    if that is None. `otherwise` is the protocol where the call says none.
    """
    sources = read_prefixes(call, CIDRS, version)
    kind = version or (sources[0].version if sources else 4)
    protocol = read_protocol(call.get(PROTOCOL) or otherwise, frozenset(allowed), numbers, kind)
    first, last = call.get(START_PORT), call.get(END_PORT)
    if protocol not in WITH_PORTS and (first is not None or last is not None):
        raise bad("startport, endport: only tcp, udp and sctp have ports")
    if first is None and last is not None:
        raise bad("startport is missing: endport is given")
    ports = (first, last or first) if first is not None else None
    if ports is not None and ports[1] is not None and ports[1] < ports[0]:
        raise bad(f"Start port can't be bigger than end port: {ports[0]}, {ports[1]}")
    icmp_type, icmp_code = _given(call.get(ICMP_TYPE)), _given(call.get(ICMP_CODE))
    if protocol not in (ICMP, ICMPV6) and (icmp_type is not None or icmp_code is not None):
        raise bad("icmptype, icmpcode: only icmp has them")
    if icmp_code is not None and icmp_type is None:
        raise bad("icmpcode is given, but not icmptype")
    return {
        "protocol": protocol,
        "ports": ports,
        "icmp_type": icmp_type,
        "icmp_code": icmp_code,
        "sources": sources,
    }


def read_prefixes(
    call: Call, parameter: Parameter[tuple[Prefix, ...]], version: int | None
) -> tuple[Prefix, ...]:
    """CIDRs of the version; raises a parameter fault."""
    given = call.get(parameter) or ()
    for prefix in given:
        if version is not None and prefix.version != version:
            raise bad(f"Invalid value {prefix} for parameter {parameter.name}: it is not IPv{version}")
    return given


def read_protocol(said: str, allowed: frozenset[str], numbers: bool, version: int) -> int | None:
    """IANA's number of a protocol, None for all; raises a parameter fault."""
    name = said.lower()
    if name in allowed:
        number = NUMBERS.get(name)
        return ICMPV6 if number == ICMP and version == 6 else number
    if numbers and re.fullmatch(r"\d{1,3}", name, re.ASCII) and int(name) <= 255:
        return int(name)
    known = ", ".join(sorted(allowed)) + (" or a number in 0..255" if numbers else "")
    raise bad(f"Invalid protocol {said[:255]}: it must be one of {known}")


def _given(value: int | None) -> int | None:
    return None if value is None or value < 0 else value
