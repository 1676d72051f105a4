"""A scanner of all TCP ports of an address. Runs inside hosts; prints the ports that answered, as JSON.

A SYN for each port, by a raw socket: the kernel finds the way, and resets what is opened. Ports that have not
answered, be it with a reset, are asked again, because a busy machine loses some; until nothing more is heard.

    python -m tests.e2e.scan SOURCE DESTINATION
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from typing import Any

_PORTS = range(1, 65_536)
#: SYNs between two looks for answers, and seconds for each of these: some 20,000 a second.
_BATCH, _PAUSE = 256, 0.012
#: Seconds to wait for the last answers of a round.
_LINGER = 1.0
#: A round has a source port of its own.
_OURS, _ROUNDS = 61_000, 8
_SYN, _SYN_ACK = 0x02, 0x12


def main() -> None:
    """See the module."""
    source, destination = sys.argv[1:]
    answers: dict[int, bool] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        raw.bind((source, 0))
        for number in range(_ROUNDS):
            before = len(answers)
            silent = [port for port in _PORTS if port not in answers]
            for first in range(0, len(silent), _BATCH):
                for port in silent[first : first + _BATCH]:
                    raw.sendto(_syn(source, destination, _OURS + number, port), (destination, 0))
                answers |= _answered(raw, destination, _PAUSE)
            answers |= _answered(raw, destination, _LINGER)
            if number and len(answers) == before:
                break
    print(json.dumps(sorted(port for port, is_open in answers.items() if is_open)))


def _syn(source: str, destination: str, ours: int, port: int) -> bytes:
    header = struct.pack("!HHIIBBHHH", ours, port, port, 0, 5 << 4, _SYN, 1024, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!HH", 6, len(header))
    total = sum(struct.unpack("!16H", pseudo + header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return b"".join((header[:16], (~total & 0xFFFF).to_bytes(2), header[18:]))


def _answered(raw: socket.socket, destination: str, seconds: float) -> dict[int, bool]:
    """The ports that answer within so many seconds, and whether they say that they are open."""
    found: dict[int, bool] = {}
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            packet, (sender, _) = raw.recvfrom(65_535)
        except TimeoutError:
            break
        segment = packet[(packet[0] & 15) * 4 :]
        theirs, ours = struct.unpack_from("!HH", segment)
        if sender == destination and _OURS <= ours < _OURS + _ROUNDS:
            found[theirs] = segment[13] & _SYN_ACK == _SYN_ACK
    return found


def scan(node: Any, source: str, destination: str) -> list[int]:
    """The TCP ports of an address that answer a host."""
    process = node.popen([sys.executable, "-m", "tests.e2e.scan", source, destination])
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    found: list[int] = json.loads(output)
    return found


if __name__ == "__main__":
    main()
