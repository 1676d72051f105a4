"""TCP sessions go on when what let them begin is taken away, unless their network is to cut them.

Between a network and the outside, IPv4 and IPv6, and between machines under lists of rules and in groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.talk import heard, listening, running
from topologies.cloud import Cloud
from topologies.demo.machines import bring_up, take_addresses
from topologies.demo.outside import FAR, FAR6, add_routes
from topologies.demo.tenants import ISOLATED, TIER, Cloudstack, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

#: Bytes that a session says and hears in about half a second.
A_WHILE = 320
#: The offering of shared networks with security groups.
GROUPED = "DefaultSharedNetworkOfferingWithSGService"
#: Sessions with the outside by their ports: those that lose what let them begin at first, and others.
INTO, OUT, INTO6, OUT6, FORWARDED = first = range(7001, 7006)
ANOTHER_INTO, ANOTHER_OUT = range(7006, 7008)
#: Sessions among machines: by a list, by a group.
LISTED, GROUPED_ONE, ANOTHER_LISTED, ANOTHER_GROUPED = range(7011, 7015)


@dataclass(frozen=True, slots=True)
class Session:
    """Who talks to whom, at which address, and how what let it begin is taken away."""

    speaker: Any
    listener: Any
    address: str
    withdraw: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Site:
    """Networks, and sessions by their ports."""

    cloud: Cloud
    networks: tuple[str, ...]
    sessions: dict[int, Session]

    @contextmanager
    def talking(self) -> Iterator[Site]:
        """All sessions stand."""
        with ExitStack() as stack:
            for port, session in self.sessions.items():
                stack.enter_context(listening(session.listener, port))
                talk = running(session.speaker, "to", session.address, str(port))
                stack.callback(talk.wait)
                stack.callback(talk.kill)
            yield self

    def withdraw(self, *which: int) -> None:
        """Take what let these begin out of the switches."""
        for port in which:
            self.sessions[port].withdraw()
        self.cloud.wait_objects()

    def cut(self) -> None:
        """The networks are to cut connections."""
        for network in self.networks:
            self.cloud.controller.put(f"/v1/networks/{network}", {"cuts_connections": True})
        self.cloud.wait_objects()

    def counts(self, *which: int) -> dict[int, tuple[int, int]]:
        """How much sessions have heard at both their ends."""
        ends = {port: (self.sessions[port].speaker, self.sessions[port].listener) for port in which}
        return {
            port: (heard(speaker, port), heard(listener, port)) for port, (speaker, listener) in ends.items()
        }

    def wait_for(self, *which: int) -> None:
        """Until each of these sessions has gone on for a while."""
        for port in which:
            before = sum(self.counts(port)[port])
            self.cloud.controller.wait(
                partial(self._has_heard, port, before + A_WHILE), f"the session of port {port} to go on"
            )

    def _has_heard(self, port: int, enough: int) -> bool:
        return sum(self.counts(port)[port]) >= enough


@pytest.fixture
def outward() -> Iterator[Site]:
    with Cloud(partial(LeafSpine, leaves=2, spines=1, hosts=1, gateways=1)) as cloud:
        made = begin_outside(cloud)
        red = made.tenant("red")
        network = made.network(red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machine = made.machine(red, "h1", "red1", ("red-net", network))
        cloud.plug([(machine.host, machine.nic_id, machine.mac)])
        cloud.wait_realised([machine.nic_id])
        take_addresses(cloud, [machine])
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
        with Site(cloud, (network,), sessions).talking() as site:
            yield site


def test_what_let_it_begin_cuts_a_session_with_the_outside_where_the_network_is_to(outward: Site) -> None:
    outward.withdraw(*first)
    outward.wait_for(*outward.sessions)

    outward.cut()
    outward.wait_for(ANOTHER_INTO)
    cut = outward.counts(*first)
    outward.wait_for(ANOTHER_INTO, ANOTHER_OUT)
    assert cut == outward.counts(*cut)

    outward.withdraw(ANOTHER_INTO)
    outward.wait_for(ANOTHER_OUT)
    cut |= outward.counts(ANOTHER_INTO)
    outward.wait_for(ANOTHER_OUT)
    assert cut == outward.counts(*cut)


@pytest.fixture
def inward() -> Iterator[Site]:
    with Cloud(partial(LeafSpine, leaves=2, spines=1, hosts=2)) as cloud:
        cloud.start()
        made = Cloudstack(cloud.controller)
        blue = made.tenant("blue")
        call, vpc = blue.call, made.vpc(blue)
        front, closed = (
            call.createNetworkACLList(name=name, vpcid=vpc)["networkacllist"]["id"]
            for name in ("front", "none")
        )
        web = made.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
        data = made.network(blue, "data", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc, aclid=front)
        shared = made.network(
            made.admin, "shared", GROUPED, "198.51.100.1", "2001:db8:f::/64",
            startip="198.51.100.10", endip="198.51.100.99", vlan=100, acltype="Domain",
        )  # fmt: skip
        groups = [call.createSecurityGroup(name=name)["securitygroup"]["id"] for name in ("web", "db")]
        machines = [
            made.machine(blue, "h1", "web1", ("web", web), "shop"),
            made.machine(blue, "h3", "data1", ("data", data), "shop"),
            made.machine(blue, "h2", "shared1", ("shared", shared), securitygroupids=groups[0]),
            made.machine(blue, "h4", "shared2", ("shared", shared), securitygroupids=groups[1]),
        ]
        bring_up(cloud, machines)
        nodes = [cloud.node(machine.host) for machine in machines]
        sessions: dict[int, Session] = {}
        for number, port in enumerate((LISTED, ANOTHER_LISTED), 1):
            item = call.createNetworkACL(
                aclid=front, protocol="tcp", startport=port, endport=port,
                traffictype="Ingress", action="Allow", number=number,
            )["networkacl"]["id"]  # fmt: skip
            withdraw = partial(call.deleteNetworkACL, id=item)
            if port == ANOTHER_LISTED:
                withdraw = partial(call.replaceNetworkACLList, networkid=data, aclid=closed)
            sessions[port] = Session(nodes[0], nodes[1], machines[1].ipv4, withdraw)
        for port in (GROUPED_ONE, ANOTHER_GROUPED):
            rules = call.authorizeSecurityGroupIngress(
                securitygroupid=groups[1], protocol="tcp", startport=port, endport=port,
                **{"usersecuritygrouplist[0].account": "blue", "usersecuritygrouplist[0].group": "web"},
            )["securitygroup"]["ingressrule"]  # fmt: skip
            rule = next(rule["ruleid"] for rule in rules if rule["startport"] == port)
            withdraw = partial(call.revokeSecurityGroupIngress, id=rule)
            sessions[port] = Session(nodes[2], nodes[3], machines[3].ipv4, withdraw)
        cloud.wait_objects()
        with Site(cloud, (data, shared), sessions).talking() as site:
            yield site


def test_items_of_lists_and_rules_of_groups_cut_sessions_where_the_network_is_to(inward: Site) -> None:
    inward.withdraw(LISTED, GROUPED_ONE)
    inward.wait_for(*inward.sessions)

    inward.cut()
    inward.wait_for(ANOTHER_LISTED)
    cut = inward.counts(LISTED, GROUPED_ONE)
    inward.wait_for(ANOTHER_LISTED, ANOTHER_GROUPED)
    assert cut == inward.counts(*cut)

    inward.withdraw(ANOTHER_LISTED)
    inward.wait_for(ANOTHER_GROUPED)
    cut |= inward.counts(ANOTHER_LISTED)
    inward.wait_for(ANOTHER_GROUPED)
    assert cut == inward.counts(*cut)
