"""A small leaf-spine fabric with three machines of one network: two on the first leaf, one on the second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from mininet.topo import Topo

from bench.common.static import bring_up
from topologies.cloud import Cloud
from topologies.demo.machines import Machine
from topologies.demo.tenants import ISOLATED, Cloudstack
from topologies.leaf_spine import LeafSpine

#: Hosts of each leaf, and leaves.
HOSTS, LEAVES = 2, 2
SHAPE = {"spines": 2, "leaves": LEAVES, "hosts": HOSTS}
TOPOLOGY = partial(LeafSpine, **SHAPE)
_USED = ("h1", "h2", "h3")


class PlainLeafSpine(LeafSpine):
    """A leaf-spine fabric whose switches the controller is to take for plain OpenFlow 1.3 ones."""

    def build(self, *arguments: Any, **options: Any) -> None:
        """Called by Mininet."""
        super().build(*arguments, **options)
        for switch in self.switches():
            self.nodeInfo(switch)["open_vswitch"] = False


@contextmanager
def fabric(
    topology: Callable[..., Topo] = TOPOLOGY, kind: Callable[[Callable[..., Topo]], Cloud] = Cloud
) -> Iterator[tuple[Cloud, Sequence[Machine]]]:
    """The fabric with its controller, made through CloudStack's API, the machines with their addresses."""
    with kind(topology) as cloud:
        cloud.start()
        cloudstack = Cloudstack(cloud.controller)
        tenant = cloudstack.tenant("tenant")
        network = cloudstack.network(tenant, "net", ISOLATED, "10.1.1.1", "fd00:0:0:1::/64")
        machines = [cloudstack.machine(tenant, host, host, ("net", network)) for host in _USED]
        bring_up(cloud, machines, "10.1.1.1")
        yield cloud, machines
