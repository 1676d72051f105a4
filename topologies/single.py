"""One edge switch and its hosts: the smallest network in which tenants can be kept apart.

            leaf1
          /  |  |  \\
        h1  h2  h3  h4

Nothing crosses a fabric here, so what works in `single` and fails in `leaf_spine` is a matter of transport.

    mn --custom topologies/single.py --topo single,4 --switch ovs,datapath=user
"""

from __future__ import annotations

from typing import Any

from mininet.topo import Topo


class Single(Topo):  # type: ignore[misc]
    """`hosts` hosts on one switch. `prefix` goes before its name, which is a bridge of the machine."""

    def build(self, hosts: int = 4, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet with the arguments of the constructor."""
        leaf = self.addSwitch(f"{prefix}leaf1", dpid=f"{1:016x}", role="edge")
        for number in range(1, hosts + 1):
            self.addLink(self.addHost(f"h{number}"), leaf, port1=0, port2=number)


topos = {"single": Single}
