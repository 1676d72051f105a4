"""Which packets a rule is about: the part that firewall rules, ACL items and security groups share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from sdn_orch.intent.model import Record

Prefix = IPv4Network | IPv6Network
#: First and last, both included.
Ports = tuple[int, int]

ICMP, TCP, UDP, GRE, ESP, AH, ICMPV6, SCTP = 1, 6, 17, 47, 50, 51, 58, 132
LARGEST_PORT = 65_535
#: The protocols that have ports.
WITH_PORTS = frozenset((TCP, UDP, SCTP))
#: The version of IP that a protocol goes with, where it goes with one only.
VERSIONS = {ICMP: 4, ICMPV6: 6}
#: Bits of a port within its block.
_BLOCK = 8


def port_blocks(owner_id: str, protocol: int, ports: Ports) -> tuple[tuple[str, int, int], ...]:
    """Keys by which those are found whose ranges of ports may meet this one: such have a key in common."""
    first, last = max(ports[0], 0), min(ports[1], LARGEST_PORT)
    return tuple((owner_id, protocol, block) for block in range(first >> _BLOCK, (last >> _BLOCK) + 1))


def translations(public: Ports, guest: Ports) -> Iterator[tuple[Ports, int | None]]:
    """Ports of an address with the port of a machine that they lead to; None: the same one.

    There are as many on both sides, or one of the machine for all.
    """
    if public == guest:
        yield public, None
    elif guest[0] == guest[1]:
        yield public, guest[0]
    else:
        for at in range(public[1] - public[0] + 1):
            yield (public[0] + at, public[0] + at), guest[0] + at


class Direction(StrEnum):
    """Seen from the machines: towards them, or away from them."""

    INGRESS = "ingress"
    EGRESS = "egress"

    @property
    def other(self) -> Direction:
        """The other one."""
        return Direction.EGRESS if self is Direction.INGRESS else Direction.INGRESS


class Verdict(StrEnum):
    """What becomes of the packets."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficRule(Record):
    """Base of rules about packets. What is None or empty is any.

    `protocol` is IANA's number. `ports` are destination ports, of protocols that have them; `icmp_type` and
    `icmp_code` stand for them in ICMP and ICMPv6. `sources` and `destinations` are the packets' addresses.
    """

    protocol: int | None = None
    ports: Ports | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    sources: tuple[Prefix, ...] = ()
    destinations: tuple[Prefix, ...] = ()
