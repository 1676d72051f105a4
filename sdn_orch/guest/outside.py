"""What gateways answer to whoever sends from outside a packet whose hops are spent, or that does not fit.

Of spent hops a public address speaks itself, as a router with that address would; for tenants' IPv6 prefixes
their router does, and behind a private gateway that one. Nobody is answered in the name of somebody who is
not there.

Whether a packet fits is known where it goes, and so when it is translated. The answer therefore goes the way
of the machine's own answers, where its source is translated and with it the packet in it: whoever sent that
hears from the address that he spoke to, and finds his packet as he sent it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from sdn_orch.dataplane.pipeline import NETWORK, ROUTER, STATIC, Table, public_vlan
from sdn_orch.guest import icmp
from sdn_orch.guest.frame import Frame, Ip, ethernet, is_unicast4, read_ip, redirected, tagged
from sdn_orch.guest.guest import gateway_mac
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.balancing import standing
from sdn_orch.intent.direct import front
from sdn_orch.intent.gateways import gateway_of, networks_of, principal, rival, router_id
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Network, NetworkKind, Switch, Vpc
from sdn_orch.intent.outside import address_of, public_mac
from sdn_orch.intent.private import private_gateway_at
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routed import prefix_of, router_at, uplink_of
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import SCTP
from sdn_orch.openflow.values import LOCAL, Output, Resubmit, SetField
from sdn_orch.southbound.base import PacketIn, PacketOut

_Address = IPv4Address | IPv6Address
#: Where a packet is, in the metadata.
_PLACE = NETWORK.mask | ROUTER.mask


@dataclass(frozen=True, slots=True)
class _Speaker:
    """In whose name an error is sent: a router's address and MAC address in a network outside."""

    router: str
    address: bytes
    mac: int


def time_exceeded(snapshot: Snapshot, switch: Switch, packet: PacketIn, frame: Frame) -> PacketOut | None:
    """The error about a packet that came in by a switch's public port, or None."""
    ip = read_ip(frame)
    if ip is None or packet.in_port != switch.public_port or frame.destination[0] & 1:
        return None
    vlan = public_vlan(NETWORK.read(packet.metadata))
    speaker = (_speaker4 if ip.version == 4 else _speaker6)(
        snapshot, vlan, int.from_bytes(frame.destination), ip
    )
    if speaker is None or gateway_of(snapshot, speaker.router) != switch:
        return None
    error = icmp.spent(ip, speaker.address)
    if error is None:
        return None
    reply = ethernet(frame.source, speaker.mac.to_bytes(6), frame.ethertype, error)
    return PacketOut((Output(packet.in_port),), reply if vlan is None else tagged(reply, vlan))


def too_big(snapshot: Snapshot, switch: Switch, packet: PacketIn, frame: Frame) -> PacketOut | None:
    """The error about a packet that has come in at a router's gateway, on its way out; or None."""
    ip, network = read_ip(frame), snapshot.numbered(Network, NETWORK.read(packet.metadata))
    if ip is None or network is None or network.kind is NetworkKind.L2 or frame.destination[0] & 1:
        return None
    router = router_id(network)
    if gateway_of(snapshot, router) != switch:
        return None
    if ip.version == 4 and not is_unicast4(ip.destination, network.ipv4):
        return None
    is_static = bool(STATIC.read(packet.metadata))
    found = _static(snapshot, router, ip) if is_static else _balanced(snapshot, network, ip)
    if found is None:
        return None
    # No connection remembers these translations. In errors about those of IPv6 Open vSwitch 3.1 writes the
    # checksum of UDP over the MTU, and that of TCP over the packet.
    address, port = packet.asked if packet.asked is not None and ip.version == 6 else (found.packed, None)
    ip, way = (
        redirected(ip, address, port),
        Table.LEAVE if ip.version == 4 and not is_static else Table.UPLINK,
    )
    error = icmp.unfit(ip, ip.destination, network.mtu)
    if error is None:
        return None
    here = SetField("metadata", packet.metadata & _PLACE, _PLACE)
    mac = gateway_mac(network)
    # Where it turns round, conntrack of Open vSwitch loses what has come in by no real port.
    return PacketOut((here, Resubmit(way)), ethernet(mac, mac, frame.ethertype, error), LOCAL)


def _balanced(snapshot: Snapshot, network: Network, ip: Ip) -> _Address:
    """Whom a packet was sent to, before one of SCTP's balancers gave it to a member."""
    port = int.from_bytes(ip.payload[2:4])
    for balancer in snapshot.where(Balancer, "network_id", network.id) if ip.protocol == SCTP else ():
        if balancer.version == ip.version and balancer.takes(SCTP, port):
            members = standing(snapshot, balancer).values()
            if ip.destination in {member.packed for member in members}:
                return front(snapshot, balancer)
    return ip_address(ip.destination)


def _static(snapshot: Snapshot, router: str, ip: Ip) -> _Address | None:
    """The address that static NAT maps to the one that a packet has now."""
    for one in snapshot.where(PublicAddress, "router_id", router):
        if one.guest is not None and one.guest.packed == ip.destination and rival(snapshot, one) is None:
            return one.address
    return None


def _speaker4(snapshot: Snapshot, vlan: int | None, mac: int, ip: Ip) -> _Speaker | None:
    private = private_gateway_at(snapshot, vlan, mac)
    if private is not None:
        if IPv4Address(ip.source) in snapshot.need(Vpc, private.vpc_id).ipv4:
            return None
        return _Speaker(private.vpc_id, private.address.packed, mac_number(private.router_mac))
    address = address_of(snapshot, IPv4Address(ip.destination))
    if address is None:
        return _router(snapshot, vlan, mac, IPv4Address(ip.source), IPv4Address(ip.destination))
    first = principal(snapshot, str(address.router_id))
    if first is None or snapshot.need(PublicRange, address.range_id).vlan != vlan:
        return None
    return _Speaker(str(address.router_id), address.address.packed, public_mac(first))


def _speaker6(snapshot: Snapshot, vlan: int | None, mac: int, ip: Ip) -> _Speaker | None:
    source = IPv6Address(ip.source)
    if source.is_link_local:
        return None
    return _router(snapshot, vlan, mac, source, IPv6Address(ip.destination))


def _router(
    snapshot: Snapshot, vlan: int | None, mac: int, source: _Address, to: _Address
) -> _Speaker | None:
    """The router with a MAC address, for a destination in a prefix that it routes to."""
    router = router_at(snapshot, mac)
    uplink = None if router is None else uplink_of(snapshot, router, to.version)
    if router is None or uplink is None or uplink.range.vlan != vlan:
        return None
    found = (prefix_of(network, to.version) for network in networks_of(snapshot, router))
    inside = [prefix for prefix in found if prefix is not None]
    if any(source in prefix for prefix in inside):
        return None
    is_inside = any(to in prefix for prefix in inside)
    return _Speaker(router, uplink.address.packed, mac) if is_inside else None
