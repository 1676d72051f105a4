"""Through a balancer of two members: throughput and new connections, beside OVN's and HAProxy.

A host outside speaks to machines behind a balancer. Three ways on one Open vSwitch, in turns (see
`comparison`): ours, in the gateway switch; OVN's load balancer on a gateway router; and HAProxy in a
namespace between two bridges. Throughput is that of one TCP connection, latency that of connections one by
one. Bars, of medians: our throughput by OVN's at least 1.0, by HAProxy's 1.5, and our new connections by
OVN's 1.0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.common import haproxy, ovn
from bench.common.comparison import Comparison
from bench.common.connections import PORTS
from bench.common.namespaces import Lab
from bench.common.one_leaf import one_leaf
from bench.common.ovn_gateway import OvnGateway
from bench.common.ways import FIRST, STREAM, Way, wait_listening
from topologies.demo.outside import NEAR
from topologies.leaf_spine import INTERNET

BARS = {"throughput by ovn": 1.0, "throughput by haproxy": 1.5, "connections by ovn": 1.0}
#: iperf3 has two connections, which must come to the same server.
_RULES = {STREAM: "source"} | dict.fromkeys(range(FIRST, FIRST + PORTS), "roundrobin")
_BALANCER = "203.0.113.50"
_MEMBERS = ("10.1.1.10", "10.1.1.11")


@contextmanager
def ours() -> Iterator[Way]:
    """A leaf that is edge and gateway, with a rule for each port."""
    with one_leaf(*_MEMBERS) as leaf:
        call = leaf.tenant.call
        address = call.associateIpAddress(networkid=leaf.network)["ipaddress"]
        ids = ",".join(row["id"] for row in call.listVirtualMachines()["virtualmachine"])
        for port, algorithm in _RULES.items():
            rule = call.createLoadBalancerRule(
                publicipid=address["id"], algorithm=algorithm, name=f"lb{port}", publicport=port,
                privateport=port,
            )["loadbalancer"]["id"]  # fmt: skip
            call.assignToLoadBalancerRule(id=rule, virtualmachineids=ids)
        leaf.cloud.wait_objects()
        yield Way(leaf.node(INTERNET), [leaf.node(name) for name in leaf.machines], address["ipaddress"])


@contextmanager
def proxy() -> Iterator[Way]:
    """HAProxy in a namespace, as CloudStack's virtual router has it."""
    with Lab() as lab:
        inside, public = (lab.bridge(name) for name in ("ha-inside", "ha-public"))
        client, middle, *servers = (
            lab.host(name) for name in ("ha-client", "ha-proxy", "ha-web0", "ha-web1")
        )
        client.plug(public, "eth0", f"{NEAR}/24")
        middle.plug(public, "eth2", f"{_BALANCER}/24")
        middle.plug(inside, "eth0", "10.1.1.1/24")
        for server, address in zip(servers, _MEMBERS, strict=True):
            server.plug(inside, "eth0", f"{address}/24")
        running = middle.popen(haproxy.command(Path("/run/haproxy.cfg"), _BALANCER, _RULES, _MEMBERS))
        try:
            wait_listening(middle, STREAM)
            yield Way(client, servers, _BALANCER)
        finally:
            running.terminate()
            running.wait()


@contextmanager
def peer() -> Iterator[Way]:
    """OVN: a logical switch, a gateway router with a load balancer, a localnet port."""
    with OvnGateway("203.0.113.2") as gateway:
        client = gateway.outside(NEAR)
        servers = [gateway.machine(number, address) for number, address in enumerate(_MEMBERS)]
        for port, algorithm in _RULES.items():
            behind = ",".join(f"{address}:{port}" for address in _MEMBERS)
            gateway.change(f"lb-add {algorithm} {_BALANCER}:{port} {behind} tcp")
        gateway.change(
            "set load_balancer source selection_fields=ip_src",
            "lr-lb-add router source",
            "lr-lb-add router roundrobin",
        )
        gateway.settle()
        yield Way(client, servers, _BALANCER)


def main() -> None:
    """Read the options and run."""
    sides = {"sdn-orch": ours, "haproxy": proxy, "ovn": peer}
    Comparison("lb_speed", "through a balancer", sides, BARS).main(__doc__, rounds=5)


if __name__ == "__main__":
    for lacking in (ovn.fetch(), haproxy.fetch()):
        if lacking:
            sys.exit(f"a peer cannot be had: {lacking}")
    main()
