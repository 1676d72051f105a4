"""The newest commits of a store, for those who watch it: what a store's `watch` is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition

from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.store.base import Commit


class Feed:
    """Keeps the last commits; watchers read them at their own pace and never hold up who publishes.

    `kept` is how many commits a watcher may fall behind before it is told to start again.
    """

    def __init__(self, snapshot: Snapshot, kept: int = 1024) -> None:
        self._newest = snapshot
        self._commits: deque[Commit] = deque(maxlen=kept)
        self._changed = Condition()
        self._closed = False

    def publish(self, commit: Commit) -> None:
        """Show the next commit to every watcher; its revision must follow the last one's."""
        with self._changed:
            if commit.revision != self._newest.revision + 1:
                raise ValueError(f"revision {commit.revision} does not follow {self._newest.revision}")
            self._newest = commit.snapshot
            self._commits.append(commit)
            self._changed.notify_all()

    def close(self) -> None:
        """End every watch, as soon as it has seen all commits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def watch(self, after: int) -> Iterator[Commit]:
        """See `Store.watch`."""
        while (commit := self._next(after)) is not None:
            after = commit.revision
            yield commit

    def _next(self, after: int) -> Commit | None:
        """The commit to show to one who has seen revision `after`; waits for it; None at the end."""
        with self._changed:
            while after == self._newest.revision:
                if self._closed:
                    return None
                self._changed.wait()
            first = self._newest.revision - len(self._commits) + 1
            if first <= after + 1 <= self._newest.revision:
                return self._commits[after + 1 - first]
            return Commit(self._newest.revision, (), self._newest)
