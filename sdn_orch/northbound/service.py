"""Use cases in transactions: read one state, decide, validate, commit everything or nothing.

A use case is a function of a `Transaction`: it reads the transaction's snapshot and puts and deletes
records, and sees what it has done so far. `tenants`, `networks` and `machines` hold the use cases that
all doors share; a door adds its own records (jobs, events) to the same transaction, so that a NIC and
the job that made it are committed together.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import TypeVar

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Change, Delete, Difference, Put, Snapshot, target
from sdn_orch.intent.validate import check
from sdn_orch.store.base import Store
from sdn_orch.store.transact import transact
from sdn_orch.vault import Vault, new_key

T = TypeVar("T")
R = TypeVar("R", bound=Record)


class Transaction:
    """Changes on top of one snapshot, made for good only when the use case returns.

    `now` is the time of the transaction, in UTC; `fabric_mtu` the bytes of the largest guest's IP packet
    that the fabric carries; `vault` seals what must not be read in the store.
    """

    def __init__(
        self, before: Snapshot, now: datetime, fabric_mtu: int = 1500, vault: Vault | None = None
    ) -> None:
        self.changes: list[Change] = []
        self.now = now
        self.fabric_mtu = fabric_mtu
        self.vault = vault or Vault(new_key())
        self._snapshot = before
        self._seen = 0

    @property
    def snapshot(self) -> Snapshot:
        """The state with every change so far; raises Invalid or InUse if they do not fit each other."""
        if self._seen < len(self.changes):
            self._dismiss_dependants()
            self._snapshot = self._snapshot.change(self.changes[self._seen :])
            self._seen = len(self.changes)
        return self._snapshot

    def finished(self) -> list[Change]:
        """Everything that is to be committed. Raises like `snapshot`."""
        _ = self.snapshot
        return self.changes

    def put(self, record: R) -> R:
        """Create or replace a record; answers it for chaining (a new one has no number yet)."""
        self.changes.append(Put(record))
        return record

    def delete(self, *records: Record) -> None:
        """Remove records and what goes with them; when the snapshot is next read, nothing may refer to it."""
        self.changes += [Delete(type(record), record.id) for record in records]

    def _dismiss_dependants(self) -> None:
        """Delete what goes with the records that are deleted since the snapshot was last read, and so on."""
        deleted = {target(change) for change in self.changes[self._seen :] if isinstance(change, Delete)}
        waiting = sorted(deleted, key=lambda each: (each[0].__name__, each[1]))
        while waiting:
            for dependant in self._snapshot.dependants(*waiting.pop()):
                one = (type(dependant), dependant.id)
                if one not in deleted:
                    deleted.add(one)
                    waiting.append(one)
                    self.changes.append(Delete(*one))


class Service:
    """Runs use cases against a store. Methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        fabric_mtu: int = 1500,
        vault: Vault | None = None,
    ) -> None:
        """Without a vault, what is sealed opens as long as the service lives."""
        self.vault = vault or Vault(new_key())
        self._store = store
        self._clock = clock
        self._fabric_mtu = fabric_mtu
        # Writers of this process queue here rather than race and retry; other writers are met by retries.
        self._writing = Lock()

    @property
    def snapshot(self) -> Snapshot:
        """The newest committed state."""
        return self._store.snapshot()

    @property
    def now(self) -> datetime:
        """The time that transactions carry, in UTC."""
        return self._clock()

    def differences(self, use_case: Callable[[Transaction], object]) -> tuple[Difference, ...]:
        """What `write` would make different now. Raises as it does, but for the store."""
        before = self._store.snapshot()
        transaction = Transaction(before, self._clock(), self._fabric_mtu, self.vault)
        use_case(transaction)
        changes = transaction.finished()
        check(before, changes)
        return transaction.snapshot.differences(before, changes)

    def write(self, use_case: Callable[[Transaction], T]) -> T:
        """Run the use case and commit; what it answered is returned once it is durable.

        The use case may run several times, each on a newer state. Whatever it, the validation or the
        store raises leaves nothing changed.
        """
        answers: list[T] = []

        def decide(snapshot: Snapshot) -> list[Change]:
            transaction = Transaction(snapshot, self._clock(), self._fabric_mtu, self.vault)
            answers[:] = [use_case(transaction)]
            return transaction.finished()

        with self._writing:
            transact(self._store, decide)
        return answers[0]
