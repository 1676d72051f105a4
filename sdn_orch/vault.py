"""Secrets, sealed with a key that is kept beside the store and not in it.

Whoever gets hold of the store, or of a copy of it, learns nothing of users' secret keys, private keys of
certificates, and machines' user data and passwords. Each is bound to its record and field: put elsewhere it
does not open.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sdn_orch.errors import Invalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Vault:
    """Seals and opens with one key. May be used by any thread."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @cached_property
    def _cipher(self) -> AESGCM:
        """Imported with the first secret: that takes a while, in which switches may connect."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)

    def seal(self, record_id: str, field: str, secret: bytes) -> str:
        """The secret as it may be stored in this field of this record."""
        nonce = os.urandom(_NONCE_BYTES)
        return b64encode(nonce + self._cipher.encrypt(nonce, secret, _place(record_id, field))).decode()

    def unseal(self, record_id: str, field: str, sealed: str) -> bytes:
        """The secret. Raises Invalid for what was not sealed with this key, for this record and field."""
        from cryptography.exceptions import InvalidTag

        try:
            whole = b64decode(sealed, validate=True)
            return self._cipher.decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], _place(record_id, field))
        except (ValueError, InvalidTag):
            raise Invalid(f"{field} of {record_id}: not sealed with the key in store.secrets_key") from None


def new_key() -> bytes:
    """A key that nothing has been sealed with yet."""
    return os.urandom(_KEY_BYTES)


def open_vault(path: Path, *, is_new: bool = True) -> Vault:
    """The vault of the key in a file, which is made, for its owner alone, if it is not there.

    `is_new` is False where something has been sealed. Raises Invalid for a file without a key, and where the
    key is gone that something was sealed with; OSError where the file cannot be read or made.
    """
    if not path.exists():
        if not is_new:
            raise Invalid(
                f"{path}: the key of the secrets in the store is not there; put it back, or to give them up "
                f"make another with: openssl rand -base64 {_KEY_BYTES}"
            )
        _make(path)
    try:
        key = b64decode(path.read_text(), validate=False)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Invalid(f"{path}: holds no key of {_KEY_BYTES} bytes in Base64; without it no secret opens")
    return Vault(key)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # It gets its name once it is whole: half a key would lock everything up.
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{b64encode(new_key()).decode()}\n")
        file.flush()
        os.fsync(descriptor)
    fresh.rename(path)
    # Nor may its name be lost in a crash, once something is sealed with it.
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _place(record_id: str, field: str) -> bytes:
    return f"{record_id} {field}".encode()
