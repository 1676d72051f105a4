"""Domains and accounts: the use cases that all doors share."""

from __future__ import annotations

from uuid import uuid4

from sdn_orch.intent.model import Account, Domain, Role
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.security import default_group
from sdn_orch.northbound.service import Transaction


def root(snapshot: Snapshot) -> Domain:
    """The root of the tree of domains."""
    return snapshot.where(Domain, "path", "/")[0]


def create_domain(transaction: Transaction, name: str, parent: Domain, *, id: str = "") -> Domain:
    """A new domain below the parent; without an id, it gets one."""
    path = f"{parent.path.rstrip('/')}/{name}"
    return transaction.put(Domain(id=id or str(uuid4()), name=name, path=path, parent_id=parent.id))


def create_account(
    transaction: Transaction, name: str, domain: Domain, role: Role, *, id: str = ""
) -> Account:
    """A new tenant in the domain, with the security group of machines that are given none.

    Without an id, it gets one.
    """
    account = transaction.put(Account(id=id or str(uuid4()), name=name, domain_id=domain.id, role=role))
    default_group(transaction, account)
    return account


def lies_in(snapshot: Snapshot, domain_id: str, ancestor: Domain) -> bool:
    """Whether the domain is the ancestor or below it."""
    path = snapshot.need(Domain, domain_id).path
    return path == ancestor.path or path.startswith(ancestor.path.rstrip("/") + "/")
