"""Pausing the garbage collector from several places at once."""

from __future__ import annotations

import gc

import pytest

from sdn_orch.uncollected import kept, uncollected


def test_the_last_one_turns_it_on_again() -> None:
    assert gc.isenabled()
    first, second = uncollected(), uncollected()
    with first:
        second.__enter__()
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_it_comes_back_after_an_exception() -> None:
    with pytest.raises(RuntimeError), uncollected():
        raise RuntimeError
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_collector_does_not_look_at_what_is_kept() -> None:
    before = gc.get_freeze_count()
    with kept():
        made: list[list[int]] = [[] for _ in range(1000)]
    assert gc.isenabled() and gc.get_freeze_count() >= before + len(made)
