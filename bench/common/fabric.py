"""A small leaf-spine fabric with three machines of one network: two on the first leaf, one on the second."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from topologies.cloud import Cloud
from topologies.demo.machines import Machine
from topologies.demo.tenants import ISOLATED, Cloudstack
from topologies.leaf_spine import LeafSpine

#: Hosts of each leaf, and leaves.
HOSTS, LEAVES = 2, 2
TOPOLOGY = partial(LeafSpine, spines=2, leaves=LEAVES, hosts=HOSTS)
_USED = ("h1", "h2", "h3")


@contextmanager
def fabric() -> Iterator[tuple[Cloud, Sequence[Machine]]]:
    """The fabric with its controller, made through CloudStack's API, the machines with their addresses."""
    with Cloud(TOPOLOGY) as cloud:
        cloud.start()
        cloudstack = Cloudstack(cloud.controller)
        tenant = cloudstack.tenant("tenant")
        network = cloudstack.network(tenant, "net", ISOLATED, "10.1.1.1", "fd00:0:0:1::/64")
        machines = [cloudstack.machine(tenant, host, host, ("net", network)) for host in _USED]
        cloud.plug((machine.host, machine.nic_id, machine.mac) for machine in machines)
        cloud.wait_realised(machine.nic_id for machine in machines)
        for machine in machines:
            node = cloud.node(machine.host)
            node.cmd(f"ip address add {machine.ipv4}/24 dev {node.defaultIntf()}")
        yield cloud, machines


class Ping:
    """A ping that runs meanwhile, at 1,000 packets a second."""

    def __init__(self, cloud: Cloud, source: Machine, target: Machine, seconds: float) -> None:
        count = int(seconds * 1000)
        self._process: subprocess.Popen[str] = cloud.node(source.host).popen(
            ["ping", "-n", "-q", "-i", "0.001", "-c", str(count), "-W", "1", target.ipv4],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def lost(self) -> tuple[int, int]:
        """Wait for its end: how many packets were sent, and how many of them got no answer."""
        output, _ = self._process.communicate(timeout=120)
        found = re.search(r"(\d+) packets transmitted, (\d+) received", output)
        if found is None:
            raise RuntimeError(f"ping said something else: {output}")
        sent, received = int(found[1]), int(found[2])
        return sent, sent - received
