"""IPv4 of networks of mode ROUTED: known outside by its own addresses, and by the routes of listNetworks.

Each case is packets that must pass beside packets that must not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.e2e.answers import get, told
from tests.e2e.north import North
from tests.e2e.ping import ask, reach
from topologies.cloud import Cloud
from topologies.demo.machines import bring_up
from topologies.demo.outside import FAR, NEAR, add_routes, answering
from topologies.demo.tenants import ISOLATED, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

ROUTED = "Routed"
HERE, THERE = "172.30.1.0/24", "172.30.2.0/24"


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


def rule(north: North, name: str, direction: str, protocol: str, **more: Any) -> str:
    """A rule about what is routed to or from a machine's network, in the switches; its id."""
    made = north.call(name).createRoutingFirewallRule(
        networkid=north.networks[north.machines[name].network],
        traffictype=direction,
        protocol=protocol,
        **more,
    )["firewallrule"]
    north.cloud.wait_objects()
    found: str = made["id"]
    return found


def withdraw(north: North, name: str, *rules: str) -> None:
    """These rules are in no switch any more."""
    for each in rules:
        north.call(name).deleteRoutingFirewallRule(id=each)
    north.cloud.wait_objects()


def test_a_route_outside_leads_to_the_network(served: North) -> None:
    network = served.call("red1").listNetworks(id=served.networks["red-net"])["network"][0]
    address = served.call("red1").listPublicIpAddresses()["publicipaddress"][0]
    assert (network["ip4routing"], address["issourcenat"]) == ("Static", False)
    assert network["ip4routes"] == [{"subnet": HERE, "gateway": address["ipaddress"]}]
    listed = served.call("other1").listNetworks(id=served.networks["natted"])["network"][0]
    assert listed["ip4routes"] == []


def test_nothing_leaves_until_a_rule_lets_it_and_nothing_is_translated(served: North) -> None:
    red1, own = served.node("red1"), served.machines["red1"].ipv4
    assert " 0 received" in ask(red1, FAR)
    assert get(red1, FAR) == ""
    web = rule(served, "red1", "egress", "tcp", startport=8000, endport=8100, cidrlist=HERE)
    listed = served.call("red1").listRoutingFirewallRules(id=web)["firewallrule"][0]
    assert listed["state"] == "Active"
    assert json.loads(get(red1, FAR)) == {"name": INTERNET, "from": own}
    assert " 0 received" in ask(red1, FAR)
    assert told(red1, NEAR, 9000) == ""
    allowed = served.cloud.controller.command("trace", "--from", "red1", "--to", FAR, "--tcp", "8080")
    assert "the public network" in allowed.stdout and "but the intent" not in allowed.stdout, allowed.stdout
    denied = served.cloud.controller.command("trace", "--from", "red1", "--to", FAR, "--tcp", "22")
    assert "egress" in denied.stdout and "but the intent" not in denied.stdout, denied.stdout
    withdraw(served, "red1", web)
    assert get(red1, FAR) == ""
    everything = rule(served, "red1", "egress", "all")
    assert " 3 received" in reach(red1, FAR)
    assert json.loads(told(red1, NEAR, 9000)) == {"name": INTERNET, "from": own}
    # The other tenant's rules are its own.
    assert " 0 received" in ask(served.node("blue1"), FAR)
    withdraw(served, "red1", everything)


def test_nothing_comes_in_until_a_rule_lets_it(served: North) -> None:
    internet, red1 = served.node(INTERNET), served.machines["red1"].ipv4
    assert " 0 received" in ask(internet, red1)
    assert get(internet, red1) == ""
    web = rule(served, "red1", "ingress", "tcp", startport=8080, endport=8080, cidrlist=f"{NEAR}/32")
    assert json.loads(get(internet, red1)) == {"name": "red1", "from": NEAR}
    assert get(internet, red1, 8080, "--interface", FAR) == ""
    assert " 0 received" in ask(internet, red1)
    assert told(internet, red1, 9000) == ""
    echo = rule(served, "red1", "ingress", "icmp", icmptype=8, icmpcode=0)
    datagrams = rule(served, "red1", "ingress", "udp", startport=9000, endport=9000)
    assert " 3 received" in reach(internet, red1)
    assert json.loads(told(internet, red1, 9000))["name"] == "red1"
    withdraw(served, "red1", web, echo, datagrams)
    assert get(internet, red1) == ""
    assert " 0 received" in ask(internet, red1)


def test_tenants_reach_each_other_by_the_router_outside(served: North) -> None:
    red1, blue1 = served.machines["red1"], served.machines["blue1"]
    out = rule(served, "red1", "egress", "tcp")
    assert get(served.node("red1"), blue1.ipv4) == "", "blue lets nothing in"
    into = rule(served, "blue1", "ingress", "tcp", startport=8080, endport=8080, cidrlist=HERE)
    assert json.loads(get(served.node("red1"), blue1.ipv4)) == {"name": "blue1", "from": red1.ipv4}
    withdraw(served, "red1", out)
    assert get(served.node("red1"), blue1.ipv4) == ""
    withdraw(served, "blue1", into)


def test_who_is_translated_keeps_to_its_public_address(served: North) -> None:
    """Its network has the very prefix of the routed one, and nobody outside meets it there."""
    call, other1 = served.call("other1"), served.machines["other1"]
    egress = call.createEgressFirewallRule(networkid=served.networks["natted"], protocol="tcp")
    served.cloud.wait_objects()
    seen = json.loads(get(served.node("other1"), FAR))
    assert seen == {"name": INTERNET, "from": served.source_nat("other1")["ipaddress"]}
    web = rule(served, "red1", "ingress", "tcp", startport=8080, endport=8080)
    assert json.loads(get(served.node(INTERNET), other1.ipv4))["name"] == "red1"
    withdraw(served, "red1", web)
    call.deleteEgressFirewallRule(id=egress["firewallrule"]["id"])
