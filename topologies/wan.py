"""A wide-area network: the eleven sites and fourteen cables of Abilene, a research backbone of the 2000s.

      seattle --------- denver ----- kansas ------ indiana --- chicago --- newyork
         |            /               |             |                        |
      sunnyvale -----                 |             |                        |
         |                            |             |                        |
      losangeles ------------------ houston ---- atlanta ---------------- washington

Paths are neither equal in length nor in number: no Clos here, so equal-cost multipath finds little to spread
and everything depends on which path is taken. Every site is an edge with its own hosts and also carries
what passes through; any one cable or site may fail and the rest stays connected.

    mn --custom topologies/wan.py --topo wan,1 --switch ovs,datapath=user
"""

from __future__ import annotations

from typing import Any

from mininet.topo import Topo

SITES = (
    "seattle", "sunnyvale", "losangeles", "denver", "kansas", "houston",
    "indiana", "chicago", "atlanta", "newyork", "washington",
)  # fmt: skip

CABLES = (
    ("seattle", "sunnyvale"),
    ("seattle", "denver"),
    ("sunnyvale", "losangeles"),
    ("sunnyvale", "denver"),
    ("losangeles", "houston"),
    ("denver", "kansas"),
    ("kansas", "houston"),
    ("kansas", "indiana"),
    ("houston", "atlanta"),
    ("indiana", "chicago"),
    ("indiana", "atlanta"),
    ("chicago", "newyork"),
    ("atlanta", "washington"),
    ("newyork", "washington"),
)

#: OC-192, in megabits per second.
CAPACITY = 9_920


class Wan(Topo):  # type: ignore[misc]
    """Abilene with `hosts` hosts at each site. Switches are called s1 to s11, in the order of `SITES`.

    Interface names may have 15 letters only, so the sites' names are kept in the switch parameter `site`.
    """

    def build(self, hosts: int = 1, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet with the arguments of the constructor."""
        switches = {}
        for index, site in enumerate(SITES):
            switch = self.addSwitch(f"{prefix}s{index + 1}", dpid=f"{index + 1:016x}", role="edge", site=site)
            for port in range(1, hosts + 1):
                self.addLink(self.addHost(f"h{index * hosts + port}"), switch, port1=0, port2=port)
            switches[site] = switch
        for a, b in CABLES:
            self.addLink(switches[a], switches[b], capacity=CAPACITY)


topos = {"wan": Wan}
