"""The store: one revisioned set of records, the only truth. Four methods, one conformance kit.

`snapshot` gives an immutable view; `commit` makes one atomic, durable change to exactly the revision it
was made from; `watch` tells every revision after one; `lease` elects one holder of a name for a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Change, Snapshot


@dataclass(frozen=True, slots=True)
class Commit:
    """One revision: what changed, what stood there before, and the snapshot after it.

    `changes` holds `(before, after)` per record: None before is a creation, None after a deletion.
    """

    revision: int
    changes: tuple[tuple[Record | None, Record | None], ...]
    snapshot: Snapshot


class Store(Protocol):
    """Every method may be called from any thread."""

    def snapshot(self) -> Snapshot:
        """The newest committed state. Cheap: no copy, no I/O."""
        ...

    def commit(self, changes: Sequence[Change], expected: int) -> Commit:
        """Apply all changes durably and atomically on top of revision `expected`.

        New records (number 0) get their number here. Changes that make no difference make no revision:
        the commit returned then is the newest revision, without changes. Raises Conflict if the store has
        moved on, Invalid if a reference names nothing, an id is taken or a value is not of its field's
        type, NotFound if a record to be deleted does not exist, InUse if a deleted one is still referred
        to, Exhausted if a kind has no number left, StoreUnavailable if the medium fails or the store is
        closed; in each case nothing has changed.
        """
        ...

    def watch(self, after: int) -> Iterator[Commit]:
        """Every commit with a revision above `after`, in order, for ever, ending when the store closes.

        The iterator blocks while there is none; commits never wait for it.

        A watcher that asks for a revision no longer kept, or falls too far behind, first gets one commit
        without changes whose snapshot is the newest: the sign to start again from there.
        """
        ...

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew the lease `name` for `holder`; False while another holder's has not run out.

        0 seconds give it back. Raises StoreUnavailable like `commit`.
        """
        ...

    def close(self) -> None:
        """End all watches, once each has seen every commit, and release the medium."""
        ...
