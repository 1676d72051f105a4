"""Hypervisors with VXLAN between them: each an Open vSwitch of its own in a network namespace of its own.

        h1 h2 h3     h4 h5 h6     h7 h8 h9
          kvm1         kvm2         kvm3        br-int: the tenants' ports, and a flow-based tunnel port
          br-phy       br-phy       br-phy      br-phy: the tunnel address, and the cable to the underlay
             \\___________|___________/
                      underlay                  any network that carries IP

Two tunnel ends in one namespace would not do: Open vSwitch's userspace tunnels do not send to an address of
the machine itself. The controller stays outside; a pair of interfaces leads to it from each hypervisor. On a
hypervisor the hosts have the ports from 1 up, the tunnel port is `TUNNEL_PORT`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mininet.node import Switch
from mininet.topo import Topo

from topologies.cloud import Cloud
from topologies.controller import Sections
from topologies.parts import VERSIONS, DumbSwitch, ovs_vsctl

TUNNEL_PORT = 100
_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Hypervisor(Switch):  # type: ignore[misc]
    """An Open vSwitch in a network namespace, both daemons its own."""

    def __init__(
        self, name: str, directory: Path, controller: str, management: str, tunnel_address: str, **params: Any
    ) -> None:
        """`management` and `controller` are the addresses of a point-to-point link to the controller."""
        super().__init__(name, **(params | {"inNamespace": True}))
        self._controller, self._tunnel_address = controller, tunnel_address
        self._directory = directory / name
        self._directory.mkdir()
        self.database = f"unix:{self._directory}/db.sock"
        outside = management_interface(name)
        for words in (
            f"link add {outside} type veth peer name mgmt netns {self.pid}",
            f"address add {controller} peer {management}/32 dev {outside}",
            f"link set {outside} up",
        ):
            subprocess.run(["ip", *words.split()], check=True, capture_output=True)
        self.cmd("ip link set lo up; ip link set mgmt up")
        self.cmd(f"ip address add {management} peer {controller}/32 dev mgmt")

    def start(self, controllers: Sequence[Any]) -> None:
        """Called by Mininet. Raises subprocess.CalledProcessError."""
        for program, *words in (
            ("ovsdb-tool", "create", "conf.db", _SCHEMA),
            (
                "ovsdb-server",
                "conf.db",
                f"--remote=p{self.database}",
                "--remote=ptcp:6640",
                *self._daemon("db"),
            ),
            ("ovs-vsctl", f"--db={self.database}", "--no-wait", "init"),
            ("ovs-vswitchd", self.database, *self._daemon("switch")),
        ):
            environment = os.environ | {"OVS_RUNDIR": str(self._directory)}
            process = self.popen(
                [program, *words],
                cwd=self._directory,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            said, _ = process.communicate(timeout=20)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, program, said)
        self._make_bridges(controllers[0].port)

    def _daemon(self, name: str) -> list[str]:
        paths = (f"--{what}={self._directory}/{name}.{what}" for what in ("pidfile", "unixctl", "log-file"))
        return [*paths, "--detach", "--no-chdir", "-vconsole:off"]

    def _make_bridges(self, port: int) -> None:
        words = ["add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev"]
        words += ["--", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev"]
        words += ["fail_mode=secure", f"protocols={VERSIONS}", f"other_config:datapath-id={self.dpid}"]
        words += ["--", "set-controller", "br-int", f"tcp:{self._controller}:{port}"]
        options = f"options:remote_ip=flow options:key=flow options:local_ip={self._tunnel_address}"
        words += ["--", "add-port", "br-int", "vxlan0", "--", "set", "interface", "vxlan0", "type=vxlan"]
        words += [*options.split(), f"ofport_request={TUNNEL_PORT}"]
        for interface, number in self.ports.items():
            bridge = "br-int" if number < TUNNEL_PORT else "br-phy"
            words += ["--", "add-port", bridge, interface.name]
            words += ["--", "set", "interface", interface.name, f"ofport_request={number}"]
        ovs_vsctl(f"--db={self.database}", *words)
        self.cmd(f"ip address add {self._tunnel_address}/24 dev br-phy; ip link set br-phy up")


def management_interface(name: str) -> str:
    """The controller's end of the link to a hypervisor."""
    return f"{name}-mg"


class Hypervisors(Topo):  # type: ignore[misc]
    """`hypervisors` with `hosts` each, on one underlay."""

    def build(self, hypervisors: int = 3, hosts: int = 3, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet with the arguments of the constructor."""
        underlay = self.addSwitch(f"{prefix}under", cls=DumbSwitch, dpid=f"{0xFF00:016x}")
        for index in range(hypervisors):
            node = self.addSwitch(
                f"{prefix}kvm{index + 1}",
                cls=Hypervisor,
                dpid=f"{index + 1:016x}",
                role="edge",
                transport="vxlan",
                underlay=TUNNEL_PORT,
                tunnel_address=f"192.0.2.{index + 1}",
            )
            for port in range(1, hosts + 1):
                self.addLink(self.addHost(f"h{index * hosts + port}"), node, port1=0, port2=port)
            self.addLink(node, underlay, port1=TUNNEL_PORT + 1, port2=index + 1)


class HypervisorCloud(Cloud):
    """A cloud on hypervisors; their databases are reached by unix sockets and by TCP, in turn."""

    def __init__(
        self,
        topology: Callable[..., Topo] = Hypervisors,
        settings: Sections | None = None,
        attachments: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(topology, settings, attachments)
        for switch in self._managed:
            self.topo.setNodeInfo(
                switch,
                self.topo.nodeInfo(switch)
                | {
                    "directory": self.directory,
                    "controller": self._openflow_host(),
                    "management": self._management(switch),
                },
            )

    def start(self) -> None:
        """The links to the controller must be there before it can listen on them."""
        self._build()
        super().start()

    def _build(self) -> None:
        self._footprint.note(interfaces=map(management_interface, self._managed))
        super()._build()

    def _databases(self) -> Sequence[str]:
        return [
            f"tcp:{self._management(switch)}:6640" if index % 2 else f"unix:{self.directory}/{switch}/db.sock"
            for index, switch in enumerate(self._managed)
        ]

    def _openflow_host(self) -> str:
        return f"198.18.{self._slot()}.1"

    def _management(self, switch: str) -> str:
        return f"198.18.{self._slot()}.{self._managed.index(switch) + 2}"

    def _slot(self) -> str:
        """The footprint's number, so that runs side by side have addresses of their own."""
        return self._footprint.prefix.strip("n-")
