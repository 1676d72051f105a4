"""Who may compile a whole switch now: those that are there before those that are away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """Switches that are away wait while one that is there is being synchronised, and go one at a time.

    Python runs one thread at a time: what is compiled ahead must not delay what is needed now. Whether a
    switch is away is asked of `is_away`; `come` says that the answer has changed. While the daemon starts
    only those are compiled ahead that are expected to come.
    """

    def __init__(self) -> None:
        self._is_starting = False
        self._present = 0
        self._is_taken = False
        self._changed = threading.Condition()

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
    def starting(self) -> Iterator[None]:
        """The daemon starts."""
        self._is_starting = True
        try:
            yield
        finally:
            with self._changed:
                self._is_starting = False
                self._changed.notify_all()

    @contextmanager
    def absent(self, is_away: Callable[[], bool], *, is_expected: bool) -> Iterator[bool]:
        """Something is compiled for a switch that is away; waits for its turn, and gives False if the switch
        came before that: then it is compiled as one that is there."""

        def is_free() -> bool:
            return not (self._present or self._is_taken or (self._is_starting and not is_expected))

        with self._changed:
            self._changed.wait_for(lambda: not is_away() or is_free())
            is_turn = is_away()
            self._is_taken |= is_turn
        try:
            yield is_turn
        finally:
            if is_turn:
                with self._changed:
                    self._is_taken = False
                    self._changed.notify_all()

    def give_way(self, is_away: Callable[[], bool]) -> None:
        """Called again and again within `absent`: waits while others that are there are synchronised."""
        if self._present:
            with self._changed:
                self._changed.wait_for(lambda: not self._present or not is_away())

    def come(self) -> None:
        """A switch has come, and need not wait for its turn any longer."""
        with self._changed:
            self._changed.notify_all()
