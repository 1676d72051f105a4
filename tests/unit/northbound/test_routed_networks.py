"""Networks of mode ROUTED: which offerings and prefixes they can have, and the address of their router."""

from __future__ import annotations

import pytest

from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Put
from tests.cloudstack import ISOLATED, Client, Cloud
from tests.contract.everything import public_range
from tests.unit.northbound.test_addresses import refused

WEB = {"protocol": "tcp", "startport": 80}


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud()
    public_range(cloud)
    gateway = Switch(id="gateway", dpid=9, name="gateway", public_port=9)
    cloud.store.commit([Put(gateway)], cloud.snapshot.revision)
    return cloud


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"routingmode": "Dynamic"}, "routingmode Dynamic is not served here"),
        ({"networkmode": "BRIDGED"}, "networkmode"),
        ({"supportedservices": "Dhcp,SourceNat,Lb"}, "Networks of mode ROUTED have no Lb, SourceNat"),
        ({"guestiptype": "Shared"}, "Isolated networks outside of VPCs only"),
        ({"forvpc": True}, "Isolated networks outside of VPCs only"),
        ({"specifyasnumber": True}, "specifyasnumber is not served here"),
    ],
)
def test_an_offering_says_nothing_that_is_not_done(cloud: Cloud, given: dict[str, object], said: str) -> None:
    offering: dict[str, object] = {
        "name": "new", "guestiptype": "Isolated", "traffictype": "GUEST", "networkmode": "ROUTED",
        "supportedservices": "Dhcp",
    }  # fmt: skip
    assert said in refused(cloud.admin, "createNetworkOffering", **(offering | given))[1]
    assert "new" not in cloud.admin.ids("listNetworkOfferings")


def test_offerings_show_their_mode(cloud: Cloud, red: Client) -> None:
    cloud.routed(red, "routed")
    (routed,) = cloud.admin.call("listNetworkOfferings", routingmode="Static")["networkoffering"]
    assert (routed["networkmode"], routed["routingmode"]) == ("ROUTED", "Static")
    (natted,) = cloud.admin.call("listNetworkOfferings", id=cloud.offerings[ISOLATED])["networkoffering"]
    assert natted["networkmode"] == "NATTED" and "routingmode" not in natted


def test_prefixes_that_are_known_outside_do_not_meet(cloud: Cloud, red: Client) -> None:
    cloud.routed(red, "first")
    offering = {"networkofferingid": cloud.offerings["Routed"], "zoneid": cloud.zone, "name": "n"}
    assert "gateway and netmask are required" in refused(red, "createNetwork", **offering)[1]
    wide = {"gateway": "172.30.0.1", "netmask": "255.255.0.0"}
    assert "172.30.0.0/16 overlaps" in refused(red, "createNetwork", **offering, **wide)[1]
    public = {"gateway": "203.0.113.129", "netmask": "255.255.255.128"}
    assert "203.0.113.128/25 overlaps" in refused(red, "createNetwork", **offering, **public)[1]
    assert "cidrsize is not served" in refused(red, "createNetwork", **offering, cidrsize=28)[1]
    # What is translated is known to nobody outside.
    cloud.network(red, "natted", gateway="172.30.1.1", netmask="255.255.255.0")
    cloud.routed(red, "second", "172.30.2.1")


def test_a_routed_network_has_a_router_and_rules_of_its_own(cloud: Cloud, red: Client) -> None:
    network = cloud.routed(red, "routed")
    assert "ip4routing" not in network and network["ip4routes"] == []
    made = red.job("createRoutingFirewallRule", networkid=network["id"], **WEB)["firewallrule"]
    assert made["state"] == "Add", "its router has no address outside yet"
    cloud.machine(red, networkids=network["id"])
    (address,) = red.call("listPublicIpAddresses", associatednetworkid=network["id"])["publicipaddress"]
    (shown,) = red.call("listNetworks", id=network["id"])["network"]
    assert (shown["ip4routing"], address["issourcenat"]) == ("Static", False)
    assert shown["ip4routes"] == [{"subnet": "172.30.1.0/24", "gateway": address["ipaddress"]}]
    assert red.call("listRoutingFirewallRules")["firewallrule"][0]["state"] == "Active"
    assert "network's router" in refused(red, "disassociateIpAddress", id=address["id"])[1]
    assert "no service" in refused(red, "associateIpAddress", networkid=network["id"])[1]
    assert "is routed" in refused(red, "createEgressFirewallRule", networkid=network["id"], **WEB)[1]
    natted = cloud.network(red, "natted")["id"]
    assert "not of mode ROUTED" in refused(red, "createRoutingFirewallRule", networkid=natted, **WEB)[1]
    upgrade = {"id": natted, "networkofferingid": cloud.offerings["Routed"]}
    assert refused(red, "updateNetwork", **upgrade)[0] == 431
