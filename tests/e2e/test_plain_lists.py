"""Lists of rules and security groups where no switch tracks connections: what passes, and what does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.answers import get, told
from tests.e2e.fabrics import PlainLeafSpine
from tests.e2e.ping import ask, reach
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.outside import DATAGRAMS, FAR, NEAR, WEB, answering
from topologies.demo.tenants import TIER, Tenant, begin_outside
from topologies.leaf_spine import INTERNET

pytestmark = pytest.mark.mininet

GROUPED = "DefaultSharedNetworkOfferingWithSGService"
WEB_TIER, OUTSIDE = "10.20.1.0/24", "203.0.113.0/24"
WEB_TIER6 = "2001:db8:11::/64"


@dataclass(frozen=True, slots=True)
class Listed(Tenanted):
    """A VPC on plain switches: two machines in an open tier, two in one whose list is changed.

    Two more are in a shared network with security groups.
    """

    tenant: Tenant
    vpc: str
    data: str

    def under(self, name: str, *items: dict[str, Any]) -> None:
        """Put the tier under a new list of these items."""
        call = self.tenant.call
        made = call.createNetworkACLList(name=name, vpcid=self.vpc)["networkacllist"]["id"]
        for number, item in enumerate(items, 1):
            call.createNetworkACL(aclid=made, number=10 * number, **item)
        call.replaceNetworkACLList(networkid=self.data, aclid=made)
        self.cloud.wait_objects()

    def get(self, source: str, target: str, version: int = 4) -> str:
        """Who answers HTTP there; empty if nobody does."""
        answer = get(self.node(source), self.machines[target].address(version), WEB, "-m", "1")
        return str(json.loads(answer)["name"]) if answer else ""

    def pings(self, source: str, target: str) -> bool:
        """Whether a machine is answered by another; asks on where that is to be expected."""
        return " 0 received" not in ask(self.node(source), self.machines[target].ipv4)

    def conditions(self, name: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        """How the machines of the tier and the items of a list stand, and why."""
        rows = self.cloud.controller.ask_all("/v1/objects")
        wanted = ("data1", "data2")
        return {
            row["name"]: (row["condition"], tuple(sorted({each["reason"] for each in row["refusals"]})))
            for row in rows
            if row["name"].endswith(f" of {name}") or (row["kind"] == "machine" and row["name"] in wanted)
        }


def both(protocol: str, cidr: str, action: str = "Allow", **more: Any) -> list[dict[str, Any]]:
    """Items that let a protocol in from a prefix, and out to there."""
    return [
        {"protocol": protocol, "cidrlist": cidr, "traffictype": way, "action": action, **more}
        for way in ("Ingress", "Egress")
    ]


@pytest.fixture(scope="module")
def listed() -> Iterator[Listed]:
    with Cloud(partial(PlainLeafSpine, spines=2, leaves=2, hosts=3, gateways=1)) as cloud:
        made = begin_outside(cloud)
        red = made.tenant("red")
        vpc = made.vpc(red)
        web = made.network(red, "web", TIER, "10.20.1.1", WEB_TIER6, vpcid=vpc)
        data = made.network(red, "data", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc)
        machines = {
            name: made.machine(red, host, name, network, "shop")
            for name, host, network in (
                ("web1", "h1", ("web", web)),
                ("data1", "h2", ("data", data)),
                # At the gateway itself.
                ("web2", "h4", ("web", web)),
                ("data2", "h5", ("data", data)),
            )
        }
        shared = made.network(
            made.admin, "shared", GROUPED, "198.51.100.1", "2001:db8:f::/64",
            startip="198.51.100.10", endip="198.51.100.99", vlan=100, acltype="Domain",
        )  # fmt: skip
        red.call.authorizeSecurityGroupIngress(
            securitygroupname="default", protocol="all", cidrlist="0.0.0.0/0"
        )
        red.call.authorizeSecurityGroupIngress(securitygroupname="default", protocol="all", cidrlist="::/0")
        machines |= {
            name: made.machine(red, host, name, ("shared", shared))
            for name, host in (("shared1", "h3"), ("shared2", "h6"))
        }
        bring_up(cloud, machines.values())
        here = Listed(cloud, machines, red, vpc, data)
        with answering(cloud, here.hosts(INTERNET)):
            assert here.get("web1", "data2") == here.get("web1", "data2", version=6) == "data2"
            yield here


def test_a_closed_tier_has_its_neighbours_and_its_gateway(listed: Listed) -> None:
    listed.under("closed", *both("all", "0.0.0.0/0", "Deny"), *both("all", "::/0", "Deny"))
    assert {condition for condition, _ in listed.conditions("closed").values()} == {"realised"}
    for web, data in (("web1", "data1"), ("web1", "data2"), ("web2", "data1")):
        assert listed.get(web, data) == listed.get(data, web) == listed.get(web, data, version=6) == ""
        assert not listed.pings(web, data) and not listed.pings(data, web)
    assert listed.get("data1", "data2") == listed.get("data1", "data2", version=6) == "data2"
    assert " 3 received" in reach(listed.node("data1"), "10.20.2.1")
    assert " 3 received" in reach(listed.node("data2"), "2001:db8:12::1")


def test_what_may_come_from_a_prefix_and_go_there_passes_without_connections(listed: Listed) -> None:
    # Also the answers to what either side begins, between switches and on one; and nothing else.
    listed.under("web only", *both("tcp", WEB_TIER), *both("tcp", WEB_TIER6))
    assert {condition for condition, _ in listed.conditions("web only").values()} == {"realised"}
    for web, data in (("web1", "data1"), ("web1", "data2"), ("web2", "data1")):
        for version in (4, 6):
            assert listed.get(web, data, version) == data
            assert listed.get(data, web, version) == web
        assert not listed.pings(web, data) and not listed.pings(data, web)
        assert told(listed.node(web), listed.machines[data].ipv4, DATAGRAMS) == ""
    # The first item that is about a packet decides, here too.
    web1 = f"{listed.machines['web1'].ipv4}/32"
    listed.under("not web1", *both("all", web1, "Deny"), *both("all", WEB_TIER))
    assert listed.get("web1", "data1") == listed.get("data1", "web1") == ""
    assert listed.get("web2", "data1") == "data1"
    assert listed.pings("web2", "data2") and not listed.pings("web1", "data2")
    assert json.loads(told(listed.node("web2"), listed.machines["data1"].ipv4, DATAGRAMS))["name"] == "data1"
    assert listed.get("web2", "data1", version=6) == ""


def test_a_list_that_needs_connections_is_refused_and_told_with_the_item(listed: Listed) -> None:
    listed.under("mirrored", *both("tcp", WEB_TIER))
    assert listed.get("web1", "data1") == "data1"
    http, _ = both("tcp", WEB_TIER, startport=WEB, endport=WEB)
    listed.under("http in", http)
    told_why = listed.conditions("http in")
    assert set(told_why) == {"data1", "data2", "10 of http in"}
    for condition, (reason,) in told_why.values():
        assert condition == "refused"
        assert reason.startswith("item 10 names ports: to know the answers needs connection tracking")
    assert listed.get("web1", "data1") == listed.get("data1", "web1") == listed.get("data1", "data2") == ""
    one_way, back = both("tcp", WEB_TIER)
    listed.under("one way", one_way)
    (reason,) = listed.conditions("one way")["data1"][1]
    assert reason.startswith(
        "the list, without items about what goes out, lets IPv4 to 0.0.0.0/0 out, and no"
    )
    # What is missing, of what is there already, is put right in the list itself.
    call = listed.tenant.call
    lists = call.listNetworkACLLists(name="one way", vpcid=listed.vpc)["networkacllist"]
    call.createNetworkACL(aclid=lists[0]["id"], number=20, **back)
    listed.cloud.wait_objects()
    assert set(listed.conditions("one way").values()) == {("realised", ())}
    assert listed.get("web1", "data1") == "data1" and listed.get("data2", "web1") == "web1"


def test_static_nat_under_a_list(listed: Listed) -> None:
    call, internet = listed.tenant.call, listed.cloud.node(INTERNET)
    address = call.associateIpAddress(vpcid=listed.vpc)["ipaddress"]
    vm = call.listVirtualMachines(name="data1")["virtualmachine"][0]
    call.enableStaticNat(
        ipaddressid=address["id"], virtualmachineid=vm["id"], networkid=vm["nic"][0]["networkid"]
    )
    public = address["ipaddress"]
    try:
        listed.under("outside", *both("tcp", OUTSIDE), *both("tcp", WEB_TIER))
        assert json.loads(get(internet, public)) == {"name": "data1", "from": NEAR}
        assert " 0 received" in ask(internet, public)
        data1 = listed.node("data1")
        assert json.loads(get(data1, NEAR)) == {"name": INTERNET, "from": public}
        # Somebody else outside, whom no item is about.
        assert get(data1, FAR) == get(internet, public, WEB, "--interface", FAR) == ""
        listed.under("inside", *both("tcp", WEB_TIER))
        assert get(internet, public) == get(data1, NEAR) == ""
        assert listed.get("web1", "data1") == "data1"
    finally:
        call.disableStaticNat(ipaddressid=address["id"])


def test_machines_in_a_group_that_is_open_are_served_and_no_longer_when_it_is_not(listed: Listed) -> None:
    call = listed.tenant.call
    assert listed.get("shared1", "shared2") == listed.get("shared1", "shared2", version=6) == "shared2"
    only = call.authorizeSecurityGroupEgress(
        securitygroupname="default", protocol="tcp", startport=WEB, endport=WEB, cidrlist="0.0.0.0/0"
    )["securitygroup"]["egressrule"][0]["ruleid"]  # fmt: skip
    listed.cloud.wait_objects()
    row = listed.cloud.row("shared1")
    assert row["condition"] == "refused"
    assert "security groups that do not let everything through need" in row["refusals"][0]["reason"]
    assert listed.get("shared1", "shared2") == listed.get("shared2", "shared1", version=6) == ""
    call.revokeSecurityGroupEgress(id=only)
    listed.cloud.wait_objects()
    assert listed.get("shared1", "shared2") == "shared2"
