"""Pausing the garbage collector from several places at once."""

from __future__ import annotations

import gc

import pytest

from sdn_orch.uncollected import uncollected


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
