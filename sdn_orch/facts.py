"""What is observed of the world becomes facts in the store: switches, links, where NICs are.

One thread takes every observation in order (a switch connected, a port changed, LLDP came in, OVSDB says
whose a port is) and commits what follows from it. Nothing else in the daemon writes these records, and the
data plane changes only because the store did.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from sdn_orch.errors import SdnOrchError
from sdn_orch.intent.snapshot import Change, Snapshot
from sdn_orch.store.base import Store
from sdn_orch.store.transact import transact

log = logging.getLogger(__name__)

#: How many may wait before LLDP frames and first packets are dropped; they come again.
CAPACITY = 10_000

#: A decision: from the newest snapshot to the changes that an observation asks for.
Decision = Callable[[Snapshot], Sequence[Change]]


class Facts:
    """Runs decisions one after another on a thread of its own; see the module."""

    def __init__(self, store: Store, *, tick: Callable[[float], None], interval: float = 0.1) -> None:
        """`tick` is called with the monotonic time about every `interval` seconds, between decisions."""
        self._store = store
        self._tick = tick
        self._interval = interval
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="facts", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, and end."""
        self._queue.put(None)
        self._thread.join(timeout=5)

    def do(self, action: Callable[[], None]) -> None:
        """Run `action` on the thread, in order. Never blocks."""
        self._queue.put(action)

    def offer(self, action: Callable[[], None]) -> None:
        """Like `do`, but dropped (and counted) when too much waits: for what tenants can cause."""
        if self._queue.qsize() < CAPACITY:
            self._queue.put(action)
        else:
            self.dropped += 1

    def commit(self, decide: Decision, why: str) -> None:
        """Commit what `decide` says; on the thread only. A refusal is logged: the observation is wrong."""
        try:
            commit = transact(self._store, decide)
        except SdnOrchError as error:
            log.error("%s: not taken over: %s", why, error)
            return
        if commit.changes:
            log.info("%s (revision %d)", why, commit.revision)

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= due:
                self._guard(lambda: self._tick(time.monotonic()))
                due = now + self._interval
            try:
                action = self._queue.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                continue
            if action is None:
                return
            self._guard(action)

    def _guard(self, action: Callable[[], None]) -> None:
        """An observation that we stumble over must not end the observing."""
        try:
            action()
        except Exception:
            log.exception("an observation was not taken in")
