"""Who may compile a whole switch now: those that are there before those that are away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Switches that are away wait while one that is there is being synchronised, and go one at a time.

    Python runs one thread at a time: what is compiled ahead must not delay what is needed now.
    """

    def __init__(self) -> None:
        self._present = 0
        self._changed = threading.Condition()
        self._absent = threading.Lock()

    @contextmanager
    def present(self) -> Iterator[None]:
        """A switch that is there is being synchronised; never waits."""
        with self._changed:
            self._present += 1
        try:
            yield
        finally:
            with self._changed:
                self._present -= 1
                self._changed.notify_all()

    @contextmanager
    def absent(self) -> Iterator[None]:
        """Something is compiled for a switch that is away; waits for its turn."""
        with self._absent:
            with self._changed:
                self._changed.wait_for(lambda: not self._present)
            yield
