"""A k-ary fat tree: (k/2)^2 core switches over k pods of k/2 aggregation and k/2 edge switches.

      core1  core2  core3  core4            k = 4: 20 switches, 16 hosts, every port in use
        |      |      |      |
      [ agg1   agg2 ]  ... k pods           each core switch has one cable into every pod
      [   \\  X  /   ]
      [ leaf1  leaf2 ]                      within a pod every edge has a cable to every aggregation
         /\\     /\\
       h1 h2  h3  h4                        k/2 hosts on each edge

All switches have k ports of equal speed, yet any half of the hosts can send to the other half at full speed
(Al-Fares, Loukissas, Vahdat: A Scalable, Commodity Data Center Network Architecture, 2008). Two pods are
joined by (k/2)^2 equal paths of four cables: a test for multipath with more than one stage.

    mn --custom topologies/fat_tree.py --topo fat_tree,4 --switch ovs,datapath=user
"""

from __future__ import annotations

from typing import Any

from mininet.topo import Topo

AGGREGATION_DPID = 0x200
CORE_DPID = 0x300


class FatTree(Topo):  # type: ignore[misc]
    """A fat tree of switches with `k` ports (even). Ports 1 to k/2 look down, the others up."""

    def build(self, k: int = 4, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet with the arguments of the constructor. Raises ValueError for an odd k."""
        if k < 2 or k % 2:
            raise ValueError(f"a fat tree needs an even number of ports of at least 2, not {k}")
        half = k // 2
        cores = [
            self.addSwitch(f"{prefix}core{number}", dpid=f"{CORE_DPID + number:016x}", role="fabric")
            for number in range(1, half * half + 1)
        ]
        for pod in range(k):
            self._build_pod(pod, half, prefix, cores)

    def _build_pod(self, pod: int, half: int, prefix: str, cores: list[str]) -> None:
        above = []
        for rank in range(half):
            number = pod * half + rank + 1
            switch = self.addSwitch(
                f"{prefix}agg{number}", dpid=f"{AGGREGATION_DPID + number:016x}", role="fabric"
            )
            for up in range(half):
                core = cores[rank * half + up]
                self.addLink(switch, core, port1=half + up + 1, port2=pod + 1, capacity=10_000)
            above.append(switch)
        for rank in range(half):
            number = pod * half + rank + 1
            leaf = self.addSwitch(f"{prefix}leaf{number}", dpid=f"{number:016x}", role="edge")
            for port in range(1, half + 1):
                host = self.addHost(f"h{(number - 1) * half + port}")
                self.addLink(host, leaf, port1=0, port2=port)
            for up, switch in enumerate(above, start=1):
                self.addLink(leaf, switch, port1=half + up, port2=rank + 1, capacity=10_000)


topos = {"fat_tree": FatTree}
