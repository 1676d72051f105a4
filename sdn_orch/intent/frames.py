"""Packets from and to the bytes of a frame: bounded and strict, since tenants choose the bytes.

Lengths and checksums are computed when a frame is written, and link padding is cut off when one is read.
Checksums are not verified: switches do not either.
"""

from __future__ import annotations

from struct import Struct, error

from sdn_orch.errors import MalformedMessage
from sdn_orch.intent.packet import (
    ARP,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    LATER_FRAGMENT,
    NO_TYPE,
    SCTP,
    TCP,
    UDP,
    Packet,
)

_ARP = Struct("!HHBBH6sI6sI")
_IPV4 = Struct("!BBHHHBBHII")
_IPV6 = Struct("!IHBB16s16s")
_UDP = Struct("!HHHH")
_SOURCE_OPTION, _TARGET_OPTION = 1, 2
#: Hop-by-hop, routing and destination options.
_EXTENSIONS = frozenset({0, 43, 60})
_FRAGMENT = 44
_MAX_EXTENSIONS = 8
#: Bytes of the headers of UDP, ICMP and ICMPv6.
_LEAST_TRANSPORT = 8
#: Bytes of SCTP's common header; without all of it nobody sees ports.
_SCTP_HEADER = 12
#: A frame longer than this is nobody's (jumbo frames are 9,216 bytes at most).
LARGEST_FRAME = 65_535


def read_frame(frame: bytes) -> Packet:
    """The packet in a frame.

    Raises MalformedMessage where a length or version in it is wrong or it ends too early; unknown types
    are no fault, their bytes are payload.
    """
    if len(frame) > LARGEST_FRAME:
        raise MalformedMessage(f"frame of {len(frame)} bytes")
    try:
        return _read_ethernet(frame)
    except error as short:
        raise MalformedMessage(f"frame of {len(frame)} bytes is cut short: {short}") from None


def _read_ethernet(frame: bytes) -> Packet:
    fields = {"eth_dst": _number(frame, 0, 6), "eth_src": _number(frame, 6, 6)}
    offset = 12
    eth_type = _number(frame, offset, 2)
    if eth_type == 0x8100:
        tag = _number(frame, 14, 2)
        fields["vlan_vid"], fields["vlan_pcp"] = 0x1000 | tag & 0xFFF, tag >> 13
        offset, eth_type = 16, _number(frame, 16, 2)
    body = frame[offset + 2 :]
    if eth_type < 0x0600:
        if eth_type > len(body):
            raise MalformedMessage(f"length field says {eth_type} bytes, there are {len(body)}")
        return Packet.from_fields({**fields, "eth_type": NO_TYPE}, body[:eth_type])
    fields["eth_type"] = eth_type
    if eth_type == ARP:
        return _read_arp(fields, body)
    if eth_type == IPV4:
        return _read_ipv4(fields, body)
    if eth_type == IPV6:
        return _read_ipv6(fields, body)
    return Packet.from_fields(fields, body)


def _read_arp(fields: dict[str, int], body: bytes) -> Packet:
    hardware, protocol, hardware_length, protocol_length, operation, sha, spa, tha, tpa = _ARP.unpack_from(
        body
    )
    if (hardware, protocol, hardware_length, protocol_length) != (1, IPV4, 6, 4):
        raise MalformedMessage("ARP is not for IPv4 over Ethernet")
    fields |= {"arp_op": operation, "arp_spa": spa, "arp_tpa": tpa}
    fields |= {"arp_sha": int.from_bytes(sha, "big"), "arp_tha": int.from_bytes(tha, "big")}
    return Packet.from_fields(fields)


def _read_ipv4(fields: dict[str, int], body: bytes) -> Packet:
    first, service, total, _, fragment, ttl, protocol, _, source, destination = _IPV4.unpack_from(body)
    header = 4 * (first & 0xF)
    if first >> 4 != 4 or header < 20 or not header <= total <= len(body):
        raise MalformedMessage(f"IPv4 header of {header} bytes, packet of {total} in {len(body)}")
    fields |= {"ip_dscp": service >> 2, "ip_ecn": service & 3, "ip_ttl": ttl, "ip_proto": protocol}
    fields |= {"ipv4_src": source, "ipv4_dst": destination}
    fields["ip_frag"] = 3 if fragment & 0x1FFF else 1 if fragment & 0x2000 else 0
    return _read_transport(fields, body[header:total], body[20:header])


def _read_ipv6(fields: dict[str, int], body: bytes) -> Packet:
    first, length, following, hop_limit, source, destination = _IPV6.unpack_from(body)
    if first >> 28 != 6 or 40 + length > len(body):
        raise MalformedMessage(f"IPv6 packet of {40 + length} bytes in {len(body)}")
    service = first >> 20 & 0xFF
    fields |= {"ip_dscp": service >> 2, "ip_ecn": service & 3, "ip_ttl": hop_limit, "ip_frag": 0}
    fields |= {"ipv6_src": int.from_bytes(source, "big"), "ipv6_dst": int.from_bytes(destination, "big")}
    content, offset, protocol = body[40 : 40 + length], 0, following
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _EXTENSIONS and protocol != _FRAGMENT:
            break
        kind, protocol = protocol, _number(content, offset, 1)
        size = 8 if kind == _FRAGMENT else 8 * (1 + _number(content, offset + 1, 1))
        if offset + size > len(content):
            raise MalformedMessage(f"IPv6 extension header {kind} is cut short")
        if kind == _FRAGMENT:
            place = _number(content, offset + 2, 2)
            fields["ip_frag"] = 3 if place & 0xFFF8 else 1 if place & 1 else 0
        offset += size
    else:
        raise MalformedMessage(f"more than {_MAX_EXTENSIONS} IPv6 extension headers")
    fields["ip_proto"] = protocol
    return _read_transport(fields, content[offset:], bytes([following]) + content[:offset] if offset else b"")


def _read_transport(fields: dict[str, int], content: bytes, options: bytes) -> Packet:
    protocol, version6 = fields["ip_proto"], "ipv6_src" in fields
    if fields["ip_frag"] == LATER_FRAGMENT or (fields["ip_frag"] == 1 and len(content) < _LEAST_TRANSPORT):
        return Packet.from_fields(fields, content, options)
    if protocol == TCP:
        fields |= {"tcp_src": _number(content, 0, 2), "tcp_dst": _number(content, 2, 2)}
        return Packet.from_fields(fields, content[4:], options)
    if protocol == UDP:
        source, destination, length, _ = _UDP.unpack_from(content)
        if not 8 <= length <= len(content) and not fields["ip_frag"]:
            raise MalformedMessage(f"UDP length {length} in {len(content)} bytes")
        fields |= {"udp_src": source, "udp_dst": destination}
        return Packet.from_fields(fields, content[8:length], options)
    if protocol == SCTP and len(content) >= _SCTP_HEADER:
        # Its checksum covers no address, and stays what it was.
        fields |= {"sctp_src": _number(content, 0, 2), "sctp_dst": _number(content, 2, 2)}
        return Packet.from_fields(fields, content[4:], options)
    if protocol == ICMP and not version6:
        fields |= {"icmpv4_type": _number(content, 0, 1), "icmpv4_code": _number(content, 1, 1)}
        return Packet.from_fields(fields, _after(content, 4), options)
    if protocol == ICMPV6 and version6:
        fields |= {"icmpv6_type": _number(content, 0, 1), "icmpv6_code": _number(content, 1, 1)}
        is_whole = not fields["ip_frag"]
        if is_whole and fields["icmpv6_type"] in (135, 136) and fields["icmpv6_code"] == 0:
            return _read_neighbour(fields, content, options)
        return Packet.from_fields(fields, _after(content, 4), options)
    return Packet.from_fields(fields, content, options)


def _read_neighbour(fields: dict[str, int], content: bytes, options: bytes) -> Packet:
    fields |= {"ipv6_nd_reserved": _number(content, 4, 4), "ipv6_nd_target": _number(content, 8, 16)}
    found: dict[int, int] = {}
    rest, offset = b"", 24
    while offset < len(content):
        kind, size = _number(content, offset, 1), 8 * _number(content, offset + 1, 1)
        if not size or offset + size > len(content):
            raise MalformedMessage("option of neighbour discovery is cut short or empty")
        if kind in (_SOURCE_OPTION, _TARGET_OPTION):
            if size != 8 or kind in found:
                raise MalformedMessage("link-layer address option is repeated or has a wrong length")
            found[kind] = _number(content, offset + 2, 6)
        else:
            rest += content[offset : offset + size]
        offset += size
    fields |= {"ipv6_nd_options_type": next(iter(found), 0)}
    fields |= {"ipv6_nd_sll": found.get(_SOURCE_OPTION, 0), "ipv6_nd_tll": found.get(_TARGET_OPTION, 0)}
    return Packet.from_fields(fields, rest, options)


def _number(data: bytes, offset: int, size: int) -> int:
    if offset + size > len(data):
        raise MalformedMessage(f"frame ends before byte {offset + size} of a header")
    return int.from_bytes(data[offset : offset + size], "big")


def _after(data: bytes, offset: int) -> bytes:
    if offset > len(data):
        raise MalformedMessage(f"frame ends before byte {offset} of a header")
    return data[offset:]


def write_frame(packet: Packet) -> bytes:
    """The bytes of a packet, checksums included, without padding."""
    body = _write_body(packet)
    head = packet["eth_dst"].to_bytes(6, "big") + packet["eth_src"].to_bytes(6, "big")
    if (vlan := packet.get("vlan_vid")) is not None:
        head += b"\x81\x00" + (vlan & 0xFFF | (packet.get("vlan_pcp") or 0) << 13).to_bytes(2, "big")
    eth_type = packet["eth_type"]
    return head + (len(body) if eth_type == NO_TYPE else eth_type).to_bytes(2, "big") + body


def _write_body(packet: Packet) -> bytes:
    present = dict(packet.fields)
    if "arp_op" in present:
        sha, tha = (present[name].to_bytes(6, "big") for name in ("arp_sha", "arp_tha"))
        return _ARP.pack(1, IPV4, 6, 4, present["arp_op"], sha, present["arp_spa"], tha, present["arp_tpa"])
    if "ipv4_src" in present:
        return _write_ipv4(packet, present)
    if "ipv6_src" in present:
        return _write_ipv6(packet, present)
    return packet.payload


def _write_ipv4(packet: Packet, present: dict[str, int]) -> bytes:
    source, destination, protocol = present["ipv4_src"], present["ipv4_dst"], present["ip_proto"]
    content = _write_transport(packet, present, source.to_bytes(4, "big") + destination.to_bytes(4, "big"))
    header = 20 + len(packet.options)
    fragment = {0: 0x4000, 1: 0x2000, 3: 0x00B9}[present.get("ip_frag", 0)]
    service = present.get("ip_dscp", 0) << 2 | present.get("ip_ecn", 0)
    fields = (
        0x40 | header // 4,
        service,
        header + len(content),
        0,
        fragment,
        present.get("ip_ttl", 64),
        protocol,
    )
    blank = _IPV4.pack(*fields, 0, source, destination) + packet.options
    return _IPV4.pack(*fields, _checksum(blank), source, destination) + packet.options + content


def _write_ipv6(packet: Packet, present: dict[str, int]) -> bytes:
    source, destination = (present[name].to_bytes(16, "big") for name in ("ipv6_src", "ipv6_dst"))
    content = packet.options[1:] + _write_transport(packet, present, source + destination)
    following = packet.options[0] if packet.options else present["ip_proto"]
    service = present.get("ip_dscp", 0) << 2 | present.get("ip_ecn", 0)
    first = 6 << 28 | service << 20
    return (
        _IPV6.pack(first, len(content), following, present.get("ip_ttl", 64), source, destination) + content
    )


def _write_transport(packet: Packet, present: dict[str, int], addresses: bytes) -> bytes:
    protocol, payload = present["ip_proto"], packet.payload
    if "udp_src" in present:
        length = 8 + len(payload)
        head = _UDP.pack(present["udp_src"], present["udp_dst"], length, 0)
        return (
            _sealed(head + payload, 6, _pseudo(addresses, protocol, length))
            if not present.get("ip_frag")
            else head + payload
        )
    if "tcp_src" in present:
        data = present["tcp_src"].to_bytes(2, "big") + present["tcp_dst"].to_bytes(2, "big") + payload
        return _sealed(data, 16, _pseudo(addresses, protocol, len(data))) if len(data) >= 20 else data
    if "sctp_src" in present:
        return present["sctp_src"].to_bytes(2, "big") + present["sctp_dst"].to_bytes(2, "big") + payload
    if "icmpv4_type" in present:
        return _sealed(bytes([present["icmpv4_type"], present["icmpv4_code"], 0, 0]) + payload, 2, b"")
    if "icmpv6_type" in present:
        data = (
            bytes([present["icmpv6_type"], present["icmpv6_code"], 0, 0])
            + _write_neighbour(present)
            + payload
        )
        return _sealed(data, 2, _pseudo(addresses, protocol, len(data)))
    return payload


def _write_neighbour(present: dict[str, int]) -> bytes:
    if "ipv6_nd_target" not in present:
        return b""
    data = present["ipv6_nd_reserved"].to_bytes(4, "big") + present["ipv6_nd_target"].to_bytes(16, "big")
    options = {_SOURCE_OPTION: present["ipv6_nd_sll"], _TARGET_OPTION: present["ipv6_nd_tll"]}
    first = present["ipv6_nd_options_type"]
    for kind in sorted(options, key=lambda option: option != first):
        if options[kind]:
            data += bytes([kind, 1]) + options[kind].to_bytes(6, "big")
    return data


def _pseudo(addresses: bytes, protocol: int, length: int) -> bytes:
    return addresses + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")


def _sealed(data: bytes, at: int, pseudo: bytes) -> bytes:
    blank = data[:at] + b"\x00\x00" + data[at + 2 :]
    value = _checksum(pseudo + blank)
    if at == 6 and value == 0:
        value = 0xFFFF  # of UDP, where 0 says that there is none
    return data[:at] + value.to_bytes(2, "big") + data[at + 2 :]


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\x00"
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
