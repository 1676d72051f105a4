"""The hash that Open vSwitch makes of an IP address, little-endian: lookup3 (Jenkins, 2006)."""

from __future__ import annotations

_START = 0xDEADBEEF
_ALL = 0xFFFFFFFF


def hash_address(address: int, version: int = 4) -> int:
    """32 bits that depend on all bits of an address of this version of IP."""
    length = 4 if version == 4 else 16
    said = address.to_bytes(length, "big")
    # Open vSwitch reads the bytes of the address, which are in network order, as numbers of its own order.
    words = [int.from_bytes(said[at : at + 4], "little") for at in range(0, length, 4)]
    a = b = c = _START + length
    if version == 6:
        a, b, c = _mixed(*((one + word) & _ALL for one, word in zip((a, b, c), words, strict=False)))
    a = a + words[-1] & _ALL
    c = _less(c ^ b, b, 14)
    a = _less(a ^ c, c, 11)
    b = _less(b ^ a, a, 25)
    c = _less(c ^ b, b, 16)
    a = _less(a ^ c, c, 4)
    b = _less(b ^ a, a, 14)
    return _less(c ^ b, b, 24)


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Three words mixed so that they can be told from each other again."""
    for bits in (4, 6, 8, 16, 19, 4):
        a = (a - c & _ALL) ^ (c << bits & _ALL | c >> 32 - bits)
        a, b, c = b, c + b & _ALL, a
    return a, b, c


def _less(value: int, other: int, bits: int) -> int:
    """The value less the other one rotated to the left."""
    return value - (other << bits & _ALL | other >> 32 - bits) & _ALL
