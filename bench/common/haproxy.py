"""Debian's HAProxy as a peer, out of packages that are only unpacked, as `ovn` is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.common.sandbox import run

_PACKAGES = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")
_CACHE = Path(sys.prefix, "share", "sdn-orch-bench", "haproxy")
_LIBRARIES = _CACHE / "usr/lib/x86_64-linux-gnu"


def fetch() -> str | None:
    """Have the packages at hand; needs the network, so outside the sandbox. Why it cannot, or None."""
    if (_CACHE / "usr/sbin/haproxy").exists():
        return None
    _CACHE.mkdir(parents=True, exist_ok=True)
    got = subprocess.run(
        ["apt-get", "download", "-q", *_PACKAGES], cwd=_CACHE, capture_output=True, text=True, check=False
    )
    if got.returncode:
        return f"apt-get download {' '.join(_PACKAGES)}: {got.stderr.strip()[-300:]}"
    for package in sorted(_CACHE.glob("*.deb")):
        run("dpkg-deb", "-x", package, _CACHE)
    return None


def command(file: Path, address: str, ports: Mapping[int, str], servers: Iterable[str]) -> list[str]:
    """The program that balances TCP at these ports of an address, each in this way, over servers."""
    lines = ["global", "  maxconn 8000", "defaults", "  mode tcp"]
    lines += ["  timeout connect 5s", "  timeout client 60s", "  timeout server 60s"]
    behind = [f"  server s{number} {server}" for number, server in enumerate(servers)]
    for port, algorithm in ports.items():
        lines += [f"listen port{port}", f"  bind {address}:{port}", f"  balance {algorithm}"]
        lines += [f"{line}:{port}" for line in behind]
    file.write_text("\n".join(lines) + "\n")
    return ["env", f"LD_LIBRARY_PATH={_LIBRARIES}", str(_CACHE / "usr/sbin/haproxy"), "-db", "-f", str(file)]
