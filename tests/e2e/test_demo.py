"""`./dev run` as a stranger starts it: it ends well, and leaves nothing behind however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.e2e.traces import Run
from topologies.footprint import BASE, remove_leftovers

pytestmark = pytest.mark.mininet

COMMAND = [sys.executable, "-m", "topologies.demo", "--no-prompt"]


def start() -> subprocess.Popen[str]:
    """The demonstration, its output in a pipe, with signals of its own as in a terminal."""
    return subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """What the demonstration says until it says this."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended without saying {text!r}:\n{said}")


def test_it_ends_well_and_leaves_nothing_behind() -> None:
    process = start()
    said = wait_for(process, "controller with")
    run = Run.of(process.pid, BASE)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said + output
    assert output.rstrip().endswith("all was as expected")
    for line in ("IPv4 expected", "IPv6 expected", "was cut: "):
        assert line in output
    assert run.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["controller with", "leaf-spine fabric", "plugged in"])
def test_interrupted_it_leaves_nothing_behind(number: signal.Signals, moment: str) -> None:
    process = start()
    wait_for(process, moment)
    run = Run.of(process.pid, BASE)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert run.left() == []


def test_killed_it_is_cleaned_up_by_the_next() -> None:
    process = start()
    wait_for(process, "plugged in")
    run = Run.of(process.pid, BASE)
    process.kill()
    process.communicate()
    assert run.interfaces() and run.processes()
    remove_leftovers()
    assert run.left() == []
