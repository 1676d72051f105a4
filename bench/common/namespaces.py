"""Hosts as bare network namespaces in the sandbox, plugged into bridges: what peers are made of."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from bench.common.sandbox import run


class Namespace:
    """A network namespace that runs commands, as a host of Mininet does."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        self.cmd("ip link set lo up")

    def plug(self, bridge: str, interface: str, address: str = "", *settings: str) -> None:
        """A cable to a bridge; `settings` are words of ovs-vsctl for the port's interface."""
        outside = f"{self.name}-{interface}"
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", interface, "netns", self.name)
        run("ip", "link", "set", outside, "up")
        words = ["add-port", bridge, outside]
        run("ovs-vsctl", *words, *(["--", "set", "interface", outside, *settings] if settings else []))
        # As Mininet's hosts have it here: the userspace datapath forwards unfinished checksums.
        self.cmd(f"ethtool -K {interface} tx off rx off gro off; ip link set {interface} up")
        if address:
            self.cmd(f"ip address add {address} dev {interface}")

    def cmd(self, line: str) -> str:
        """What a line of shell prints."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, "sh", "-c", line],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def popen(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Start a program."""
        started: subprocess.Popen[str] = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command], **options
        )
        return started


class Lab(ExitStack):
    """Hosts and bridges, all of them gone when it ends."""

    def host(self, name: str) -> Namespace:
        """A host that is not plugged in anywhere yet."""
        made = Namespace(name)
        self.callback(run, "ip", "netns", "del", name)
        return made

    def bridge(self, name: str) -> str:
        """The name of a bridge that forwards as any Ethernet switch does."""
        run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")
        self.callback(run, "ovs-vsctl", "del-br", name)
        return name
