"""One Ethernet frame as a value: its header fields by their OXM names, as integers, and the rest as bytes.

Only fields that the frame really has are there, so "has an `ipv4_src`" and "is IPv4" are the same question.
`vlan_vid` is 0x1000 | VLAN as in OpenFlow and absent from an untagged frame; `ip_frag` is 0, 1 for the
first and 3 for a later fragment; a first fragment without a whole transport header has no fields of it; an
absent link-layer address option of neighbour discovery is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

ARP: Final = 0x0806
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
LLDP: Final = 0x88CC
#: What Open vSwitch gives as the type of IEEE 802.3 frames, which have a length instead.
NO_TYPE: Final = 0x05FF
ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
SCTP: Final = 132
ICMPV6: Final = 58
NO_NEXT_HEADER: Final = 59
#: What `vlan_vid` has besides the VLAN where a frame has a tag.
TAGGED: Final = 0x1000
#: `ip_frag` of all fragments but the first.
LATER_FRAGMENT: Final = 3
NEIGHBOUR_SOLICITATION: Final = 135
NEIGHBOUR_ADVERTISEMENT: Final = 136
BROADCAST: Final = 0xFFFFFFFFFFFF

#: Every field of a packet, in the order in which a frame has them.
NAMES: Final[tuple[str, ...]] = (
    "eth_dst",
    "eth_src",
    "vlan_vid",
    "vlan_pcp",
    "eth_type",
    "arp_op",
    "arp_sha",
    "arp_spa",
    "arp_tha",
    "arp_tpa",
    "ip_dscp",
    "ip_ecn",
    "ip_frag",
    "ip_ttl",
    "ip_proto",
    "ipv4_src",
    "ipv4_dst",
    "ipv6_src",
    "ipv6_dst",
    "tcp_src",
    "tcp_dst",
    "udp_src",
    "udp_dst",
    "sctp_src",
    "sctp_dst",
    "icmpv4_type",
    "icmpv4_code",
    "icmpv6_type",
    "icmpv6_code",
    "ipv6_nd_reserved",
    "ipv6_nd_target",
    "ipv6_nd_options_type",
    "ipv6_nd_sll",
    "ipv6_nd_tll",
)
_RANK = {name: rank for rank, name in enumerate(NAMES)}


@dataclass(frozen=True, slots=True)
class Packet:
    """See the module.

    `payload` is what follows the last field, without checksums and lengths, which `frames.py` computes;
    of TCP and SCTP it starts after the ports. `options` are IPv4 options, or the number of the first IPv6
    extension header (one byte) and all extension headers.
    """

    fields: tuple[tuple[str, int], ...]
    payload: bytes = b""
    options: bytes = b""

    @classmethod
    def of(cls, payload: bytes = b"", options: bytes = b"", **fields: int) -> Packet:
        """A packet of these fields. Raises ValueError for a name that is no field."""
        return cls.from_fields(fields, payload, options)

    @classmethod
    def from_fields(cls, fields: Mapping[str, int], payload: bytes = b"", options: bytes = b"") -> Packet:
        """The same, of a mapping."""
        if unknown := fields.keys() - _RANK.keys():
            raise ValueError(f"no such packet field: {', '.join(sorted(unknown))}")
        return cls(tuple(sorted(fields.items(), key=lambda item: _RANK[item[0]])), payload, options)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self.fields)

    def __contains__(self, name: object) -> bool:
        return any(field == name for field, _ in self.fields)

    def __getitem__(self, name: str) -> int:
        for field, value in self.fields:
            if field == name:
                return value
        raise KeyError(name)

    def get(self, name: str) -> int | None:
        """The value of a field, or None where the frame has no such field."""
        for field, value in self.fields:
            if field == name:
                return value
        return None

    def replace(self, **fields: int) -> Packet:
        """The packet with these fields set."""
        return Packet.from_fields({**dict(self.fields), **fields}, self.payload, self.options)

    def without(self, *names: str) -> Packet:
        """The packet with these fields removed."""
        return Packet(tuple(item for item in self.fields if item[0] not in names), self.payload, self.options)

    @property
    def is_multicast(self) -> bool:
        """Whether it is for a group of stations, broadcast included."""
        return bool(self["eth_dst"] >> 40 & 1)

    @property
    def length(self) -> int:
        """Bytes of the frame, without padding and checksum of the link."""
        present = dict(self.fields)
        return (
            14
            + (4 if "vlan_vid" in present else 0)
            + _network_length(present, len(self.options))
            + len(self.payload)
        )


def _network_length(present: dict[str, int], options: int) -> int:
    if "arp_op" in present:
        return 28
    if "ipv4_src" in present:
        return 20 + options + _transport_length(present)
    if "ipv6_src" in present:
        return 40 + max(options - 1, 0) + _transport_length(present)
    return 0


def _transport_length(present: dict[str, int]) -> int:
    if "udp_src" in present:
        return 8
    if "ipv6_nd_target" in present:
        return 24 + 8 * sum(bool(present[name]) for name in ("ipv6_nd_sll", "ipv6_nd_tll"))
    if "tcp_src" in present or "sctp_src" in present or "icmpv4_type" in present or "icmpv6_type" in present:
        return 4
    return 0
