"""What is remembered of objects that are gone: that there were such ids.

CloudStack keeps removed rows, so that a list by the id of something deleted comes back empty, while an id
that never was is an error. Clients lean on both. Terraform's provider takes either an empty list or the text
"entity does not exist" for gone; but where it deletes or updates, only that text. Ansible's modules and
scripts that wait until a list is empty break on an error. libcloud reads an empty answer as "not found". So:

- lists with the id of something deleted, as `id` or as any other filter, are empty;
- every other call with such an id is refused with the text for entities that do not exist;
- ids that never were are refused everywhere.

Only those who could see the object are told that it was. The newest are kept, as of jobs.
"""

from __future__ import annotations

from collections.abc import Set

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Delete, Snapshot
from sdn_orch.northbound.cloudstack.callers import Caller, may_act_for, owner_id
from sdn_orch.northbound.cloudstack.model_tenancy import Tombstone
from sdn_orch.northbound.service import Transaction

#: How many of the newest are kept.
KEPT = 20_000


def bury(transaction: Transaction, before: Snapshot, kinds: Set[type[Record]]) -> None:
    """Remember what the transaction has deleted of these kinds."""
    gone = [
        record
        for change in transaction.changes
        if isinstance(change, Delete) and change.kind in kinds
        if (record := before.get(change.kind, change.id)) is not None
    ]
    buried = {record.id: record for record in gone[-KEPT:]}
    for number, (id, record) in enumerate(buried.items(), before.last_number(Tombstone) + 1):
        if (earlier := before.get(Tombstone, id)) is not None:
            # A public address has the same id each time that it is taken.
            transaction.delete(earlier)
        transaction.put(
            Tombstone(id=id, kind=type(record).__name__, account_id=owner_id(before, record) or "")
        )
        old = before.numbered(Tombstone, number - KEPT)
        if old is not None and old.id not in buried:
            transaction.delete(old)


def was_there(snapshot: Snapshot, caller: Caller, kind: type[Record], id: str) -> bool:
    """Whether there was such an object, and the caller could see it."""
    tombstone = snapshot.get(Tombstone, id)
    if tombstone is None or tombstone.kind != kind.__name__:
        return False
    return not tombstone.account_id or may_act_for(snapshot, caller, tombstone.account_id)
