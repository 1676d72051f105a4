"""Lists of rules between tiers and security groups in a shared network: what must pass, and what must not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from tests.e2e.answers import get
from tests.e2e.ping import ask, reach
from tests.e2e.sessions import Session, Sessions
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.outside import answering
from topologies.demo.tenants import TIER, Cloudstack, Tenant
from topologies.leaf_spine import LeafSpine

pytestmark = pytest.mark.mininet

#: The offering of shared networks with security groups.
GROUPED = "DefaultSharedNetworkOfferingWithSGService"
PORTS = (8080, 8081)
#: Sessions by their ports: by an item of a list, by a rule of a group, and another one of each.
LISTED, GROUPED_ONE, ANOTHER_LISTED, ANOTHER_GROUPED = range(7011, 7015)


@dataclass(frozen=True, slots=True)
class Guarded(Tenanted):
    """The cloud with its machines, the tenant, and what it has made."""

    tenant: Tenant
    list_id: str
    groups: dict[str, str]
    networks: dict[str, str]

    def get(self, source: str, target: str, version: int = 4, port: int = 8080) -> str:
        """Who answers HTTP there; empty if nobody does."""
        answer = get(self.node(source), self.machines[target].address(version), port, "-m", "1")
        return str(json.loads(answer)["name"]) if answer else ""


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with Cloud(partial(LeafSpine, leaves=3, hosts=2)) as cloud:
        cloud.start()
        made = Cloudstack(cloud.controller)
        blue = made.tenant("blue")
        vpc = made.vpc(blue)
        front = blue.call.createNetworkACLList(name="front", vpcid=vpc)["networkacllist"]["id"]
        web = made.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
        data = made.network(blue, "data", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc, aclid=front)
        shared = made.network(
            made.admin, "shared", GROUPED, "198.51.100.1", "2001:db8:f::/64",
            startip="198.51.100.10", endip="198.51.100.99", vlan=100, acltype="Domain",
        )  # fmt: skip
        groups = {
            name: blue.call.createSecurityGroup(name=name)["securitygroup"]["id"] for name in ("web", "db")
        }
        machines = {
            "web1": made.machine(blue, "h1", "web1", ("web", web), "shop"),
            "data1": made.machine(blue, "h3", "data1", ("data", data), "shop"),
            "data2": made.machine(blue, "h5", "data2", ("data", data), "shop"),
            "shared1": made.machine(
                blue, "h2", "shared1", ("shared", shared), securitygroupids=groups["web"]
            ),
            "shared2": made.machine(blue, "h4", "shared2", ("shared", shared), securitygroupids=groups["db"]),
            "shared3": made.machine(blue, "h6", "shared3", ("shared", shared)),
        }
        bring_up(cloud, machines.values())
        here = Guarded(cloud, machines, blue, front, groups, {"data": data, "shared": shared})
        with ExitStack() as stack:
            for port in PORTS:
                stack.enter_context(answering(cloud, here.hosts(), port, port + 1000))
            yield here


def test_a_tier_is_closed_until_an_item_of_its_list_opens_it(guarded: Guarded) -> None:
    call = guarded.tenant.call
    assert guarded.get("web1", "data1") == ""
    assert " 0 received" in ask(guarded.node("web1"), guarded.machines["data1"].ipv4)
    # Neighbours in the tier, and its gateway, are no matter of the list.
    assert guarded.get("data2", "data1") == "data1"
    assert " 3 received" in reach(guarded.node("data1"), "10.20.2.1")
    # Without an item about what goes out all may, and the answers come back.
    assert guarded.get("data1", "web1") == "web1"
    item = call.createNetworkACL(
        aclid=guarded.list_id, protocol="tcp", startport=8080, endport=8080, cidrlist="10.20.1.0/24",
        traffictype="Ingress", action="Allow", number=10,
    )["networkacl"]  # fmt: skip
    assert item["state"] == "Active"
    guarded.cloud.wait_objects()
    assert guarded.get("web1", "data1") == "data1"
    assert guarded.get("web1", "data1", port=8081) == ""
    assert guarded.get("web1", "data1", version=6) == "", "the item is about IPv4"
    # The first item that is about a packet decides.
    deny = call.createNetworkACL(
        aclid=guarded.list_id, protocol="all", cidrlist=f"{guarded.machines['web1'].ipv4}/32",
        traffictype="Ingress", action="Deny", number=5,
    )["networkacl"]["id"]  # fmt: skip
    guarded.cloud.wait_objects()
    assert guarded.get("web1", "data1") == ""
    call.deleteNetworkACL(id=deny)
    call.createNetworkACL(
        aclid=guarded.list_id, protocol="tcp", startport=8080, endport=8081, cidrlist="2001:db8:11::/64",
        traffictype="Ingress", action="Allow", number=20,
    )  # fmt: skip
    guarded.cloud.wait_objects()
    assert guarded.get("web1", "data1", version=6) == "data1"


def test_an_item_about_what_goes_out_leaves_nothing_else(guarded: Guarded) -> None:
    call = guarded.tenant.call
    item = call.createNetworkACL(
        aclid=guarded.list_id, protocol="tcp", startport=8081, endport=8081,
        traffictype="Egress", action="Allow", number=30,
    )["networkacl"]["id"]  # fmt: skip
    guarded.cloud.wait_objects()
    assert guarded.get("data1", "web1", port=8081) == "web1"
    assert guarded.get("data1", "web1", port=8080) == ""
    call.deleteNetworkACL(id=item)
    guarded.cloud.wait_objects()
    assert guarded.get("data1", "web1", port=8080) == "web1"


def test_an_item_of_many_prefixes_and_a_range_of_ports(guarded: Guarded) -> None:
    """The switch holds it as a conjunction: the prefix and the port must both be right."""
    call, web1 = guarded.tenant.call, guarded.machines["web1"]
    others = [f"198.51.100.{host}/32" for host in range(8)]
    for sources, first, expected in (
        ([*others, f"{web1.ipv4}/32"], 8081, "data1"),
        ([*others, f"{web1.ipv4}/32"], 8082, ""),
        (others, 8081, ""),
    ):
        item = call.createNetworkACL(
            aclid=guarded.list_id, protocol="tcp", startport=first, endport=8190, cidrlist=",".join(sources),
            traffictype="Ingress", action="Allow", number=6,
        )["networkacl"]["id"]  # fmt: skip
        guarded.cloud.wait_objects()
        assert guarded.get("web1", "data1", port=8081) == expected
        call.deleteNetworkACL(id=item)
    guarded.cloud.wait_objects()
    assert guarded.get("web1", "data1", port=8081) == ""


def test_datagrams_in_fragments_pass_where_whole_ones_do(guarded: Guarded) -> None:
    call = guarded.tenant.call
    item = call.createNetworkACL(
        aclid=guarded.list_id, protocol="icmp", icmptype=-1, icmpcode=-1,
        traffictype="Ingress", action="Allow", number=40,
    )["networkacl"]["id"]  # fmt: skip
    guarded.cloud.wait_objects()
    assert " 3 received" in reach(guarded.node("web1"), guarded.machines["data1"].ipv4, "-s 4000")
    call.deleteNetworkACL(id=item)
    guarded.cloud.wait_objects()
    assert " 0 received" in ask(guarded.node("web1"), guarded.machines["data1"].ipv4, "-s 4000")


def test_security_groups_by_prefix_and_by_group(guarded: Guarded) -> None:
    call = guarded.tenant.call
    # shared3 is in the account's default group; without a rule nobody reaches anybody.
    assert guarded.get("shared1", "shared3") == ""
    assert guarded.get("shared3", "shared1") == ""
    call.authorizeSecurityGroupIngress(
        securitygroupname="default", protocol="tcp", startport=1, endport=65535, cidrlist="0.0.0.0/0"
    )
    guarded.cloud.wait_objects()
    assert guarded.get("shared1", "shared3") == "shared3"
    call.authorizeSecurityGroupIngress(
        securitygroupid=guarded.groups["web"], protocol="tcp", startport=8080, endport=8080,
        cidrlist="198.51.100.0/24",
    )  # fmt: skip
    call.authorizeSecurityGroupIngress(
        securitygroupid=guarded.groups["db"], protocol="tcp", startport=8080, endport=8081,
        **{"usersecuritygrouplist[0].account": "blue", "usersecuritygrouplist[0].group": "web"},
    )  # fmt: skip
    guarded.cloud.wait_objects()
    assert guarded.get("shared3", "shared1") == "shared1"
    assert guarded.get("shared3", "shared1", port=8081) == ""
    assert guarded.get("shared1", "shared2", port=8081) == "shared2", "its group may"
    assert guarded.get("shared3", "shared2") == "", "it is not in the group"
    egress = call.authorizeSecurityGroupEgress(
        securitygroupid=guarded.groups["web"], protocol="tcp", startport=8081, endport=8081,
        cidrlist="0.0.0.0/0",
    )["securitygroup"]["egressrule"][0]["ruleid"]  # fmt: skip
    guarded.cloud.wait_objects()
    assert guarded.get("shared1", "shared3") == ""
    assert guarded.get("shared1", "shared3", port=8081) == "shared3"
    assert guarded.get("shared3", "shared1") == "shared1", "answers belong to what was let in"
    call.revokeSecurityGroupEgress(id=egress)
    guarded.cloud.wait_objects()
    assert guarded.get("shared1", "shared3") == "shared3"


def test_items_of_lists_and_rules_of_groups_cut_sessions_where_the_network_is_to(guarded: Guarded) -> None:
    call, networks, machines = guarded.tenant.call, guarded.networks, guarded.machines
    vpc = call.listVPCs()["vpc"][0]["id"]
    closed = call.createNetworkACLList(name="none", vpcid=vpc)["networkacllist"]["id"]
    sessions: dict[int, Session] = {}
    for number, port in enumerate((LISTED, ANOTHER_LISTED), 50):
        item = call.createNetworkACL(
            aclid=guarded.list_id, protocol="tcp", startport=port, endport=port,
            traffictype="Ingress", action="Allow", number=number,
        )["networkacl"]["id"]  # fmt: skip
        withdraw = partial(call.deleteNetworkACL, id=item)
        if port == ANOTHER_LISTED:
            withdraw = partial(call.replaceNetworkACLList, networkid=networks["data"], aclid=closed)
        ends = guarded.node("web1"), guarded.node("data1")
        sessions[port] = Session(*ends, machines["data1"].ipv4, withdraw)
    for port in (GROUPED_ONE, ANOTHER_GROUPED):
        rules = call.authorizeSecurityGroupIngress(
            securitygroupid=guarded.groups["db"], protocol="tcp", startport=port, endport=port,
            **{"usersecuritygrouplist[0].account": "blue", "usersecuritygrouplist[0].group": "web"},
        )["securitygroup"]["ingressrule"]  # fmt: skip
        rule = next(rule["ruleid"] for rule in rules if rule["startport"] == port)
        withdraw = partial(call.revokeSecurityGroupIngress, id=rule)
        ends = guarded.node("shared1"), guarded.node("shared2")
        sessions[port] = Session(*ends, machines["shared2"].ipv4, withdraw)
    guarded.cloud.wait_objects()
    talks = Sessions(guarded.cloud, tuple(networks.values()), sessions)
    talks.are_cut(LISTED, GROUPED_ONE, another=ANOTHER_LISTED, left=ANOTHER_GROUPED)
    sessions[ANOTHER_GROUPED].withdraw()
    call.replaceNetworkACLList(networkid=networks["data"], aclid=guarded.list_id)
    guarded.cloud.wait_objects()
