"""Who has an address: what a network answers to ARP and to neighbour solicitations, for its hosts and itself.

A part of `meaning`.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.intent.admission import addresses4, addresses6
from sdn_orch.intent.balancers import Balancer, inner_place
from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.metadata import ADDRESS
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.packet import NEIGHBOUR_ADVERTISEMENT, Packet
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.verdict import Answer, Sender, Service, Verdict, place_of

_ROUTER, _SOLICITED, _OVERRIDE = 1 << 31, 1 << 30, 1 << 29
_TARGET_OPTION = 2


def resolve4(snapshot: Snapshot, source: Sender, packet: Packet) -> Verdict:
    target = packet["arp_tpa"]
    if packet["arp_op"] != 1:
        return Verdict(reason="ARP other than requests is not passed on: the network answers for everyone")
    if target in addresses4(source.nic):
        return Verdict(reason="a NIC's probe for its own address is answered by nobody")
    mac = _owner(snapshot, source, IPv4Address(target), source.network.gateway4)
    if mac is None:
        return Verdict(reason=f"nobody in the network has the address {IPv4Address(target)}")
    asker = packet["eth_src"]
    reply = packet.replace(
        eth_src=mac,
        eth_dst=asker,
        arp_op=2,
        arp_sha=mac,
        arp_spa=target,
        arp_tha=asker,
        arp_tpa=packet["arp_spa"],
    )
    return Verdict(answer=Answer(Service.ARP, reply))


def resolve6(snapshot: Snapshot, source: Sender, packet: Packet) -> Verdict:
    target = IPv6Address(packet["ipv6_nd_target"])
    if int(target) in addresses6(source.nic):
        return Verdict(reason="a NIC's probe for its own address is answered by nobody")
    gateway = mac_number(source.network.gateway_mac)
    if int(target) == link_local(gateway):
        mac: int | None = gateway
    else:
        mac = _owner(snapshot, source, target, source.network.gateway6)
    if mac is None:
        return Verdict(reason=f"nobody in the network has the address {target}")
    reply = packet.replace(
        eth_src=mac,
        eth_dst=packet["eth_src"],
        ipv6_src=int(target),
        ipv6_dst=packet["ipv6_src"],
        icmpv6_type=NEIGHBOUR_ADVERTISEMENT,
        ipv6_nd_reserved=_SOLICITED | _OVERRIDE | (_ROUTER if mac == gateway else 0),
        # The option of the solicitation becomes that of the answer; who sends none gets none.
        ipv6_nd_options_type=_TARGET_OPTION if packet["ipv6_nd_sll"] else 0,
        ipv6_nd_sll=0,
        ipv6_nd_tll=mac if packet["ipv6_nd_sll"] else 0,
    )
    return Verdict(answer=Answer(Service.NEIGHBOUR, reply))


def _owner(
    snapshot: Snapshot, source: Sender, address: IPv4Address | IPv6Address, gateway: object
) -> int | None:
    """The MAC address that answers for an address: the gateway's, for balancers too, or another NIC's."""
    if address == gateway or (address == ADDRESS and source.network.ipv4 is not None):
        return mac_number(source.network.gateway_mac)
    if isinstance(address, IPv6Address) and address.is_link_local:
        claims = [(nic, link_local(mac_number(nic.mac))) for nic in _members(snapshot, source.network)]
        return next((mac_number(nic.mac) for nic, own in claims if own == int(address)), None)
    for nic in snapshot.where(Nic, "claims", (source.network.id, address)):
        if place_of(snapshot, nic) is not None:
            return mac_number(nic.mac)
    if snapshot.where(Balancer, "place", inner_place(source.network.id, address)):
        return mac_number(source.network.gateway_mac)
    return None


def _members(snapshot: Snapshot, network: Network) -> Iterator[Nic]:
    """The NICs of a network that take part."""
    return (
        nic for nic in snapshot.where(Nic, "network_id", network.id) if place_of(snapshot, nic) is not None
    )
