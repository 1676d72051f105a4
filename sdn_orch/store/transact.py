"""Read, decide, commit: the one way in which anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sdn_orch.errors import Conflict
from sdn_orch.intent.snapshot import Change, Snapshot
from sdn_orch.intent.validate import check
from sdn_orch.store.base import Commit, Store

#: Decisions are short, so that losing the race this often means something is badly wrong.
ATTEMPTS = 20


def transact(store: Store, decide: Callable[[Snapshot], Sequence[Change]]) -> Commit:
    """Commit what `decide` makes of the newest snapshot, deciding again when another commit came between.

    `decide` must be pure: it may be called several times. No changes is no commit; the newest revision is
    answered. Raises what `decide`, the validation and the store raise; then nothing has changed.
    """
    for attempt in range(ATTEMPTS):
        snapshot = store.snapshot()
        changes = decide(snapshot)
        if not changes:
            return Commit(snapshot.revision, (), snapshot)
        check(snapshot, changes)
        try:
            return store.commit(changes, snapshot.revision)
        except Conflict:
            if attempt + 1 == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
