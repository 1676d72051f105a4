"""What a router says of packets: their time is up, they are too big, and that it is there itself.

RFC 792, RFC 1812 section 4.3.2 and RFC 4443 section 2.4: errors are never about errors, about packets for
many, from nobody in particular, or about fragments other than the first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from sdn_orch.guest.frame import (
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    Ip,
    checksum,
    ethernet,
    icmp4,
    icmp6,
    is_unicast4,
    pseudo_header6,
)
from sdn_orch.guest.guest import Guest, gateway_link_local, gateway_mac
from sdn_orch.intent.gateways import realm_of
from sdn_orch.intent.model import Network
from sdn_orch.intent.snapshot import Snapshot

#: IP bytes of a whole error message (RFC 1812, 4.3.2.3; RFC 4443, 3.1).
_LONGEST4, _LONGEST6 = 576, 1280
#: Unreachable, source quench, redirect, time exceeded, parameter problem.
_ERRORS4 = frozenset((3, 4, 5, 11, 12))
_UNREACHABLE4, _FRAGMENTATION_NEEDED, _TIME_EXCEEDED4 = 3, 4, 11
_TOO_BIG6, _TIME_EXCEEDED6, _REDIRECT6 = 2, 3, 137
_ECHO4, _ECHO_REPLY4, _ECHO6, _ECHO_REPLY6 = 8, 0, 128, 129


def time_exceeded(guest: Guest, ip: Ip) -> bytes | None:
    """The error to the sender of a packet that the router may not forward any further, or None."""
    return _to_guest(guest, ip, spent)


def spent(ip: Ip, router: bytes) -> bytes | None:
    """That error as a packet from a router's address to whoever sent the other one, or None."""
    if ip.hops > 1:
        return None
    if ip.version == 4:
        return _error4(ip, router, _TIME_EXCEEDED4, 0, bytes(4))
    return _error6(ip, router, _TIME_EXCEEDED6, bytes(4))


def too_big(guest: Guest, ip: Ip, mtu: int) -> bytes | None:
    """The error to the sender of a packet longer than the next link takes, or None."""
    return _to_guest(guest, ip, partial(unfit, mtu=mtu))


def unfit(ip: Ip, router: bytes, mtu: int) -> bytes | None:
    """That error as a packet from a router's address to whoever sent the other one, or None.

    An IPv4 sender is told whether it allowed fragments or not: routers here do not fragment, and hosts
    that hear of a smaller MTU do so themselves.
    """
    if len(ip.whole) <= mtu:
        return None
    told = struct.pack("!I", mtu)
    if ip.version == 4:
        return _error4(ip, router, _UNREACHABLE4, _FRAGMENTATION_NEEDED, told)
    return _error6(ip, router, _TOO_BIG6, told)


def echo_reply(snapshot: Snapshot, guest: Guest, ip: Ip) -> bytes | None:
    """The gateway's answer to a ping of any gateway of the guest's router, or None."""
    message = ip.payload
    if ip.fragment or len(message) < 8 or message[1] or not _is_own(guest, ip):
        return None
    mac = gateway_mac(guest.network)
    if ip.version == 4 and ip.protocol == ICMP and message[0] == _ECHO4 and not checksum(message):
        if not any(_is(tier.gateway4, ip.destination) for tier in realm_of(snapshot, guest.network)):
            return None
        packet = icmp4(ip.destination, ip.source, _ECHO_REPLY4, 0, message[4:])
        return ethernet(guest.mac, mac, IPV4, packet)
    if ip.version == 6 and ip.protocol == ICMPV6 and message[0] == _ECHO6:
        if checksum(pseudo_header6(ip.source, ip.destination, ICMPV6, len(message)) + message):
            return None
        if not _is_gateway6(snapshot, guest.network, ip.destination):
            return None
        packet = icmp6(ip.destination, ip.source, _ECHO_REPLY6, 0, message[4:])
        return ethernet(guest.mac, mac, IPV6, packet)
    return None


def _to_guest(guest: Guest, ip: Ip, error: Callable[[Ip, bytes], bytes | None]) -> bytes | None:
    """The frame with an error from the guest's gateway about a packet of its own."""
    network = guest.network
    gateway = network.gateway4 if ip.version == 4 else network.gateway6
    if gateway is None or not _is_own(guest, ip):
        return None
    if ip.version == 4 and not is_unicast4(ip.destination, network.ipv4):
        return None
    packet = error(ip, gateway.packed)
    ethertype = IPV4 if ip.version == 4 else IPV6
    return None if packet is None else ethernet(guest.mac, gateway_mac(network), ethertype, packet)


def _error4(ip: Ip, router: bytes, type: int, code: int, extra: bytes) -> bytes | None:
    if ip.fragment > 0 or not is_unicast4(ip.source) or not is_unicast4(ip.destination):
        return None
    if ip.protocol == ICMP and (not ip.payload or ip.payload[0] in _ERRORS4):
        return None
    return icmp4(router, ip.source, type, code, extra + ip.whole[: _LONGEST4 - 28])


def _error6(ip: Ip, router: bytes, type: int, extra: bytes) -> bytes | None:
    if ip.fragment > 0 or 0xFF in (ip.source[0], ip.destination[0]) or not any(ip.source):
        return None
    if ip.protocol == ICMPV6 and (not ip.payload or ip.payload[0] < 128 or ip.payload[0] == _REDIRECT6):
        return None
    return icmp6(router, ip.source, type, 0, extra + ip.whole[: _LONGEST6 - 48])


def _is_own(guest: Guest, ip: Ip) -> bool:
    """Whether the packet's source is the guest's address; link-local ones are answered by echo only."""
    if ip.version == 6 and ip.source[:2] == b"\xfe\x80":
        return ip.protocol == ICMPV6 and ip.destination == gateway_link_local(guest.network)
    return any(own.packed == ip.source for own in guest.nic.addresses)


def _is_gateway6(snapshot: Snapshot, network: Network, address: bytes) -> bool:
    if network.ipv6 is not None and address == gateway_link_local(network):
        return True
    return any(_is(tier.gateway6, address) for tier in realm_of(snapshot, network))


def _is(gateway: object, address: bytes) -> bool:
    return getattr(gateway, "packed", None) == address
