"""Mininet's traces: exactly what a run noted is removed, by itself or by the next run after a SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from topologies.footprint import MARK, claim, remove_leftovers

#: Claims a slot, starts a daemon in a session of its own, says so, and waits for its end.
RUN = """
import subprocess, sys, time
from pathlib import Path
from topologies.footprint import claim
taken = claim(Path(sys.argv[1]))
(taken.directory / "file").write_text("x")
daemon = subprocess.Popen(["sleep", "1000"], start_new_session=True)
print(taken.prefix, daemon.pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture(autouse=True)
def unmarked() -> Iterator[None]:
    around = os.environ.pop(MARK, None)
    yield
    os.environ.pop(MARK, None)
    if around is not None:
        os.environ[MARK] = around


def running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def start_run(base: Path) -> tuple[subprocess.Popen[str], str, int]:
    run = subprocess.Popen([sys.executable, "-c", RUN, str(base)], stdout=subprocess.PIPE, text=True)
    assert run.stdout
    prefix, pid = run.stdout.readline().split()
    return run, prefix, int(pid)


def test_runs_side_by_side_have_names_of_their_own(tmp_path: Path) -> None:
    first, second = claim(tmp_path), claim(tmp_path)
    assert first.prefix != second.prefix
    assert first.run != second.run
    first.remove()
    third = claim(tmp_path)
    assert third.prefix == first.prefix
    second.remove()
    third.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_run_removes_its_processes_and_directory(tmp_path: Path) -> None:
    taken = claim(tmp_path)
    marked = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    bystander = subprocess.Popen(["sleep", "1000"], env={})
    (taken.directory / "store.db").write_text("x")
    taken.remove()
    assert not running(marked.pid)
    assert running(bystander.pid)
    bystander.kill()
    bystander.wait()
    assert list(tmp_path.iterdir()) == []
    assert MARK not in os.environ


def test_a_run_within_another_gives_its_children_back(tmp_path: Path) -> None:
    outer = claim(tmp_path)
    claim(tmp_path).remove()
    marked = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    outer.remove()
    assert not running(marked.pid)
    assert MARK not in os.environ


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    dead, prefix, daemon = start_run(tmp_path)
    alive, other_prefix, other_daemon = start_run(tmp_path)
    slot, other_slot = prefix.rstrip("-"), other_prefix.rstrip("-")
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    assert running(daemon)
    assert remove_leftovers(tmp_path) == [slot]
    deadline = time.monotonic() + 5
    while running(daemon) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running(daemon)
    assert not (tmp_path / slot).exists()
    assert running(other_daemon) and (tmp_path / other_slot / "file").exists()
    alive.kill()
    alive.wait()
    assert remove_leftovers(tmp_path) == [other_slot]
    assert list(tmp_path.iterdir()) == []


def test_a_note_cut_off_by_a_crash_falls_back_to_the_one_before(tmp_path: Path) -> None:
    run, prefix, daemon = start_run(tmp_path)
    slot = prefix.rstrip("-")
    run.kill()
    run.wait()
    with (tmp_path / f"{slot}.jsonl").open("a") as file:
        file.write('{"run": "half')
    assert remove_leftovers(tmp_path) == [slot]
    assert not running(daemon)


def test_an_interface_of_someone_else_is_not_taken(tmp_path: Path) -> None:
    taken = claim(tmp_path)
    with pytest.raises(FileExistsError, match="called lo "):
        taken.note(interfaces=["lo"])
    taken.remove()
    assert Path("/sys/class/net/lo").exists()
