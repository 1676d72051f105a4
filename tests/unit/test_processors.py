"""Work shared among processors: the same results whoever finds them, whatever becomes of the helpers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sdn_orch import processors
from sdn_orch.processors import MOST_PIECES, shared

HERE = os.getpid()

needs_two = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor only")


def open_here() -> set[str]:
    """The descriptors that are open, but for the one that finds out."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No descriptor and no process."""
    before = open_here()
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    yield
    assert open_here() == before
    assert not children.read_text()


def helped_by(act: Callable[[], object]) -> Callable[[int], tuple[int, int]]:
    """Work of some milliseconds that says where it was done; helpers do `act` before their first piece."""
    acted: list[object] = []

    def work(piece: int) -> tuple[int, int]:
        if os.getpid() != HERE and not acted:
            acted.append(act())
        time.sleep(0.003)
        return piece, os.getpid()

    return work


@needs_two
def test_all_pieces_are_done_once_and_by_several_processes() -> None:
    found = shared(helped_by(lambda: None), 100)
    assert [piece for piece, _ in found] == list(range(100))
    assert HERE in {process for _, process in found}
    assert len({process for _, process in found}) > 1


def test_a_few_pieces_are_done_here() -> None:
    assert shared(lambda piece: (piece, os.getpid()), 5) == [(piece, HERE) for piece in range(5)]
    assert shared(lambda piece: piece, 0) == []


@needs_two
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda: os._exit(3), id="ends"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), id="is killed"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGTERM), id="is told to end"),
        pytest.param(threading.Event().wait, id="hangs"),
        pytest.param(lambda: [][1], id="fails"),
    ],
)
def test_what_a_helper_does_not_do_is_done_here(
    act: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "_LEAST_PATIENCE", 0.1)
    assert shared(helped_by(act), 60) == [(piece, HERE) for piece in range(60)]


@needs_two
def test_an_error_of_the_work_is_raised_here() -> None:
    def work(piece: int) -> None:
        time.sleep(0.003)
        if piece == 70:
            raise KeyError(piece)

    with pytest.raises(KeyError, match="70"):
        shared(work, 100)


def test_whoever_comes_meanwhile_works_alone() -> None:
    inner: list[set[int]] = []

    def work(piece: int) -> int:
        time.sleep(0.003)
        if os.getpid() == HERE and not inner:
            inner.append({process for _, process in shared(helped_by(lambda: None), 60)})
        return piece

    assert shared(work, 60) == list(range(60))
    assert inner == [{HERE}]


def test_between_pieces_others_may_go_first_here() -> None:
    asked: list[int] = []
    shared(lambda piece: piece, 10, lambda: asked.append(os.getpid()))
    assert asked == 10 * [HERE]


def test_a_helper_holds_nothing_open() -> None:
    reader, writer = os.pipe()

    def work(piece: int) -> bool:
        time.sleep(0.003)
        return os.getpid() == HERE or not Path(f"/proc/self/fd/{writer}").exists()

    try:
        assert all(shared(work, 60))
    finally:
        os.close(reader)
        os.close(writer)


def test_too_many_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        shared(lambda piece: piece, MOST_PIECES + 1)
