"""Tokens that open the operator's door over TCP. What opens it is shown once; the store has its hash."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import uuid4

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.service import Transaction

_PREFIX = "sdn-orch-"


class Scope(StrEnum):
    """What a token is good for; each also for what the ones before it are, but for `proxy`."""

    READ = "read"
    OPERATE = "operate"
    #: Only for what a gateway's host asks to run proxies, which only this one and `admin` are good for.
    PROXY = "proxy"
    ADMIN = "admin"


_ORDER = list(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Record):
    """Somebody's right to ask. `digest` is the SHA-256 of what opens the door, 256 random bits."""

    INDEXES: ClassVar[tuple[str, ...]] = ("digest",)

    name: str
    scope: Scope
    created: datetime
    digest: str = field(repr=False)
    expires: datetime | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the token is good for what needs this scope."""
        if Scope.PROXY in (self.scope, scope):
            return self.scope in (scope, Scope.ADMIN)
        return _ORDER.index(self.scope) >= _ORDER.index(scope)


def create(transaction: Transaction, name: str, scope: Scope, days: int | None) -> tuple[Token, str]:
    """A new token and what opens the door."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    now = transaction.now
    token = Token(
        id=str(uuid4()),
        name=name,
        scope=scope,
        created=now,
        digest=_digest(secret),
        expires=None if days is None else now + timedelta(days=days),
    )
    return transaction.put(token), secret


def find(snapshot: Snapshot, secret: str, now: datetime) -> Token | None:
    """The token that this opens the door for, unless it has expired.

    It is looked up by its hash, so that the time tells nothing of any secret.
    """
    found = snapshot.where(Token, "digest", _digest(secret))
    return next((token for token in found if token.expires is None or now < token.expires), None)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
