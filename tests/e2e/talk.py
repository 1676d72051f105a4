"""A TCP session that is held open: one end says numbers, the other says them back. Runs inside hosts.

The talking end says one number after another until its standard input ends, and then prints as JSON how many
were said back and the longest time in seconds that one took; without an answer for 30 seconds it gives up.

    python -m tests.e2e.talk listen PORT
    python -m tests.e2e.talk to ADDRESS PORT
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PAUSE, _PATIENCE = 0.02, 30.0
_SIZE = 8


def listen(port: int) -> None:
    """Say back whatever is said, to one after another."""
    with socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        print("ready", flush=True)
        while True:
            session, _ = server.accept()
            with session:
                while said := session.recv(65_536):
                    session.sendall(said)


def talk(address: str, port: int) -> None:
    """See the module."""
    with socket.create_connection((address, port), timeout=_PATIENCE) as session:
        session.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("ready", flush=True)
        count, longest = 0, 0.0
        while not select.select([sys.stdin], [], [], _PAUSE)[0]:
            began = time.monotonic()
            session.sendall(count.to_bytes(_SIZE))
            heard = session.recv(_SIZE, socket.MSG_WAITALL)
            assert int.from_bytes(heard) == count, heard
            count, longest = count + 1, max(longest, time.monotonic() - began)
    print(json.dumps({"count": count, "longest": longest}))


def running(node: Any, *words: str) -> Any:
    """One of both in a host, begun."""
    process = node.popen([sys.executable, "-m", "tests.e2e.talk", *words], stdin=-1, stdout=-1, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@contextmanager
def listening(node: Any, port: int) -> Iterator[None]:
    """Somebody listens in a host."""
    process = running(node, "listen", str(port))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def heard(node: Any, port: int) -> int:
    """How many bytes the sessions with this port that stand at a host have received there so far."""
    shown = node.cmd(f"ss -Htin state established '( sport = :{port} or dport = :{port} )'")
    return sum(map(int, re.findall(r"bytes_received:(\d+)", shown)))


def ended(process: Any) -> dict[str, Any]:
    """What a talk that is to end has come to."""
    output, errors = process.communicate("\n", timeout=_PATIENCE + 10)
    assert process.returncode == 0, errors
    found: dict[str, Any] = json.loads(output)
    return found


if __name__ == "__main__":
    if sys.argv[1] == "listen":
        listen(int(sys.argv[2]))
    else:
        talk(sys.argv[2], int(sys.argv[3]))
