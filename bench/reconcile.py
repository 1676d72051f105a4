"""A daemon killed and started again beside a switch with 100,000 right flows, and with 100 wrong ones.

The switch is a leaf of a cloud large enough. Measured is from the start of the process to the switch being
in sync, by the daemon's own log, and two parts of it: until Open vSwitch has connected, and from the switch
being taken up, which is when it begins to be read, to its being in sync; what it should hold is compiled from
when the store is read. Open vSwitch tries to connect about once a second: the daemon is started at any moment
between two tries. Open vSwitch 3.1 does not wait for the hello that answers its own, and finds it when
something else wakes it, half a second later as a rule. What was sent is told by the switch itself (an
observer of its flow tables), by the daemon, and by the dumps before and after.
OVN beside it: ovn-controller restarted, its flows left standing, with a fifth of the NICs on one host (with
all of them it takes minutes to fill), until its own word that it is in sync.
Bars: no flow-mod, and in sync within 2 seconds of the process's start; of 100 flows changed by hand just
those repaired.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from bench.common import ovn, report
from bench.common.cloud import Size
from bench.common.flow_watch import FlowWatch
from bench.common.large import LargeCloud
from bench.common.parts import run_part, tell
from bench.common.sandbox import inside, run, start_open_vswitch

BAR = 2.0
_SIZE = Size(9_800, 10, 11)
_PEER_SIZE = Size(2_000, 10, 11)
_LEAF = "leaf1"
_FLOWS = 100_000
#: Seconds from one try of Open vSwitch to connect until the next.
_BETWEEN_TRIES = 1.5
#: How many of the 100 are deleted, changed and put there by hand.
_DELETED, _CHANGED, _FOREIGN = 50, 30, 20


@dataclass(frozen=True, slots=True)
class Restart:
    """One restart: seconds from the process's start until the switch was connected and until it was in
    sync, and from its being taken up until then; what was told of flows."""

    connected: float
    from_start: float
    from_taken_up: float
    sent: int
    told: int


def dump() -> list[str]:
    """All flows of the leaf, in a fixed order, without what counts or ages."""
    text = run("ovs-ofctl", "-O", "OpenFlow15", "--no-stats", "dump-flows", _LEAF)
    return sorted(line.strip() for line in text.splitlines() if "table=" in line or "priority=" in line)


def restart(cloud: LargeCloud, meanwhile: Callable[[], None], pause: float = 0.0) -> Restart:
    """Kill the daemon, do something, start it again after a pause and wait until the leaf is in sync."""
    cloud.controller.kill()
    meanwhile()
    with FlowWatch([_LEAF]) as watch, cloud.controller.log.open() as log:
        log.seek(0, os.SEEK_END)
        time.sleep(pause)
        started = time.perf_counter()
        cloud.controller.launch()
        # The log is read and the daemon not asked, which would take its time.
        connected = logged(log, ") connected, ") - started
        from_start = logged(log, f"switch {_LEAF}: in sync after ") - started
        told = watch.count(1.0)
    [row] = [row for row in cloud.switches() if row["name"] == _LEAF]
    return Restart(connected, from_start, row["synced_in"], row["sent"], told)


def logged(log: TextIO, text: str, patience: float = 60.0) -> float:
    """When a line with this text was written (`time.perf_counter`, to a few milliseconds)."""
    deadline = time.perf_counter() + patience
    while (now := time.perf_counter()) < deadline:
        line = log.readline()
        if text in line:
            return now
        if not line:
            time.sleep(0.005)
    raise TimeoutError(f"the log has no {text!r} after {patience:g} s")


def spoil(flows: list[str]) -> None:
    """Change 100 of the flows by hand, each to something else."""
    flows = [line for line in flows if not line.endswith("actions=drop")]
    step = len(flows) // (_DELETED + _CHANGED)
    chosen = [identity(line) for line in flows[:: step or 1]]
    changes = [f"delete_strict {line}" for line in chosen[:_DELETED]]
    changes += [f"modify_strict {line},actions=drop" for line in chosen[_DELETED : _DELETED + _CHANGED]]
    changes += [f"add table=5,priority=7,in_port={port},actions=drop" for port in range(1, _FOREIGN + 1)]
    run("ovs-ofctl", "-O", "OpenFlow15", "--bundle", "add-flows", _LEAF, "-", input="\n".join(changes) + "\n")


def identity(line: str) -> str:
    """Table, priority and match of a dumped flow, as ovs-ofctl reads them."""
    match = line.split(" actions=", 1)[0]
    words = [word for word in match.replace(", ", ",").replace(" ", ",").split(",") if word]
    return ",".join(word for word in words if not word.startswith(("cookie=", "send_flow_rem")))


def measure_ours(rounds: int) -> dict[str, object]:
    """Restarts with everything right, then one with 100 flows wrong."""
    cloud = LargeCloud(_SIZE, present=[_LEAF])
    try:
        cloud.start()
        before = dump()
        if len(before) < _FLOWS:
            raise AssertionError(f"the leaf has only {len(before)} flows")
        pauses = [_BETWEEN_TRIES * number / rounds for number in range(rounds)]
        clean = [restart(cloud, lambda: None, pause) for pause in pauses]
        spoilt = restart(cloud, lambda: spoil(before))
        after = dump()
    finally:
        cloud.stop()
    return {
        "flows": len(before),
        "from_start": [one.from_start for one in clean],
        "connected": [one.connected for one in clean],
        "from_taken_up": [one.from_taken_up for one in clean],
        "sent": max(one.sent for one in clean),
        "told": max(one.told for one in clean),
        "repaired": spoilt.sent,
        "repaired_told": spoilt.told,
        "repair_from_start": spoilt.from_start,
        "same": before == after,
    }


def measure_ovn(rounds: int) -> dict[str, object]:
    """Seconds from a restart of ovn-controller until it says that it is in sync."""
    peer = ovn.Ovn()
    ovn.wait_for_bridge()
    first_of_each = [number * _PEER_SIZE.network_size + 1 for number in range(_PEER_SIZE.networks)]
    ovn.add_ports("br-int", [f"nic{number}" for number in first_of_each], 100)
    peer.populate(_PEER_SIZE)
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        peer.restart_controller()
        peer.change(["sync"], wait="hv")
        taken.append(time.perf_counter() - started)
    return {"from_start": taken}


def compare(rounds: int) -> None:
    """Both, and the tables."""
    report.note("sdn-orch …")
    ours = run_part("bench.reconcile", "--part", "ours", "--rounds", str(rounds))
    lacking = ovn.fetch()
    theirs = None
    if not lacking:
        report.note("OVN …")
        theirs = report.median(run_part("bench.reconcile", "--part", "ovn", "--rounds", "3")["from_start"])
    names = ("from_start", "connected", "from_taken_up")
    start, connected, taken_up = (report.median(ours[name]) for name in names)
    rows: list[list[object]] = [
        ["in sync after the process's start, s", start],
        ["of which until Open vSwitch connected, s", connected],
        ["in sync after the process's start, at worst, s", max(ours["from_start"])],
        ["in sync after the switch was taken up, s", taken_up],
        ["flow-mods, by the daemon", ours["sent"]],
        ["flows changed, by the switch", ours["told"]],
        ["100 flows wrong: messages by the daemon", ours["repaired"]],
        ["100 flows wrong: flows changed, by the switch", ours["repaired_told"]],
        ["100 flows wrong: in sync after the start, s", ours["repair_from_start"]],
        ["the dumps before and after are equal", ours["same"]],
        [
            f"OVN with {_PEER_SIZE.nics:,} NICs: ovn-controller restarted, s",
            "-" if theirs is None else theirs,
        ],
    ]
    report.show(f"restart beside {ours['flows']:,} flows, median of {rounds}", ["", "measured"], rows)
    if lacking:
        report.note(f"without OVN: {lacking}")
    untouched = ours["sent"] == ours["told"] == 0
    repaired = ours["repaired"] == ours["repaired_told"] == _DELETED + _CHANGED + _FOREIGN and ours["same"]
    report.Result(
        "reconcile",
        start,
        theirs,
        theirs / start if theirs else None,
        holds=bool(untouched and repaired and start <= BAR),
        more={
            "connected": connected,
            "worst": max(ours["from_start"]),
            "from_taken_up": taken_up,
            "flow_mods": ours["sent"],
            "repaired": ours["repaired"],
            "flows": ours["flows"],
        },
    ).tell()


def main() -> None:
    """Read the options; a single part runs in a sandbox."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--part", choices=("ours", "ovn"), help="only this, and print JSON")
    options = parser.parse_args()
    if not options.part:
        compare(options.rounds)
        return

    def part() -> None:
        start_open_vswitch(dummy=options.part == "ovn")
        measure = measure_ours if options.part == "ours" else measure_ovn
        tell(measure(options.rounds))

    inside(part, "bench.reconcile")


if __name__ == "__main__":
    main()
