"""What accounts keep to give to their machines: public keys, and user data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sdn_orch.intent.model import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair(Record):
    """A public key under a name; nobody but its owner has the private one."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("account_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    account_id: str
    name: str
    public_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredUserData(Record):
    """User data under a name, sealed; machines that were given them keep them when they are deleted."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("account_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    account_id: str
    name: str
    user_data: str = field(repr=False)
