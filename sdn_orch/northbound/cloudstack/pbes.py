"""How much work it is to open a key with its password, told without doing it.

Whoever encrypts a key says in it how often the password is to be hashed (PBES2, RFC 8018, A.4; RFC 5958, 3):
a thousand million rounds stop whoever opens it for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

_SEQUENCE, _INTEGER, _CONSTRUCTED = 0x30, 0x02, 0x20
#: The object identifier of scrypt (RFC 7914, 7), whose numbers multiply.
_SCRYPT = bytes.fromhex("2b06010401da47040b")
#: One of its units is about so many rounds of PBKDF2.
_SCRYPT_UNITS = 4
_DEEPEST = 8


def effort(encrypted: bytes) -> int:
    """About how many rounds of hashing open an EncryptedPrivateKeyInfo, DER. Raises ValueError for others."""
    tag, whole, rest = _element(encrypted)
    if tag != _SEQUENCE or rest:
        raise ValueError("not one sequence")
    tag, algorithm, _ = _element(whole)
    if tag != _SEQUENCE:
        raise ValueError("no algorithm")
    numbers = list(_integers(algorithm))
    if _SCRYPT in algorithm:
        return prod(max(1, number) for number in numbers) // _SCRYPT_UNITS
    return max(numbers, default=0)


def _integers(content: bytes, depth: int = 0) -> Iterator[int]:
    """Every whole number inside, however deep."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    while content:
        tag, inner, content = _element(content)
        if tag == _INTEGER:
            yield int.from_bytes(inner)
        elif tag & _CONSTRUCTED:
            yield from _integers(inner, depth + 1)


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element (X.690, 8.1), and what follows it."""
    if len(data) < 2:
        raise ValueError("cut off")
    tag, size, at = data[0], data[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(data[2:at])
    if len(data) < at + size or tag & 0x1F == 0x1F:
        raise ValueError("cut off, or of a form that keys do not have")
    return tag, data[at : at + size], data[at + size :]
