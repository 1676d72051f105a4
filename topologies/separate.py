"""Switches that are an Open vSwitch of their own each, in a network namespace of their own, as on hosts.

So one can die while the others live, and each has a database of its own. The controller stays outside; a
pair of interfaces leads to it from each switch.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mininet.node import Switch
from mininet.topo import Topo

from topologies.cloud import Cloud
from topologies.controller import Sections
from topologies.parts import VERSIONS, ovs_vsctl

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class SeparateSwitch(Switch):  # type: ignore[misc]
    """An Open vSwitch in a network namespace, both daemons its own, with one bridge."""

    #: Of the controller's bridge.
    bridge = "br-int"

    def __init__(self, name: str, directory: Path, controller: str, management: str, **params: Any) -> None:
        """`management` and `controller` are the addresses of a point-to-point link to the controller."""
        super().__init__(name, **(params | {"inNamespace": True}))
        self._controller = controller
        self._directory = directory / name
        self._directory.mkdir()
        self.database = f"unix:{self._directory}/db.sock"
        #: What ovs-appctl knows its daemon by.
        self.appctl = f"{self._directory}/switch.unixctl"
        #: What ovs-ofctl knows its bridge by.
        self.ofctl = f"unix:{self._directory}/{self.bridge}.mgmt"
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
        self._run("ovsdb-tool", "create", "conf.db", _SCHEMA)
        remotes = (f"--remote=p{self.database}", "--remote=ptcp:6640")
        self._run("ovsdb-server", "conf.db", *remotes, *self._daemon("db"))
        self.vsctl("--no-wait", "init")
        self.start_forwarding()
        self.vsctl(*self.bridges(controllers[0].port))

    def start_forwarding(self) -> None:
        """Start ovs-vswitchd, at first or after it has been killed. Raises subprocess.CalledProcessError."""
        self._run("ovs-vswitchd", self.database, *self._daemon("switch"))

    def signal_forwarding(self, how: signal.Signals) -> None:
        """Send ovs-vswitchd a signal: its cables stay up, whatever becomes of it."""
        os.kill(int((self._directory / "switch.pidfile").read_text()), how)

    def bridges(self, port: int) -> list[str]:
        """The words of ovs-vsctl that make everything; `port` is the controller's."""
        words = ["add-br", self.bridge, "--", "set", "bridge", self.bridge, "datapath_type=netdev"]
        words += ["fail_mode=secure", f"protocols={VERSIONS}", f"other_config:datapath-id={self.dpid}"]
        words += ["--", "set-controller", self.bridge, f"tcp:{self._controller}:{port}"]
        for interface, number in self.ports.items():
            words += ["--", "add-port", self.bridge_of(number), interface.name]
            words += ["--", "set", "interface", interface.name, f"ofport_request={number}"]
        return words

    def bridge_of(self, _number: int) -> str:
        """The bridge that a port of the topology is on."""
        return self.bridge

    def vsctl(self, *words: str) -> str:
        """Run ovs-vsctl on its database. Raises subprocess.CalledProcessError."""
        return ovs_vsctl(f"--db={self.database}", *words)

    def _run(self, *command: str) -> None:
        process = self.popen(
            list(command),
            cwd=self._directory,
            env=os.environ | {"OVS_RUNDIR": str(self._directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = process.communicate(timeout=20)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command[0], said)

    def _daemon(self, name: str) -> list[str]:
        paths = (f"--{what}={self._directory}/{name}.{what}" for what in ("pidfile", "unixctl", "log-file"))
        return [*paths, "--detach", "--no-chdir", "-vconsole:off"]


def management_interface(name: str) -> str:
    """The controller's end of the link to a switch."""
    return f"{name}-mg"


class SeparateCloud(Cloud):
    """A cloud whose managed switches are `SeparateSwitch`es, where the topology does not say another class.

    Their databases are reached by unix sockets and by TCP, in turn.
    """

    def __init__(
        self,
        topology: Callable[..., Topo],
        settings: Sections | None = None,
        attachments: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(topology, settings, attachments)
        for switch in self._managed:
            self.topo.setNodeInfo(
                switch,
                {"cls": SeparateSwitch}
                | self.topo.nodeInfo(switch)
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
