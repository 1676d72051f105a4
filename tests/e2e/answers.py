"""What a host is answered by one that serves HTTP and UDP (`topologies.demo.answer`)."""

from __future__ import annotations

from typing import Any

from topologies.demo.outside import DATAGRAMS, WEB


def get(node: Any, address: str | None, port: int = WEB, *options: str) -> str:
    """What answers HTTP there; empty if nothing does. `options` are curl's."""
    host = f"[{address}]" if address and ":" in address else address
    return str(node.cmd(f"curl -g -s -m 2 {' '.join(options)} http://{host}:{port}/")).strip()


def told(node: Any, address: str, port: int = DATAGRAMS) -> str:
    """What answers one datagram there; empty if nothing does."""
    script = f"exec 3<>/dev/udp/{address}/{port}; echo hello >&3; timeout 1 head -n 1 <&3"
    return str(node.cmd(f"bash -c '{script}'")).strip()
