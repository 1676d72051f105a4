"""Sync with a CloudStack over HTTP: what VPCs have besides tiers and addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any

import pytest

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.traffic import SCTP, TCP, UDP, Verdict
from sdn_orch.northbound.sync.rows import InnerRule
from tests.balancing import inner, internal_tier
from tests.managed import Pair
from tests.unit.northbound.test_sync_policies import heard

OUTSIDE = {"gateway": "192.0.2.1", "netmask": "255.255.255.0", "ipaddress": "192.0.2.7", "vlan": 700}


class Site:
    """A VPC with a tier, a private gateway with a list of rules, and routes over it and into the tier."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.red = pair, pair.managed.red
        self.admin = pair.managed.cloud.admin
        self.tier = internal_tier(pair.managed.cloud, self.red)
        self.vpc: str = pair.managed.call("listNetworks", id=self.tier)["network"][0]["vpcid"]
        self.rules = self.red.job("createNetworkACLList", name="outside", vpcid=self.vpc)["networkacllist"][
            "id"
        ]
        self.item("Deny", 22)
        self.gateway = self.make_gateway(sourcenatsupported="true", aclid=self.rules)
        self.over = self.route(cidr="198.51.100.0/24", gatewayid=self.gateway)
        self.into = self.route(cidr="172.31.0.0/16", nexthop="10.20.1.9", vpcid=self.vpc)

    def item(self, action: str, port: int) -> str:
        made = self.red.job(
            "createNetworkACL", aclid=self.rules, action=action, protocol="tcp", startport=port,
            endport=port, traffictype="Ingress", cidrlist="0.0.0.0/0",
        )  # fmt: skip
        return str(made["networkacl"]["id"])

    def make_gateway(self, **more: object) -> str:
        made = self.admin.job("createPrivateGateway", vpcid=self.vpc, **(OUTSIDE | more))
        return str(made["privategateway"]["id"])

    def route(self, **given: object) -> str:
        return str(self.red.job("createStaticRoute", **given)["staticroute"]["id"])

    def same(self, kind: type[Any], id: str, **but: object) -> Any:
        """The record here, which is as it is there but for these fields."""
        there = self.pair.managed.cloud.snapshot.need(kind, id)
        here = self.pair.snapshot.need(kind, id)
        assert replace(here, number=0, **but) == replace(there, number=0, **but)
        return here


@pytest.fixture
def site(pair: Pair) -> Site:
    return Site(pair)


def test_private_gateways_and_static_routes(pair: Pair, site: Site) -> None:
    pair.compare()
    gateway = site.same(PrivateGateway, site.gateway, acl_id=None)
    assert (gateway.vlan, gateway.source_nat) == (700, True)
    (item,) = pair.snapshot.where(AclItem, "list_id", gateway.acl_id)
    assert (item.verdict, item.ports) == (Verdict.DENY, (22, 22))
    assert site.same(StaticRoute, site.over).gateway_id == site.gateway
    assert site.same(StaticRoute, site.into).network_id == site.tier
    assert pair.compare().changes == []


def test_gateways_and_routes_change_by_events_and_go(pair: Pair, site: Site) -> None:
    sync = pair.sync()
    assert sync.compare().faults == []
    item = site.item("Allow", 80)
    heard(pair, sync, "NETWORK.ACL.ITEM.CREATE", item)
    gateway = pair.snapshot.need(PrivateGateway, site.gateway)
    assert pair.snapshot.count_where(AclItem, "list_id", gateway.acl_id) == 2
    other = site.make_gateway(gateway="192.168.7.1", ipaddress="192.168.7.2", vlan=701)
    heard(pair, sync, "PRIVATE.GATEWAY.CREATE", other)
    assert site.same(PrivateGateway, other, acl_id=None).source_nat is False
    more = site.route(cidr="172.30.0.0/16", gatewayid=other)
    heard(pair, sync, "STATIC.ROUTE.CREATE", more)
    site.same(StaticRoute, more)
    # The route goes over to another gateway, and the first gateway goes, between two comparisons.
    for route in (more, site.over):
        site.red.job("deleteStaticRoute", id=route)
    site.admin.job("deletePrivateGateway", id=site.gateway)
    again = site.route(cidr="198.51.100.0/24", gatewayid=other)
    heard(pair, sync, "PRIVATE.GATEWAY.DELETE", site.gateway)
    assert {each.id for each in pair.snapshot.all(StaticRoute)} == {again, site.into}
    assert [each.id for each in pair.snapshot.all(PrivateGateway)] == [other]
    lists = {each.name for each in pair.snapshot.where(AclList, "vpc_id", site.vpc)}
    assert len(lists) == 2
    assert "private gateway 192.0.2.7" not in lists
    for route in (again, site.into):
        site.red.job("deleteStaticRoute", id=route)
    site.admin.job("deletePrivateGateway", id=other)
    site.red.job("deleteNetwork", id=site.tier)
    site.red.job("deleteVPC", id=site.vpc)
    pair.compare()
    for kind in (Vpc, Network, PrivateGateway, StaticRoute):
        assert pair.snapshot.count(kind) == 0


def test_private_gateways_count_among_what_must_not_go_by_mistake(pair: Pair, site: Site) -> None:
    pair.compare()
    for route in (site.over, site.into):
        site.red.job("deleteStaticRoute", id=route)
    site.admin.job("deletePrivateGateway", id=site.gateway)
    before = pair.snapshot
    outcome = pair.sync(most_deleted=0).compare()
    assert outcome.held is not None
    assert pair.snapshot is before
    pair.compare(most_deleted=1)
    assert pair.snapshot.count(PrivateGateway) == 0


def test_a_route_to_nowhere_is_told(pair: Pair, site: Site) -> None:
    found = pair.reader.all()
    found.routes = [each.model_copy(update={"nexthop": "203.0.113.200"}) for each in found.routes]

    class Changed:
        calls = 0

        def all(self, zone: str | None) -> Any:
            return found

    (fault,) = pair.sync(Changed()).compare().faults
    assert "203.0.113.200 is neither in a tier nor behind a private gateway" in fault
    assert pair.snapshot.count(Vpc) == 0


@pytest.mark.parametrize("state", ["Revoke", "Deleting"])
def test_a_balancer_inside_whose_rule_is_being_taken_away_is_none(pair: Pair, site: Site, state: str) -> None:
    one, other = (
        site.red.job("createLoadBalancer", **(inner(site.tier) | {"name": name}))["loadbalancer"]["id"]
        for name in ("one", "other")
    )
    pair.compare()
    found = pair.reader.all()
    (kept,) = (each for each in found.inner_balancers if each.id == other)
    (leaving,) = (each for each in found.inner_balancers if each.id == one)
    (rule,) = leaving.loadbalancerrule

    class Changed:
        calls = 0

        def all(self, zone: str | None) -> Any:
            return found

    def having(*rules: InnerRule) -> None:
        found.inner_balancers = [kept, leaving.model_copy(update={"loadbalancerrule": [*rules]})]
        assert pair.sync(Changed()).compare().faults == []

    ended = rule.model_copy(update={"state": state})
    having(ended)
    assert [each.id for each in pair.snapshot.all(Balancer)] == [other]
    # What it does is told by another rule, which stays.
    having(ended, rule.model_copy(update={"sourceport": "81"}))
    assert pair.snapshot.need(Balancer, one).ports == (81, 81)


def test_balancers_inside_of_networks(pair: Pair, site: Site) -> None:
    red, tier = site.red, site.tier
    machine = pair.managed.machine("vm", tier)
    address = {"sourceipaddress": "10.20.1.100"}
    one = red.job("createLoadBalancer", **(inner(tier) | address))["loadbalancer"]["id"]
    other = red.job("createLoadBalancer", **(inner(tier) | address | {"sourceport": 81, "name": "other"}))
    red.job("assignToLoadBalancerRule", id=one, virtualmachineids=machine["id"])
    sync = pair.sync()
    assert sync.compare().faults == []
    site.same(Balancer, one, account_id="")
    site.same(Balancer, other["loadbalancer"]["id"], account_id="")
    (member,) = pair.snapshot.all(Member)
    assert (member.balancer_id, member.nic_id) == (one, machine["nic"][0]["id"])
    assert sync.compare().changes == []
    # CloudStack's are of TCP; that one is of UDP is said here.
    udp = replace(pair.snapshot.need(Balancer, one), protocol=UDP)
    pair.here.service.write(lambda transaction: transaction.put(udp))
    assert sync.compare().changes == []
    third = red.job("createLoadBalancer", **(inner(tier) | {"name": "third"}))["loadbalancer"]["id"]
    heard(pair, sync, "LB.CREATE", third)
    site.same(Balancer, third, account_id="")
    for id in (one, other["loadbalancer"]["id"], third):
        red.job("deleteLoadBalancer", id=id)
    # Its address is a machine's at once.
    late = pair.managed.machine("late", tier, ipaddress="10.20.1.100")
    heard(pair, sync, "LB.DELETE", third)
    assert pair.snapshot.count(Balancer) == pair.snapshot.count(Member) == 0
    assert str(pair.snapshot.need(Nic, late["nic"][0]["id"]).ipv4) == "10.20.1.100"
    assert sync.compare().changes == []
    # The address is the machine's alone: nobody else is given it.
    red.job("destroyVirtualMachine", id=late["id"], expunge="true")
    pair.compare()
    red.job("createLoadBalancer", **(inner(tier) | address))
    assert pair.compare().changes


def test_what_cloudstack_has_no_words_for_stays(pair: Pair) -> None:
    red, prefix = pair.managed.red, IPv6Network("2001:db8:5::/64")
    network = pair.managed.cloud.network(red, "dual", ip6cidr=str(prefix))["id"]
    address = red.job("associateIpAddress", networkid=network)["ipaddress"]["id"]
    pair.compare()
    six = Balancer(
        id="six",
        account_id=pair.snapshot.need(Network, network).account_id,
        network_id=network,
        inner_network_id=network,
        inner=prefix[200],
        name="six",
        protocol=TCP,
        ports=(80, 80),
        guest_ports=(80, 80),
    )
    sctp = replace(six, id="sctp", protocol=SCTP, inner=None, inner_network_id=None, address_id=address)
    pair.here.service.write(lambda transaction: transaction.put(six))
    pair.here.service.write(lambda transaction: transaction.put(sctp))
    red.job("updateNetwork", id=network, displaytext="the other")
    assert pair.compare().faults == []
    assert pair.snapshot.need(Balancer, "six").inner == prefix[200]
    assert pair.snapshot.need(Balancer, "sctp").address_id == address
    red.job("deleteNetwork", id=network)
    pair.compare()
    assert pair.snapshot.count(Balancer) == 0
