"""What a NIC may send: the frames that a network takes from it at all, before asking where they go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.model import Network, NetworkKind, Nic
from sdn_orch.intent.packet import (
    ARP,
    ICMPV6,
    IPV4,
    IPV6,
    LATER_FRAGMENT,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    NO_NEXT_HEADER,
    UDP,
    Packet,
)

ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, REDIRECT = 133, 134, 137
#: (server, client) ports of DHCP for IPv4 and IPv6.
DHCP4_PORTS, DHCP6_PORTS = (67, 68), (547, 546)


def addresses4(nic: Nic) -> frozenset[int]:
    """Its IPv4 addresses."""
    return frozenset(int(address) for address in nic.addresses if address.version == 4)


def addresses6(nic: Nic) -> frozenset[int]:
    """Its IPv6 addresses, the link-local one included."""
    own = frozenset(int(address) for address in nic.addresses if address.version == 6)
    return own | {link_local(mac_number(nic.mac))}


@dataclass(frozen=True, slots=True)
class Others:
    """What else a NIC may send a packet from: prefixes behind it, and balancers' addresses lent to it."""

    behind: Collection[IPv4Network]
    lent: Collection[int]

    def has(self, address: int) -> bool:
        """Whether an IPv4 address is among them."""
        return address in self.lent or any(IPv4Address(address) in prefix for prefix in self.behind)


def refuse(network: Network, nic: Nic, others: Others, packet: Packet) -> str | None:
    """Why the network does not take this frame from this NIC, or None where it does."""
    if "vlan_vid" in packet:
        return "a NIC sends no VLAN tags of its own"
    if packet["eth_src"] != mac_number(nic.mac):
        return "the source MAC is not the NIC's"
    if network.kind == NetworkKind.L2:
        return None
    if packet["eth_type"] == ARP:
        return _refuse_arp(nic, others, packet)
    if packet["eth_type"] == IPV4:
        return _refuse_ipv4(nic, others, packet)
    if packet["eth_type"] == IPV6:
        return _refuse_ipv6(nic, others, packet)
    return "only ARP, IPv4 and IPv6 are carried in a network with addresses"


def _refuse_arp(nic: Nic, others: Others, packet: Packet) -> str | None:
    if packet["arp_sha"] != mac_number(nic.mac):
        return "the ARP sender's MAC is not the NIC's"
    if packet["arp_spa"] != 0 and not _is_own(nic, others, packet["arp_spa"]):
        return "the ARP sender's address is not the NIC's"
    return None


def _refuse_ipv4(nic: Nic, others: Others, packet: Packet) -> str | None:
    if is_dhcp4(packet) and packet["ipv4_src"] == 0:
        return None
    if not _is_own(nic, others, packet["ipv4_src"]):
        return "the source address is not the NIC's"
    if packet.get("udp_src") == DHCP4_PORTS[0]:
        return "a tenant is no DHCP server"
    return _refuse_first_fragment(packet)


def _is_own(nic: Nic, others: Others, address: int) -> bool:
    return address in addresses4(nic) or others.has(address)


def _refuse_first_fragment(packet: Packet) -> str | None:
    """A first fragment must say what it is the first fragment of (RFC 7112)."""
    if packet["ip_frag"] != 1:
        return None
    ports = packet["ip_proto"] == UDP and not (packet.get("udp_src") or packet.get("udp_dst"))
    kind = "ipv6_src" in packet and packet["ip_proto"] == ICMPV6 and not packet.get("icmpv6_type")
    none = "ipv6_src" in packet and packet["ip_proto"] == NO_NEXT_HEADER
    return "a first fragment does not tell its ports or type" if ports or kind or none else None


def _refuse_ipv6(nic: Nic, others: Others, packet: Packet) -> str | None:
    if packet["ipv6_src"] not in addresses6(nic) and packet["ipv6_src"] not in others.lent:
        return "the source address is not the NIC's"
    if (reason := _refuse_first_fragment(packet)) is not None or packet["ip_frag"] == LATER_FRAGMENT:
        return reason
    if packet.get("udp_src") == DHCP6_PORTS[0]:
        return "a tenant is no DHCP server"
    if packet["ip_proto"] != ICMPV6:
        return None
    kind = packet["icmpv6_type"]
    if kind in (ROUTER_ADVERTISEMENT, REDIRECT):
        return "a tenant is no router"
    if packet["ip_frag"] and kind in (ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT):
        return "neighbour discovery is not fragmented"
    if kind in (NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT) and "ipv6_nd_target" not in packet:
        return "neighbour discovery with a code is not known"
    if kind == NEIGHBOUR_SOLICITATION and packet["ipv6_nd_sll"] not in (0, packet["eth_src"]):
        return "the solicitation's link-layer address is not the NIC's"
    if kind == NEIGHBOUR_ADVERTISEMENT and packet["ipv6_nd_tll"] not in (0, packet["eth_src"]):
        return "the advertisement's link-layer address is not the NIC's"
    if kind == NEIGHBOUR_ADVERTISEMENT and packet["ipv6_nd_target"] not in addresses6(nic):
        return "the advertised address is not the NIC's"
    return None


def is_dhcp4(packet: Packet) -> bool:
    """Whether a DHCP client speaks."""
    return (packet.get("udp_dst"), packet.get("udp_src")) == DHCP4_PORTS


def is_dhcp6(packet: Packet) -> bool:
    """Whether a DHCPv6 client speaks."""
    return (packet.get("udp_dst"), packet.get("udp_src")) == DHCP6_PORTS
