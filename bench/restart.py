"""Packets lost, and flows changed, while the controller is killed and started again under traffic.

A ping of 1,000 packets a second runs between two leaves; the daemon gets SIGKILL and is started again.
What changed in the flow tables is told by the switches themselves. Beside it the same ping with nothing
happening, since a busy machine loses packets of its own. Bar: no packet lost, no flow-mod.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bench.common import report
from bench.common.fabric import Ping, fabric
from bench.common.flow_watch import FlowWatch
from bench.common.sandbox import inside, run, start_open_vswitch
from topologies.cloud import Cloud
from topologies.demo.machines import Machine

_SECONDS = 8.0


def lost_under(cloud: Cloud, source: Machine, target: Machine, event: Callable[[], None]) -> tuple[int, int]:
    """How many packets were sent and lost in some seconds, early in which something happens."""
    ping = Ping(cloud, source, target, _SECONDS)
    time.sleep(1)
    event()
    return ping.lost()


def kill_and_start(cloud: Cloud) -> None:
    """SIGKILL; a second later the daemon starts again and takes its switches over."""
    cloud.controller.kill()
    time.sleep(1)
    cloud.controller.start()
    cloud.controller.wait(cloud.in_sync, "all switches to be in sync again")


def measure(rounds: int) -> None:
    """Alternate, and tell."""
    quiet: list[float] = []
    restarted: list[float] = []
    told: list[float] = []
    sent: list[float] = []
    with fabric() as (cloud, machines):
        source, _, target = machines
        bridges = run("ovs-vsctl", "list-br").split()
        for _ in range(rounds):
            quiet.append(lost_under(cloud, source, target, lambda: None)[1])
            with FlowWatch(bridges) as watch:
                restarted.append(lost_under(cloud, source, target, lambda: kill_and_start(cloud))[1])
                told.append(watch.count(1.0))
            sent.append(sum(row["sent"] for row in cloud.controller.ask("/v1/status")["switches"]))
    report.show(
        f"SIGKILL and restart under 1,000 packets a second, {rounds} times",
        ["", "median", "worst"],
        [
            ["packets lost", report.median(restarted), max(restarted)],
            ["packets lost with nothing happening", report.median(quiet), max(quiet)],
            ["flow-mods, by the daemon", report.median(sent), max(sent)],
            ["flows changed, by the switches", report.median(told), max(told)],
        ],
    )
    report.Result(
        "restart",
        max(restarted),
        max(quiet),
        (1 + max(quiet)) / (1 + max(restarted)),
        holds=max(restarted) == max(sent) == max(told) == 0,
        unit="packets (peer: nothing happens)",
        more={"flow_mods": max(sent), "flows_changed": max(told), "rounds": rounds},
    ).tell()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    start_open_vswitch()
    measure(options.rounds)


if __name__ == "__main__":
    inside(main, "bench.restart")
