"""The hash that Open vSwitch makes of an IPv4 address, little-endian: lookup3 (Jenkins, 2006)."""

from __future__ import annotations

_START = 0xDEADBEEF
_ALL = 0xFFFFFFFF


def hash_address(address: int) -> int:
    """32 bits that depend on all of the address's bits."""
    length = 4
    b = c = _START + length
    # Open vSwitch reads the bytes of the address, which are in network order, as a number of its own order.
    a = b + int.from_bytes(address.to_bytes(length, "big"), "little") & _ALL
    c = _less(c ^ b, b, 14)
    a = _less(a ^ c, c, 11)
    b = _less(b ^ a, a, 25)
    c = _less(c ^ b, b, 16)
    a = _less(a ^ c, c, 4)
    b = _less(b ^ a, a, 14)
    return _less(c ^ b, b, 24)


def _less(value: int, other: int, bits: int) -> int:
    """The value less the other one rotated to the left."""
    return value - (other << bits & _ALL | other >> 32 - bits) & _ALL
