"""Threads that end by an exception are noticed."""

from __future__ import annotations

import threading

import pytest

from sdn_orch.threads import ThreadEnded, Watch


def fail() -> None:
    raise RuntimeError("a bug")


def run(name: str | None) -> None:
    thread = threading.Thread(target=fail, name=name)
    thread.start()
    thread.join()


def test_a_thread_of_ours_ends_the_daemon(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.excepthook
    with Watch() as watch:
        run("reconcile")
        with pytest.raises(ThreadEnded, match="thread reconcile ended by an exception"):
            watch.wait(5)
    assert threading.excepthook is before
    (record,) = caplog.records
    assert record.levelname == "CRITICAL"
    assert record.exc_info and str(record.exc_info[1]) == "a bug"


def test_a_thread_of_a_library_is_told_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    with Watch() as watch:
        run(None)
        watch.wait(0.01)
    assert "ended by an exception" in caplog.text and "a bug" in caplog.text
