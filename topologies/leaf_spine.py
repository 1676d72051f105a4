"""Leaves with hosts, each cabled to every spine: the fabric of most data centres (a folded Clos network).

        spine1        spine2
       /  |  \\ \\    / /  |  \\
      leaf1 leaf2 leaf3 leaf4        every leaf has a cable to every spine
      /||\\  /||\\  /||\\  /||\\
       hosts  hosts  hosts  hosts

Between any two leaves there are as many equal paths as spines: traffic is spread over them, and a cut cable
or a dead spine leaves the others. On a leaf the hosts have the ports from 1 up, the spines the ports after
them; on a spine the port is the leaf's number.

The last leaves can be gateways: their next port leads to a public network, in which the host `internet` is
the router to everywhere else; with `office_vlan` the host `office` is behind them too, in that VLAN.

    mn --custom topologies/leaf_spine.py --topo leaf_spine,2,4,3 --switch ovs,datapath=user
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mininet.topo import Topo

from topologies.parts import DumbSwitch

#: Spines are numbered from here up, so that a switch's number tells its kind.
SPINE_DPID = 0x100
PUBLIC_DPID = 0xFF00
#: The host that is everything outside, and the one in a VLAN of its own there, with its port.
INTERNET = "internet"
OFFICE, _OFFICE_PORT = "office", 99


class LeafSpine(Topo):  # type: ignore[misc]
    """`spines` fabric switches, `leaves` edge switches with `hosts` hosts each; `gateways` of the leaves."""

    def build(
        self,
        spines: int = 2,
        leaves: int = 4,
        hosts: int = 3,
        prefix: str = "",
        gateways: int = 0,
        office_vlan: int | None = None,
        **_params: Any,
    ) -> None:
        """Called by Mininet with the arguments of the constructor."""
        tops = [
            self.addSwitch(f"{prefix}spine{number}", dpid=f"{SPINE_DPID + number:016x}", role="fabric")
            for number in range(1, spines + 1)
        ]
        for index in range(leaves):
            leaf = self.addSwitch(f"{prefix}leaf{index + 1}", dpid=f"{index + 1:016x}", role="edge")
            for port in range(1, hosts + 1):
                self.addLink(self.addHost(f"h{index * hosts + port}"), leaf, port1=0, port2=port)
            for rank, spine in enumerate(tops, start=1):
                self.addLink(leaf, spine, port1=hosts + rank, port2=index + 1, capacity=40_000)
        if gateways:
            self._lead_outside(
                prefix, range(leaves - gateways + 1, leaves + 1), hosts + spines + 1, office_vlan
            )

    def _lead_outside(self, prefix: str, leaves: Iterable[int], port: int, office_vlan: int | None) -> None:
        tags = {} if office_vlan is None else {_OFFICE_PORT: office_vlan}
        public = self.addSwitch(f"{prefix}public", cls=DumbSwitch, dpid=f"{PUBLIC_DPID:016x}", tags=tags)
        self.addLink(self.addHost(INTERNET), public, port1=0, port2=1)
        if office_vlan is not None:
            self.addLink(self.addHost(OFFICE), public, port1=0, port2=_OFFICE_PORT)
        for number in leaves:
            leaf = f"{prefix}leaf{number}"
            self.setNodeInfo(leaf, self.nodeInfo(leaf) | {"public_port": port})
            self.addLink(leaf, public, port1=port, port2=number + 1)


topos = {"leaf_spine": LeafSpine}
