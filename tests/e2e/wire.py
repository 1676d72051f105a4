"""Raw frames out of and into a host's interface. Runs inside hosts, one process each.

Every line on standard input is a frame in hexadecimal digits to send; every frame that comes in is a line of
JSON on standard output. Ends with standard input, a little later than the last line.

    python -m tests.e2e.wire INTERFACE
"""

from __future__ import annotations

import json
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_ALL = 0x0003
_ETH_P_ALL = 3
#: Seconds after the last line during which frames are still taken in.
LINGER = 0.7
#: What the kernel tells of a frame beside it: its VLAN tag, which it takes out of the frame.
_AUXILIARY = struct.Struct("IIIHHHH")
_VLAN_VALID = 0x10


def main() -> None:
    """See the module."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    packets.bind((sys.argv[1], _ETH_P_ALL))
    packets.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
    print("ready", flush=True)
    until: float | None = None
    while until is None or time.monotonic() < until:
        sources: list[Any] = [packets] if until is not None else [packets, sys.stdin]
        ready, _, _ = select.select(sources, [], [], 0.05)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if line.strip():
                packets.send(bytes.fromhex(line))
            elif not line:
                until = time.monotonic() + LINGER
        if packets in ready:
            frame, auxiliary, _, address = packets.recvmsg(65536, 256)
            if address[2] != socket.PACKET_OUTGOING:
                print(json.dumps(_with_tag(frame, auxiliary).hex()), flush=True)


def _with_tag(frame: bytes, auxiliary: list[tuple[int, int, bytes]]) -> bytes:
    for _, _, data in auxiliary:
        status, *_, tci, tpid = _AUXILIARY.unpack(data[: _AUXILIARY.size])
        if status & _VLAN_VALID:
            return frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
    return frame


@contextmanager
def listening(node: Any) -> Iterator[list[bytes]]:
    """What a node gets meanwhile; complete behind the `with` block."""
    command = [sys.executable, "-m", "tests.e2e.wire", node.defaultIntf().name]
    process = node.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    got: list[bytes] = []
    try:
        assert process.stdout.readline() == "ready\n"
        yield got
    finally:
        output, _ = process.communicate(timeout=20)
        got += [bytes.fromhex(json.loads(line)) for line in output.splitlines()]


def exchange(nodes: Mapping[str, Any], frames: Mapping[str, Iterable[bytes]]) -> dict[str, list[bytes]]:
    """Let these nodes (by name) send their frames, and tell what each of them got meanwhile."""
    command = [sys.executable, "-m", "tests.e2e.wire"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = {name: node.popen([*command, node.defaultIntf().name], **pipes) for name, node in nodes.items()}
    got: dict[str, list[bytes]] = {}
    try:
        for process in running.values():
            assert process.stdout.readline() == "ready\n"
        for name, sent in frames.items():
            for frame in sent:
                print(frame.hex(), file=running[name].stdin, flush=True)
        for process in running.values():
            process.stdin.close()
            process.stdin = None
    finally:
        for name, process in running.items():
            output, _ = process.communicate(timeout=20)
            got[name] = [bytes.fromhex(json.loads(line)) for line in output.splitlines()]
    return got


if __name__ == "__main__":
    main()
