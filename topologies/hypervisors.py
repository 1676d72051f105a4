"""Hypervisors with VXLAN between them: each an Open vSwitch of its own in a network namespace of its own.

        h1 h2 h3     h4 h5 h6     h7 h8 h9
          kvm1         kvm2         kvm3        br-int: the tenants' ports, and a flow-based tunnel port
          br-phy       br-phy       br-phy      br-phy: the tunnel address, and the cable to the underlay
             \\___________|___________/
                      underlay                  any network that carries IP

Two tunnel ends in one namespace would not do: Open vSwitch's userspace tunnels do not send to an address of
the machine itself. On a hypervisor the hosts have the ports from 1 up, the tunnel port is `TUNNEL_PORT`. To
be started by a `SeparateCloud`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mininet.topo import Topo

from topologies.parts import DumbSwitch
from topologies.separate import SeparateSwitch

TUNNEL_PORT = 100


class Hypervisor(SeparateSwitch):
    """A switch with a flow-based tunnel port, and a bridge for the address that tunnels end at."""

    def __init__(self, name: str, tunnel_address: str, **params: Any) -> None:
        super().__init__(name, **params)
        self._tunnel_address = tunnel_address

    def start(self, controllers: Sequence[Any]) -> None:
        """Called by Mininet. Raises subprocess.CalledProcessError."""
        super().start(controllers)
        self.cmd(f"ip address add {self._tunnel_address}/24 dev br-phy; ip link set br-phy up")

    def bridges(self, port: int) -> list[str]:
        """See `SeparateSwitch`."""
        words = ["add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "--"]
        words += super().bridges(port)
        options = f"options:remote_ip=flow options:key=flow options:local_ip={self._tunnel_address}"
        words += ["--", "add-port", self.bridge, "vxlan0", "--", "set", "interface", "vxlan0", "type=vxlan"]
        return [*words, *options.split(), f"ofport_request={TUNNEL_PORT}"]

    def bridge_of(self, number: int) -> str:
        """See `SeparateSwitch`."""
        return self.bridge if number < TUNNEL_PORT else "br-phy"


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
