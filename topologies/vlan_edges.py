"""Edges on a plain Ethernet: networks are VLANs of an underlay that any switches may make up.

        h1 h2 h3     h4 h5 h6     h7   h8   h9
         edge1        edge2       access switch     hosts on access ports of their VLANs
           |            |             | trunk
           |            |           edge3
            \\___________|____________/
                     underlay                       learns MAC addresses, knows nothing of tenants

On an edge the hosts have the ports from 1 up, the trunk is port `TRUNK`, the underlay port `UNDERLAY`.
"""

from __future__ import annotations

from typing import Any

from mininet.topo import Topo

from topologies.parts import DumbSwitch

TRUNK, UNDERLAY = 50, 100
#: VLANs of the hosts behind the access switch; they say whose port is whose, and are not the underlay's.
ACCESS_VLANS = (11, 12, 13)


class VlanEdges(Topo):  # type: ignore[misc]
    """Two edges with `hosts` each, and a third whose hosts are behind a trunk."""

    def build(self, hosts: int = 3, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet with the arguments of the constructor."""
        underlay = self.addSwitch(f"{prefix}under", cls=DumbSwitch, dpid=f"{0xFF00:016x}")
        tags = dict(enumerate(ACCESS_VLANS, start=1))
        access = self.addSwitch(f"{prefix}access", cls=DumbSwitch, dpid=f"{0xFF01:016x}", tags=tags)
        for index in range(3):
            edge = self.addSwitch(
                f"{prefix}edge{index + 1}",
                dpid=f"{index + 1:016x}",
                role="edge",
                transport="vlan",
                underlay=UNDERLAY,
            )
            self.addLink(edge, underlay, port1=UNDERLAY, port2=index + 1)
            for port in range(1, (hosts if index < 2 else len(tags)) + 1):
                host = self.addHost(f"h{index * hosts + port}")
                self.addLink(host, edge if index < 2 else access, port1=0, port2=port)
        self.addLink(edge, access, port1=TRUNK, port2=len(tags) + 1)
