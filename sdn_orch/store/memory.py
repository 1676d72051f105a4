"""A store that forgets everything when it closes: for tests and for asking "what if"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Lock

from sdn_orch.errors import Conflict, StoreUnavailable
from sdn_orch.intent.snapshot import Change, Snapshot
from sdn_orch.store.base import Commit
from sdn_orch.store.codec import encode
from sdn_orch.store.feed import Feed


class MemoryStore:
    """See `Store`; `clock` gives seconds and is asked for leases only."""

    def __init__(self, snapshot: Snapshot | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._snapshot = snapshot or Snapshot.empty()
        self._feed = Feed(self._snapshot)
        self._clock = clock
        self._lock = Lock()
        self._leases: dict[str, tuple[str, float]] = {}
        self._closed = False

    def snapshot(self) -> Snapshot:
        """See `Store.snapshot`."""
        return self._snapshot

    def commit(self, changes: Sequence[Change], expected: int) -> Commit:
        """See `Store.commit`."""
        with self._lock:
            self._check_open()
            before = self._snapshot
            if expected != before.revision:
                raise Conflict(f"the store is at revision {before.revision}, not {expected}")
            after = before.change(changes)
            differences = after.differences(before, changes)
            if not differences:
                return Commit(before.revision, (), before)
            for _, new in differences:
                if new is not None:
                    encode(new)  # Refuses what a store that keeps its records could not keep.
            commit = Commit(after.revision, differences, after)
            self._snapshot = after
            self._feed.publish(commit)
            return commit

    def watch(self, after: int) -> Iterator[Commit]:
        """See `Store.watch`."""
        return self._feed.watch(after)

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """See `Store.lease`."""
        with self._lock:
            self._check_open()
            now = self._clock()
            held_by, until = self._leases.get(name, (holder, now))
            if held_by != holder and now < until:
                return False
            self._leases[name] = (holder, now + seconds)
            return True

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            self._closed = True
            self._feed.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")
