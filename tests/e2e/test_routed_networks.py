"""IPv4 of networks of mode ROUTED: known outside by its own addresses, and by the routes of listNetworks.

Each case is packets that must pass beside packets that must not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.e2e.answers import get
from tests.e2e.north import North
from tests.e2e.routed import IPV4
from topologies.cloud import Cloud
from topologies.demo.machines import bring_up
from topologies.demo.outside import FAR, add_routes, answering
from topologies.demo.tenants import ISOLATED, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

ROUTED = "Routed"


@pytest.fixture(scope="module")
def served() -> Iterator[North]:
    with Cloud(partial(LeafSpine, leaves=3, spines=1, hosts=1, gateways=1)) as cloud:
        made = begin_outside(cloud)
        offering = made.admin.call.createNetworkOffering(
            name=ROUTED, guestiptype="Isolated", traffictype="GUEST", networkmode="ROUTED",
            routingmode="Static", supportedservices="Dhcp,Dns,UserData,Firewall", enable=True,
        )["networkoffering"]  # fmt: skip
        made.offerings[ROUTED] = offering["id"]
        red, blue = made.tenant("red"), made.tenant("blue")
        networks = {
            "red-net": made.network(red, "red-net", ROUTED, "172.30.1.1", "2001:db8:1::/64"),
            "blue-net": made.network(blue, "blue-net", ROUTED, "172.30.2.1", "2001:db8:2::/64"),
            "natted": made.network(blue, "natted", ISOLATED, "172.30.1.1", "2001:db8:3::/64"),
        }
        same = {"ipaddress": "172.30.1.10"}
        machines = {
            "red1": made.machine(red, "h1", "red1", ("red-net", networks["red-net"]), **same),
            "blue1": made.machine(blue, "h2", "blue1", ("blue-net", networks["blue-net"])),
            "other1": made.machine(blue, "h3", "other1", ("natted", networks["natted"]), **same),
        }
        bring_up(cloud, machines.values())
        add_routes(cloud, made.admin.call)
        north = North(cloud, machines, made, {"red": red, "blue": blue}, networks)
        cloud.wait_objects()
        with answering(cloud, north.hosts(INTERNET)):
            yield north


def test_a_route_outside_leads_to_the_network(served: North) -> None:
    network = served.call("red1").listNetworks(id=served.networks["red-net"])["network"][0]
    address = served.call("red1").listPublicIpAddresses()["publicipaddress"][0]
    assert (network["ip4routing"], address["issourcenat"]) == ("Static", False)
    assert network["ip4routes"] == [{"subnet": IPV4.red, "gateway": address["ipaddress"]}]
    listed = served.call("other1").listNetworks(id=served.networks["natted"])["network"][0]
    assert listed["ip4routes"] == []


def test_nothing_leaves_until_a_rule_lets_it_and_nothing_is_translated(served: North) -> None:
    IPV4.only_rules_let_out(served)


def test_nothing_comes_in_until_a_rule_lets_it(served: North) -> None:
    IPV4.only_rules_let_in(served, "red1")


def test_tenants_reach_each_other_by_the_router_outside(served: North) -> None:
    IPV4.tenants_meet_outside(served)


def test_who_is_translated_keeps_to_its_public_address(served: North) -> None:
    """Its network has the very prefix of the routed one, and nobody outside meets it there."""
    call, other1 = served.call("other1"), served.machines["other1"]
    egress = call.createEgressFirewallRule(networkid=served.networks["natted"], protocol="tcp")
    served.cloud.wait_objects()
    seen = json.loads(get(served.node("other1"), FAR))
    assert seen == {"name": INTERNET, "from": served.source_nat("other1")["ipaddress"]}
    web = IPV4.rule(served, "red1", "ingress", "tcp", startport=8080, endport=8080)
    assert json.loads(get(served.node(INTERNET), other1.ipv4))["name"] == "red1"
    IPV4.withdraw(served, "red1", web)
    call.deleteEgressFirewallRule(id=egress["firewallrule"]["id"])
