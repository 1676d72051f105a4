"""TCP throughput through our pipeline, beside static port forwarding on the same topology.

Two fabrics of one shape on one Open vSwitch: ours, and one whose switches have a few flows that send by
destination MAC address to a port. Hosts are of one kind in both, without offloads. iperf3 runs in both in
turns, between hosts of one leaf and across the spine, five rounds with our fabric made first and five with
the other made first, since Open vSwitch serves its ports in the order in which they came.
Bar: the median, over the rounds, of our throughput by the other's is at least 0.95 in both cases.

Sender, receiver and Open vSwitch share the processors here with all that runs on the machine. So a round is
four transfers, ours the first and the last, or the second and third, that what changes slowly meets both
alike; and beside the throughput it tells what Open vSwitch itself computes for a gigabyte.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench.common import report
from bench.common.fabric import HOSTS, LEAVES, TOPOLOGY, fabric
from bench.common.sandbox import computed, inside, run, start_open_vswitch
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


@dataclass(frozen=True, slots=True)
class Hosts:
    """A fabric's hosts by name, and the address of each."""

    nodes: Mapping[str, Any]
    addresses: Mapping[str, str]


@contextmanager
def ours() -> Iterator[Hosts]:
    """The fabric with its controller, in which the hosts are machines of one network."""
    with fabric() as (cloud, machines):
        yield Hosts(cloud.network.nameToNode, {machine.host: machine.ipv4 for machine in machines})


@contextmanager
def theirs() -> Iterator[Hosts]:
    """The fabric of static flows."""
    with static_fabric() as network:
        names = [host.name for host in network.hosts]
        yield Hosts(
            network.nameToNode, {name: _SERVER.format(number) for number, name in enumerate(names, 1)}
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """Gigabits per second that arrived, and seconds that Open vSwitch computed for a gigabyte."""

    gigabits: float
    computed: float


def transfer(hosts: Hosts, client: str, server: str, seconds: float) -> Measured:
    """One TCP connection at full speed."""
    serving = hosts.nodes[server].popen(["iperf3", "-s", "-1"])
    try:
        deadline = time.monotonic() + 5
        while ":5201" not in hosts.nodes[server].cmd("ss -Hltn"):
            if time.monotonic() > deadline:
                raise TimeoutError("iperf3 does not listen")
            time.sleep(0.02)
        before = computed()
        said = hosts.nodes[client].cmd(f"iperf3 -J -t {seconds} -c {hosts.addresses[server]}")
        used = computed() - before
        received = json.loads(said)["end"]["sum_received"]
        return Measured(received["bits_per_second"] / 1e9, used / (received["bytes"] / 1e9))
    finally:
        serving.terminate()
        serving.wait()


#: Who sends to whom.
_PATHS = {"same leaf": ("h1", "h2"), "across the spine": ("h1", "h3")}
_SIDES = ("sdn-orch", "static")
#: For each path a round after the other, and in it what each side did, the mean of its two transfers.
Found = dict[str, list[dict[str, Measured]]]


def measure(found: Found, rounds: int, seconds: float, *, ours_first: bool) -> None:
    """Make both fabrics in one order, measure them in turns, and remove them."""
    with ExitStack() as stack:
        made = {}
        for side in _SIDES if ours_first else reversed(_SIDES):
            made[side] = stack.enter_context(ours() if side == "sdn-orch" else theirs())
        for turn in range(rounds):
            for path, (client, server) in _PATHS.items():
                one, other = _SIDES if turn % 2 else reversed(_SIDES)
                taken: dict[str, list[Measured]] = {side: [] for side in _SIDES}
                for side in (one, other, other, one):
                    taken[side].append(transfer(made[side], client, server, seconds))
                found.setdefault(path, []).append({side: mean(both) for side, both in taken.items()})


def mean(transfers: Sequence[Measured]) -> Measured:
    """Of transfers of equal length."""
    gigabits = sum(one.gigabits for one in transfers)
    computed = sum(one.computed * one.gigabits for one in transfers) / gigabits
    return Measured(gigabits / len(transfers), computed)


def tell(found: Found, seconds: float) -> None:
    """The table, and the result: that of the path on which we are worse."""
    rows: list[list[object]] = []
    ratios, work = {}, {}
    rates: dict[str, list[float]] = {}
    for path, rounds in found.items():
        mine, their = ([each[side] for each in rounds] for side in _SIDES)
        pairs = list(zip(mine, their, strict=True))
        ratios[path] = report.median(a.gigabits / b.gigabits for a, b in pairs)
        work[path] = report.median(b.computed / a.computed for a, b in pairs)
        rates[path] = [report.median(one.gigabits for one in side) for side in (mine, their)]
        costs = [report.median(one.computed for one in side) for side in (mine, their)]
        rows.append([f"{path}: Gbit/s", *rates[path], ratios[path]])
        rows.append([f"{path}: CPU s/GB", *costs, work[path]])
    count = len(next(iter(found.values())))
    report.show(
        f"TCP, median of {count} rounds of 2 x {seconds:g} s each (ratio above 1: sdn-orch is better)",
        ["", *_SIDES, "ratio"],
        rows,
    )
    worst = min(ratios, key=lambda path: ratios[path])
    report.Result(
        "forward",
        rates[worst][0],
        rates[worst][1],
        ratios[worst],
        holds=ratios[worst] >= BAR,
        unit="Gbit/s",
        more={"ratios": dict(ratios), "ratios_of_work": dict(work), "rounds": count},
    ).tell()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="with each order of making the fabrics")
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    start_open_vswitch()
    found: Found = {}
    for ours_first in (True, False):
        measure(found, options.rounds, options.seconds, ours_first=ours_first)
    tell(found, options.seconds)


if __name__ == "__main__":
    inside(main, "bench.forward")
