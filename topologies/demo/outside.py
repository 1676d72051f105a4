"""The outside: the host `internet` is the public network's router, and everything behind it."""

from __future__ import annotations

from typing import Final

from topologies.cloud import Cloud
from topologies.leaf_spine import INTERNET

#: Its address in the public network, and one far behind.
NEAR: Final = "203.0.113.1"
FAR: Final = "192.0.2.80"
#: The public network, and the addresses in it that tenants get.
NETMASK: Final = "255.255.255.0"
FIRST, LAST = "203.0.113.10", "203.0.113.99"


def open_outside(cloud: Cloud) -> None:
    """Give the host its addresses. It sends on what it gets for others in the public network."""
    node = cloud.node(INTERNET)
    node.cmd(f"ip address add {NEAR}/24 dev {node.defaultIntf()}")
    node.cmd(f"ip address add {FAR}/32 dev lo")
    node.cmd("sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0")
    node.cmd(f"sysctl -q -w net.ipv4.conf.{node.defaultIntf()}.send_redirects=0")
