"""Addresses as the integers that matches hold, and those that the data plane derives from numbers."""

from __future__ import annotations

#: Reserved for gateways, edges, routers in public networks, and ways out; a NIC must not have such a MAC
#: address.
_GATEWAYS = 0x0E5D00 << 24
_EDGES = 0x0E5D01 << 24
_PUBLIC = 0x0E5D02 << 24
_WAYS_OUT = 0x0E5D03 << 24
#: Bits that tell the two apart from all other MAC addresses, and from each other.
PREFIX_MASK = 0xFFFFFF << 24
#: Any gateway's and any edge's MAC address, with `PREFIX_MASK`.
ANY_GATEWAY = (_GATEWAYS, PREFIX_MASK)
ANY_EDGE = (_EDGES, PREFIX_MASK)

BROADCAST = 0xFFFFFFFFFFFF
#: The group bit of a MAC address, as value and mask.
GROUP_BIT = (1 << 40, 1 << 40)
IPV4_MULTICAST_MAC = 0x01005E000000
IPV6_MULTICAST_MAC = 0x333300000000
#: As value and mask.
IPV4_MULTICAST = (0xE0000000, 0xF0000000)
IPV6_MULTICAST = (0xFF << 120, 0xFF << 120)
IPV4_THIS_NETWORK = (0, 0xFF << 24)
IPV4_LOOPBACK = (0x7F << 24, 0xFF << 24)
#: Multicast, what is reserved for ever, and the broadcast address.
IPV4_NO_HOSTS = (0xE0 << 24, 0xE0 << 24)
IPV4_LINK_LOCAL = (0xA9FE0000, 0xFFFF0000)
IPV6_LINK_LOCAL = (0xFE80 << 112, 0xFFC0 << 112)
#: No address, loopback, and what held IPv4 addresses once.
IPV6_NO_HOSTS = (0, (1 << 128) - (1 << 32))


def gateway_mac(network: int) -> int:
    """The MAC address of a network's gateway, the same on every edge, from the network's number."""
    return _GATEWAYS | network


def edge_mac(switch: int) -> int:
    """The source of routed frames on a VLAN underlay, so that no gateway seems to be in two places."""
    return _EDGES | switch


def public_mac(zone: int) -> int:
    """The MAC address of a router in public networks, whichever gateway it is at, from its zone."""
    return _PUBLIC | zone


def way_out_mac(switch: int) -> int:
    """The destination, on an underlay, of what a gateway is to send out."""
    return _WAYS_OUT | switch


def is_reserved(mac: int) -> bool:
    """Whether a MAC address is one that only the data plane itself may have."""
    return mac & PREFIX_MASK in (_GATEWAYS, _EDGES, _PUBLIC, _WAYS_OUT)
