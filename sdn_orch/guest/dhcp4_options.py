"""Options of DHCPv4 messages, read and written (RFC 2131, RFC 2132, RFC 3396, RFC 3442)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final

#: What stands before the options (RFC 2131, section 3).
MAGIC: Final = b"\x63\x82\x53\x63"
#: Offsets of the fields that options may overflow into, and of the options.
_SNAME, _FILE, _MAGIC_AT, _OPTIONS = 44, 108, 236, 240


class Option(IntEnum):
    """The options that we read or write."""

    PAD = 0
    MASK = 1
    ROUTER = 3
    NAME_SERVERS = 6
    HOST_NAME = 12
    DOMAIN_NAME = 15
    MTU = 26
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER = 54
    PARAMETERS = 55
    MESSAGE = 56
    LARGEST_MESSAGE = 57
    RENEWAL_TIME = 58
    REBINDING_TIME = 59
    CLIENT = 61
    ROUTES = 121
    END = 255


def read_options(message: bytes) -> dict[int, bytes] | None:
    """All options of a message by code, pieces of one option joined; None where they are not well formed.

    The fields `file` and `sname` are read too when the overload option says so, in that order
    (RFC 2131, section 4.1).
    """
    if len(message) < _OPTIONS or message[_MAGIC_AT:_OPTIONS] != MAGIC:
        return None
    options: dict[int, bytes] = {}
    if not _read_into(options, message[_OPTIONS:]):
        return None
    overload = options.pop(Option.OVERLOAD, b"\0")
    if len(overload) != 1 or overload[0] > 3:
        return None
    if overload[0] & 1 and not _read_into(options, message[_FILE:_MAGIC_AT]):
        return None
    if overload[0] & 2 and not _read_into(options, message[_SNAME:_FILE]):
        return None
    return options


def _read_into(options: dict[int, bytes], field: bytes) -> bool:
    at, end = 0, len(field)
    while at < end:
        code = field[at]
        if code == Option.END:
            return True
        if code == Option.PAD:
            at += 1
            continue
        if at + 1 >= end or at + 2 + field[at + 1] > end:
            return False
        after = at + 2 + field[at + 1]
        options[code] = options.get(code, b"") + field[at + 2 : after]
        at = after
    # Clients of the BOOTP kind leave the end mark out.
    return True


def write_options(options: Iterable[tuple[int, bytes]], room: int) -> bytes:
    """Magic and options in their order, ended, in at most `room` bytes; what does not fit is left out.

    Values above 255 bytes are cut into pieces (RFC 3396).
    """
    parts = [MAGIC]
    left = room - len(MAGIC) - 1
    for code, value in options:
        pieces = [value[at : at + 255] for at in range(0, len(value), 255)] or [b""]
        encoded = b"".join(bytes((code, len(piece))) + piece for piece in pieces)
        if len(encoded) <= left:
            parts.append(encoded)
            left -= len(encoded)
    parts.append(bytes((Option.END,)))
    return b"".join(parts)


def encode_routes(routes: Iterable[tuple[IPv4Network, IPv4Address]]) -> bytes:
    """Classless static routes: only the significant octets of each prefix (RFC 3442)."""
    return b"".join(
        bytes((prefix.prefixlen,))
        + prefix.network_address.packed[: (prefix.prefixlen + 7) // 8]
        + next_hop.packed
        for prefix, next_hop in routes
    )
