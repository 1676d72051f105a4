"""A cable is cut under a running ping: how many packets were lost, and whether the cable is used again."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topologies.cloud import Cloud
from topologies.demo.machines import Machine

#: Packets a second, and how many.
RATE, COUNT = 1000, 4000
#: At most this many milliseconds of packets may be lost.
BAR = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which cable was cut under which ping, and what became of its packets."""

    source: Machine
    target: Machine
    cable: tuple[str, str]
    sent: int
    received: int
    #: Seconds until the controller knew of the cut and every switch held tables without the cable.
    known_after: float = 0.0

    @property
    def lost(self) -> int:
        """Packets without an answer; at 1,000 a second also the milliseconds of outage."""
        return self.sent - self.received

    @property
    def holds(self) -> bool:
        """Whether no more was lost than the bar allows."""
        return self.sent >= COUNT and self.lost <= BAR * RATE // 1000


def cut_under_ping(cloud: Cloud, source: Machine, target: Machine) -> Outcome:
    """Ping for four seconds and, after one, cut the cable of the source's switch that carries the packets."""
    ping: subprocess.Popen[str] = cloud.node(source.host).popen(
        ["ping", "-n", "-q", "-i", str(1 / RATE), "-c", str(COUNT), "-W", "1", target.ipv4],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(0.5)
    cable = busiest(cloud, leaf_of(cloud, source.host))
    time.sleep(0.5)
    cloud.set_cable(*cable, up=False)
    cut = time.monotonic()
    try:
        cloud.controller.wait(lambda: is_without(cloud, cable), f"the cut of {cable} to be known")
        known_after = time.monotonic() - cut
        output, _ = ping.communicate(timeout=60)
    finally:
        cloud.set_cable(*cable, up=True)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", output)
    if found is None:
        raise RuntimeError(f"ping said something else: {output}")
    return Outcome(source, target, cable, int(found[1]), int(found[2]), known_after)


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
    """Whether a short ping takes the cable, as the one did that it was cut under."""
    near = next(end for end in cable if end == leaf_of(cloud, source.host))
    far = next(end for end in cable if end != near)
    before = _sent(cloud.interface(near, far))
    cloud.node(source.host).cmd(f"ping -n -q -i 0.01 -c 20 -W 1 {target.ipv4}")
    return _sent(cloud.interface(near, far)) - before >= 20


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
    ways = {cable: cloud.interface(switch, cable[1] if cable[0] == switch else cable[0]) for cable in cables}
    before = {cable: _sent(interface) for cable, interface in ways.items()}
    time.sleep(0.2)
    return max(ways, key=lambda cable: _sent(ways[cable]) - before[cable])


def _sent(interface: str) -> int:
    return int(Path("/sys/class/net", interface, "statistics/tx_packets").read_text())
