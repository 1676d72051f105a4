"""Packets lost when a spine's cable is cut under a ping of 1,000 packets a second.

The cable is the one that carries the packets. A lost packet is a millisecond without connection, in the
one direction or the other. Bar: at most 50 of them, each time.
"""

from __future__ import annotations

import argparse

from bench.common import report
from bench.common.fabric import fabric
from bench.common.sandbox import inside, start_open_vswitch
from topologies.demo.failover import BAR, cut_under_ping


def measure(rounds: int) -> None:
    """Cut and mend several times, and tell."""
    lost: list[float] = []
    known: list[float] = []
    with fabric() as (cloud, machines):
        source, _, target = machines
        for _ in range(rounds):
            outcome = cut_under_ping(cloud, source, target)
            cloud.controller.wait(cloud.in_sync, "the mended cable to be seen and used")
            report.note(f"{'–'.join(outcome.cable)} cut: {outcome.lost} of {outcome.sent} lost")
            lost.append(outcome.lost)
            known.append(outcome.known_after)
    report.show(
        f"a cable cut under 1,000 packets a second, {rounds} times",
        ["", "median", "worst"],
        [
            ["packets lost", report.median(lost), max(lost)],
            ["tables without the cable after, ms", report.median(known) * 1000, max(known) * 1000],
        ],
    )
    middle = report.median(lost)
    report.Result(
        "failover",
        middle,
        BAR,
        BAR / max(middle, 1),
        holds=max(lost) <= BAR,
        unit="packets (peer: the bar)",
        more={"worst": max(lost), "rounds": rounds, "known_after": report.median(known)},
    ).tell()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    start_open_vswitch()
    measure(options.rounds)


if __name__ == "__main__":
    inside(main, "bench.failover")
