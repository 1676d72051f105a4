"""Ways of packets through Open vSwitch, ours beside those of peers: throughput, new connections, latency.

Everybody shares the processors: a side that needs less for a packet has more left to send.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bench.common.parts import tell
from bench.common.sandbox import computed, run, start_open_vswitch

#: Where iperf3 listens, and the first of the ports at which connections are taken.
STREAM, FIRST = 5201, 7000
#: How many connections are asked for in a round, one by one, for their latency.
_ASKED = 500


@dataclass(frozen=True, slots=True)
class Way:
    """Who asks whom, and who may answer."""

    client: Any
    servers: Sequence[Any]
    address: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measure has found, and processor seconds of Open vSwitch for each of what it has counted."""

    values: list[float]
    computed: float


def serve(sides: Mapping[str, Callable[[], AbstractContextManager[Way]]], seconds: float) -> None:
    """Measure what each line of standard input says, a side and a measure, with that side's way alone there.

    Ends the process.
    """
    # Nobody who is started here is to read what is asked.
    asked = os.fdopen(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    start_open_vswitch()
    standing = ""
    with ExitStack() as stack:
        for line in asked:
            side, measure = line.split()
            if side != standing:
                stack.close()
                way, standing = stack.enter_context(sides[side]()), side
            try:
                tell(asdict(MEASURES[measure](way, seconds)))
            except subprocess.CalledProcessError as error:
                tell({"error": str(error)})
        # The kernel ends and removes all of the sandbox; there may be no Open vSwitch left to ask.
        os._exit(0)


def throughput(way: Way, seconds: float) -> Measured:
    """One TCP connection at full speed, to whichever server it gets: Gbit/s that arrive; counts gigabytes."""
    with _serving(way, STREAM, "iperf3", "-s"):
        before = computed()
        said = way.client.cmd(f"iperf3 -J -t {seconds} -c {way.address}")
        received = json.loads(said)["end"]["sum_received"]
        return Measured([received["bits_per_second"] / 1e9], (computed() - before) / received["bytes"] * 1e9)


def connections(way: Way, seconds: float) -> Measured:
    """New TCP connections per second."""
    said, used = _connecting(way, "open", seconds)
    return Measured([int(said) / seconds], used / int(said))


def latency(way: Way, _seconds: float) -> Measured:
    """Seconds that new TCP connections take until the server has answered, with nothing else under way."""
    said, used = _connecting(way, "ask", _ASKED)
    return Measured(json.loads(said), used / _ASKED)


MEASURES = {"throughput": throughput, "latency": latency, "connections": connections}


def _connecting(way: Way, how: str, limit: float) -> tuple[str, float]:
    """What a client says that connects to servers which accept, and what Open vSwitch computed meanwhile."""
    program = [sys.executable, "-m", "bench.common.connections"]
    try:
        with _serving(way, FIRST, *program, "accept", str(FIRST)):
            before = computed()
            said: str = way.client.cmd(f"{shlex.join(program)} {how} {way.address} {FIRST} {limit}")
            return said.strip().splitlines()[-1], computed() - before
    finally:
        # What is left of them would slow down what is measured next.
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
