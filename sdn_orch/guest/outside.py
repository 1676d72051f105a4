"""What gateways answer to whoever sends from outside a packet whose hops are spent.

A public address says so itself, as a router with that address would; for tenants' IPv6 prefixes their router
does, and behind a private gateway that one. Nobody is answered in the name of somebody who is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.dataplane.pipeline import NETWORK, public_vlan
from sdn_orch.guest import icmp
from sdn_orch.guest.frame import Frame, Ip, ethernet, read_ip, tagged
from sdn_orch.intent.gateways import gateway_of, networks_of, principal
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Switch, Vpc
from sdn_orch.intent.outside import address_of, public_mac
from sdn_orch.intent.private import private_gateway_at
from sdn_orch.intent.public import PublicRange
from sdn_orch.intent.routed import prefix_of, router_at, uplink_of
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import Output
from sdn_orch.southbound.base import PacketIn, PacketOut

_Address = IPv4Address | IPv6Address


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
