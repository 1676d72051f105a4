"""A scanner of all TCP ports of an address. Runs inside hosts; prints the ports that answered, as JSON.

One SYN a port, in two rounds, by a raw socket: the kernel finds the way, and resets what is opened.

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
_OURS = 61_000
_SYN, _SYN_ACK = 0x02, 0x12


def main() -> None:
    """See the module."""
    source, destination = sys.argv[1:]
    found: set[int] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        raw.bind((source, 0))
        for ours in (_OURS, _OURS + 1):
            for first in range(_PORTS.start, _PORTS.stop, _BATCH):
                for port in range(first, min(first + _BATCH, _PORTS.stop)):
                    raw.sendto(_syn(source, destination, ours, port), (destination, 0))
                found |= _answered(raw, destination, _PAUSE)
            found |= _answered(raw, destination, _LINGER)
    print(json.dumps(sorted(found)))


def _syn(source: str, destination: str, ours: int, port: int) -> bytes:
    header = struct.pack("!HHIIBBHHH", ours, port, port, 0, 5 << 4, _SYN, 1024, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!HH", 6, len(header))
    total = sum(struct.unpack("!16H", pseudo + header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return b"".join((header[:16], (~total & 0xFFFF).to_bytes(2), header[18:]))


def _answered(raw: socket.socket, destination: str, seconds: float) -> set[int]:
    """The ports that have said they are open, within so many seconds."""
    until, found = time.monotonic() + seconds, set()
    while (left := until - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            packet, (sender, _) = raw.recvfrom(65_535)
        except TimeoutError:
            break
        segment = packet[(packet[0] & 15) * 4 :]
        theirs, ours = struct.unpack_from("!HH", segment)
        if sender == destination and ours in (_OURS, _OURS + 1) and segment[13] & _SYN_ACK == _SYN_ACK:
            found.add(theirs)
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
