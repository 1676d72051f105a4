"""Userspace bridges with names of their own, connected to a controller, and removed in the end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

_numbers = count()
ALL_VERSIONS = "OpenFlow13,OpenFlow14,OpenFlow15"


def run(*command: str) -> str:
    """Run a command to its end; its output, or an assertion that shows what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Bridge:
    """A bridge of the running Open vSwitch."""

    name: str

    @property
    def dpid(self) -> int:
        """Its datapath id."""
        return int(run("ovs-vsctl", "get", "bridge", self.name, "datapath_id").strip('"'), 16)

    def control(self, target: str) -> None:
        """Give it a controller, as in "tcp:127.0.0.1:6653"."""
        run("ovs-vsctl", "set-controller", self.name, target)

    def release(self) -> None:
        """Take its controller away."""
        run("ovs-vsctl", "del-controller", self.name)

    def add_port(self, suffix: str, number: int, **external_ids: str) -> str:
        """Add an internal port, up; gives its name."""
        port = f"{self.name}{suffix}"
        ids = [f'external_ids:{key.replace("_", "-")}="{value}"' for key, value in external_ids.items()]
        settings = ["type=internal", f"ofport_request={number}", *ids]
        run("ovs-vsctl", "add-port", self.name, port, "--", "set", "interface", port, *settings)
        run("ip", "link", "set", port, "up")
        return port

    def ofctl(self, *arguments: str, version: str = "OpenFlow15") -> str:
        """Run ovs-ofctl; the bridge's name goes behind the first argument."""
        command, *rest = arguments
        return run("ovs-ofctl", "-O", version, command, self.name, *rest)


@contextmanager
def bridge(versions: str = ALL_VERSIONS, **settings: str) -> Iterator[Bridge]:
    """A fresh bridge; `settings` are further columns of its Bridge row."""
    name = f"so{os.getpid() % 1_000_000}x{next(_numbers)}"
    columns = ["datapath_type=netdev", "fail_mode=secure", f"protocols={versions}"]
    columns += [f"{key}={value}" for key, value in settings.items()]
    run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, *columns)
    try:
        yield Bridge(name)
    finally:
        run("ovs-vsctl", "--if-exists", "del-br", name)
