"""`./dev run` as a stranger starts it: it ends well, and leaves nothing behind however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.test_clean_up import bridges, interfaces
from topologies.footprint import BASE, remove_leftovers

pytestmark = pytest.mark.mininet

COMMAND = [sys.executable, "-m", "topologies.demo", "--no-prompt"]


def start() -> subprocess.Popen[str]:
    """The demonstration, its output in a pipe, with signals of its own as in a terminal."""
    return subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(run: subprocess.Popen[str], text: str) -> None:
    """Until the demonstration says it."""
    assert run.stdout
    said = ""
    for line in run.stdout:
        said += line
        if text in line:
            return
    raise AssertionError(f"it ended without saying {text!r}:\n{said}")


def slots() -> set[Path]:
    return set(BASE.glob("*"))


def test_it_ends_well_and_leaves_nothing_behind() -> None:
    before = bridges(), interfaces(), slots()
    started = time.monotonic()
    run = start()
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    assert output.rstrip().endswith("all was as expected")
    for line in ("IPv4 expected", "IPv6 expected", "was cut: "):
        assert line in output
    assert time.monotonic() - started < 60
    assert (bridges(), interfaces(), slots()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["controller with", "leaf-spine fabric", "plugged in"])
def test_interrupted_it_leaves_nothing_behind(number: signal.Signals, moment: str) -> None:
    before = bridges(), interfaces(), slots()
    run = start()
    wait_for(run, moment)
    run.send_signal(number)
    run.communicate(timeout=30)
    assert run.returncode != 0
    assert (bridges(), interfaces(), slots()) == before


def test_killed_it_is_cleaned_up_by_the_next() -> None:
    before = bridges(), interfaces(), slots()
    run = start()
    wait_for(run, "plugged in")
    run.kill()
    run.communicate()
    assert bridges() > before[0]
    assert len(remove_leftovers()) == 1
    assert (bridges(), interfaces(), slots()) == before
