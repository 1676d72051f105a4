"""What is to be done every now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Periodic:
    """Does something every so many seconds, on a thread of its own, from `start` to `stop`.

    What fails is logged with the `complaint`, and done again the next time.
    """

    def __init__(
        self, name: str, interval: float, action: Callable[[], object], complaint: str | None = None
    ) -> None:
        self._interval = interval
        self._action = action
        self._complaint = complaint or f"{name} failed; it is tried again in {interval:g} s"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; the first time comes after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self._action()
            except Exception:
                log.exception("%s", self._complaint)
