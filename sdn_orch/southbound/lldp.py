"""LLDP frames that say which switch port they left, in a way that only this controller can say it.

IEEE 802.1AB: chassis, port and time to live, then one organisationally specific TLV with a sequence number
and a keyed hash of (dpid, port, sequence). Other LLDP frames are read as None.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

LLDP: Final = 0x88CC
#: The nearest bridge: conforming bridges do not forward it.
_DESTINATION = bytes.fromhex("0180c200000e")
_CHASSIS, _PORT, _TTL, _SPECIFIC, _END = 1, 2, 3, 127, 0
_LOCALLY_ASSIGNED = 7
#: A locally administered identifier, and our only subtype.
_ORGANISATION = bytes.fromhex("0e5d4c") + b"\x01"
_BODY = struct.Struct("!QIQ")
_PROOF = 16
_SPECIFIC_LENGTH = len(_ORGANISATION) + _BODY.size + _PROOF
#: More TLVs than this nobody sends.
_MOST_TLVS = 64


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one of our frames says; not to be believed before `is_genuine`."""

    dpid: int
    port: int
    sequence: int
    proof: bytes


def head(dpid: int, port: int, mac: str) -> bytes:
    """The part of a port's frames that never changes."""
    chassis = bytes((_LOCALLY_ASSIGNED,)) + f"{dpid:016x}".encode()
    number = bytes((_LOCALLY_ASSIGNED,)) + str(port).encode()
    tlvs = _tlv(_CHASSIS, chassis) + _tlv(_PORT, number) + _tlv(_TTL, b"\x00\x78")
    return _DESTINATION + bytes.fromhex(mac.replace(":", "")) + struct.pack("!H", LLDP) + tlvs


def write(head: bytes, key: bytes, dpid: int, port: int, sequence: int) -> bytes:
    """A whole frame; `head` is that of the same port."""
    body = _BODY.pack(dpid, port, sequence)
    return head + _tlv(_SPECIFIC, _ORGANISATION + body + _proof(key, body)) + _tlv(_END, b"")


def read(frame: bytes) -> Announcement | None:
    """What one of our frames says, or None for any other bytes."""
    if len(frame) < 14 or frame[12] << 8 | frame[13] != LLDP:
        return None
    at = 14
    for _ in range(_MOST_TLVS):
        if at + 2 > len(frame):
            return None
        kind, length = frame[at] >> 1, (frame[at] & 1) << 8 | frame[at + 1]
        value = frame[at + 2 : at + 2 + length]
        if kind == _END or len(value) < length:
            return None
        if kind == _SPECIFIC and length == _SPECIFIC_LENGTH and value[:4] == _ORGANISATION:
            dpid, port, sequence = _BODY.unpack_from(value, 4)
            return Announcement(dpid, port, sequence, value[-_PROOF:])
        at += 2 + length
    return None


def is_genuine(key: bytes, said: Announcement) -> bool:
    """Whether the holder of the key said it."""
    expected = _proof(key, _BODY.pack(said.dpid, said.port, said.sequence))
    return hmac.compare_digest(expected, said.proof)


def _proof(key: bytes, body: bytes) -> bytes:
    return blake2b(body, digest_size=_PROOF, key=key, person=b"sdn-orch link").digest()


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!H", kind << 9 | len(value)) + value
