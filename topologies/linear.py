"""Edge switches in a row, each with hosts: every switch but the ends also carries what is not its own.

        leaf1 ----- leaf2 ----- leaf3
        /  \\       /  \\       /  \\
      h1    h2    h3    h4    h5    h6

There is one path between any two, so a cut cable cuts the network: this is where "unreachable" is tested.
On every switch the hosts have the ports from 1 up; the cables to the left and right follow.

    mn --custom topologies/linear.py --topo linear,3,2 --switch ovs,datapath=user
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from mininet.topo import Topo


class Linear(Topo):  # type: ignore[misc]
    """`switches` in a row with `hosts` hosts each."""

    def build(self, switches: int = 3, hosts: int = 2, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet with the arguments of the constructor."""
        row = []
        for index in range(switches):
            leaf = self.addSwitch(f"{prefix}leaf{index + 1}", dpid=f"{index + 1:016x}", role="edge")
            for port in range(1, hosts + 1):
                self.addLink(self.addHost(f"h{index * hosts + port}"), leaf, port1=0, port2=port)
            row.append(leaf)
        for left, right in pairwise(row):
            self.addLink(left, right, capacity=10_000)


topos = {"linear": Linear}
