"""Turns by time, at a bounded rate."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Schedule(Generic[T]):
    """Who is due when; of those who are due, at most `rate` a second may take their turn.

    A quarter of a second's turns may be saved up. Putting somebody in again replaces the former time.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._turns = 0.0
        self._at: float | None = None
        self._waiting: list[tuple[float, int, Any]] = []
        self._tickets = 0
        self._valid: dict[T, int] = {}

    def put(self, who: T, due: float) -> None:
        """`who` is due at this time."""
        self._tickets += 1
        self._valid[who] = self._tickets
        heapq.heappush(self._waiting, (due, self._tickets, who))

    def drop(self, who: T) -> None:
        """`who` is not due any more."""
        self._valid.pop(who, None)

    def due(self, now: float) -> Iterator[T]:
        """Those whose turn it is, as long as turns are left; each is taken out when it is told."""
        if self._at is not None:
            self._turns += (now - self._at) * self._rate
        self._turns = min(self._turns, self._rate / 4) if self._at is not None else self._rate / 4
        self._at = now
        while self._waiting and self._waiting[0][0] <= now and self._turns >= 1:
            _, ticket, who = heapq.heappop(self._waiting)
            if self._valid.get(who) == ticket:
                del self._valid[who]
                yield who

    def take_turn(self) -> None:
        """Whoever was told last used the turn."""
        self._turns -= 1
