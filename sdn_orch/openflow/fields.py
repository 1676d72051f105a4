"""The match fields that sdn-orch uses: OXM class, code and width.

OpenFlow Switch Specification 1.3.5, section 7.2.3.7 for the basic class; ovs-fields(7) for the
registers, `ip_ttl`, `ip_frag`, what is known of connections and the inside of neighbour discovery of Open
vSwitch (classes 0x0001 and 0x1000).
"""

from __future__ import annotations

from dataclasses import dataclass

BASIC = 0x8000
NICIRA_0 = 0x0000
NICIRA_1 = 0x0001
ERICSSON = 0x1000
PACKET_REGISTERS = 0x8001


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `bits` is its width, `maskable` whether it may have a mask, `order` its rank."""

    name: str
    oxm_class: int
    code: int
    bits: int
    maskable: bool
    order: int

    @property
    def length(self) -> int:
        """Bytes that a value takes on the wire."""
        return (self.bits + 7) // 8

    def bits_of(self, mask: int | None) -> tuple[int, int]:
        """From which bit on a mask has how many, which are side by side; None has all of them."""
        if mask is None:
            return 0, self.bits
        count = mask.bit_count()
        return mask.bit_length() - count, count


#: In the order in which Open vSwitch writes them back, so that what we send is what a dump shows.
_ROWS: tuple[tuple[str, int, int, int, bool], ...] = (
    ("conj_id", NICIRA_1, 37, 32, False),
    ("in_port", BASIC, 0, 32, False),
    ("eth_src", BASIC, 4, 48, True),
    ("eth_dst", BASIC, 3, 48, True),
    ("eth_type", BASIC, 5, 16, False),
    ("vlan_vid", BASIC, 6, 13, True),
    ("vlan_pcp", BASIC, 7, 3, False),
    ("ipv4_src", BASIC, 11, 32, True),
    ("ipv4_dst", BASIC, 12, 32, True),
    ("ipv6_src", BASIC, 26, 128, True),
    ("ipv6_dst", BASIC, 27, 128, True),
    ("ip_frag", NICIRA_1, 26, 2, False),
    ("ip_dscp", BASIC, 8, 6, False),
    ("ip_ecn", BASIC, 9, 2, False),
    ("ip_ttl", NICIRA_1, 29, 8, False),
    ("ip_proto", BASIC, 10, 8, False),
    ("tcp_src", BASIC, 13, 16, True),
    ("tcp_dst", BASIC, 14, 16, True),
    # As OpenFlow 1.5 writes it.
    ("tcp_flags", BASIC, 42, 16, True),
    ("udp_src", BASIC, 15, 16, True),
    ("udp_dst", BASIC, 16, 16, True),
    ("sctp_src", BASIC, 17, 16, True),
    ("sctp_dst", BASIC, 18, 16, True),
    ("icmpv4_type", BASIC, 19, 8, False),
    ("icmpv4_code", BASIC, 20, 8, False),
    ("icmpv6_type", BASIC, 29, 8, False),
    ("icmpv6_code", BASIC, 30, 8, False),
    ("ipv6_nd_reserved", ERICSSON, 1, 32, False),
    ("ipv6_nd_target", BASIC, 31, 128, True),
    ("ipv6_nd_options_type", ERICSSON, 2, 8, False),
    ("ipv6_nd_sll", BASIC, 32, 48, True),
    ("ipv6_nd_tll", BASIC, 33, 48, True),
    ("arp_op", BASIC, 21, 16, False),
    ("arp_spa", BASIC, 22, 32, True),
    ("arp_tpa", BASIC, 23, 32, True),
    ("arp_sha", BASIC, 24, 48, True),
    ("arp_tha", BASIC, 25, 48, True),
    ("tunnel_id", BASIC, 38, 64, True),
    ("tun_src", NICIRA_1, 31, 32, True),
    ("tun_dst", NICIRA_1, 32, 32, True),
    ("reg0", NICIRA_1, 0, 32, True),
    ("reg1", NICIRA_1, 1, 32, True),
    ("reg2", NICIRA_1, 2, 32, True),
    ("reg3", NICIRA_1, 3, 32, True),
    ("ct_state", NICIRA_1, 105, 32, True),
    ("ct_mark", NICIRA_1, 107, 32, True),
    ("ct_label", NICIRA_1, 108, 128, True),
    # Of the packet that began the connection, as it was before any translation.
    ("ct_nw_src", NICIRA_1, 120, 32, True),
    ("ct_nw_dst", NICIRA_1, 121, 32, True),
    ("ct_ipv6_src", NICIRA_1, 122, 128, True),
    ("ct_ipv6_dst", NICIRA_1, 123, 128, True),
    ("ct_nw_proto", NICIRA_1, 119, 8, False),
    ("ct_tp_src", NICIRA_1, 124, 16, True),
    ("ct_tp_dst", NICIRA_1, 125, 16, True),
    ("metadata", BASIC, 2, 64, True),
)

FIELDS: dict[str, Field] = {row[0]: Field(*row, order=rank) for rank, row in enumerate(_ROWS)}

#: Older codes of the same fields (ovs-fields(7)); Open vSwitch writes its OpenFlow 1.3 extensions in them.
NXM: dict[str, tuple[int, int]] = {
    "eth_dst": (NICIRA_0, 1),
    "eth_src": (NICIRA_0, 2),
    "eth_type": (NICIRA_0, 3),
    "ip_proto": (NICIRA_0, 6),
    "ipv4_src": (NICIRA_0, 7),
    "ipv4_dst": (NICIRA_0, 8),
    "tcp_src": (NICIRA_0, 9),
    "tcp_dst": (NICIRA_0, 10),
    "udp_src": (NICIRA_0, 11),
    "udp_dst": (NICIRA_0, 12),
    "icmpv4_type": (NICIRA_0, 13),
    "icmpv4_code": (NICIRA_0, 14),
    "arp_op": (NICIRA_0, 15),
    "arp_spa": (NICIRA_0, 16),
    "arp_tpa": (NICIRA_0, 17),
    "tunnel_id": (NICIRA_1, 16),
    "arp_sha": (NICIRA_1, 17),
    "arp_tha": (NICIRA_1, 18),
    "ipv6_src": (NICIRA_1, 19),
    "ipv6_dst": (NICIRA_1, 20),
    "icmpv6_type": (NICIRA_1, 21),
    "icmpv6_code": (NICIRA_1, 22),
    "ipv6_nd_target": (NICIRA_1, 23),
    "ipv6_nd_sll": (NICIRA_1, 24),
    "ipv6_nd_tll": (NICIRA_1, 25),
    "ip_ecn": (NICIRA_1, 28),
}
