"""Security groups: the use cases that all doors share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.errors import InUse, Invalid
from sdn_orch.intent.model import Account, Nic
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.service import Transaction

#: Every account has a group named so, for machines that are given none.
DEFAULT = "default"


def default_group(transaction: Transaction, account: Account) -> SecurityGroup:
    """The account's group for machines that are given none; made if it is not there."""
    found = named(transaction.snapshot, account, DEFAULT)
    return found or create_group(transaction, account, DEFAULT, "Default Security Group")


def named(snapshot: Snapshot, account: Account, name: str) -> SecurityGroup | None:
    """The account's group of this name."""
    found = snapshot.where(SecurityGroup, "names", (account.id, name))
    return found[0] if found else None


def create_group(transaction: Transaction, account: Account, name: str, description: str) -> SecurityGroup:
    """A new group without rules."""
    group = SecurityGroup(id=str(uuid4()), account_id=account.id, name=name, description=description)
    return transaction.put(group)


def delete_group(transaction: Transaction, group: SecurityGroup) -> None:
    """Delete the group with its rules. Raises InUse while NICs are in it or the account's groups name it.

    Rules by which groups of other accounts name it go with it: they cannot keep it.
    """
    snapshot = transaction.snapshot
    if group.name == DEFAULT:
        raise Invalid("The security group default is reserved")
    if snapshot.count_where(Nic, "group_ids", group.id):
        raise InUse(f"Cannot delete group {group.name} when it's in use by virtual machines")
    naming = {rule.group_id for rule in snapshot.where(SecurityRule, "peer_id", group.id)} - {group.id}
    if any(snapshot.need(SecurityGroup, id).account_id == group.account_id for id in naming):
        raise InUse(f"Cannot delete group {group.name} when there are security rules that allow this group")
    transaction.delete(group)


def authorize(transaction: Transaction, rule: SecurityRule) -> SecurityRule:
    """Let such packets pass; answers the rule that says so already, if there is one."""
    found = transaction.snapshot.where(SecurityRule, "meanings", rule.meanings[0])
    return found[0] if found else transaction.put(rule)


def assign(transaction: Transaction, nics: Iterable[Nic], groups: Iterable[SecurityGroup]) -> None:
    """Have these groups, and no others, say what the NICs may receive and send."""
    ids = tuple(group.id for group in groups)
    for nic in nics:
        transaction.put(dataclasses.replace(nic, group_ids=ids))
