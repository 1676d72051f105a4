"""Debian's packages of peers, which are only unpacked.

Installing them would start their services, on the machine's own Open vSwitch too; unpacked beside the virtual
environment they touch nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.common.sandbox import run


def home(peer: str) -> Path:
    """Where the packages of a peer are unpacked."""
    return Path(sys.prefix, "share", "sdn-orch-bench", peer)


def fetch(program: Path, peer: str, *packages: str) -> str | None:
    """Have the packages with a program at hand; needs the network, so outside the sandbox.

    Gives why it cannot, or None.
    """
    if program.exists():
        return None
    cache = home(peer)
    cache.mkdir(parents=True, exist_ok=True)
    got = subprocess.run(
        ["apt-get", "download", "-q", *packages], cwd=cache, capture_output=True, text=True, check=False
    )
    if got.returncode:
        return f"apt-get download {' '.join(packages)}: {got.stderr.strip()[-300:]}"
    for package in sorted(cache.glob("*.deb")):
        run("dpkg-deb", "-x", package, cache)
    return None
