"""Ways of packets on one Open vSwitch, ours beside those of peers: throughput, new connections, latency.

Everybody shares the processors: a side that needs less for a packet has more left to send.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench.common import report
from bench.common.sandbox import run, start_open_vswitch

#: Where iperf3 listens, and the first of the ports at which connections are taken.
STREAM, FIRST = 5201, 7000
#: How many connections are asked for in a round, one by one, for their latency.
_ASKED = 500
OURS = "sdn-orch"


@dataclass(frozen=True, slots=True)
class Way:
    """Who asks whom, and who may answer."""

    client: Any
    servers: Sequence[Any]
    address: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is measured: `title` says what packets go through, `sides` how each way is made.

    `bars` are for ours by theirs, named "throughput by <side>" and "connections by <side>". Where Open
    vSwitch does not outlive theirs, there is nothing to compare with.
    """

    bench: str
    title: str
    sides: Mapping[str, Callable[[], AbstractContextManager[Way]]]
    bars: Mapping[str, float]

    def main(self, description: str | None, rounds: int) -> None:
        """Read the options, measure throughput in turns, then latency and connections, and tell."""
        parser = argparse.ArgumentParser(description=description and description.splitlines()[0])
        parser.add_argument("--rounds", type=int, default=rounds)
        parser.add_argument("--seconds", type=float, default=2.0)
        options = parser.parse_args()
        start_open_vswitch()
        throughput: dict[str, list[float]] = {side: [] for side in self.sides}
        opened: dict[str, list[float]] = {side: [] for side in self.sides}
        waited: dict[str, list[float]] = {side: [] for side in self.sides}
        with ExitStack() as stack:
            ways = {side: stack.enter_context(make()) for side, make in self.sides.items()}
            for turn in range(options.rounds):
                order = list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]
                for side in order:
                    throughput[side].append(gigabits(ways[side], options.seconds))
            # OVN last: Open vSwitch 3.1 dies of an assertion under many connections through its rules.
            for side, way in ways.items():
                try:
                    for _ in range(options.rounds):
                        waited[side] += latencies(way)
                        opened[side].append(connections(way, options.seconds))
                except subprocess.CalledProcessError as error:
                    held = len(opened[side])
                    report.note(f"{side}: Open vSwitch has died of it after {held} rounds: {error}")
            self._tell(throughput, opened, waited, options.seconds)
            sys.stdout.flush()
            # The kernel ends and removes all of the sandbox; there may be no Open vSwitch left to ask.
            os._exit(0)

    def _tell(
        self,
        throughput: Mapping[str, list[float]],
        opened: Mapping[str, list[float]],
        waited: Mapping[str, list[float]],
        seconds: float,
    ) -> None:
        rows: list[list[object]] = []
        ratios: dict[str, float] = {}
        latency = {
            side: (1000 * report.median(found), 1000 * report.percentile(found, 99))
            for side, found in waited.items()
            if found
        }
        for side in self.sides:
            row: list[object] = [side]
            for name, found in (("throughput", throughput), ("connections", opened)):
                if not found[side]:
                    row += ["-", "-"]
                    continue
                own = report.median(found[side])
                ratio = report.median(found[OURS]) / own
                row += [own, ratio]
                if side != OURS:
                    ratios[f"{name} by {side}"] = ratio
            rows.append([*row, *(latency.get(side, ("-", "-")))])
        report.show(
            f"{self.title}, median of rounds of {seconds:g} s (ratio: {OURS} by it)",
            ["", "Gbit/s", "ratio", "connections/s", "ratio", "ms each, p50", "p99"],
            rows,
        )
        report.Result(
            self.bench,
            report.median(throughput[OURS]),
            report.median(throughput["ovn"]),
            ratios["throughput by ovn"],
            holds=all(ratios.get(name, bar) >= bar for name, bar in self.bars.items()),
            unit="Gbit/s",
            more={"ratios": ratios, "latency_ms": latency, "rounds": len(throughput[OURS])},
        ).tell()


def gigabits(way: Way, seconds: float) -> float:
    """One TCP connection at full speed, to whichever server it gets: what arrives."""
    with _serving(way, STREAM, "iperf3", "-s"):
        said = way.client.cmd(f"iperf3 -J -t {seconds} -c {way.address}")
        found: float = json.loads(said)["end"]["sum_received"]["bits_per_second"] / 1e9
        return found


def connections(way: Way, seconds: float) -> float:
    """New TCP connections per second."""
    return int(_connecting(way, "open", seconds)) / seconds


def latencies(way: Way) -> list[float]:
    """Seconds that new TCP connections take until the server has answered, with nothing else under way."""
    taken: list[float] = json.loads(_connecting(way, "ask", _ASKED))
    return taken


def _connecting(way: Way, how: str, limit: float) -> str:
    """What a client says that connects to servers which accept."""
    program = [sys.executable, "-m", "bench.common.connections"]
    try:
        with _serving(way, FIRST, *program, "accept", str(FIRST)):
            said: str = way.client.cmd(f"{shlex.join(program)} {how} {way.address} {FIRST} {limit}")
            return said.strip().splitlines()[-1]
    finally:
        # What is left of them would slow down whoever is next.
        run("ovs-appctl", "revalidator/purge")
        run("ovs-appctl", "dpctl/flush-conntrack")


@contextmanager
def _serving(way: Way, port: int, *command: str) -> Iterator[None]:
    """All servers run a program that listens at a port."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [server.popen(list(command), **quiet) for server in way.servers]
    try:
        for server in way.servers:
            wait_listening(server, port)
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def wait_listening(node: Any, port: int) -> None:
    """Until somebody listens at a TCP port of a host. Raises TimeoutError after 10 seconds."""
    deadline = time.monotonic() + 10
    while f":{port} " not in node.cmd("ss -Hltn"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens at port {port}")
        time.sleep(0.02)
