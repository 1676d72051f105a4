"""A spine's Open vSwitch hangs or is killed under traffic, while all its cables stay up.

For clouds of `SeparateSwitch`es: how many packets were lost until the others had found out, and when it was
back.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from topologies.cloud import Cloud
from topologies.demo.failover import busiest, leaf_of
from topologies.demo.machines import Machine
from topologies.stream import Stream

#: What is done to ovs-vswitchd: it hangs, or it is gone with all its rules.
HANGS, IS_KILLED = signal.SIGSTOP, signal.SIGKILL
#: At most so many milliseconds of packets may be lost: three heartbeats, and what a busy machine takes.
BAR = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """Packets lost until the spine was brought back, and from then on, of the way that lost more.

    `known_after` is in seconds, until all tables were without the spine.
    """

    spine: str
    lost: int
    lost_when_back: int
    known_after: float


def die_under_traffic(
    cloud: Cloud, source: Machine, target: Machine, how: signal.Signals, patience: float = 20.0
) -> Outcome:
    """Let the spine that carries the packets die, wait for the tables, bring it back, and wait again."""
    one, other = cloud.node(source.host), cloud.node(target.host)
    streams = [Stream(one, other, target.ipv4), Stream(other, one, source.ipv4)]
    time.sleep(0.5)
    leaf = leaf_of(cloud, source.host)
    [spine] = set(busiest(cloud, leaf)) - {leaf}
    began = time.time()
    cloud.node(spine).signal_forwarding(how)
    try:
        cloud.controller.wait(lambda: is_without(cloud, spine), f"all tables to be without {spine}", patience)
        known_after = time.time() - began
        time.sleep(0.2)
    finally:
        back = time.time()
        if how is HANGS:
            cloud.node(spine).signal_forwarding(signal.SIGCONT)
        else:
            cloud.node(spine).start_forwarding()
    cloud.controller.wait(cloud.in_sync, f"{spine} to be used again", 30)
    time.sleep(0.5)
    heard = [stream.finish() for stream in streams]
    return Outcome(
        spine,
        max(way.lost(until=back) for way in heard),
        max(way.lost(since=back) for way in heard),
        known_after,
    )


def is_without(cloud: Cloud, spine: str) -> bool:
    """Whether just the cables of this spine are taken as down, and the other switches hold what follows."""
    answer = cloud.controller.ask("/v1/topology")
    down = {
        frozenset(link[end].partition(":")[0] for end in ("a", "b"))
        for link in answer["links"]
        if not link["up"]
    }
    phases = {switch["phase"] for switch in answer["switches"] if switch["name"] != spine}
    return phases == {"in-sync"} and down == {frozenset(cable) for cable in cloud.cables() if spine in cable}


def wait_watched(cloud: Cloud) -> None:
    """Until the ends of every cable watch each other, by their databases."""

    ends = [end for a, b in cloud.cables() for end in ((a, b), (b, a))]

    def watched() -> bool:
        return all("state=up" in _bfd(cloud, *end) for end in ends)

    cloud.controller.wait(watched, "the ends of all cables to watch each other", 60)


def _bfd(cloud: Cloud, switch: str, neighbour: str) -> str:
    """What a switch says of its watch over a cable."""
    return str(cloud.node(switch).vsctl("get", "Interface", cloud.interface(switch, neighbour), "bfd_status"))
