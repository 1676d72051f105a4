"""Whose objects a management server speaks of, and what they are called here.

Its commands name most objects by the numbers of its database, so that the same number of the same cloud is
always the same UUID here, whatever became of the object meanwhile. Its API names them by UUIDs of its own,
which are theirs here too. Whichever name was heard first is the object's; the other is noted beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from sdn_orch.intent.model import Account, Network, Record, Vpc
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import tenants
from sdn_orch.northbound.extension.model import OtherName
from sdn_orch.northbound.security import default_group
from sdn_orch.northbound.service import Transaction

R = TypeVar("R", bound=Record)

#: UUIDs that are made of texts are of this version; CloudStack's are random.
_MADE = 5


def made_id(cloud: str, kind: str, text: str) -> str:
    """A UUID for the object of a kind that this text names in the cloud."""
    return str(uuid5(NAMESPACE_URL, f"urn:sdn-orch:cloudstack:{cloud}:{kind}:{text}"))


def find_id(snapshot: Snapshot, cloud: str, kind: str, name: str) -> str:
    """The id of what has this number in the cloud's database, or this UUID in its API."""
    id = made_id(cloud, kind, name) if name.isdigit() else name
    other = snapshot.get(OtherName, id)
    return other.subject_id if other is not None else id


def is_commanded(snapshot: Snapshot, record: Network | Vpc) -> bool:
    """Whether commands have spoken of it: then they say what becomes of it."""
    return any(UUID(id).version == _MADE for id in _ids(snapshot, record))


def listed_ids(snapshot: Snapshot, record: Network | Vpc) -> set[str]:
    """The UUIDs by which the API was seen to list it."""
    return {id for id in _ids(snapshot, record) if UUID(id).version != _MADE}


def account_id(cloud: str) -> str:
    """The id of the owner of all that is the cloud's."""
    return made_id(cloud, "account", "0")


def _ids(snapshot: Snapshot, record: Network | Vpc) -> list[str]:
    return [record.id, *(each.id for each in snapshot.where(OtherName, "subject_id", record.id))]


@dataclass(frozen=True, slots=True)
class Cloud:
    """A CloudStack, and the transaction in which it says something."""

    transaction: Transaction
    name: str

    @property
    def snapshot(self) -> Snapshot:
        """The state with what was changed so far."""
        return self.transaction.snapshot

    def id(self, kind: str, name: str) -> str:
        """See `find_id`."""
        return find_id(self.snapshot, self.name, kind, name)

    def made_id(self, kind: str, text: str) -> str:
        """See the function."""
        return made_id(self.name, kind, text)

    def call(self, record: Network | Vpc, kind: str, name: str) -> None:
        """The record has this name, too."""
        id = made_id(self.name, kind, name) if name.isdigit() else name
        self.put(OtherName(id=id, subject_kind=type(record).__name__, subject_id=record.id))

    def is_commanded(self, record: Network | Vpc) -> bool:
        """See the function."""
        return is_commanded(self.snapshot, record)

    def put(self, record: R) -> R:
        """Create or replace a record; answers it with its number."""
        self.transaction.put(record)
        return self.snapshot.need(type(record), record.id)

    @property
    def account(self) -> Account:
        """The owner of all that is the cloud's: no command says which tenant's an object is.

        It is made when it is first needed. Validation refuses it where another door has one of this name.
        """
        id = account_id(self.name)
        found = self.snapshot.get(Account, id)
        if found is None:
            root = tenants.root(self.snapshot)
            found = self.put(Account(id=id, name=self.name, domain_id=root.id))
            default_group(self.transaction, found)
        return found
