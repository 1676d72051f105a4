"""Whose objects a management server speaks of, and what they are called here.

CloudStack names most objects by the numbers of its database, so that the same number of the same cloud is
always the same UUID here, whatever became of the object meanwhile. NICs have CloudStack's own UUIDs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

from sdn_orch.intent.model import Account, Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import tenants
from sdn_orch.northbound.security import default_group
from sdn_orch.northbound.service import Transaction

R = TypeVar("R", bound=Record)


def object_id(cloud: str, kind: str, number: str) -> str:
    """The UUID of what has this number in the cloud's database."""
    return str(uuid5(NAMESPACE_URL, f"urn:sdn-orch:cloudstack:{cloud}:{kind}:{number}"))


@dataclass(frozen=True, slots=True)
class Cloud:
    """A CloudStack, and the transaction in which it says something."""

    transaction: Transaction
    name: str

    @property
    def snapshot(self) -> Snapshot:
        """The state with what was changed so far."""
        return self.transaction.snapshot

    def id(self, kind: str, number: str) -> str:
        """See `object_id`."""
        return object_id(self.name, kind, number)

    def put(self, record: R) -> R:
        """Create or replace a record; answers it with its number."""
        self.transaction.put(record)
        return self.snapshot.need(type(record), record.id)

    @property
    def account(self) -> Account:
        """The owner of all that is the cloud's: no command says which tenant's an object is.

        It is made when it is first needed. Validation refuses it where another door has one of this name.
        """
        id = self.id("account", "0")
        found = self.snapshot.get(Account, id)
        if found is None:
            root = tenants.root(self.snapshot)
            found = self.put(Account(id=id, name=self.name, domain_id=root.id))
            default_group(self.transaction, found)
        return found
