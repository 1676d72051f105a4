"""The thread that compares: everything at the start, and again every interval."""

from __future__ import annotations

import logging
import threading

from sdn_orch.errors import ReadFailed
from sdn_orch.northbound.sync.sync import Outcome, Sync

log = logging.getLogger(__name__)

#: Seconds after which a reading that failed is tried again, unless the interval is shorter.
_RETRY = 10.0


class Worker:
    """Compares every `interval` seconds."""

    def __init__(self, sync: Sync, interval: float) -> None:
        self.sync = sync
        self._interval = interval
        self._told: tuple[str | None, tuple[str, ...]] = (None, ())
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cloudstack-sync", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            pause = self._interval if self._compare() else min(self._interval, _RETRY)

    def _compare(self) -> bool:
        """Whether everything could be read."""
        try:
            outcome = self.sync.compare()
        except ReadFailed as failed:
            self._tell(str(failed), ())
            return False
        except Exception:
            log.exception("the comparison with CloudStack failed; it is made again")
            return False
        self._tell(outcome.held, tuple(outcome.faults))
        if outcome.held is None and outcome.changes:
            log.info("%s", summary(outcome))
        return True

    def _tell(self, problem: str | None, faults: tuple[str, ...]) -> None:
        """Log what is wrong, once for as long as it is the same."""
        before, self._told = self._told, (problem, faults)
        if problem is not None and problem != before[0]:
            log.error("CloudStack: %s", problem)
        for fault in faults:
            if fault not in before[1]:
                log.warning("CloudStack: left as it is: %s", fault)


def summary(outcome: Outcome) -> str:
    """What was done, in a line."""
    counts = {
        action: sum(change.action == action for _, change in outcome.changes)
        for action in ("create", "change", "delete")
    }
    done = ", ".join(f"{count} to {action}" for action, count in counts.items() if count)
    return f"CloudStack: {done} in {outcome.groups} networks and VPCs, {outcome.seconds:.1f} s"
