"""Frames of guests, read just as far as the services need it, and frames to guests, built whole.

Reading never raises and never looks at more than the frame has: every function gives None for bytes that
are not what they should be. Addresses stay bytes here, as they are compared and copied, not computed with.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Final

from sdn_orch.intent import mac as mac_addresses

ARP: Final = 0x0806
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
VLAN: Final = 0x8100
ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58
#: Hardware Ethernet, protocol IPv4, their address lengths, a request or a reply (RFC 826).
ARP_REQUEST: Final = bytes.fromhex("0001080006040001")
ARP_REPLY: Final = bytes.fromhex("0001080006040002")

#: Extension headers in front of what we look for; more of them are not worth an answer.
_MOST_EXTENSIONS = 8
_FRAGMENT = 44
#: Hop-by-hop, routing, destination options: next header, length in units of 8 bytes beyond the first.
_EXTENSIONS = frozenset((0, 43, 60))
#: Where in TCP and UDP the checksum is, which covers the addresses.
_CHECKSUMS = {TCP: 16, UDP: 6}


@dataclass(frozen=True, slots=True)
class Frame:
    """An Ethernet frame; `vlan` is None where it carries no tag."""

    destination: bytes
    source: bytes
    vlan: int | None
    ethertype: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ip:
    """An IPv4 or IPv6 packet; `fragment` is its offset, and -1 for the first of several.

    `whole` is the packet without link padding, `payload` what follows all headers of the network layer.
    """

    version: int
    source: bytes
    destination: bytes
    protocol: int
    hops: int
    fragment: int
    payload: bytes
    whole: bytes


@dataclass(frozen=True, slots=True)
class Datagram:
    """What a UDP datagram carries; the checksum has not been looked at (see `read_udp`)."""

    source: int
    destination: int
    payload: bytes


def read_frame(data: bytes) -> Frame | None:
    """The frame, with at most one 802.1Q tag taken off."""
    if len(data) < 14:
        return None
    ethertype = data[12] << 8 | data[13]
    if ethertype != VLAN:
        return Frame(data[:6], data[6:12], None, ethertype, data[14:])
    if len(data) < 18:
        return None
    vlan = (data[14] << 8 | data[15]) & 0xFFF
    return Frame(data[:6], data[6:12], vlan, data[16] << 8 | data[17], data[18:])


def read_ip(frame: Frame) -> Ip | None:
    """The IP packet of either version that the frame carries whole."""
    if frame.ethertype == IPV4:
        return _read_ipv4(frame.payload)
    if frame.ethertype == IPV6:
        return _read_ipv6(frame.payload)
    return None


def _read_ipv4(data: bytes) -> Ip | None:
    if len(data) < 20 or data[0] >> 4 != 4:
        return None
    header = (data[0] & 15) * 4
    length = data[2] << 8 | data[3]
    if not 20 <= header <= length <= len(data):
        return None
    flags = data[6] << 8 | data[7]
    fragment = (flags & 0x1FFF) or (-1 if flags & 0x2000 else 0)
    return Ip(4, data[12:16], data[16:20], data[9], data[8], fragment, data[header:length], data[:length])


def _read_ipv6(data: bytes) -> Ip | None:
    if len(data) < 40 or data[0] >> 4 != 6:
        return None
    length = 40 + (data[4] << 8 | data[5])
    if length > len(data):
        return None
    protocol, offset, fragment = data[6], 40, 0
    for _ in range(_MOST_EXTENSIONS):
        if protocol == _FRAGMENT and offset + 8 <= length:
            field = data[offset + 2] << 8 | data[offset + 3]
            fragment = (field >> 3) or (-1 if field & 1 else 0)
            protocol, offset = data[offset], offset + 8
            if fragment > 0:
                break
        elif protocol in _EXTENSIONS and offset + 8 <= length:
            protocol, offset = data[offset], offset + 8 + data[offset + 1] * 8
            if offset > length:
                return None
        else:
            break
    return Ip(6, data[8:24], data[24:40], protocol, data[7], fragment, data[offset:length], data[:length])


def redirected(ip: Ip, destination: bytes, port: int | None = None) -> Ip:
    """A packet to another destination, with checksums that were right still right (RFC 1624).

    With a `port`, of TCP and UDP, to that one.
    """
    whole, header = bytearray(ip.whole), len(ip.whole) - len(ip.payload)
    at = 16 if ip.version == 4 else 24
    whole[at : at + len(destination)] = destination
    covered = [(10, ip.destination, destination)] if ip.version == 4 else []
    before, after = ip.destination, destination
    place = _CHECKSUMS.get(ip.protocol, len(ip.payload))
    if ip.fragment <= 0 and place + 2 <= len(ip.payload):
        if port is not None:
            before, after = before + ip.payload[2:4], after + port.to_bytes(2)
            whole[header + 2 : header + 4] = port.to_bytes(2)
        # A datagram may go without.
        covered += [(header + place, before, after)] if any(ip.payload[place : place + 2]) else []
    for at, old, new in covered:
        apart = bytes(255 - byte for byte in whole[at : at + 2] + old)
        whole[at : at + 2] = checksum(apart + new).to_bytes(2)
    return replace(ip, destination=destination, whole=bytes(whole), payload=bytes(whole[header:]))


def read_udp(ip: Ip) -> Datagram | None:
    """The UDP datagram of an unfragmented packet.

    The checksum is not verified: guests on virtual NICs leave it unfinished for hardware that is not there
    (the classic fault of DHCP on virtio), and the switch has already verified who sent the packet.
    """
    if ip.protocol != UDP or ip.fragment or len(ip.payload) < 8:
        return None
    source, destination, length = struct.unpack_from("!HHH", ip.payload)
    if not 8 <= length <= len(ip.payload):
        return None
    return Datagram(source, destination, ip.payload[8:length])


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071): of bytes that hold their own checksum it is 0."""
    if len(data) & 1:
        data += b"\0"
    # A number modulo 2^16 - 1 is the ones' complement sum of its 16-bit digits.
    value = int.from_bytes(data)
    return 0xFFFF - (value % 0xFFFF or (0xFFFF if value else 0))


def pseudo_header6(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """What a checksum over IPv6 covers besides the payload (RFC 8200, section 8.1)."""
    return source + destination + struct.pack("!II", length, protocol)


def ethernet(destination: bytes, source: bytes, ethertype: int, payload: bytes) -> bytes:
    """An untagged frame; the switch pads it where a link needs that."""
    return destination + source + ethertype.to_bytes(2) + payload


def arp_reply(destination: bytes, mac: bytes, address: bytes, asker: bytes) -> bytes:
    """The frame that says whose an IPv4 address is; `asker`: a MAC address, and then an IPv4 address."""
    return ethernet(destination, mac, ARP, ARP_REPLY + mac + address + asker)


def tagged(frame: bytes, vlan: int) -> bytes:
    """The frame behind an 802.1Q tag of priority 0."""
    return frame[:12] + struct.pack("!HH", VLAN, vlan) + frame[12:]


def ipv4(source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    """An IPv4 packet that must not be fragmented, TTL 64."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0)
    header += source + destination
    return header[:10] + checksum(header).to_bytes(2) + header[12:] + payload


def ipv6(source: bytes, destination: bytes, protocol: int, payload: bytes, hops: int = 64) -> bytes:
    """An IPv6 packet."""
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + source + destination + payload


def udp4(source: bytes, destination: bytes, ports: tuple[int, int], payload: bytes) -> bytes:
    """A UDP datagram in an IPv4 packet; `ports` are source and destination."""
    length = 8 + len(payload)
    header = struct.pack("!HHH", *ports, length)
    pseudo = source + destination + struct.pack("!HH", UDP, length)
    total = checksum(pseudo + header + b"\0\0" + payload) or 0xFFFF
    return ipv4(source, destination, UDP, header + total.to_bytes(2) + payload)


def udp6(source: bytes, destination: bytes, ports: tuple[int, int], payload: bytes) -> bytes:
    """A UDP datagram in an IPv6 packet; `ports` are source and destination."""
    length = 8 + len(payload)
    header = struct.pack("!HHH", *ports, length)
    pseudo = pseudo_header6(source, destination, UDP, length)
    total = checksum(pseudo + header + b"\0\0" + payload) or 0xFFFF
    return ipv6(source, destination, UDP, header + total.to_bytes(2) + payload)


def icmp4(source: bytes, destination: bytes, type: int, code: int, rest: bytes) -> bytes:
    """An ICMP message in an IPv4 packet; `rest` is all after the checksum (RFC 792)."""
    message = bytes((type, code, 0, 0)) + rest
    return ipv4(source, destination, ICMP, message[:2] + checksum(message).to_bytes(2) + rest)


def icmp6(source: bytes, destination: bytes, type: int, code: int, rest: bytes, hops: int = 64) -> bytes:
    """An ICMPv6 message in an IPv6 packet; `rest` is all after the checksum (RFC 4443)."""
    message = bytes((type, code, 0, 0)) + rest
    total = checksum(pseudo_header6(source, destination, ICMPV6, len(message)) + message)
    return ipv6(source, destination, ICMPV6, message[:2] + total.to_bytes(2) + rest, hops)


@lru_cache(maxsize=65536)
def mac_bytes(mac: str) -> bytes:
    """The six octets of a MAC address in colon form."""
    return bytes.fromhex(mac.replace(":", ""))


def link_local(mac: bytes) -> bytes:
    """The IPv6 link-local address that a station with this MAC gives itself."""
    return mac_addresses.link_local(int.from_bytes(mac)).to_bytes(16)


def is_autonomous(prefix: IPv6Network, address: IPv6Address, mac: bytes) -> bool:
    """Whether a station with this MAC gives itself this address on this prefix (RFC 4862)."""
    formed = int(prefix.network_address) | mac_addresses.interface_identifier(int.from_bytes(mac))
    return prefix.prefixlen == 64 and int(address) == formed


def is_unicast4(address: bytes, network: IPv4Network | None = None) -> bool:
    """Whether one host can have this IPv4 address, and it is no broadcast address of `network`."""
    if address[0] in (0, 127) or address[0] >= 224:
        return False
    return network is None or int.from_bytes(address) != int(network.broadcast_address)
