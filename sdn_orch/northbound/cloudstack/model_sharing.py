"""Networks that are shared with single accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.model import Account, Network, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPermission(Record):
    """That an account, perhaps that of a project, may use a network of another one's."""

    REFERENCES: ClassVar[dict[str, str]] = {"network_id": "Network", "account_id": "Account"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("network_id", "account_id")

    network_id: str
    account_id: str


def permission(network: Network, account: Account) -> NetworkPermission:
    """The permission, one for a network and an account."""
    return NetworkPermission(id=f"{network.id}/{account.id}", network_id=network.id, account_id=account.id)
