"""Balancers inside of a VPC: two tiers, clients in both, and members who answer as the balancer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from tests.e2e.answers import get
from topologies.balancing import Balanced, ended
from topologies.cloud import Cloud
from topologies.demo.machines import bring_up
from topologies.demo.outside import DATAGRAMS, WEB, answering
from topologies.demo.tenants import TIER, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

_INNER_TIER = "DefaultIsolatedNetworkOfferingForVpcNetworksWithInternalLB"
#: In the tier that the balancer is in; `web1` is on another leaf than it, `app1` shares one with `web2`.
POOL = ("app1", "app2", "app3")
PLACES = {"web1": "h1", "web2": "h3", "app1": "h4", "app2": "h5", "app3": "h6"}


@dataclass(frozen=True, slots=True)
class Tiers(Balanced):
    """A VPC with clients in one tier, and members and a balancer in the other."""

    tier: str
    balancer: str


@pytest.fixture(scope="module")
def tiers() -> Iterator[Tiers]:
    with Cloud(partial(LeafSpine, leaves=4, hosts=2, gateways=1)) as cloud:
        made = begin_outside(cloud)
        tenant = made.tenant("blue")
        vpc = made.vpc(tenant)
        web = made.network(tenant, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
        app = made.network(tenant, "app", _INNER_TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc)
        networks = {"web": ("web", web), "app": ("app", app)}
        machines = {
            name: made.machine(tenant, host, name, networks[name[:3]], "shop")
            for name, host in PLACES.items()
        }
        bring_up(cloud, machines.values())
        balancer = tenant.call.createLoadBalancer(
            algorithm="roundrobin", name="inner", sourceport=80, instanceport=WEB, scheme="Internal",
            networkid=app, sourceipaddressnetworkid=app,
        )["loadbalancer"]  # fmt: skip
        vms = {row["name"]: row["id"] for row in tenant.call.listVirtualMachines()["virtualmachine"]}
        address = {"ipaddress": balancer["sourceipaddress"]}
        here = Tiers(cloud, machines, tenant, vms, address, app, balancer["id"])
        with answering(cloud, here.hosts()):
            yield here


def test_clients_of_both_tiers_are_spread_over_the_members(tiers: Tiers) -> None:
    tiers.assign(tiers.balancer, *POOL)
    listed = tiers.tenant.call.listLoadBalancers(id=tiers.balancer)["loadbalancer"][0]
    assert listed["loadbalancerrule"][0]["state"] == "Active"
    for client in ("web1", "web2"):
        answered = tiers.asked("fresh", 80, 300, client)
        assert set(answered) == set(POOL) and max(answered.values()) < 150, (client, answered)
    # A member is a client too: another member answers it.
    for client in POOL:
        answered = tiers.asked("fresh", 80, 20, client)
        assert client not in answered and set(answered) <= set(POOL), (client, answered)
    node = tiers.node("web1")
    seen = json.loads(get(node, tiers.address["ipaddress"], 80))
    assert seen["from"] == tiers.machines["web1"].ipv4
    # Who is not asked for: another port of the address, and the members themselves as before.
    assert get(node, tiers.address["ipaddress"], 81) == ""
    assert json.loads(get(node, tiers.machines["app1"].ipv4))["name"] == "app1"


def test_edges_count_what_members_had(tiers: Tiers) -> None:
    def counters() -> Any:
        return tiers.cloud.controller.ask("/v1/counters")["items"][0]

    before = counters()["connections"]
    for client in ("web1", "web2"):
        tiers.asked("fresh", 80, 50, client)
    tiers.cloud.controller.wait(lambda: counters()["connections"] == before + 100, "all to be counted", 30)
    for row in counters()["members"]:
        assert min(row["bytes_in"], row["bytes_out"]) > 250 * row["connections"] > 0, row


def test_edges_count_what_is_open(tiers: Tiers) -> None:
    call, controller = tiers.tenant.call, tiers.cloud.controller
    rule = call.createLoadBalancer(
        algorithm="leastconn", name="least", sourceport=82, instanceport=WEB, scheme="Internal",
        networkid=tiers.tier, sourceipaddressnetworkid=tiers.tier, sourceipaddress=tiers.address["ipaddress"],
    )["loadbalancer"]["id"]  # fmt: skip

    def opened() -> int:
        rows = controller.ask(f"/v1/balancers/{rule}/counters")["members"]
        return sum(row["open"] for row in rows)

    tiers.assign(rule, *POOL)
    steady = [tiers.clients("steady", 82, 12, client) for client in ("web1", "web2")]
    tiers.asked("fresh", 82, 100, "web1")
    controller.wait(lambda: opened() == 24, "all to be counted", 30)
    for process in steady:
        answered, broken = ended(process)
        assert not broken and answered.total() == 12, broken
    controller.wait(lambda: opened() == 0, "all to have ended", 30)
    call.deleteLoadBalancer(id=rule)
    tiers.cloud.wait_objects()


def test_members_are_drained_without_a_broken_connection(tiers: Tiers) -> None:
    steady = tiers.clients("steady", 80, 30, "web1")
    coming = tiers.clients("endless", 80, 2, "web2")
    tiers.remove(tiers.balancer, "app2")
    assert set(tiers.asked("fresh", 80, 100, "web1")) == {"app1", "app3"}
    tiers.cloud.controller.kill()
    tiers.cloud.controller.start()
    tiers.cloud.controller.wait(tiers.cloud.in_sync, "the switches to be in sync again", 30)
    tiers.assign(tiers.balancer, "app2")
    assert set(tiers.asked("fresh", 80, 100, "web1")) == set(POOL)
    for process, count in ((steady, 30), (coming, 50)):
        answered, broken = ended(process)
        assert not broken and answered.total() >= count, broken[:3]


def test_datagrams_are_spread_too(tiers: Tiers) -> None:
    call, controller = tiers.tenant.call, tiers.cloud.controller
    made = call.createLoadBalancer(
        algorithm="roundrobin", name="names", sourceport=53, instanceport=DATAGRAMS, scheme="Internal",
        networkid=tiers.tier, sourceipaddressnetworkid=tiers.tier,
        sourceipaddress=tiers.address["ipaddress"],
    )["loadbalancer"]  # fmt: skip
    # CloudStack has no word for it.
    controller.put(f"/v1/balancers/{made['id']}", {"protocol": "udp"})
    tiers.assign(made["id"], *POOL)
    for client in ("web1", "web2"):
        answered = tiers.asked("datagrams", 53, 300, client)
        assert set(answered) == set(POOL) and max(answered.values()) < 200, (client, answered)
    for client in POOL:
        answered = tiers.asked("datagrams", 53, 20, client)
        assert client not in answered and set(answered) <= set(POOL), (client, answered)
    call.deleteLoadBalancer(id=made["id"])
    tiers.cloud.wait_objects()


def test_datagrams_from_outside_are_spread_in_a_tier(tiers: Tiers) -> None:
    call = tiers.tenant.call
    address = call.associateIpAddress(vpcid=call.listVPCs()["vpc"][0]["id"])["ipaddress"]
    outside, pool = replace(tiers, address=address), ["web1", "web2"]
    web = next(row["id"] for row in call.listNetworks()["network"] if row["name"] == "web")
    more = {"protocol": "udp", "privateport": DATAGRAMS, "networkid": web, "openfirewall": False}
    with outside.rule(53, pool, **more):
        # From outside, and by the public address from another tier.
        for client in (INTERNET, "app1"):
            answered = outside.asked("datagrams", 53, 300, client)
            assert set(answered) == set(pool) and max(answered.values()) < 220, (client, answered)
    call.disassociateIpAddress(id=address["id"])
    tiers.cloud.wait_objects()


def test_the_tiers_lists_judge_what_goes_to_members(tiers: Tiers) -> None:
    call = tiers.tenant.call
    vpc = call.listVPCs()["vpc"][0]["id"]
    chosen = call.createNetworkACLList(name="closed", vpcid=vpc)["networkacllist"]["id"]
    was = call.listNetworks(id=tiers.tier)["network"][0]["aclid"]
    call.replaceNetworkACLList(aclid=chosen, networkid=tiers.tier)
    tiers.cloud.wait_objects()
    node = tiers.node("web1")
    assert get(node, tiers.address["ipaddress"], 80) == ""
    call.createNetworkACL(
        aclid=chosen, protocol="tcp", startport=WEB, endport=WEB, number=1, action="allow",
        traffictype="ingress", cidrlist="10.20.1.0/24",
    )  # fmt: skip
    tiers.cloud.wait_objects()
    assert set(tiers.asked("fresh", 80, 60, "web1")) == set(POOL)
    call.replaceNetworkACLList(aclid=was, networkid=tiers.tier)
    tiers.cloud.wait_objects()
