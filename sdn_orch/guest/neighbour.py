"""ARP and neighbour discovery, answered by the controller where a switch cannot answer by flows.

A guest learns the MAC addresses of its gateway and of the other attached NICs of its network, and of
nothing else. Nobody answers for a guest's own address: neither its probe for duplicates nor a check of it.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from sdn_orch.guest.frame import (
    ARP_REQUEST,
    ICMPV6,
    IPV6,
    Frame,
    Ip,
    arp_reply,
    checksum,
    ethernet,
    icmp6,
    link_local,
    mac_bytes,
    pseudo_header6,
    read_ip,
)
from sdn_orch.guest.guest import Guest, gateway_link_local, gateway_mac
from sdn_orch.guest.router_advertisement import read_options
from sdn_orch.intent.direct import asks_under
from sdn_orch.intent.metadata import ADDRESS
from sdn_orch.intent.model import Attachment, Network, Nic
from sdn_orch.intent.snapshot import Snapshot

SOLICITATION: Final = 135
ADVERTISEMENT: Final = 136
_ROUTER, _SOLICITED, _OVERRIDE = 1 << 31, 1 << 30, 1 << 29
_SOURCE, _TARGET = 1, 2
_ALL_NODES, _ALL_NODES_MAC = bytes.fromhex("ff02" + "00" * 13 + "01"), bytes.fromhex("333300000001")
#: With the last three octets of an address: the group of those who may have it (RFC 4291, 2.7.1).
_SOLICITED_NODE = bytes.fromhex("ff02" + "00" * 9 + "01ff")


def answer_arp(snapshot: Snapshot, guest: Guest, frame: Frame) -> bytes | None:
    """The ARP reply to a request, or None."""
    body = frame.payload[:28]
    if len(body) < 28 or body[:8] != ARP_REQUEST:
        return None
    sender_mac, sender, target = body[8:14], body[14:18], body[24:28]
    if sender_mac != guest.mac or frame.source != guest.mac:
        return None
    if not (_is_own4(guest, sender) or asks_under(snapshot, guest.nic, IPv4Address(sender))):
        return None
    mac = _owner4(snapshot, guest, IPv4Address(target))
    if mac is None:
        return None
    return arp_reply(guest.mac, mac, target, sender_mac + sender)


def answer_solicitation(snapshot: Snapshot, guest: Guest, frame: Frame, ip: Ip) -> bytes | None:
    """The neighbour advertisement that answers a valid solicitation (RFC 4861, 7.1.1 and 7.2.4), or None."""
    message = ip.payload
    if ip.protocol != ICMPV6 or ip.fragment or ip.hops != 255 or len(message) < 24:
        return None
    if message[0] != SOLICITATION or message[1] or frame.source != guest.mac:
        return None
    if read_options(message[24:]) is None or not _is_own6(guest, ip.source):
        return None
    if checksum(pseudo_header6(ip.source, ip.destination, ICMPV6, len(message)) + message):
        return None
    target = message[8:24]
    mac = _owner6(snapshot, guest, target)
    if mac is None:
        return None
    flags = _SOLICITED | _OVERRIDE | (_ROUTER if mac == gateway_mac(guest.network) else 0)
    rest = struct.pack("!I", flags) + target + bytes((_TARGET, 1)) + mac
    packet = icmp6(target, ip.source, ADVERTISEMENT, 0, rest, hops=255)
    return ethernet(guest.mac, mac, IPV6, packet)


def advertisement(mac: bytes, address: bytes) -> bytes:
    """What a router tells everybody: that it has an address, from now on here (RFC 4861, 7.2.6)."""
    rest = struct.pack("!I", _ROUTER | _OVERRIDE) + address + bytes((_TARGET, 1)) + mac
    return ethernet(_ALL_NODES_MAC, mac, IPV6, icmp6(address, _ALL_NODES, ADVERTISEMENT, 0, rest, hops=255))


def solicitation(mac: bytes, address: bytes, target: bytes) -> bytes:
    """The question of who has the address `target` (RFC 4861, 7.2.2)."""
    group = _SOLICITED_NODE + target[13:]
    rest = bytes(4) + target + bytes((_SOURCE, 1)) + mac
    packet = icmp6(address, group, SOLICITATION, 0, rest, hops=255)
    return ethernet(b"\x33\x33" + group[12:], mac, IPV6, packet)


def advertised(frame: Frame) -> tuple[bytes, bytes] | None:
    """The MAC and IPv6 address that a valid advertisement tells of (RFC 4861, 7.1.2), or None."""
    ip = read_ip(frame)
    if ip is None or ip.protocol != ICMPV6 or ip.fragment or ip.hops != 255 or len(ip.payload) < 24:
        return None
    message = ip.payload
    options = read_options(message[24:])
    if message[0] != ADVERTISEMENT or message[1] or options is None:
        return None
    if checksum(pseudo_header6(ip.source, ip.destination, ICMPV6, len(message)) + message):
        return None
    mac = options.get(_TARGET, b"")[:6]
    return (mac if len(mac) == 6 else frame.source), message[8:24]


def _is_own4(guest: Guest, address: bytes) -> bool:
    """One of its addresses, or none at all (RFC 5227 probes)."""
    return address == bytes(4) or any(own.packed == address for own in guest.nic.addresses)


def _is_own6(guest: Guest, address: bytes) -> bool:
    return address == link_local(guest.mac) or any(own.packed == address for own in guest.nic.addresses)


def _owner4(snapshot: Snapshot, guest: Guest, address: IPv4Address) -> bytes | None:
    if address in (guest.network.gateway4, ADDRESS):
        return gateway_mac(guest.network)
    return _neighbour(snapshot, guest, address)


def _owner6(snapshot: Snapshot, guest: Guest, packed: bytes) -> bytes | None:
    network: Network = guest.network
    address = IPv6Address(packed)
    if network.ipv6 is None:
        return None
    if address == network.gateway6 or packed == gateway_link_local(network):
        return gateway_mac(network)
    if not address.is_link_local:
        return _neighbour(snapshot, guest, address)
    # A link-local address that a NIC may have says its MAC.
    mac = bytes((packed[8] ^ 2,)) + packed[9:11] + packed[13:16]
    return _neighbour(snapshot, guest, mac.hex(":")) if link_local(mac) == packed else None


def _neighbour(snapshot: Snapshot, guest: Guest, claim: str | IPv4Address | IPv6Address) -> bytes | None:
    """The MAC of the other NIC of the network with this address or MAC, if it is there to be reached."""
    for nic in snapshot.where(Nic, "claims", (guest.network.id, claim)):
        if nic.id != guest.nic.id and nic.active and snapshot.where(Attachment, "nic_id", nic.id):
            return mac_bytes(nic.mac)
    return None
