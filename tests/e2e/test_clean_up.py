"""What a run made goes, whatever ended it, and what others made stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from topologies.footprint import remove_leftovers

pytestmark = pytest.mark.mininet

#: A leaf-spine fabric without controller, a daemon inside a host, and then the end that the argument names.
RUN = """
import os, signal, sys, time
from pathlib import Path
from topologies.footprint import claim
from topologies.leaf_spine import LeafSpine
from topologies.parts import MarkedNetwork
footprint = claim(Path(sys.argv[2]))
network = MarkedNetwork(LeafSpine(2, 2, 1, prefix=footprint.prefix), footprint, 9)
network.start()
network["h1"].cmd("setsid sleep 1000 >/dev/null 2>&1 &")
print(footprint.prefix, network["h1"].pid, flush=True)
if sys.argv[1] == "stop":
    sys.stdin.readline()
    network.stop()
else:
    time.sleep(1000)
"""

OTHERS_BRIDGE, OTHERS_LINK = "e2e-others", "e2e-others-v"


def bridges() -> set[str]:
    output = subprocess.run(["ovs-vsctl", "list-br"], check=True, capture_output=True, text=True).stdout
    return set(output.split())


def interfaces() -> set[str]:
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def processes_in(namespace: int) -> list[str]:
    """Command lines of the processes in a network namespace, given by its inode."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns/net").readlink() == Path(f"net:[{namespace}]"):
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.fixture
def others() -> Iterator[None]:
    """A bridge and a veth pair that somebody else made."""
    subprocess.run(["ovs-vsctl", "add-br", OTHERS_BRIDGE, "--", "set", "bridge", OTHERS_BRIDGE,
                    "datapath_type=netdev"], check=True)  # fmt: skip
    subprocess.run(
        ["ip", "link", "add", OTHERS_LINK, "type", "veth", "peer", "name", f"{OTHERS_LINK}p"], check=True
    )
    yield
    subprocess.run(["ovs-vsctl", "--if-exists", "del-br", OTHERS_BRIDGE], check=True)
    subprocess.run(["ip", "link", "delete", OTHERS_LINK], check=False)


def start(end: str, base: Path) -> tuple[subprocess.Popen[str], str, int]:
    """A run, the prefix of its names, and the inode of its host's network namespace."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, end, str(base)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout
    prefix, pid = run.stdout.readline().split()
    inode = Path(f"/proc/{pid}/ns/net").stat().st_ino
    return run, prefix, inode


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_exactly_what_was_made_is_removed(end: str, tmp_path: Path) -> None:
    before = bridges(), interfaces()
    run, prefix, namespace = start(end, tmp_path)
    assert bridges() - before[0] == {f"{prefix}{name}" for name in ("leaf1", "leaf2", "spine1", "spine2")}
    assert {f"{prefix}leaf1-eth1", f"{prefix}leaf2-eth3"} <= interfaces() - before[1]
    assert any("sleep" in line for line in processes_in(namespace))
    if end == "stop":
        print(file=run.stdin, flush=True)
        assert run.wait(30) == 0
    else:
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert any("sleep" in line for line in processes_in(namespace))
        assert remove_leftovers(tmp_path) == [prefix.rstrip("-")]
    assert (bridges(), interfaces()) == before
    assert processes_in(namespace) == []
    assert list(tmp_path.iterdir()) == []


def test_a_live_run_is_left_alone(tmp_path: Path) -> None:
    run, prefix, namespace = start("stop", tmp_path)
    assert remove_leftovers(tmp_path) == []
    assert f"{prefix}leaf1" in bridges()
    assert processes_in(namespace)
    print(file=run.stdin, flush=True)
    assert run.wait(30) == 0
