"""Firewall rules of addresses and networks: what they say, which meet, and with what they go."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any

import pytest

from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.model import Network, Switch
from sdn_orch.intent.public import PublicRange
from sdn_orch.intent.snapshot import Put
from tests.cloudstack import SHARED, Client, Cloud
from tests.contract.everything import public_range
from tests.unit.northbound.test_addresses import refused, taken


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud()
    public_range(cloud)
    return cloud


@pytest.fixture
def network(cloud: Cloud, red: Client) -> str:
    return str(cloud.network(red, "net")["id"])


def opened(client: Client, address: str, **more: object) -> Any:
    return client.job("createFirewallRule", ipaddressid=address, **more)["firewallrule"]


def test_a_rule_is_shown_as_it_was_given(red: Client, network: str) -> None:
    address = taken(red, networkid=network)
    rule = opened(
        red, address["id"], protocol="TCP", startport=22, endport=23, cidrlist="192.0.2.0/24,10.0.0.0/8"
    )
    wanted = {"protocol": "tcp", "startport": 22, "endport": 23, "cidrlist": "192.0.2.0/24,10.0.0.0/8"}
    wanted |= {"ipaddress": address["ipaddress"], "networkid": network, "state": "Add", "tags": []}
    assert wanted.items() <= rule.items()
    everybody = opened(red, address["id"], protocol="icmp")
    assert (everybody["cidrlist"], everybody["icmptype"], everybody["icmpcode"]) == ("0.0.0.0/0", -1, -1)
    assert red.call("listFirewallRules", ipaddressid=address["id"])["firewallrule"] == [rule, everybody]
    red.job("deleteFirewallRule", id=rule["id"])
    assert red.call("listFirewallRules", networkid=network)["count"] == 1


@pytest.mark.parametrize(
    ("rule", "meets"),
    [
        ({"protocol": "tcp", "startport": 20, "endport": 22}, True),
        ({"protocol": "tcp", "startport": 1, "endport": 65_535, "cidrlist": "192.0.2.7/32"}, True),
        ({"protocol": "tcp", "startport": 23}, False),
        ({"protocol": "udp", "startport": 22}, False),
        ({"protocol": "tcp", "startport": 22, "cidrlist": "198.51.100.0/24"}, False),
    ],
)
def test_rules_that_meet_conflict(red: Client, network: str, rule: dict[str, object], meets: bool) -> None:
    address = taken(red, networkid=network)["id"]
    opened(red, address, protocol="tcp", startport=22, cidrlist="192.0.2.0/24")
    if meets:
        code, text = refused(red, "createFirewallRule", ipaddressid=address, **rule)
        assert (code, "conflicts with existing rule" in text) == (537, True)
    else:
        opened(red, address, **rule)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"protocol": "all"}, "Invalid protocol all"),
        ({"protocol": "6"}, "Invalid protocol 6"),
        ({"protocol": "icmp", "startport": 1}, "only tcp, udp and sctp have ports"),
        ({"protocol": "tcp", "icmptype": 8}, "only icmp has them"),
        ({"protocol": "icmp", "icmpcode": 0}, "icmpcode is given, but not icmptype"),
        ({"protocol": "tcp", "endport": 5}, "startport is missing"),
        ({"protocol": "tcp", "startport": 5, "endport": 4}, "Start port can't be bigger"),
        ({"protocol": "tcp", "startport": 5, "cidrlist": "::/0"}, "it is not IPv4"),
        ({"protocol": "tcp", "startport": 5, "cidrlist": "10.0.0.0"}, "cidrlist: it is not a CIDR"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    cloud: Cloud, red: Client, network: str, rule: dict[str, object], said: str
) -> None:
    address = taken(red, networkid=network)["id"]
    code, text = refused(red, "createFirewallRule", ipaddressid=address, **rule)
    assert (code, said in text) == (431, True)
    assert cloud.snapshot.count(FirewallRule) == 0


def test_addresses_of_vpcs_and_of_nothing_have_no_firewall(cloud: Cloud, red: Client) -> None:
    inside, nowhere = taken(red, vpcid=cloud.vpc(red)["id"]), taken(red, zoneid=cloud.zone)
    rule = {"protocol": "tcp", "startport": 22}
    assert "belongs to a VPC" in refused(red, "createFirewallRule", ipaddressid=inside["id"], **rule)[1]
    assert "with no network" in refused(red, "createFirewallRule", ipaddressid=nowhere["id"], **rule)[1]


def test_egress_rules_have_both_sides(cloud: Cloud, red: Client, network: str) -> None:
    made = red.job(
        "createEgressFirewallRule", networkid=network, protocol="all", cidrlist="10.1.1.0/28",
        destcidrlist="203.0.113.0/24",
    )["firewallrule"]  # fmt: skip
    wanted = {"protocol": "all", "cidrlist": "10.1.1.0/28", "destcidrlist": "203.0.113.0/24"}
    assert (wanted | {"traffictype": "Egress", "networkid": network}).items() <= made.items()
    same = {"networkid": network, "protocol": "all", "cidrlist": "10.1.1.0/30"}
    assert refused(red, "createEgressFirewallRule", **same)[0] == 537
    outside = {"networkid": network, "protocol": "tcp", "startport": 1, "cidrlist": "10.2.0.0/16"}
    assert "10.2.0.0/16 is not inside" in refused(red, "createEgressFirewallRule", **outside)[1]
    shared = cloud.network(
        cloud.admin, "shared", SHARED, gateway="198.51.100.1", netmask="255.255.255.0", vlan=900,
        startip="198.51.100.10",
    )["id"]  # fmt: skip
    on_shared = {"networkid": shared, "protocol": "tcp"}
    assert refused(cloud.admin, "createEgressFirewallRule", **on_shared)[0] == 431
    red.job("deleteEgressFirewallRule", id=made["id"])
    assert red.call("listEgressFirewallRules", networkid=network) == {}


def test_ipv6_rules_are_of_networks_that_have_ipv6(cloud: Cloud, red: Client, network: str) -> None:
    rule = {"protocol": "icmp", "icmptype": 128, "cidrlist": "2001:db8::/32", "traffictype": "ingress"}
    assert "no IPv6 prefix" in refused(red, "createIpv6FirewallRule", networkid=network, **rule)[1]
    dual = cloud.network(red, "dual", ip6cidr="2001:db8:5::/64")["id"]
    made = red.job("createIpv6FirewallRule", networkid=dual, **rule)["firewallrule"]
    assert (made["protocol"], made["icmptype"], made["traffictype"]) == ("icmp", 128, "Ingress")
    other = red.job("createIpv6FirewallRule", networkid=dual, **(rule | {"traffictype": "Egress"}))
    changed = red.job("updateIpv6FirewallRule", id=made["id"], protocol="tcp", startport=443)["firewallrule"]
    assert (changed["protocol"], changed["startport"], changed["cidrlist"]) == ("tcp", 443, "::/0")
    listed = red.call("listIpv6FirewallRules", networkid=dual, traffictype="Egress")["firewallrule"]
    assert listed == [other["firewallrule"]]
    assert red.call("listRoutingFirewallRules") == {}
    assert refused(red, "deleteRoutingFirewallRule", id=made["id"])[0] == 431
    red.job("deleteNetwork", id=dual)
    assert cloud.snapshot.count(RoutedRule) == 0


def test_ipv6_of_networks_is_reached_by_a_route_where_the_public_network_has_ipv6(
    cloud: Cloud, red: Client, network: str
) -> None:
    """The rules of a network whose IPv6 ends at its router wait; the network says so by saying no route."""
    rule = {"protocol": "icmp", "icmptype": 128}
    inner = cloud.running(red, "inner", ip6cidr="2001:db8:5::/64")
    assert "ip6routing" not in inner and inner["ip6routes"] == []
    gateway = Switch(id="gateway", dpid=9, name="gateway", public_port=9)
    cloud.store.commit([Put(gateway)], cloud.snapshot.revision)
    made = red.job("createIpv6FirewallRule", networkid=inner["id"], **rule)["firewallrule"]
    assert made["state"] == "Add"
    public6 = IPv6Network("2001:db8:ff::/64")
    ranges = [replace(each, ipv6=public6, gateway6=public6[1]) for each in cloud.snapshot.all(PublicRange)]
    cloud.store.commit([Put(each) for each in ranges], cloud.snapshot.revision)
    assert red.call("listIpv6FirewallRules", id=made["id"])["firewallrule"][0]["state"] == "Active"
    (shown,) = red.call("listNetworks", id=inner["id"])["network"]
    assert shown["ip6routing"] == "Static"
    number = cloud.snapshot.need(Network, inner["id"]).number
    assert shown["ip6routes"] == [
        {"subnet": "2001:db8:5::/64", "gateway": f"2001:db8:ff:0:c5d:2ff:fe00:{number:x}"}
    ]
    red.job("deleteIpv6FirewallRule", id=made["id"])


def test_rules_go_with_what_they_stand_on(cloud: Cloud, red: Client, network: str) -> None:
    address = taken(red, networkid=network)
    second = taken(red, networkid=network)["id"]
    opened(red, second, protocol="tcp", startport=22)
    opened(red, address["id"], protocol="tcp", startport=22)
    red.job("createEgressFirewallRule", networkid=network, protocol="all")
    red.job("disassociateIpAddress", id=second)
    assert cloud.snapshot.count(FirewallRule) == 1
    red.job("deleteNetwork", id=network)
    assert cloud.snapshot.count(FirewallRule) == cloud.snapshot.count(EgressRule) == 0


def test_an_administrator_hides_a_rule(red: Client, network: str) -> None:
    rule = opened(red, taken(red, networkid=network)["id"], protocol="icmp", fordisplay="false")
    assert rule["fordisplay"] is False
    assert red.call("listFirewallRules", fordisplay="true") == {}
    shown = red.job("updateFirewallRule", id=rule["id"], fordisplay="true")["firewallrule"]
    assert shown["fordisplay"] is True
    assert red.call("listFirewallRules", fordisplay="true")["firewallrule"] == [shown]


def test_rules_of_others_are_invisible_and_untouchable(cloud: Cloud, red: Client, network: str) -> None:
    address = taken(red, networkid=network)["id"]
    rule = opened(red, address, protocol="icmp")
    blue = cloud.account("blue")
    assert blue.call("listFirewallRules", listall="true") == {}
    assert refused(blue, "listFirewallRules", ipaddressid=address)[0] == 531
    assert refused(blue, "deleteFirewallRule", id=rule["id"])[0] == 531
    assert refused(blue, "createFirewallRule", ipaddressid=address, protocol="icmp", icmptype=8)[0] == 531
    assert refused(blue, "createEgressFirewallRule", networkid=network, protocol="all")[0] == 531
