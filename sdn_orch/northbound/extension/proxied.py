"""Proxies in networks whose addresses CloudStack gives out, of which it knows nothing.

A proxy has an address that CloudStack has given to nobody yet. When it does, the proxy gives way: a NIC with
another address takes its NIC's place, and whoever runs proxies makes the one and ends the other. Where no
address is free the balancer waits, and says so, until one is.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.errors import Exhausted
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.model import Nic
from sdn_orch.northbound import pool, proxies
from sdn_orch.northbound.extension.cloud import Cloud


def follow(cloud: Cloud, balancer: Balancer) -> None:
    """Give the balancer a proxy if it needs one now and an address is free, or take it away."""
    with suppress(Exhausted):
        proxies.follow(cloud.transaction, balancer)


def provide(cloud: Cloud, network_id: str) -> None:
    """Give a proxy to those balancers of the network that wait for one."""
    for balancer in cloud.snapshot.where(Balancer, "network_id", network_id):
        follow(cloud, balancer)


def give_way(cloud: Cloud, proxy: Nic, *taken: IPv4Address | IPv6Address) -> None:
    """Replace a proxy's NIC; its address is free then, unless it is among those that others have taken."""
    balancer = cloud.snapshot.need(Balancer, proxy.balancer_id or "")
    cloud.transaction.delete(proxy)
    # Its address is still claimed, so that the next NIC has another one.
    follow(cloud, balancer)
    if proxy.ipv4 is not None and proxy.ipv4 not in taken:
        pool.release(cloud.transaction, proxy.network_id, int(proxy.ipv4))
