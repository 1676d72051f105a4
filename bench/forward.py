"""TCP throughput through our pipeline, beside static port forwarding on the same topology.

Two fabrics of one shape on one Open vSwitch: ours, and one whose switches have a few flows that send by
destination MAC address to a port. iperf3 runs in both in turns, between hosts of one leaf and across the
spine. Bar: the median of ours is at least 0.95 of the static one's, in both cases.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.common import report
from bench.common.fabric import HOSTS, LEAVES, TOPOLOGY, fabric
from bench.common.sandbox import inside, run, start_open_vswitch
from topologies.controller import free_ports
from topologies.footprint import claim
from topologies.parts import MarkedNetwork

BAR = 0.95
_SERVER = "10.1.1.{}"


@contextmanager
def static_fabric() -> Iterator[MarkedNetwork]:
    """The same topology without a controller: each switch knows the port towards each host."""
    footprint = claim()
    network = MarkedNetwork(TOPOLOGY(prefix=footprint.prefix), footprint, free_ports(1)[0])
    network.start()
    try:
        hosts = {host.name: host for host in network.hosts}
        for number, host in enumerate(hosts.values(), 1):
            host.cmd(f"ip address add {_SERVER.format(number)}/24 dev {host.defaultIntf()}")
            for other_number, other in enumerate(hosts.values(), 1):
                address = f"ip neighbour replace {_SERVER.format(other_number)} lladdr {other.MAC()}"
                host.cmd(f"{address} dev {host.defaultIntf()}")
        for leaf in range(1, LEAVES + 1):
            flows = []
            for number, host in enumerate(hosts.values(), 1):
                home, place = divmod(number - 1, HOSTS)
                # The first spine carries everything that leaves a leaf.
                port = place + 1 if home + 1 == leaf else HOSTS + 1
                flows.append(f"dl_dst={host.MAC()},actions=output:{port}")
            add_flows(f"{footprint.prefix}leaf{leaf}", flows)
        spine = [
            f"dl_dst={host.MAC()},actions=output:{index // HOSTS + 1}"
            for index, host in enumerate(hosts.values())
        ]
        add_flows(f"{footprint.prefix}spine1", spine)
        yield network
    finally:
        network.stop()


def add_flows(bridge: str, flows: list[str]) -> None:
    """Add flows to a bridge."""
    run("ovs-ofctl", "-O", "OpenFlow13", "add-flows", bridge, "-", input="\n".join(flows) + "\n")


def throughput(client: Any, server: Any, address: str, seconds: float) -> float:
    """Gigabits per second that the server received from the client."""
    serving = server.popen(["iperf3", "-s", "-1"])
    try:
        deadline = time.monotonic() + 5
        while ":5201" not in server.cmd("ss -Hltn"):
            if time.monotonic() > deadline:
                raise TimeoutError("iperf3 does not listen")
            time.sleep(0.02)
        said = client.cmd(f"iperf3 -J -O 0.5 -t {seconds} -c {address}")
        bits: float = json.loads(said)["end"]["sum_received"]["bits_per_second"]
        return bits / 1e9
    finally:
        serving.terminate()
        serving.wait()


def compare(rounds: int, seconds: float) -> None:
    """Measure, alternating, and tell."""
    with fabric() as (cloud, machines), static_fabric() as static:
        h1, h2, h3 = machines
        peers = static.nameToNode
        ours: dict[str, Callable[[], float]] = {
            "same leaf": lambda: throughput(cloud.node("h1"), cloud.node("h2"), h2.ipv4, seconds),
            "across the spine": lambda: throughput(cloud.node("h1"), cloud.node("h3"), h3.ipv4, seconds),
        }
        theirs: dict[str, Callable[[], float]] = {
            "same leaf": lambda: throughput(peers["h1"], peers["h2"], _SERVER.format(2), seconds),
            "across the spine": lambda: throughput(peers["h1"], peers["h3"], _SERVER.format(3), seconds),
        }
        if h1.network != h3.network:
            raise AssertionError("the machines are to be in one network")
        found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ours}
        for turn in range(rounds):
            for name in ours:
                # Who goes first changes, so that neither always meets what the other left.
                order = ((0, ours), (1, theirs)) if turn % 2 == 0 else ((1, theirs), (0, ours))
                for which, ways in order:
                    found[name][which].append(ways[name]())
    medians = {name: (report.median(mine), report.median(their)) for name, (mine, their) in found.items()}
    ratios = {name: mine / their for name, (mine, their) in medians.items()}
    report.show(
        f"TCP throughput, Gbit/s, median of {rounds} rounds of {seconds:g} s",
        ["", "sdn-orch", "static", "ratio"],
        [[name, mine, their, ratios[name]] for name, (mine, their) in medians.items()],
    )
    worst = min(ratios, key=lambda name: ratios[name])
    report.Result(
        "forward",
        medians[worst][0],
        medians[worst][1],
        ratios[worst],
        holds=ratios[worst] >= BAR,
        unit="Gbit/s",
        more={"ratios": dict(ratios), "rounds": rounds},
    ).tell()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    start_open_vswitch()
    compare(options.rounds, options.seconds)


if __name__ == "__main__":
    inside(main, "bench.forward")
