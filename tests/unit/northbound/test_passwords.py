"""Passwords as they are kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys


def test_a_hash_costs_as_much_as_is_recommended() -> None:
    """In a process of its own, as hashes of other tests cost less."""
    program = (
        "from sdn_orch.northbound.cloudstack.passwords import scrypt; print(scrypt('secret', bytes(16)))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    hashed = hashlib.scrypt(b"secret", salt=bytes(16), n=2**14, r=8, p=1)
    assert said == f"{bytes(16).hex()}${hashed.hex()}\n"
