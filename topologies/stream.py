"""Datagrams at 1,000 a second, sent whether or not any arrive, and what became of each.

A ping would not do: while it has no answers it sends fewer, so that its losses tell little of an outage.

    python -m topologies.stream send ADDRESS PORT   in one host, until standard input ends
    python -m topologies.stream receive             in the other
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

RATE = 1000
_PORT = 7008
#: Until the last datagrams have arrived, seconds.
_UNDER_WAY = 0.3
#: All that arrives while the receiver waits for a processor has to fit in.
_BUFFER = 1 << 22


@dataclass(frozen=True, slots=True)
class Heard:
    """When each datagram was sent, as `time.time` tells it, and the numbers of those that arrived."""

    sent: Sequence[float]
    arrived: Collection[int]

    def lost(self, since: float = 0.0, until: float = float("inf")) -> int:
        """How many that were sent between two times did not arrive; each stands for a millisecond."""
        return sum(
            since <= moment < until and number not in self.arrived for number, moment in enumerate(self.sent)
        )


class Stream:
    """Runs from its making until it is finished."""

    def __init__(self, source: Any, target: Any, address: str, port: int = 0) -> None:
        """From one Mininet host to another's address.

        Streams from one `port` take the same of several equal ways; with 0 it may be another each time.
        """
        # Each says when it has begun.
        self._receiver = _start(target, "receive")
        _line(self._receiver)
        self._sender = _start(source, "send", address, str(port))
        _line(self._sender)

    def finish(self) -> Heard:
        """Stop sending, and wait for what is under way."""
        sent = json.loads(_end(self._sender))
        time.sleep(_UNDER_WAY)
        return Heard(sent, frozenset(json.loads(_end(self._receiver))))


def _start(host: Any, *words: str) -> subprocess.Popen[str]:
    popen: subprocess.Popen[str] = host.popen(
        [sys.executable, "-m", "topologies.stream", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return popen


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None or not (line := process.stdout.readline()):
        raise RuntimeError(f"a host's end of the stream ended with {process.wait()}")
    return line


def _end(process: subprocess.Popen[str]) -> str:
    """Close its standard input; gives what it says then."""
    output, _ = process.communicate(timeout=30)
    if process.returncode:
        raise RuntimeError(f"a host's end of the stream ended with {process.returncode}")
    return output


def send(address: str, port: int) -> list[float]:
    """Send from a port until standard input ends; when each datagram was sent.

    One that is late is sent at once.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    moments: list[float] = []
    with socket.socket(family, socket.SOCK_DGRAM) as outgoing:
        outgoing.bind(("", port))
        print("sending", flush=True)
        started = time.monotonic()
        while True:
            due = started + len(moments) / RATE - time.monotonic()
            if select.select([sys.stdin], [], [], max(0.0, due))[0]:
                return moments
            number = len(moments).to_bytes(4, "big")
            moments.append(time.time())
            try:
                outgoing.sendto(number, (address, _PORT))
            except OSError:
                # No route, or no neighbour: lost like any other.
                continue


def receive() -> list[int]:
    """Receive until standard input ends; the numbers of the datagrams."""
    numbers: list[int] = []
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as incoming:
        incoming.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        incoming.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        incoming.bind(("::", _PORT))
        print("listening", flush=True)
        while True:
            ready = select.select([incoming, sys.stdin], [], [])[0]
            if incoming in ready:
                numbers.append(int.from_bytes(incoming.recv(16), "big"))
            elif ready:
                return numbers


if __name__ == "__main__":
    print(json.dumps(send(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "send" else receive()))
