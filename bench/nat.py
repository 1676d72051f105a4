"""Source NAT and firewall: throughput and new connections, beside CloudStack's way and OVN's.

A machine behind source NAT, which an egress rule lets out, sends to a host in the public network. Three ways
on one Open vSwitch, in turns (see `comparison`): ours, in the gateway switch; a Linux router in a namespace
between two bridges, with the rules of iptables that CloudStack's virtual router has for it; and OVN with a
gateway router and a stateful rule. Bars, of medians: our throughput by OVN's at least 1.0, by the router's
1.5, and our new connections by OVN's 1.0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.common import ovn
from bench.common.comparison import Comparison
from bench.common.namespaces import Lab
from bench.common.one_leaf import one_leaf
from bench.common.ovn_gateway import OvnGateway
from bench.common.ways import Way
from topologies.demo.outside import NEAR
from topologies.leaf_spine import INTERNET

BARS = {"throughput by ovn": 1.0, "throughput by router": 1.5, "connections by ovn": 1.0}
_PRIVATE, _PUBLIC = "10.1.1.10", "203.0.113.2"


@contextmanager
def ours() -> Iterator[Way]:
    """A leaf that is edge and gateway."""
    with one_leaf(_PRIVATE) as leaf:
        leaf.tenant.call.createEgressFirewallRule(networkid=leaf.network, protocol="tcp")
        leaf.cloud.wait_objects()
        yield Way(leaf.node("h1"), [leaf.node(INTERNET)], NEAR)


@contextmanager
def router() -> Iterator[Way]:
    """A Linux router between the tenant's bridge and the public one, as CloudStack's virtual router is."""
    with Lab() as lab:
        inside, public = (lab.bridge(name) for name in ("vr-inside", "vr-public"))
        client, middle, server = (lab.host(name) for name in ("vr-client", "vr-router", "vr-net"))
        client.plug(inside, "eth0", f"{_PRIVATE}/24")
        middle.plug(inside, "eth0", "10.1.1.1/24")
        middle.plug(public, "eth2", f"{_PUBLIC}/24")
        server.plug(public, "eth0", f"{NEAR}/24")
        client.cmd("ip route add default via 10.1.1.1")
        for rule in (
            "-t nat -A POSTROUTING -o eth2 -j MASQUERADE",
            "-P FORWARD DROP",
            "-N FW_OUTBOUND",
            "-A FORWARD -i eth2 -o eth0 -m state --state RELATED,ESTABLISHED -j ACCEPT",
            "-A FORWARD -i eth0 -o eth2 -j FW_OUTBOUND",
            "-A FW_OUTBOUND -m state --state RELATED,ESTABLISHED -j ACCEPT",
            "-A FW_OUTBOUND -p tcp -s 10.1.1.0/24 -j ACCEPT",
        ):
            if said := middle.cmd(f"iptables {rule}"):
                raise RuntimeError(f"iptables {rule}: {said}")
        middle.cmd("sysctl -q -w net.ipv4.ip_forward=1")
        yield Way(client, [server], NEAR)


@contextmanager
def peer() -> Iterator[Way]:
    """OVN: a logical switch with a stateful rule, a gateway router with source NAT, a localnet port."""
    with OvnGateway(_PUBLIC) as gateway:
        client, server = gateway.machine(0, _PRIVATE), gateway.outside(NEAR)
        gateway.change(
            "acl-add inside from-lport 100 'inport==\"port0\" && tcp' allow-related",
            "acl-add inside from-lport 50 'inport==\"port0\" && ip' drop",
            f"lr-nat-add router snat {_PUBLIC} 10.1.1.0/24",
        )
        gateway.settle()
        yield Way(client, [server], NEAR)


def main() -> None:
    """Read the options and run."""
    sides = {"sdn-orch": ours, "router": router, "ovn": peer}
    Comparison("nat", "source NAT and firewall", sides, BARS).main(__doc__, rounds=7)


if __name__ == "__main__":
    lacking = ovn.fetch()
    if lacking:
        sys.exit(f"OVN cannot be had: {lacking}")
    main()
