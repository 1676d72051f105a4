"""Whoever opens a store knows every kind of record that any part of the daemon may have put there."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import sdn_orch
from sdn_orch.store.codec import kinds


def test_all_kinds_are_known_without_the_doors() -> None:
    program = "import sdn_orch.northbound.kinds\nfrom sdn_orch.store.codec import kinds\nprint(*kinds())\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    known = set(done.stdout.split())
    assert len(known) > 50
    for found in pkgutil.walk_packages(sdn_orch.__path__, "sdn_orch."):
        if found.name != "sdn_orch.southbound.osken":
            importlib.import_module(found.name)
    assert {name for name, kind in kinds().items() if kind.__module__.startswith("sdn_orch.")} <= known
