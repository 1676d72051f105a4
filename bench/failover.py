"""Packets lost when a spine's cable, or a whole spine, fails under 1,000 packets a second.

Datagrams go both ways between two leaves, 1,000 a second each way whether they arrive or not. Of the spine
that carries those of one way, the cable to either leaf is cut, at either end, or all its cables at once, as
when it loses its power; then it is mended again. Counted is the way that loses more: a lost packet is a
millisecond without connection. Bar: at most 50 of them, each time.

Then the spine dies with its cables up: its ovs-vswitchd hangs, or is killed, and is brought back. For that
each switch is an Open vSwitch of its own, and the ends of cables watch each other; bar: at most 500. There is
no peer: a controller cannot tell a dead switch from one that only lost its session and goes on forwarding.

The peer is the same fabric and controller with `open_vswitch = false`: the switches are used as plain
OpenFlow 1.3 ones, which cannot turn a packet round to a detour. They choose among their own live cables
too; what is cut farther away is repaired by the controller alone.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mininet.topo import Topo

from bench.common import report
from bench.common.fabric import SHAPE, TOPOLOGY, PlainLeafSpine, fabric
from bench.common.sandbox import inside, start_open_vswitch
from topologies import death
from topologies.cloud import Cloud
from topologies.demo.failover import BAR, busiest, leaf_of
from topologies.demo.machines import Machine
from topologies.separate import SeparateCloud
from topologies.stream import Stream

#: Ends of cables, as (switch, neighbour).
Ends = list[tuple[str, str]]
#: The cables that fail, each at its first end: between the source's leaf, the spine that carries the packets
#: and the target's leaf.
_FAILURES: dict[str, Ends] = {
    "near cable, the leaf's end": [("source", "spine")],
    "near cable, the spine's end": [("spine", "source")],
    "far cable, the leaf's end": [("target", "spine")],
    "far cable, the spine's end": [("spine", "target")],
    "the whole spine": [("spine", "source"), ("spine", "target")],
}
#: What becomes of the ovs-vswitchd of the spine that carries the packets, its cables staying up.
_DEATHS = {"the spine hangs, cables up": death.HANGS, "the spine is killed, cables up": death.IS_KILLED}
Found = dict[str, list["Outcome"]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Packets lost at the failure and when it was mended, and seconds until all tables were without it.

    Of the two ways the one that lost more.
    """

    lost: int
    lost_when_mended: int
    known_after: float


def fail(cloud: Cloud, source: Machine, target: Machine, failure: Ends) -> Outcome:
    """Let something fail under traffic, wait until the tables are without it, mend it, and wait again."""
    one, other = cloud.node(source.host), cloud.node(target.host)
    streams = [Stream(one, other, target.ipv4), Stream(other, one, source.ipv4)]
    time.sleep(0.5)
    place = {"source": leaf_of(cloud, source.host), "target": leaf_of(cloud, target.host)}
    [place["spine"]] = {end for end in busiest(cloud, place["source"]) if end != place["source"]}
    ends = [(place[end], place[neighbour]) for end, neighbour in failure]
    began = time.time()
    set_ends(cloud, ends, up=False)
    try:
        cloud.controller.wait(lambda: is_without(cloud, ends), "all tables to be without what failed")
        known_after = time.time() - began
        time.sleep(0.2)
    finally:
        mended = time.time()
        set_ends(cloud, ends, up=True)
    cloud.controller.wait(cloud.in_sync, "what was mended to be seen")
    time.sleep(0.5)
    heard = [stream.finish() for stream in streams]
    return Outcome(
        max(way.lost(until=mended) for way in heard),
        max(way.lost(since=mended) for way in heard),
        known_after,
    )


def set_ends(cloud: Cloud, ends: Ends, *, up: bool) -> None:
    """Set interfaces up or down, all at once."""
    words = [f"link set {cloud.interface(*end)} {'up' if up else 'down'}\n" for end in ends]
    subprocess.run(["ip", "-batch", "-"], input="".join(words), text=True, check=True)


def is_without(cloud: Cloud, ends: Ends) -> bool:
    """Whether the controller knows that just these cables are down, and every switch holds what follows."""
    answer = cloud.controller.ask("/v1/topology")
    down = {
        frozenset(link[end].partition(":")[0] for end in ("a", "b"))
        for link in answer["links"]
        if not link["up"]
    }
    in_sync = {switch["phase"] for switch in answer["switches"]} == {"in-sync"}
    return in_sync and down == {frozenset(end) for end in ends}


def measure(topology: Callable[..., Topo], rounds: int) -> Found:
    """Every failure several times, in turns."""
    found: Found = {name: [] for name in _FAILURES}
    with fabric(topology) as (cloud, machines):
        source, _, target = machines
        for _ in range(rounds):
            for name, failure in _FAILURES.items():
                found[name].append(fail(cloud, source, target, failure))
    return found


def measure_deaths(rounds: int) -> Found:
    """The same for deaths."""
    found: Found = {name: [] for name in _DEATHS}
    with fabric(TOPOLOGY, SeparateCloud) as (cloud, machines):
        source, _, target = machines
        for _ in range(rounds):
            for name, how in _DEATHS.items():
                death.wait_watched(cloud)
                one = death.die_under_traffic(cloud, source, target, how)
                found[name].append(Outcome(one.lost, one.lost_when_back, one.known_after))
    return found


def tell(ours: Found, theirs: Found, rounds: int) -> None:
    """The table, and the result."""
    lost = {name: [one.lost for one in all] for name, all in ours.items()}
    by_controller = {name: [one.lost for one in all] for name, all in theirs.items()}
    medians = {name: report.median(each) for name, each in lost.items()}
    report.show(
        f"packets lost of 1,000 a second, {rounds} rounds (bar: {BAR} each time; deaths: {death.BAR})",
        ["failure", "median", "worst", "when mended", "tables after, ms", "controller alone", "worst"],
        [
            [
                name,
                medians[name],
                max(each),
                max(one.lost_when_mended for one in ours[name]),
                report.median(one.known_after for one in ours[name]) * 1000,
                report.median(by_controller[name]) if name in theirs else "-",
                max(by_controller[name]) if name in theirs else "-",
            ]
            for name, each in lost.items()
        ],
    )
    worst, worst_death = (max(max(lost[name]) for name in names) for names in (_FAILURES, _DEATHS))
    # Compared is where the peer is worst: where only its controller can help.
    hardest = max(_FAILURES, key=lambda name: report.median(by_controller[name]))
    peer = report.median(by_controller[hardest])
    report.Result(
        "failover",
        medians[hardest],
        peer,
        # Nothing lost is not infinitely better than something.
        peer / max(medians[hardest], 1),
        holds=worst <= BAR and worst_death <= death.BAR,
        unit="packets",
        more={
            "compared": hardest,
            "worst": worst,
            "worst_death": worst_death,
            "medians": dict(medians),
            "rounds": rounds,
        },
    ).tell()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    start_open_vswitch()
    ours = measure(TOPOLOGY, options.rounds) | measure_deaths(options.rounds)
    theirs = measure(partial(PlainLeafSpine, **SHAPE), options.rounds)
    tell(ours, theirs, options.rounds)


if __name__ == "__main__":
    inside(main, "bench.failover")
