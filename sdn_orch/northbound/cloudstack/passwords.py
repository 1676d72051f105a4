"""Passwords are kept as salted scrypt hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets

#: How often scrypt mixes: this takes 16 MiB and some 50 ms.
COST = 2**14
#: What passwords are compared with where there is none; nobody has a hash of no bytes.
_NOBODYS = f"{bytes(16).hex()}$"


def scrypt(password: str, salt: bytes | None = None) -> str:
    """Salt and hash, hexadecimal, joined by `$`."""
    salt = salt or secrets.token_bytes(16)
    hashed = hashlib.scrypt(password.encode(), salt=salt, n=COST, r=8, p=1)
    return f"{salt.hex()}${hashed.hex()}"


def fits(password: str, kept: str) -> bool:
    """Whether the password is the one that is kept; takes as long if none is (`kept` empty)."""
    kept = kept or _NOBODYS
    salt = bytes.fromhex(kept.partition("$")[0])
    return hmac.compare_digest(scrypt(password, salt), kept)
