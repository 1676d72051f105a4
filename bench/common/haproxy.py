"""Debian's HAProxy as a peer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.common import packages

_HOME = packages.home("haproxy")
_PROGRAM, _LIBRARIES = _HOME / "usr/sbin/haproxy", _HOME / "usr/lib/x86_64-linux-gnu"


def fetch() -> str | None:
    """Have it at hand, as `packages.fetch` does."""
    needed = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")
    return packages.fetch(_PROGRAM, "haproxy", *needed)


def command(file: Path, address: str, ports: Mapping[int, str], servers: Iterable[str]) -> list[str]:
    """The program that balances TCP at these ports of an address, each in this way, over servers."""
    lines = ["global", "  maxconn 8000", "defaults", "  mode tcp"]
    lines += ["  timeout connect 5s", "  timeout client 60s", "  timeout server 60s"]
    behind = [f"  server s{number} {server}" for number, server in enumerate(servers)]
    for port, algorithm in ports.items():
        lines += [f"listen port{port}", f"  bind {address}:{port}", f"  balance {algorithm}"]
        lines += [f"{line}:{port}" for line in behind]
    file.write_text("\n".join(lines) + "\n")
    return ["env", f"LD_LIBRARY_PATH={_LIBRARIES}", str(_PROGRAM), "-db", "-f", str(file)]
