"""What a run made goes, whatever ended it, and what others made stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.traces import Run
from topologies.footprint import BASE, remove_leftovers

pytestmark = pytest.mark.mininet

#: A leaf-spine fabric without controller, with a daemon inside a host; stopped when its input ends.
RUN = """
import sys
from topologies.footprint import claim
from topologies.leaf_spine import LeafSpine
from topologies.parts import MarkedNetwork
footprint = claim()
network = MarkedNetwork(LeafSpine(2, 2, 1, prefix=footprint.prefix), footprint, 9)
network.start()
network["h1"].cmd("setsid sleep 1000 >/dev/null 2>&1 &")
print("made", flush=True)
sys.stdin.readline()
network.stop()
"""

OTHERS_BRIDGE, OTHERS_LINK = "e2e-others", "e2e-others-v"


def ovs_vsctl(*words: str) -> str:
    return subprocess.run(["ovs-vsctl", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def others() -> Iterator[None]:
    """A bridge and a veth pair that somebody else made, and a look whether they are still there."""
    ovs_vsctl("add-br", OTHERS_BRIDGE, "--", "set", "bridge", OTHERS_BRIDGE, "datapath_type=netdev")
    link = ["ip", "link", "add", OTHERS_LINK, "type", "veth", "peer", "name", f"{OTHERS_LINK}p"]
    subprocess.run(link, check=True)
    yield
    assert OTHERS_BRIDGE in ovs_vsctl("list-br").split()
    ovs_vsctl("del-br", OTHERS_BRIDGE)
    subprocess.run(["ip", "link", "delete", OTHERS_LINK], check=True)


def start() -> tuple[subprocess.Popen[str], Run]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "made\n"
    return process, Run.of(process.pid, BASE)


def check_that_it_is_there(run: Run) -> None:
    prefix = f"{run.file.stem}-"
    bridges = {f"{prefix}{name}" for name in ("leaf1", "leaf2", "spine1", "spine2")}
    assert bridges <= set(ovs_vsctl("list-br").split())
    assert bridges | {f"{prefix}leaf1-eth1", f"{prefix}leaf2-eth3"} <= run.interfaces()
    assert any("sleep 1000" in line for line in run.processes())


@pytest.mark.usefixtures("others")
def test_a_run_that_stops_removes_exactly_what_it_made() -> None:
    process, run = start()
    check_that_it_is_there(run)
    process.communicate("\n", timeout=30)
    assert process.returncode == 0
    assert run.left() == []


@pytest.mark.usefixtures("others")
def test_what_a_killed_run_made_is_removed_by_the_next() -> None:
    alive, other = start()
    process, run = start()
    process.kill()
    process.communicate()
    check_that_it_is_there(run)
    remove_leftovers()
    assert run.left() == []
    check_that_it_is_there(other)
    alive.communicate("\n", timeout=30)
    assert other.left() == []
