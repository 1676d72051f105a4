"""No thread ends in silence.

Every loop of the daemon guards what it calls. Should one of them end all the same, a daemon that goes on
with a part of itself missing is worse than one that starts again: the switches keep their rules meanwhile.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from sdn_orch.errors import SdnOrchError

log = logging.getLogger(__name__)


class ThreadEnded(SdnOrchError):
    """A thread of the daemon ended by an exception."""


class Watch:
    """Within it, exceptions that end a thread are logged, and `wait` raises for those of the daemon's own.

    The daemon names its threads; Python names those of libraries and Ryu applications, `Thread-1` and so
    on. One of theirs is no reason to stop.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._name = ""
        self._before = threading.excepthook

    def __enter__(self) -> Watch:
        self._before, threading.excepthook = threading.excepthook, self._tell
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        threading.excepthook = self._before

    def wait(self, seconds: float | None = None) -> None:
        """Wait. Raises ThreadEnded when one of the daemon's threads has ended by an exception."""
        if self._ended.wait(seconds):
            raise ThreadEnded(f"thread {self._name} ended by an exception, which the log has")

    def _tell(self, ended: threading.ExceptHookArgs) -> None:
        name = ended.thread.name if ended.thread else "(unknown)"
        error = ended.exc_value or ended.exc_type()
        log.critical("thread %s ended by an exception", name, exc_info=error)
        if not name.startswith("Thread-"):
            self._name = self._name or name
            self._ended.set()
