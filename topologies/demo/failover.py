"""A cable is cut under traffic: how many packets were lost, and whether the cable is used again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from topologies.cloud import Cloud
from topologies.demo.machines import Machine
from topologies.stream import RATE, Stream

#: How many packets are sent, each way.
COUNT = 4000
#: From where they are sent, so that they can be sent again on the same way.
_PORT = 7009
#: At most this many milliseconds of packets may be lost.
BAR = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which cable was cut between which machines, and what became of the packets.

    They go both ways; told is of the way that lost more.
    """

    source: Machine
    target: Machine
    cable: tuple[str, str]
    sent: int
    received: int
    #: Seconds until the controller knew of the cut and every switch held tables without the cable.
    known_after: float = 0.0

    @property
    def lost(self) -> int:
        """Packets that did not arrive; at 1,000 a second also the milliseconds of outage."""
        return self.sent - self.received

    @property
    def holds(self) -> bool:
        """Whether no more was lost than the bar allows."""
        return self.sent >= COUNT and self.lost <= BAR * RATE // 1000


def cut_under_traffic(cloud: Cloud, source: Machine, target: Machine) -> Outcome:
    """Send for four seconds and, after one, cut the cable of the source's switch that carries the packets."""
    one, other = cloud.node(source.host), cloud.node(target.host)
    streams = [Stream(one, other, target.ipv4, _PORT), Stream(other, one, source.ipv4, _PORT)]
    # The sender may be some packets behind.
    end = time.monotonic() + COUNT / RATE + 0.1
    time.sleep(0.5)
    cable = busiest(cloud, leaf_of(cloud, source.host))
    time.sleep(0.5)
    cloud.set_cable(*cable, up=False)
    cut = time.monotonic()
    try:
        cloud.controller.wait(lambda: is_without(cloud, cable), f"the cut of {cable} to be known")
        known_after = time.monotonic() - cut
        time.sleep(max(0.0, end - time.monotonic()))
        heard = max((stream.finish() for stream in streams), key=lambda way: way.lost())
    finally:
        cloud.set_cable(*cable, up=True)
    return Outcome(source, target, cable, len(heard.sent), len(heard.sent) - heard.lost(), known_after)


def is_without(cloud: Cloud, cable: tuple[str, str]) -> bool:
    """Whether the controller takes a cable as cut, and all switches hold what follows from that."""
    answer = cloud.controller.ask("/v1/topology")
    down = [
        {link["a"].partition(":")[0], link["b"].partition(":")[0]}
        for link in answer["links"]
        if not link["up"]
    ]
    return down == [set(cable)] and {switch["phase"] for switch in answer["switches"]} == {"in-sync"}


def is_used(cloud: Cloud, source: Machine, target: Machine, cable: tuple[str, str]) -> bool:
    """Whether packets take the cable, as those did under which it was cut: all that are not lost before."""
    near = next(end for end in cable if end == leaf_of(cloud, source.host))
    far = next(end for end in cable if end != near)
    before = _sent(cloud, near, far)
    stream = Stream(cloud.node(source.host), cloud.node(target.host), target.ipv4, _PORT)
    time.sleep(0.2)
    sent = len(stream.finish().sent)
    return _sent(cloud, near, far) - before > sent / 2


def across(cloud: Cloud, machines: Sequence[Machine]) -> tuple[Machine, Machine]:
    """Two machines of one network on different leaves."""
    for source in machines:
        for target in machines:
            if source.network == target.network and leaf_of(cloud, source.host) != leaf_of(
                cloud, target.host
            ):
                return source, target
    raise LookupError("no network reaches over two leaves")


def leaf_of(cloud: Cloud, host: str) -> str:
    """The switch to which a host is cabled."""
    return next(name for name in cloud.switches() if cloud.node(name).connectionsTo(cloud.node(host)))


def busiest(cloud: Cloud, switch: str) -> tuple[str, str]:
    """The cable between switches over which this one sends most packets, measured over 0.2 seconds."""
    cables = [cable for cable in cloud.cables() if switch in cable]
    ways = {cable: cable[1] if cable[0] == switch else cable[0] for cable in cables}
    before = {cable: _sent(cloud, switch, neighbour) for cable, neighbour in ways.items()}
    time.sleep(0.2)
    return max(ways, key=lambda cable: _sent(cloud, switch, ways[cable]) - before[cable])


def _sent(cloud: Cloud, switch: str, neighbour: str) -> int:
    """Packets that have left a switch towards a neighbour."""
    counter = f"/sys/class/net/{cloud.interface(switch, neighbour)}/statistics/tx_packets"
    # It may be in a network namespace of its own.
    return int(cloud.node(switch).cmd(f"cat {counter}"))
