"""Whoever opens a store knows every kind of record that any part of the daemon may have put there."""

from __future__ import annotations

import subprocess
import sys


def test_all_kinds_are_known_without_the_doors() -> None:
    program = (
        "import sdn_orch.northbound.kinds\n"
        "from sdn_orch.store.codec import kinds\n"
        "known = kinds().keys()\n"
        "import pkgutil, importlib, sdn_orch\n"
        "for found in pkgutil.walk_packages(sdn_orch.__path__, 'sdn_orch.'):\n"
        "    if found.name != 'sdn_orch.southbound.osken':\n"
        "        importlib.import_module(found.name)\n"
        "print(len(known), *(kinds().keys() - known))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    count, *unknown = done.stdout.split()
    assert int(count) > 50
    assert unknown == []
