"""Who answers at an address: one datagram asks, the answer is a name. Runs inside hosts, one process each.

A ping cannot tell two machines with the same address apart; a name can. So every host serves its own name,
and asks at all addresses at once: what it gets is the row of a matrix.

    python -m topologies.demo.probe NAME        then, on standard input, one line of addresses for each round
"""

from __future__ import annotations

import ipaddress
import json
import select
import socket
import sys
import time

PORT = 7007
#: When a question is asked again, and when we stop listening, in seconds after the first.
ASK_AT = (0.0, 0.25, 0.6)
GIVE_UP = 1.2


def serve_and_ask(name: str) -> None:
    """Serve the name until standard input ends; answer each line of addresses with a line of JSON."""
    serving = [_serving(socket.AF_INET, "0.0.0.0"), _serving(socket.AF_INET6, "::")]  # noqa: S104
    while True:
        ready: list[object] = select.select([*serving, sys.stdin], [], [])[0]
        for each in serving:
            if each in ready:
                _answer(each, name)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(_ask(line.split(), serving, name)), flush=True)


def _serving(family: socket.AddressFamily, address: str) -> socket.socket:
    result = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        result.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    result.bind((address, PORT))
    return result


def _answer(each: socket.socket, name: str) -> None:
    question, asker = each.recvfrom(64)
    _send(each, question + b" " + name.encode(), asker)


def _send(each: socket.socket, payload: bytes, to: tuple[str, int]) -> None:
    try:
        each.sendto(payload, to)
    except OSError:
        # No route, or an ICMP error of an earlier datagram: nobody there, which is what we ask.
        return


def _ask(addresses: list[str], serving: list[socket.socket], name: str) -> dict[str, str | None]:
    """Ask at all addresses, and go on serving meanwhile: everybody asks at the same time."""
    families = {4: socket.AF_INET, 6: socket.AF_INET6}
    asking = {version: socket.socket(family, socket.SOCK_DGRAM) for version, family in families.items()}
    found: dict[str, str | None] = dict.fromkeys(addresses)
    started = time.monotonic()
    rounds = list(ASK_AT)
    while (passed := time.monotonic() - started) < GIVE_UP:
        if rounds and passed >= rounds[0]:
            rounds.pop(0)
            for address in (address for address in addresses if found[address] is None):
                _send(asking[ipaddress.ip_address(address).version], address.encode(), (address, PORT))
        pause = (rounds[0] if rounds else GIVE_UP) - passed
        ready, _, _ = select.select([*serving, *asking.values()], [], [], max(0.0, pause))
        for each in ready:
            if each in serving:
                _answer(each, name)
                continue
            try:
                address, _, who = each.recv(128).decode().partition(" ")
            except OSError:
                continue
            found[address] = who
    for each in asking.values():
        each.close()
    return found


if __name__ == "__main__":
    serve_and_ask(sys.argv[1])
