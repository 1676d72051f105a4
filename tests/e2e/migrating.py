"""The moment at which a machine stops on one host, or goes on at another. Runs inside hosts.

A line on standard input says that it is now; it sends these frames at once, a millisecond apart. The answer
is when it was, by the clock that all processes share, and what has come in by the end.

    python -m tests.e2e.migrating INTERFACE up|down [FRAME...]
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_REQUEST = struct.Struct("16sH14x")
_ETH_P_ALL = 3
#: Seconds between two frames.
_PACE = 0.001


def main() -> None:
    """See the module."""
    interface, state, frames = sys.argv[1], sys.argv[2], [bytes.fromhex(each) for each in sys.argv[3:]]
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    packets.bind((interface, _ETH_P_ALL))
    _, flags = _REQUEST.unpack(fcntl.ioctl(packets, _GET_FLAGS, _REQUEST.pack(interface.encode(), 0)))
    wanted = flags | _UP if state == "up" else flags & ~_UP
    print("ready", flush=True)
    sys.stdin.readline()
    fcntl.ioctl(packets, _SET_FLAGS, _REQUEST.pack(interface.encode(), wanted))
    now = time.monotonic()
    # That the interface was down is no matter any more.
    packets.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    for number, frame in enumerate(frames):
        time.sleep(max(0.0, now + number * _PACE - time.monotonic()))
        packets.send(frame)
    heard: list[str] = []
    packets.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            frame, address = packets.recvfrom(65536)
            heard += [frame.hex()] if address[2] != socket.PACKET_OUTGOING else []
    print(json.dumps([now, heard]), flush=True)


class Moment:
    """A host's moment that is prepared, and comes when it is told to."""

    def __init__(self, node: Any, state: str, frames: Iterable[bytes] = ()) -> None:
        """`state` is what the host's interface is from then on: up or down."""
        command = [sys.executable, "-m", "tests.e2e.migrating", node.defaultIntf().name, state]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = node.popen([*command, *(frame.hex() for frame in frames)], **pipes)
        assert self._process.stdout.readline() == "ready\n"

    def come(self) -> None:
        """Now."""
        print(file=self._process.stdin, flush=True)

    def came(self) -> tuple[float, list[bytes]]:
        """When it was, in seconds, and what was heard while the frames were sent."""
        output, _ = self._process.communicate(timeout=20)
        now, heard = json.loads(output)
        return now, [bytes.fromhex(frame) for frame in heard]


def announcement(mac: str) -> bytes:
    """What QEMU sends for a machine that has come (`qemu_announce_self`): a request of RARP (RFC 903)."""
    own = bytes.fromhex(mac.replace(":", ""))
    rarp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 3) + (own + bytes(4)) * 2
    return b"\xff" * 6 + own + b"\x80\x35" + rarp


if __name__ == "__main__":
    main()
