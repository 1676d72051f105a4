"""Key pairs of users: what signs their calls. The secret key lies sealed in the store."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.vault import Vault

_SECRET_KEY = "secret_key"  # noqa: S105


@dataclass(frozen=True, slots=True)
class UserKeys:
    """What the user with this id signs with; both None: the user has no keys."""

    id: str
    api_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


def new_key() -> str:
    """A key that nobody else has."""
    return secrets.token_urlsafe(64)


def keys_of(user: User, vault: Vault) -> UserKeys:
    """The user's keys. Raises Invalid for a secret key that was sealed with another vault's."""
    if user.secret_key is None:
        return UserKeys(user.id)
    opened = vault.unseal(user.id, _SECRET_KEY, user.secret_key)
    return UserKeys(user.id, user.api_key, opened.decode())


def with_keys(user: User, api_key: str, secret_key: str, vault: Vault) -> User:
    """The user with this key pair, and no other."""
    sealed = vault.seal(user.id, _SECRET_KEY, secret_key.encode())
    return replace(user, api_key=api_key, secret_key=sealed)
