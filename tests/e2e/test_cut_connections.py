"""TCP sessions between a network and the outside, IPv4 and IPv6, where the network is to cut connections."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.e2e.sessions import Session, Sessions
from topologies.cloud import Cloud
from topologies.demo.machines import bring_up
from topologies.demo.outside import FAR, FAR6, add_routes
from topologies.demo.tenants import ISOLATED, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

#: Sessions by their ports: those that lose what let them begin at first, and others.
INTO, OUT, INTO6, OUT6, FORWARDED = first = range(7001, 7006)
ANOTHER_INTO, ANOTHER_OUT = range(7006, 7008)


def test_what_let_it_begin_cuts_a_session_with_the_outside_where_the_network_is_to() -> None:
    with Cloud(partial(LeafSpine, leaves=2, spines=1, hosts=1, gateways=1)) as cloud:
        made = begin_outside(cloud)
        red = made.tenant("red")
        network = made.network(red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machine = made.machine(red, "h1", "red1", ("red-net", network))
        bring_up(cloud, [machine])
        add_routes(cloud, made.admin.call)
        call, here, internet = red.call, cloud.node(machine.host), cloud.node(INTERNET)
        vm = call.listVirtualMachines(name="red1")["virtualmachine"][0]["id"]
        address = call.listPublicIpAddresses(issourcenat=True)["publicipaddress"][0]
        sessions: dict[int, Session] = {}
        for port in (INTO, ANOTHER_INTO, FORWARDED):
            ports: dict[str, Any] = {"ipaddressid": address["id"], "protocol": "tcp"}
            forward = call.createPortForwardingRule(
                publicport=port, privateport=port, virtualmachineid=vm, openfirewall=False, **ports
            )["portforwardingrule"]["id"]
            rule = call.createFirewallRule(startport=port, endport=port, **ports)["firewallrule"]["id"]
            withdraw = partial(call.deleteFirewallRule, id=rule)
            if port == FORWARDED:
                withdraw = partial(call.deletePortForwardingRule, id=forward)
            sessions[port] = Session(internet, here, address["ipaddress"], withdraw)
        for port in (OUT, ANOTHER_OUT):
            rule = call.createEgressFirewallRule(
                networkid=network, protocol="tcp", startport=port, endport=port
            )["firewallrule"]["id"]
            sessions[port] = Session(here, internet, FAR, partial(call.deleteEgressFirewallRule, id=rule))
        for port, direction in ((INTO6, "ingress"), (OUT6, "egress")):
            rule = call.createIpv6FirewallRule(
                networkid=network, traffictype=direction, protocol="tcp", startport=port, endport=port
            )["firewallrule"]["id"]
            ends = (internet, here, str(machine.ipv6)) if port == INTO6 else (here, internet, FAR6)
            sessions[port] = Session(*ends, partial(call.deleteIpv6FirewallRule, id=rule))
        cloud.wait_objects()
        Sessions(cloud, (network,), sessions).are_cut(*first, another=ANOTHER_INTO, left=ANOTHER_OUT)
