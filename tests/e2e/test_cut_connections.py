"""TCP sessions whose rule is removed go on, unless the network is to cut them: in and out, IPv4 and IPv6."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.talk import heard, listening, running
from topologies.cloud import Cloud
from topologies.demo.machines import take_addresses
from topologies.demo.outside import FAR, FAR6, add_routes
from topologies.demo.tenants import ISOLATED, Tenant, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

#: Bytes that a session says and hears in about half a second.
A_WHILE = 320
#: Sessions by their ports: those whose rules are removed at first, and two others.
INTO, OUT, INTO6, OUT6, ANOTHER_INTO, ANOTHER_OUT = ports = range(7001, 7007)


@dataclass(frozen=True, slots=True)
class Site:
    """A machine and the internet, and by port the rule that lets a session begin."""

    cloud: Cloud
    tenant: Tenant
    network: str
    machine: Any
    internet: Any
    rules: dict[int, str]

    def remove(self, *which: int) -> None:
        """Take rules out of the switches."""
        call = self.tenant.call
        withdraw = dict.fromkeys((INTO6, OUT6), call.deleteIpv6FirewallRule)
        withdraw |= dict.fromkeys((OUT, ANOTHER_OUT), call.deleteEgressFirewallRule)
        for port in which:
            withdraw.get(port, call.deleteFirewallRule)(id=self.rules.pop(port))
        self.cloud.wait_objects()

    def counts(self, port: int) -> tuple[int, int]:
        """How much a session has heard at both its ends."""
        return heard(self.machine, port), heard(self.internet, port)

    def wait_for(self, *which: int) -> None:
        """Until each of these sessions has gone on for a while."""
        for port in which:
            before = sum(self.counts(port))
            self.cloud.controller.wait(
                partial(self._has_heard, port, before + A_WHILE), f"the session of port {port} to go on"
            )

    def _has_heard(self, port: int, enough: int) -> bool:
        return sum(self.counts(port)) >= enough


@pytest.fixture
def site() -> Iterator[Site]:
    with Cloud(partial(LeafSpine, leaves=2, spines=1, hosts=1, gateways=1)) as cloud:
        made = begin_outside(cloud)
        red = made.tenant("red")
        network = made.network(red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machine = made.machine(red, "h1", "red1", ("red-net", network))
        cloud.plug([(machine.host, machine.nic_id, machine.mac)])
        cloud.wait_realised([machine.nic_id])
        take_addresses(cloud, [machine])
        add_routes(cloud, made.admin.call)
        call = red.call
        vm = call.listVirtualMachines(name="red1")["virtualmachine"][0]["id"]
        address = call.listPublicIpAddresses(issourcenat=True)["publicipaddress"][0]
        rules: dict[int, str] = {}
        for port in (INTO, ANOTHER_INTO):
            ports: dict[str, Any] = {"ipaddressid": address["id"], "protocol": "tcp"}
            call.createPortForwardingRule(
                publicport=port, privateport=port, virtualmachineid=vm, openfirewall=False, **ports
            )
            made_rule = call.createFirewallRule(startport=port, endport=port, **ports)
            rules[port] = made_rule["firewallrule"]["id"]
        for port in (OUT, ANOTHER_OUT):
            rules[port] = call.createEgressFirewallRule(
                networkid=network, protocol="tcp", startport=port, endport=port
            )["firewallrule"]["id"]
        for port, direction in ((INTO6, "ingress"), (OUT6, "egress")):
            rules[port] = call.createIpv6FirewallRule(
                networkid=network, traffictype=direction, protocol="tcp", startport=port, endport=port
            )["firewallrule"]["id"]
        cloud.wait_objects()
        here, internet = cloud.node(machine.host), cloud.node(INTERNET)
        to = {INTO: address["ipaddress"], ANOTHER_INTO: address["ipaddress"], INTO6: str(machine.ipv6)}
        to |= {OUT: FAR, ANOTHER_OUT: FAR, OUT6: FAR6}
        with ExitStack() as stack:
            for port, there in to.items():
                ends = (here, internet) if port in (OUT, ANOTHER_OUT, OUT6) else (internet, here)
                stack.enter_context(listening(ends[1], port))
                talk = running(ends[0], "to", there, str(port))
                stack.callback(talk.wait)
                stack.callback(talk.kill)
            yield Site(cloud, red, network, here, internet, rules)


def test_a_removed_rule_cuts_what_stands_where_the_network_is_to(site: Site) -> None:
    site.remove(INTO, OUT, INTO6, OUT6)
    site.wait_for(*ports)

    site.cloud.controller.put(f"/v1/networks/{site.network}", {"cuts_connections": True})
    site.cloud.wait_objects()
    site.wait_for(ANOTHER_INTO)
    cut = {port: site.counts(port) for port in (INTO, OUT, INTO6, OUT6)}
    site.wait_for(ANOTHER_INTO, ANOTHER_OUT)
    assert cut == {port: site.counts(port) for port in cut}

    site.remove(ANOTHER_INTO)
    site.wait_for(ANOTHER_OUT)
    cut[ANOTHER_INTO] = site.counts(ANOTHER_INTO)
    site.wait_for(ANOTHER_OUT)
    assert cut == {port: site.counts(port) for port in cut}
