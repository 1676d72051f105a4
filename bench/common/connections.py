"""New TCP connections: many at once, or one after another.

python -m bench.common.connections accept PORT
python -m bench.common.connections open ADDRESS PORT SECONDS      prints how many were made
python -m bench.common.connections ask ADDRESS PORT COUNT         prints how long each took, in seconds
"""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import sys
import time

#: How many are being made at a time.
_AT_ONCE = 32
#: Ports from the first one up, so that no tuple comes again while somebody remembers it.
PORTS = 16


def accept(port: int) -> None:
    """Take every connection and forget it, until killed."""
    selector = selectors.DefaultSelector()
    for number in range(PORTS):
        selector.register(socket.create_server(("", port + number), backlog=4096), selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if isinstance(server := key.fileobj, socket.socket):
                connection, _ = server.accept()
                connection.close()


def open_many(address: str, port: int, seconds: float) -> int:
    """How many connections are made in that time."""
    selector, made = selectors.DefaultSelector(), 0
    ports = itertools.cycle(range(port, port + PORTS))

    def begin() -> None:
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, next(ports)))
        selector.register(client, selectors.EVENT_WRITE)

    for _ in range(_AT_ONCE):
        begin()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for key, _ in selector.select(timeout=0.1):
            client = key.fileobj
            if isinstance(client, socket.socket):
                made += client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                selector.unregister(client)
                client.close()
                begin()
    return made


def ask(address: str, port: int, count: int) -> list[float]:
    """Seconds from asking for each of so many connections until the server has answered, which ends it."""
    taken = []
    for number in range(count):
        began = time.perf_counter()
        with socket.create_connection((address, port + number % PORTS), timeout=10) as client:
            client.recv(1)
            taken.append(time.perf_counter() - began)
    return taken


if __name__ == "__main__":
    if sys.argv[1] == "accept":
        accept(int(sys.argv[2]))
    elif sys.argv[1] == "ask":
        print(json.dumps(ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        print(open_many(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
