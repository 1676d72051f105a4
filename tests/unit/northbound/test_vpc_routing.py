"""Private gateways and static routes of VPCs: where they may be, whom they meet, and how they go."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from sdn_orch.errors import Invalid
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from tests.cloudstack import SHARED, Client, Cloud
from tests.contract.everything import public_range
from tests.unit.northbound.test_addresses import refused

OUTSIDE = {"gateway": "192.0.2.1", "netmask": "255.255.255.0", "ipaddress": "192.0.2.7", "vlan": 700}


@pytest.fixture
def vpc(cloud: Cloud, red: Client) -> str:
    return str(cloud.vpc(red)["id"])


def gateway(cloud: Cloud, vpc: str, **more: object) -> Any:
    return cloud.admin.job("createPrivateGateway", vpcid=vpc, **(OUTSIDE | more))["privategateway"]


def route(client: Client, cidr: str, **more: object) -> Any:
    return client.job("createStaticRoute", cidr=cidr, **more)["staticroute"]


def test_a_gateway_is_shown_as_it_was_given(cloud: Cloud, red: Client, vpc: str) -> None:
    acl = red.job("createNetworkACLList", name="outside", vpcid=vpc)["networkacllist"]["id"]
    made = gateway(cloud, vpc, sourcenatsupported="true", aclid=acl, vlan="vlan://700")
    wanted = OUTSIDE | {"vlan": "vlan://700", "vpcid": vpc, "vpcname": "vpc", "account": "red"}
    wanted |= {"aclid": acl, "aclname": "outside", "sourcenatsupported": True, "state": "Creating"}
    wanted |= {"physicalnetworkid": cloud.physical, "zoneid": cloud.zone, "zonename": "zone"}
    assert wanted.items() <= made.items()
    assert red.call("listPrivateGateways")["privategateway"] == [made]
    for arguments in ({"vpcid": vpc}, {"vlan": 700}, {"ipaddress": "192.0.2.7"}, {"state": "creating"}):
        assert red.call("listPrivateGateways", **arguments)["count"] == 1
    for arguments in ({"vlan": "untagged"}, {"ipaddress": "192.0.2.8"}, {"state": "Ready"}):
        assert red.call("listPrivateGateways", **arguments) == {}
    plain = gateway(cloud, vpc, vlan="untagged", gateway="198.51.100.1", ipaddress="198.51.100.2")
    assert (plain["vlan"], plain["aclname"], plain["sourcenatsupported"]) == (
        "vlan://untagged",
        "default_deny",
        False,
    )


def test_gateways_are_the_administrator_s_to_make_and_the_owner_s_to_see(
    cloud: Cloud, red: Client, vpc: str
) -> None:
    made = gateway(cloud, vpc)
    blue = cloud.account("blue")
    for client in (red, blue):
        assert refused(client, "createPrivateGateway", vpcid=vpc, **OUTSIDE)[0] == 432
        assert refused(client, "deletePrivateGateway", id=made["id"])[0] == 432
    assert blue.call("listPrivateGateways", listall="true") == {}
    assert refused(blue, "listPrivateGateways", id=made["id"])[0] == 531
    assert refused(blue, "createStaticRoute", gatewayid=made["id"], cidr="198.51.100.0/24")[0] == 531
    theirs = cloud.vpc(blue)["id"]
    acl = blue.job("createNetworkACLList", name="theirs", vpcid=theirs)["networkacllist"]["id"]
    assert refused(cloud.admin, "replaceNetworkACLList", aclid=acl, gatewayid=made["id"])[0] == 431


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"vlan": None}, "vlan is required"),
        ({"vlan": 150}, "dynamic vlan allocation"),
        ({"vlan": 4095}, "vlan"),
        ({"vlan": 900}, "vlan: 900 is that of network shared"),
        ({"vlan": 800}, "vlan: 800 is that of public range"),
        ({"ipaddress": "192.0.3.7"}, "192.0.3.7 is not inside"),
        ({"ipaddress": "192.0.2.1"}, "is the gateway"),
        ({"ipaddress": "192.0.2.255"}, "broadcast"),
        ({"netmask": "255.0.255.0"}, "netmask"),
        ({"gateway": "10.20.1.1", "ipaddress": "10.20.1.2"}, "of tier"),
        ({"gateway": "127.0.0.1", "ipaddress": "127.0.0.2"}, "not for tenants"),
    ],
)
def test_gateways_that_cannot_be(
    cloud: Cloud, red: Client, vpc: str, arguments: dict[str, object], said: str
) -> None:
    cloud.shared()
    cloud.tier(red, vpc, "10.20.1.1")
    cloud.admin.call(
        "createVlanIpRange", zoneid=cloud.zone, vlan=800, forvirtualnetwork="true", gateway="203.0.113.1",
        netmask="255.255.255.0", startip="203.0.113.9",
    )  # fmt: skip
    code, text = refused(cloud.admin, "createPrivateGateway", vpcid=vpc, **(OUTSIDE | arguments))
    assert (code, said in text) == (431, True), text
    assert cloud.snapshot.count(PrivateGateway) == 0


def test_what_a_gateway_has_is_nobody_else_s(cloud: Cloud, red: Client, vpc: str) -> None:
    gateway(cloud, vpc, gateway="10.20.9.1", ipaddress="10.20.9.2")
    other = cloud.vpc(red, "10.30.0.0/16")["id"]
    code, text = refused(
        cloud.admin,
        "createPrivateGateway",
        vpcid=other,
        **(OUTSIDE | {"gateway": "10.20.9.1", "ipaddress": "10.20.9.2"}),
    )
    assert (code, "in the same VLAN" in text) == (431, True)
    gateway(cloud, other, gateway="10.20.9.1", ipaddress="10.20.9.3")
    again = OUTSIDE | {"gateway": "10.20.9.1", "ipaddress": "10.20.9.4", "vlan": 701}
    assert "of private gateway" in refused(cloud.admin, "createPrivateGateway", vpcid=vpc, **again)[1]
    code, text = refused(
        red, "createNetwork", name="tier", vpcid=vpc, gateway="10.20.9.1", netmask="255.255.255.0",
        zoneid=cloud.zone, networkofferingid=cloud.offerings["DefaultIsolatedNetworkOfferingForVpcNetworks"],
    )  # fmt: skip
    assert (code, "of private gateway" in text) == (431, True)
    shared = {"gateway": "198.51.100.1", "netmask": "255.255.255.0", "startip": "198.51.100.10"}
    code, text = refused(
        cloud.admin, "createNetwork", name="s", zoneid=cloud.zone, vlan=700,
        networkofferingid=cloud.offerings[SHARED], **shared,
    )  # fmt: skip
    assert (code, "vlan: 700 is that of private gateway" in text) == (431, True)
    addresses = {"gateway": "203.0.113.1", "netmask": "255.255.255.0", "startip": "203.0.113.9"}
    code, text = refused(
        cloud.admin, "createVlanIpRange", zoneid=cloud.zone, vlan=700, forvirtualnetwork="true", **addresses
    )
    assert (code, "vlan: 700 is that of private gateway" in text) == (431, True)
    code, text = refused(cloud.admin, "updatePhysicalNetwork", id=cloud.physical, vlan="100-199,600-710")
    assert (code, "must stay out of the ranges" in text) == (431, True)


def test_a_route_over_a_gateway_or_by_a_machine_of_a_tier(cloud: Cloud, red: Client, vpc: str) -> None:
    made, tier = gateway(cloud, vpc), cloud.tier(red, vpc, "10.20.1.1")
    over = route(red, "198.51.100.0/24", gatewayid=made["id"])
    wanted = {"cidr": "198.51.100.0/24", "nexthop": "192.0.2.1", "gatewayid": made["id"], "vpcid": vpc}
    wanted |= {"vpcgatewayid": made["id"], "vpcgatewayip": "192.0.2.7", "state": "Add", "account": "red"}
    assert wanted.items() <= over.items() and over["tags"] == []
    beside = route(red, "203.0.113.0/24", nexthop="192.0.2.9", vpcid=vpc)
    assert (beside["gatewayid"], beside["nexthop"]) == (made["id"], "192.0.2.9")
    inside = route(red, "172.16.0.0/12", nexthop="10.20.1.9", vpcid=vpc)
    assert "gatewayid" not in inside
    assert red.call("listStaticRoutes", vpcid=vpc)["staticroute"] == [over, beside, inside]
    assert red.call("listStaticRoutes", gatewayid=made["id"])["staticroute"] == [over, beside]
    tag = {"tags[0].key": "k", "tags[0].value": "v"}
    red.job("createTags", resourceids=over["id"], resourcetype="StaticRoute", **tag)
    (tagged,) = red.call("listStaticRoutes", **tag)["staticroute"]
    assert tagged["id"] == over["id"]
    red.job("deleteNetwork", id=tier["id"])
    assert [each["id"] for each in red.call("listStaticRoutes")["staticroute"]] == [over["id"], beside["id"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({"cidr": "198.51.100.0/25"}, 537, "conflicts with existing route"),
        ({"cidr": "198.0.0.0/8"}, 537, "conflicts with existing route"),
        ({"cidr": "10.20.200.0/24"}, 431, "outside of VPC cidr"),
        ({"cidr": "10.0.0.0/8"}, 431, "outside of VPC cidr"),
        ({"cidr": "169.254.0.0/24"}, 431, "not for tenants"),
        ({"cidr": "203.0.113.1/24"}, 431, "cidr"),
        ({"nexthop": "10.20.1.9"}, 431, "mutually exclusive"),
        ({"gatewayid": None}, 431, "gatewayid"),
        ({"gatewayid": None, "nexthop": "10.20.1.9"}, 431, "vpcid"),
        ({"gatewayid": None, "nexthop": "10.20.2.9", "vpcid": "vpc"}, 431, "neither in a tier"),
        ({"gatewayid": None, "nexthop": "10.20.1.1", "vpcid": "vpc"}, 431, "is the gateway of tier"),
        (
            {"gatewayid": None, "nexthop": "192.0.2.7", "vpcid": "vpc"},
            431,
            "is the address of private gateway",
        ),
    ],
)
def test_routes_that_cannot_be(
    cloud: Cloud, red: Client, vpc: str, arguments: dict[str, object], code: int, said: str
) -> None:
    made = gateway(cloud, vpc)
    cloud.tier(red, vpc, "10.20.1.1")
    route(red, "198.51.100.0/24", gatewayid=made["id"])
    given: dict[str, object] = {"cidr": "203.0.113.0/24", "gatewayid": made["id"]} | arguments
    if given.get("vpcid"):
        given["vpcid"] = vpc
    found = refused(red, "createStaticRoute", **given)
    assert (found[0], said in found[1]) == (code, True), found
    assert cloud.snapshot.count(StaticRoute) == 1


def test_another_vpc_may_have_the_same_route(cloud: Cloud, red: Client, vpc: str) -> None:
    one, other = gateway(cloud, vpc), cloud.vpc(red, "10.30.0.0/16")["id"]
    two = gateway(cloud, other, ipaddress="192.0.2.8")
    for each in (one, two):
        route(red, "198.51.100.0/24", gatewayid=each["id"])
    assert red.call("listStaticRoutes")["count"] == 2


def test_a_gateway_goes_after_its_routes_and_all_with_the_vpc(cloud: Cloud, red: Client, vpc: str) -> None:
    made = gateway(cloud, vpc)
    over = route(red, "198.51.100.0/24", gatewayid=made["id"])
    code, text = refused(cloud.admin, "deletePrivateGateway", id=made["id"])
    assert (code, "Remove the routes first" in text) == (536, True)
    assert refused(cloud.account("blue"), "deleteStaticRoute", id=over["id"])[0] == 531
    assert refused(cloud.admin, "deletePhysicalNetwork", id=cloud.physical)[0] == 536
    red.job("deleteStaticRoute", id=over["id"])
    cloud.admin.job("deletePrivateGateway", id=made["id"])
    assert cloud.snapshot.count(PrivateGateway) == 0
    again = gateway(cloud, vpc)
    route(red, "198.51.100.0/24", gatewayid=again["id"])
    red.job("deleteVPC", id=vpc)
    assert cloud.snapshot.count(PrivateGateway) == cloud.snapshot.count(StaticRoute) == 0
    cloud.admin.job("deletePhysicalNetwork", id=cloud.physical)


def test_a_gateway_is_given_another_list_of_rules(cloud: Cloud, red: Client, vpc: str) -> None:
    made = gateway(cloud, vpc)
    acl = red.job("createNetworkACLList", name="outside", vpcid=vpc)["networkacllist"]["id"]
    red.job("replaceNetworkACLList", aclid=acl, gatewayid=made["id"])
    assert red.call("listPrivateGateways")["privategateway"][0]["aclname"] == "outside"
    code, text = refused(red, "deleteNetworkACLList", id=acl)
    assert (code, "private gateways" in text) == (536, True)
    assert refused(red, "replaceNetworkACLList", aclid=acl)[0] == 431
    cloud.admin.job("deletePrivateGateway", id=made["id"])
    red.job("deleteNetworkACLList", id=acl)


def test_routes_are_looked_at_when_their_neighbours_change(cloud: Cloud, red: Client, vpc: str) -> None:
    made = gateway(cloud, vpc)
    public_range(cloud)
    route(red, "198.51.100.0/24", gatewayid=made["id"])
    record = cloud.snapshot.need(PrivateGateway, made["id"])
    moved = dataclasses.replace(
        record,
        ipv4=IPv4Network("192.0.3.0/24"),
        gateway=IPv4Address("192.0.3.1"),
        address=IPv4Address("192.0.3.7"),
    )
    with pytest.raises(Invalid, match=r"192\.0\.2\.1 is not inside 192\.0\.3\.0/24"):
        cloud.service.write(lambda transaction: transaction.put(moved))
