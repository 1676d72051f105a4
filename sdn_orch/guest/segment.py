"""TCP segments of guests, read as far as a server needs it, and segments to guests (RFC 9293, 3.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from sdn_orch.guest.frame import Ip, checksum, ipv4, ipv6, pseudo_header6

TCP: Final = 6
_END, _NOTHING, _LARGEST = 0, 1, 2


class Flag(IntFlag):
    """The control bits that are looked at."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment; `largest` is what the option says of the largest that its sender takes, if it is there."""

    source: int
    destination: int
    sequence: int
    acknowledged: int
    flags: Flag
    window: int
    payload: bytes = b""
    largest: int | None = None

    @property
    def length(self) -> int:
        """How many sequence numbers it takes."""
        return len(self.payload) + bool(self.flags & Flag.SYN) + bool(self.flags & Flag.FIN)


def read_tcp(ip: Ip) -> Segment | None:
    """The segment of an unfragmented packet. Its checksum is not verified, for the reasons of `read_udp`."""
    data = ip.payload
    if ip.protocol != TCP or ip.fragment or len(data) < 20:
        return None
    source, destination, sequence, acknowledged, header, flags, window = struct.unpack_from("!HHIIBBH", data)
    header = (header >> 4) * 4
    if not 20 <= header <= len(data):
        return None
    return Segment(
        source,
        destination,
        sequence,
        acknowledged,
        Flag(flags & 31),
        window,
        data[header:],
        _read_largest(data[20:header]),
    )


def _read_largest(options: bytes) -> int | None:
    at = 0
    while at < len(options) and options[at] != _END:
        if options[at] == _NOTHING:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2:
            return None
        if options[at] == _LARGEST and length == 4 and at + 4 <= len(options):
            return options[at + 2] << 8 | options[at + 3]
        at += length
    return None


def packet_of(source: bytes, destination: bytes, segment: Segment) -> bytes:
    """The segment in a packet of the version of IP that the addresses are of."""
    options = b"" if segment.largest is None else struct.pack("!BBH", _LARGEST, 4, segment.largest)
    header = struct.pack(
        "!HHIIBBHHH",
        segment.source,
        segment.destination,
        segment.sequence,
        segment.acknowledged,
        (20 + len(options)) << 2,
        segment.flags,
        segment.window,
        0,
        0,
    )
    text = header + options + segment.payload
    if len(source) == 4:
        pseudo = source + destination + struct.pack("!HH", TCP, len(text))
    else:
        pseudo = pseudo_header6(source, destination, TCP, len(text))
    text = text[:16] + checksum(pseudo + text).to_bytes(2) + text[18:]
    return (ipv4 if len(source) == 4 else ipv6)(source, destination, TCP, text)
