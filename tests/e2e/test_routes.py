"""Static routes of a VPC: to what is behind a machine in a tier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.e2e.ping import ask, reach
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.tenants import TIER, Cloudstack, Tenant
from topologies.leaf_spine import LeafSpine

pytestmark = pytest.mark.mininet

#: What is behind the machine that is a router, and an address there.
BEHIND, THERE = "172.16.5.0/24", "172.16.5.1"


@dataclass(frozen=True, slots=True)
class Routed(Tenanted):
    """A VPC with two tiers; in one of them the machine `router` leads on to others."""

    tenant: Tenant
    vpc: str
    data: str


@pytest.fixture(scope="module")
def routed() -> Iterator[Routed]:
    with Cloud(partial(LeafSpine, leaves=3, hosts=1)) as cloud:
        cloud.start()
        made = Cloudstack(cloud.controller)
        blue = made.tenant("blue")
        vpc = made.vpc(blue)
        web = made.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
        data = made.network(blue, "data", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc)
        machines = {
            "web1": made.machine(blue, "h1", "web1", ("web", web), "shop"),
            "router": made.machine(blue, "h2", "router", ("web", web), "shop"),
            "data1": made.machine(blue, "h3", "data1", ("data", data), "shop"),
        }
        bring_up(cloud, machines.values())
        cloud.node("h2").cmd(f"ip address add {THERE}/32 dev lo; sysctl -q -w net.ipv4.ip_forward=1")
        yield Routed(cloud, machines, blue, vpc, data)


def test_a_route_leads_by_a_machine_and_back(routed: Routed) -> None:
    call, data1, router = routed.tenant.call, routed.node("data1"), routed.node("router")
    from_behind = f"-I {THERE}"
    assert " 0 received" in ask(data1, THERE)
    assert " 0 received" in ask(router, routed.machines["data1"].ipv4, from_behind)
    route = call.createStaticRoute(cidr=BEHIND, nexthop=routed.machines["router"].ipv4, vpcid=routed.vpc)
    assert route["staticroute"]["state"] == "Active"
    routed.cloud.wait_objects()
    assert routed.cloud.row(BEHIND)["condition"] == "realised"
    for name in ("data1", "web1"):
        assert " 0 received" not in reach(routed.node(name), THERE), name
        assert " 0 received" not in reach(router, routed.machines[name].ipv4, from_behind), name
    # Only under what is behind it, and only the machine that the route names.
    router.cmd("ip address add 172.16.6.1/32 dev lo")
    assert " 0 received" in ask(router, routed.machines["data1"].ipv4, "-I 172.16.6.1")
    routed.node("web1").cmd("ip address add 172.16.5.2/32 dev lo")
    assert " 0 received" in ask(routed.node("web1"), routed.machines["data1"].ipv4, "-I 172.16.5.2")
    traced = routed.cloud.controller.command("trace", "--from", "data1", "--to", THERE)
    assert "router" in traced.stdout and "but the intent" not in traced.stdout, traced.stdout
    call.deleteStaticRoute(id=route["staticroute"]["id"])
    routed.cloud.wait_objects()
    assert " 0 received" in ask(data1, THERE)
    assert " 0 received" in ask(router, routed.machines["data1"].ipv4, from_behind)


def test_the_rules_of_tiers_hold_for_what_a_route_leads_to(routed: Routed) -> None:
    call, address = routed.tenant.call, routed.machines["data1"].ipv4
    route = call.createStaticRoute(cidr=BEHIND, nexthop=routed.machines["router"].ipv4, vpcid=routed.vpc)
    closed = call.createNetworkACLList(name="closed", vpcid=routed.vpc)["networkacllist"]["id"]
    before = call.listNetworks(id=routed.data)["network"][0]["aclid"]
    call.replaceNetworkACLList(aclid=closed, networkid=routed.data)
    routed.cloud.wait_objects()
    assert " 0 received" in ask(routed.node("router"), address, f"-I {THERE}")
    # Who asks gets answers.
    assert " 0 received" not in reach(routed.node("data1"), THERE)
    call.createNetworkACL(
        aclid=closed, protocol="icmp", icmptype=-1, icmpcode=-1, cidrlist=BEHIND,
        traffictype="Ingress", action="Allow", number=10,
    )  # fmt: skip
    routed.cloud.wait_objects()
    assert " 0 received" not in reach(routed.node("router"), address, f"-I {THERE}")
    call.replaceNetworkACLList(aclid=before, networkid=routed.data)
    call.deleteStaticRoute(id=route["staticroute"]["id"])


def test_a_route_by_nobody_is_told(routed: Routed) -> None:
    call = routed.tenant.call
    route = call.createStaticRoute(cidr=BEHIND, nexthop="10.20.1.200", vpcid=routed.vpc)["staticroute"]
    routed.cloud.controller.wait(
        lambda: routed.cloud.row(BEHIND)["condition"] == "refused", "the route to be refused"
    )
    assert (
        "no running machine has the address 10.20.1.200" in routed.cloud.row(BEHIND)["refusals"][0]["reason"]
    )
    call.deleteStaticRoute(id=route["id"])
