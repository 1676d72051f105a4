"""Those that are there are compiled before those that are away."""

from __future__ import annotations

import threading

from sdn_orch.turns import Turns

_PATIENCE = 20.0


class Away:
    """A switch that is away until it comes, compiled ahead on a thread of its own."""

    def __init__(self, turns: Turns, *, is_expected: bool = False) -> None:
        self.is_away = True
        self.is_expected = is_expected
        self.started, self.done = threading.Event(), threading.Event()
        self.step, self.stepped = threading.Semaphore(0), threading.Semaphore(0)
        self.was_turn: bool | None = None
        self._turns = turns
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with self._turns.absent(lambda: self.is_away, is_expected=self.is_expected) as self.was_turn:
            self.started.set()
            while self.was_turn and self.step.acquire() and not self.done.is_set():
                self._turns.give_way(lambda: self.is_away)
                self.stepped.release()
        self.done.set()

    def come(self) -> None:
        self.is_away = False
        self._turns.come()

    def end(self) -> None:
        self.done.set()
        self.step.release()


def test_what_is_compiled_ahead_stops_while_one_that_is_there_is_synchronised() -> None:
    turns = Turns()
    away = Away(turns)
    assert away.started.wait(_PATIENCE)
    with turns.present():
        away.step.release()
        assert not away.stepped.acquire(timeout=0.05)
    assert away.stepped.acquire(timeout=_PATIENCE)
    away.end()


def test_one_that_comes_goes_on_with_what_was_begun_ahead() -> None:
    turns = Turns()
    away = Away(turns)
    assert away.started.wait(_PATIENCE)
    with turns.present():
        away.step.release()
        away.come()
        assert away.stepped.acquire(timeout=_PATIENCE)
    away.end()


def test_one_that_comes_while_it_waits_for_its_turn_waits_no_longer() -> None:
    turns = Turns()
    first = Away(turns)
    assert first.started.wait(_PATIENCE)
    second = Away(turns)
    assert not second.started.wait(0.05)
    second.come()
    assert second.done.wait(_PATIENCE)
    assert second.was_turn is False
    first.end()


def test_one_at_a_time() -> None:
    turns = Turns()
    first = Away(turns)
    assert first.started.wait(_PATIENCE)
    second = Away(turns)
    assert not second.started.wait(0.05)
    first.end()
    assert second.started.wait(_PATIENCE)
    assert second.was_turn
    second.end()


def test_while_the_daemon_starts_only_expected_ones_are_compiled_ahead() -> None:
    turns = Turns()
    with turns.starting():
        other, expected = Away(turns), Away(turns, is_expected=True)
        assert expected.started.wait(_PATIENCE)
        expected.end()
        assert expected.done.wait(_PATIENCE)
        assert not other.started.wait(0.05)
    assert other.started.wait(_PATIENCE)
    other.end()
