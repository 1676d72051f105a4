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
from collections import Counter
from collections.abc import Callable, Sequence

from sdn_orch.errors import SdnOrchError, StoreUnavailable
from sdn_orch.guest.worker import Allowance
from sdn_orch.intent.snapshot import Change, Snapshot
from sdn_orch.store.base import Store
from sdn_orch.store.transact import transact
from sdn_orch.tidings import tell

log = logging.getLogger(__name__)

#: How many LLDP frames and first packets may wait, of one port and of all, before they are dropped; they
#: come again. A tenant who floods a port of his loses his own.
PORT_CAPACITY = 16
CAPACITY = 10_000
#: Tracebacks, and complaints of a store that takes nothing, a minute.
TRACEBACKS = 6

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
        self._offered: Counter[tuple[int, int]] = Counter()
        self._offering = threading.Lock()
        self._tracebacks = Allowance(TRACEBACKS, 60.0)
        self._complaints = Allowance(TRACEBACKS, 60.0)
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

    def offer(self, place: tuple[int, int], action: Callable[[], None]) -> None:
        """Like `do`, but dropped (and counted) when too much waits: for what tenants can cause.

        `place` is the switch and the port that it comes from.
        """
        with self._offering:
            if self._offered[place] >= PORT_CAPACITY or self._queue.qsize() >= CAPACITY:
                self.dropped += 1
                return
            self._offered[place] += 1
        self._queue.put(lambda: self._take_offer(place, action))

    def commit(self, decide: Decision, why: str) -> bool:
        """Commit what `decide` says; on the thread only. False when that must be tried again later.

        Where the observation itself is refused it is wrong, and that is all: it is logged.
        """
        try:
            commit = transact(self._store, decide)
        except StoreUnavailable as error:
            if self._complaints.take(time.monotonic()):
                log.error("%s: waits for the store: %s", why, error)
            return False
        except SdnOrchError as error:
            log.error("%s: not taken over: %s", why, error)
            return True
        if commit.changes:
            log.debug("%s (revision %d)", why, commit.revision)
            tell(commit)
        return True

    def _take_offer(self, place: tuple[int, int], action: Callable[[], None]) -> None:
        with self._offering:
            self._offered[place] -= 1
            if not self._offered[place]:
                del self._offered[place]
        action()

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
            if self._tracebacks.take(time.monotonic()):
                unseen = self._tracebacks.refused()
                log.exception("an observation was not taken in (%d more failures not shown)", unseen)
