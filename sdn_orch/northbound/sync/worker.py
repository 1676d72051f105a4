"""The thread that compares: everything at the start and every interval, and what events are about at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sdn_orch.errors import ReadFailed
from sdn_orch.northbound.sync.events import Event
from sdn_orch.northbound.sync.sync import Outcome, Sync

log = logging.getLogger(__name__)

#: Seconds after which a reading that failed is tried again, unless the interval is shorter.
_RETRY = 10.0
#: Seconds for which events are gathered, as they come several at a time, and between two comparisons of
#: everything that events ask for.
_GATHER, _REST = 0.05, 10.0
#: Events that wait; when there are more, everything is read instead.
_MOST = 1000


@dataclass(frozen=True, slots=True)
class State:
    """How far comparisons have come.

    `compared` is when everything was last read to the end, and `groups` how many networks and VPCs that were.
    `problem` says why the newest reading failed, `held` why what it found was not done, and `faults` what is
    wrong with groups that are left as they are.
    """

    compared: datetime | None = None
    groups: int = 0
    problem: str | None = None
    held: str | None = None
    faults: tuple[str, ...] = ()


class Worker:
    """Compares every `interval` seconds, and when it hears of something.

    `state` is replaced whole, and may be read from any thread.
    """

    def __init__(self, sync: Sync, interval: float) -> None:
        self.sync = sync
        self.interval = interval
        self.state = State()
        #: One comparison at a time, with what is told of it, so that the newest has the last word.
        self._comparing = threading.Lock()
        self._changed = threading.Condition()
        #: Guarded by it: what was heard, and groups that are to be read again, each when.
        self._events: list[Event] = []
        self._groups: dict[str, float] = {}
        self._stopped = False
        self._due = self._compared = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="cloudstack-sync", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def heed(self, event: Event) -> None:
        """What the event is about is read again soon. May be called from any thread."""
        with self._changed:
            if len(self._events) < _MOST:
                self._events.append(event)
                self._changed.notify()
                return
        self.read_all()

    def read_all(self) -> None:
        """Everything is read again soon, though not again and again. May be called from any thread."""
        with self._changed:
            self._due = min(self._due, max(time.monotonic(), self._compared + _REST))
            self._changed.notify()

    def read_again(self, ids: Collection[str], after: float) -> None:
        """These groups are read again after so many seconds. May be called from any thread."""
        with self._changed:
            for id in ids:
                self._groups.setdefault(id, time.monotonic() + after)
            self._changed.notify()

    def compare(self, *, plan: bool, deletes: bool) -> Outcome:
        """Everything, now and in this thread. Raises ReadFailed. See `Sync.compare`."""
        with self._comparing:
            try:
                outcome = self.sync.compare(plan=plan, deletes=deletes)
            except ReadFailed as failed:
                self._tell(replace(self.state, problem=str(failed)))
                raise
            if not plan:
                self._done(outcome, is_whole=True)
        return outcome

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_woken():
                    self._changed.wait(self._pause())
                if self._stopped:
                    return
                is_heard = bool(self._events)
            if is_heard:
                time.sleep(_GATHER)
            try:
                self._turn()
            except ReadFailed as failed:
                with self._comparing:
                    self._tell(replace(self.state, problem=str(failed)))
                self._due = time.monotonic() + min(self.interval, _RETRY)
            except Exception:
                log.exception("a comparison with CloudStack failed; it is made again")
                self._due = time.monotonic() + min(self.interval, _RETRY)

    def _is_woken(self) -> bool:
        return self._stopped or bool(self._events) or self._pause() <= 0

    def _pause(self) -> float:
        return max(0.0, min((self._due, *self._groups.values())) - time.monotonic())

    def _turn(self) -> None:
        with self._changed:
            heard, self._events = self._events, []
            now = time.monotonic()
            ids = {id for id, due in self._groups.items() if due <= now}
            for id in ids:
                del self._groups[id]
        if now >= self._due or not self.sync.is_complete:
            self._compare()
            return
        for event in heard:
            found = self.sync.groups_of(event)
            if not found:
                # Nobody knows where it belongs.
                self.read_all()
            ids |= found
        if ids:
            with self._comparing:
                self._done(self.sync.refresh(sorted(ids)))

    def _compare(self) -> None:
        self._due = time.monotonic() + self.interval
        with self._comparing:
            self._done(self.sync.compare(), is_whole=True)
        self._compared = time.monotonic()

    def _done(self, outcome: Outcome, *, is_whole: bool = False) -> None:
        """Tell of it. What was held back or at fault stays so until everything is compared again."""
        state = State(self.sync.now, outcome.groups) if is_whole else replace(self.state, problem=None)
        faults = tuple(dict.fromkeys((*state.faults, *outcome.faults)))
        self._tell(replace(state, held=outcome.held or state.held, faults=faults))
        if outcome.held is None and outcome.changes:
            log.info("%s", summary(outcome))

    def _tell(self, state: State) -> None:
        """Log what is wrong, once for as long as it is the same."""
        before, self.state = self.state, state
        for name in ("problem", "held"):
            said = getattr(state, name)
            if said is not None and said != getattr(before, name):
                log.error("CloudStack: %s", said)
        for fault in state.faults:
            if fault not in before.faults:
                log.warning("CloudStack: left as it is: %s", fault)


def summary(outcome: Outcome) -> str:
    """What was done, in a line."""
    counts = {
        word: sum(change.action == action for _, change in outcome.changes)
        for action, word in (("create", "created"), ("change", "changed"), ("delete", "deleted"))
    }
    done = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"CloudStack: {done} in {outcome.groups} networks and VPCs, {outcome.seconds:.1f} s"
