"""What a start of the daemon does not wait for."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_is_imported_that_a_daemon_without_applications_and_sync_does_not_need() -> None:
    """Most take a tenth of a second or more; the first two may come once switches can connect, the doors'
    once these are in sync."""
    program = (
        "import sys, sdn_orch.cli, sdn_orch.daemon\n"
        "listening = {'networkx', 'sdn_orch.northbound.cloudstack'} & sys.modules.keys()\n"
        "import sdn_orch.assembly\n"
        "doors = {'starlette', 'uvicorn', 'sdn_orch.northbound.cloudstack.door'}\n"
        "others = {'eventlet', 'os_ken', 'httpx', 'cryptography'}\n"
        "starting = (doors | others) & sys.modules.keys()\n"
        "import sdn_orch.doors\n"
        "syncing = {'sdn_orch.northbound.sync.sync', 'cs', 'pika'} & sys.modules.keys()\n"
        "print(*listening, *starting, *syncing)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
    assert "Eventlet" not in done.stderr


def test_eventlet_can_be_had_by_whoever_asks_for_it() -> None:
    """Only the libraries of OVSDB are kept from it, not a Ryu application."""
    program = "import sdn_orch.southbound.ovs_library, eventlet; print(eventlet.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["eventlet"]
