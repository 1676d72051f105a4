"""The smallest cloud with an outside: machines of one network and the internet, at one switch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from mininet.topo import Topo

from bench.common.static import bring_up
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted
from topologies.demo.tenants import ISOLATED, Tenant, begin_outside
from topologies.leaf_spine import INTERNET


class _Topology(Topo):  # type: ignore[misc]
    """The switch is edge and gateway."""

    def build(self, machines: int = 1, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet."""
        leaf = self.addSwitch(f"{prefix}leaf1", dpid=f"{1:016x}", role="edge", public_port=machines + 1)
        hosts = [f"h{number}" for number in range(1, machines + 1)]
        for port, host in enumerate((*hosts, INTERNET), start=1):
            self.addLink(self.addHost(host), leaf, port1=0, port2=port)


@dataclass(frozen=True, slots=True)
class OneLeaf(Tenanted):
    """The machines are `h1`, `h2`…, of a tenant's network."""

    tenant: Tenant
    network: str


@contextmanager
def one_leaf(*addresses: str) -> Iterator[OneLeaf]:
    """With a machine for each of these addresses in 10.1.1.0/24."""
    with Cloud(partial(_Topology, len(addresses))) as cloud:
        made = begin_outside(cloud)
        tenant = made.tenant("tenant")
        network = made.network(tenant, "net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machines = {
            host: made.machine(tenant, host, host, ("net", network), ipaddress=address)
            for host, address in (
                (f"h{number}", address) for number, address in enumerate(addresses, start=1)
            )
        }
        bring_up(cloud, machines.values(), "10.1.1.1")
        yield OneLeaf(cloud, machines, tenant, network)
