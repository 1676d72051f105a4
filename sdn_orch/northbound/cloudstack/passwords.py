"""Passwords are kept as salted scrypt hashes."""

from __future__ import annotations

import hashlib
import secrets


def scrypt(password: str, salt: bytes | None = None) -> str:
    """Salt and hash, hexadecimal, joined by `$`."""
    salt = salt or secrets.token_bytes(16)
    hashed = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"{salt.hex()}${hashed.hex()}"
