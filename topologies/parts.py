"""The Mininet parts that suit sdn-orch: userspace switches, hosts whose packets survive them, clean-up.

Why not Mininet's defaults, in one line each:
- switches use Open vSwitch's userspace datapath (`netdev`), which needs no kernel module; `fail_mode=secure`,
  so that a lost controller leaves the flows standing; and the OpenFlow versions that sdn-orch negotiates;
- hosts switch checksum offload off: the userspace datapath forwards unfinished checksums as they are, with
  which ping works but no TCP connection is ever made;
- the controller is not probed by telnet, which would send it garbage;
- kernel limits of the machine stay as they are, and `mn -c` is never called (see `footprint`).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

from mininet.link import Intf
from mininet.net import Mininet
from mininet.node import Host, Node, OVSSwitch, RemoteController
from mininet.topo import Topo

from topologies.controller import SYSTEM_DATABASE
from topologies.footprint import Footprint

VERSIONS = "OpenFlow13,OpenFlow14,OpenFlow15"


class UserspaceSwitch(OVSSwitch):  # type: ignore[misc]
    """A bridge of Open vSwitch in userspace. All switches of a network are started by one transaction."""

    #: Where its ports are described.
    database = SYSTEM_DATABASE
    #: What ovs-appctl knows its daemon by.
    appctl = "ovs-vswitchd"

    def __init__(self, name: str, **params: Any) -> None:
        defaults = {"datapath": "user", "failMode": "secure", "protocols": VERSIONS, "batch": True}
        super().__init__(name, **(defaults | params))
        #: What ovs-ofctl knows it by.
        self.ofctl = name

    @classmethod
    def isOldOVS(cls) -> bool:  # noqa: N802 (Mininet's name)
        """Older than 1.10, of 2013? No; Mininet would ask a part of Python that is going away."""
        return False


class DumbSwitch(UserspaceSwitch):
    """A learning switch that no controller knows: an underlay, or what stands before a trunk port.

    `tags` gives the VLANs of access ports; the other ports are trunks.
    """

    def __init__(self, name: str, tags: Mapping[int, int] | None = None, **params: Any) -> None:
        super().__init__(name, **(params | {"failMode": "standalone"}))
        self._tags = tags or {}

    def start(self, _controllers: object) -> None:
        """Called by Mininet."""
        super().start([])

    def intfOpts(self, intf: Intf) -> str:  # noqa: N802 (Mininet's name)
        """Words of ovs-vsctl for one port."""
        tag = self._tags.get(self.ports[intf])
        return str(super().intfOpts(intf)) + ("" if tag is None else f" -- set Port {intf} tag={tag}")


class TenantHost(Host):  # type: ignore[misc]
    """A host that starts without address: it takes its own by DHCP, as a tenant's machine does."""

    def __init__(self, name: str, **params: Any) -> None:
        super().__init__(name, **(params | {"ip": None}))

    def config(self, **params: Any) -> dict[str, Any]:
        """Called by Mininet once the host has its interfaces."""
        result: dict[str, Any] = super().config(**params)
        self.cmd("ip link set lo up")
        for interface in self.intfList():
            # TSO and GSO need checksum offload, so they go with it.
            self.cmd(f"ethtool -K {interface} tx off rx off gro off")
        return result


class QuietController(RemoteController):  # type: ignore[misc]
    """A controller that runs elsewhere, at `ip` and `port`; that it listens is seen when switches connect."""

    def checkListening(self) -> None:  # noqa: N802 (Mininet's name)
        """Nothing: Mininet would send it a line by telnet."""


class MarkedNetwork(Mininet):  # type: ignore[misc]
    """A Mininet whose every trace is in a footprint, removed by `stop` as it would be after a SIGKILL."""

    # Mininet would raise limits of the kernel for the whole machine and leave them so.
    inited = True

    def __init__(self, topo: Topo, footprint: Footprint, port: int, **params: Any) -> None:
        """`topo` was made with the footprint's prefix; `port` is where the controller listens on loopback.

        Raises RuntimeError where the machine gives us no network namespaces.
        """
        Mininet.inited = True
        # Mininet would wait for ever for the shell of a host that could not be made.
        trial = subprocess.run(["mnexec", "-n", "true"], capture_output=True, text=True, check=False)
        if trial.returncode:
            raise RuntimeError(f"no network namespaces can be made here: {trial.stderr.strip()}")
        self.footprint = footprint
        interfaces = [f"{switch}-eth{number}" for switch in topo.switches() for number in topo.ports[switch]]
        footprint.note(topo.switches(), interfaces)
        defaults = {"switch": UserspaceSwitch, "host": TenantHost, "waitConnected": False}
        super().__init__(topo=topo, controller=None, **(defaults | params))
        self.addController("c0", controller=QuietController, ip="127.0.0.1", port=port)

    def stop(self) -> None:
        """Remove everything that was made."""
        for node in (*self.hosts, *self.switches, *self.controllers):
            _end_shell(node)
        self.footprint.remove()


def _end_shell(node: Node) -> None:
    """End the node's shell and its pseudo-terminal, without Mininet's commands for each interface."""
    if node.shell and node.shell.poll() is None:
        os.killpg(node.shell.pid, signal.SIGKILL)
        node.shell.wait()
    node.cleanup()


def bind_port(interface: str, nic_id: str, mac: str) -> list[str]:
    """The words of ovs-vsctl that tell whose a port is, as libvirt does for a virtual machine's."""
    ids = {"iface-id": nic_id, "attached-mac": mac, "iface-status": "active"}
    return [
        "--",
        "set",
        "Interface",
        interface,
        *(f'external_ids:{key}="{value}"' for key, value in ids.items()),
    ]


def ovs_vsctl(*words: str) -> str:
    """Run ovs-vsctl; raises subprocess.CalledProcessError with its words on failure."""
    done = subprocess.run(["ovs-vsctl", "--timeout=10", *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()
