"""What physical networks have besides: providers, elements, traffic types, kept VLANs, ranges for storage."""

from __future__ import annotations

import pytest

from sdn_orch.northbound.cloudstack.model_fabric import Element, KeptVlans, ServiceProvider, TrafficType
from tests.cloudstack import Client, Cloud
from tests.contract.everything import public_range
from tests.unit.northbound.test_addresses import refused


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(vlan="100-103")


def vlans(cloud: Cloud, client: Client, *names: str) -> list[str]:
    """The VLANs that new networks get."""
    return [cloud.running(client, name)["vlan"] for name in names]


def test_a_physical_network_has_providers_with_elements(cloud: Cloud, red: Client) -> None:
    answer = cloud.admin.call("listNetworkServiceProviders", physicalnetworkid=cloud.physical)
    providers = {each["name"]: each for each in answer["networkserviceprovider"]}
    assert providers.keys() >= {"VirtualRouter", "VpcVirtualRouter", "InternalLbVm", "SecurityGroupProvider"}
    assert {each["state"] for each in providers.values()} == {"Enabled"}
    router = providers["VirtualRouter"]
    assert {"Dhcp", "SourceNat", "Lb"} <= set(router["servicelist"])
    (element,) = cloud.admin.call("listVirtualRouterElements", nspid=router["id"])["virtualrouterelement"]
    configured = cloud.admin.job("configureVirtualRouterElement", id=element["id"], enabled="false")
    assert configured["virtualrouterelement"]["enabled"] is False
    assert refused(cloud.admin, "configureOvsElement", id=element["id"], enabled="true")[0] == 431
    assert refused(cloud.admin, "createVirtualRouterElement", nspid=router["id"])[0] == 431
    cloud.admin.job("updateNetworkServiceProvider", id=router["id"], state="Disabled")
    code, text = refused(red, "createNetwork", name="n", displaytext="n", zoneid=cloud.zone,
                         networkofferingid=cloud.offerings["DefaultIsolatedNetworkOffering"])  # fmt: skip
    assert code == 431 and "Provider VirtualRouter, which serves Dhcp" in text
    cloud.admin.job("updateNetworkServiceProvider", id=router["id"], state="Enabled")
    network = cloud.network(red, "net")["id"]
    assert refused(cloud.admin, "updateNetworkServiceProvider", id=router["id"], state="Shutdown")[0] == 536
    assert refused(cloud.admin, "deleteNetworkServiceProvider", id=router["id"])[0] == 536
    red.job("deleteNetwork", id=network)
    cloud.admin.job("deleteNetworkServiceProvider", id=router["id"])
    assert cloud.snapshot.count(Element) == 3
    again = {"name": "VirtualRouter", "physicalnetworkid": cloud.physical}
    cloud.admin.job("addNetworkServiceProvider", **again)
    assert "already exists" in refused(cloud.admin, "addNetworkServiceProvider", **again)[1]
    unknown = {"name": "Nonsense", "physicalnetworkid": cloud.physical}
    assert (
        "Invalid Network Service Provider" in refused(cloud.admin, "addNetworkServiceProvider", **unknown)[1]
    )


def test_a_physical_network_goes_with_what_it_has(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    made = public_range(cloud)
    for step in ("deleteNetwork", "deleteVlanIpRange"):
        assert refused(cloud.admin, "deletePhysicalNetwork", id=cloud.physical)[0] == 536
        if step == "deleteNetwork":
            red.job(step, id=network)
        else:
            cloud.admin.call(step, id=made["id"])
    cloud.admin.job("addTrafficType", physicalnetworkid=cloud.physical, traffictype="Guest")
    cloud.admin.job("deletePhysicalNetwork", id=cloud.physical)
    for kind in (ServiceProvider, Element, TrafficType):
        assert cloud.snapshot.count(kind) == 0
    cloud.admin.call("deleteZone", id=cloud.zone)


def test_traffic_types_are_once_a_network_and_all_but_guest_once_a_zone(cloud: Cloud, red: Client) -> None:
    second = cloud.admin.job("createPhysicalNetwork", name="second", zoneid=cloud.zone)["physicalnetwork"][
        "id"
    ]
    on = {"physicalnetworkid": cloud.physical}
    guest = cloud.admin.job("addTrafficType", **on, traffictype="GUEST", kvmnetworklabel="br0")["traffictype"]
    assert (guest["traffictype"], guest["kvmnetworklabel"]) == ("Guest", "br0")
    cloud.admin.job("addTrafficType", **on, traffictype="Public")
    assert refused(cloud.admin, "addTrafficType", **on, traffictype="Guest")[0] == 431
    assert refused(cloud.admin, "addTrafficType", physicalnetworkid=second, traffictype="Public")[0] == 431
    cloud.admin.job("addTrafficType", physicalnetworkid=second, traffictype="Guest")
    changed = cloud.admin.job("updateTrafficType", id=guest["id"], kvmnetworklabel="br1")["traffictype"]
    assert changed["kvmnetworklabel"] == "br1"
    listed = cloud.admin.call("listTrafficTypes", **on)["traffictype"]
    assert [each["traffictype"] for each in listed] == ["Guest", "Public"]
    network = cloud.network(red, "net")["id"]
    assert refused(cloud.admin, "deleteTrafficType", id=guest["id"])[0] == 536
    red.job("deleteNetwork", id=network)
    cloud.admin.job("deleteTrafficType", id=guest["id"])


def test_vlans_kept_for_an_account_are_nobody_elses(cloud: Cloud, red: Client) -> None:
    blue = cloud.account("blue")
    (domain,) = cloud.admin.call("listDomains")["domain"]
    kept = cloud.admin.call(
        "dedicateGuestVlanRange", physicalnetworkid=cloud.physical, vlanrange="101-102", account="red",
        domainid=domain["id"],
    )["dedicatedguestvlanrange"]  # fmt: skip
    assert (kept["guestvlanrange"], kept["account"]) == ("101-102", "red")
    assert vlans(cloud, blue, "b1", "b2") == ["100", "103"]
    idle = cloud.network(blue, "idle")["id"]
    full = cloud.machine_arguments() | {"networkids": idle}
    assert refused(blue, "deployVirtualMachine", **full)[0] == 533
    assert vlans(cloud, red, "r1", "r2") == ["101", "102"]
    busy = {
        "physicalnetworkid": cloud.physical,
        "vlanrange": "103",
        "account": "red",
        "domainid": domain["id"],
    }
    assert refused(cloud.admin, "dedicateGuestVlanRange", **busy)[0] == 536
    for wrong in ("101", "99-100", "100,103", "x"):
        assert refused(cloud.admin, "dedicateGuestVlanRange", **(busy | {"vlanrange": wrong}))[0] == 431
    assert refused(cloud.admin, "updatePhysicalNetwork", id=cloud.physical, vlan="100,102-103")[0] == 431
    (listed,) = cloud.admin.call("listDedicatedGuestVlanRanges", zoneid=cloud.zone)["dedicatedguestvlanrange"]
    assert listed == kept
    for machine in red.call("listVirtualMachines")["virtualmachine"]:
        red.job("destroyVirtualMachine", id=machine["id"])
    for network in red.call("listNetworks")["network"]:
        red.job("deleteNetwork", id=network["id"])
    cloud.admin.job("releaseDedicatedGuestVlanRange", id=kept["id"])
    assert cloud.snapshot.count(KeptVlans) == 0
    assert vlans(cloud, blue, "b3", "b4") == ["101", "102"]


def test_vlans_are_listed_one_by_one_with_who_has_them(cloud: Cloud, red: Client) -> None:
    cloud.admin.call(
        "dedicateGuestVlanRange", physicalnetworkid=cloud.physical, vlanrange="102", account="red",
        domainid=cloud.admin.call("listDomains")["domain"][0]["id"],
    )  # fmt: skip
    network = cloud.running(red, "net")
    cloud.admin.job("updatePhysicalNetwork", id=cloud.physical, vlan="100-103,4000-4001")
    listed = cloud.admin.call("listGuestVlans", zoneid=cloud.zone)
    assert listed["count"] == 6
    assert [each["vlan"] for each in listed["guestvlan"]] == ["100", "101", "102", "103", "4000", "4001"]
    (taken,) = cloud.admin.call("listGuestVlans", allocatedonly="true")["guestvlan"]
    assert taken["vlan"] == "102"
    assert (taken["allocationstate"], taken["isdedicated"], taken["account"]) == ("Allocated", True, "red")
    assert taken["taken"] == "2026-11-22T07:56:01+0000"
    assert [each["id"] for each in taken["network"]] == [network["id"]]
    (free,) = cloud.admin.call("listGuestVlans", vnet="4001")["guestvlan"]
    assert (free["allocationstate"], free["isdedicated"], free["network"]) == ("Free", False, [])
    assert not free.keys() & {"account", "taken"}
    assert cloud.admin.call("listGuestVlans", id=free["id"])["guestvlan"] == [free]
    page = cloud.admin.call("listGuestVlans", page=2, pagesize=4)
    assert (page["count"], [each["vlan"] for each in page["guestvlan"]]) == (6, ["4000", "4001"])
    assert cloud.admin.call("listGuestVlans", keyword="400")["count"] == 2
    assert cloud.admin.call("listGuestVlans", physicalnetworkid=cloud.physical, vnet="1") == {}
    assert refused(red, "listGuestVlans")[0] == 432


def test_vnis_are_listed_by_pages_however_many_there_are() -> None:
    cloud = Cloud(vlan=None)
    made = cloud.admin.job(
        "createPhysicalNetwork", name="vx", zoneid=cloud.zone, isolationmethods="VXLAN", vlan="1-8000000"
    )
    on = {"physicalnetworkid": made["physicalnetwork"]["id"]}
    page = cloud.admin.call("listGuestVlans", **on, page=2, pagesize=3)
    assert (page["count"], [each["vlan"] for each in page["guestvlan"]]) == (8_000_000, ["4", "5", "6"])
    assert cloud.admin.call("listGuestVlans", **on, allocatedonly="true") == {}
    cloud.admin.job("updatePhysicalNetwork", id=on["physicalnetworkid"], state="Enabled")
    taken = cloud.running(cloud.admin, "net", **on)["vlan"]
    for wanted in ({"allocatedonly": "true"}, {"vnet": "1"}, {"id": page["guestvlan"][0]["id"] - 3}):
        (shown,) = cloud.admin.call("listGuestVlans", **on, **wanted)["guestvlan"]
        assert (shown["vlan"], shown["allocationstate"]) == (taken, "Allocated")
    for wanted in ({"vnet": "8000001"}, {"vnet": "01"}, {"vnet": "x"}, {"vnet": "9" * 30}, {"id": 1}):
        assert cloud.admin.call("listGuestVlans", **on, **wanted) == {}


def test_ranges_for_storage(cloud: Cloud) -> None:
    place = {"gateway": "192.0.2.1", "netmask": "255.255.255.0", "startip": "192.0.2.2"}
    pod = cloud.admin.call("createPod", name="pod", zoneid=cloud.zone, **place)["pod"]["id"]
    given = {"gateway": "198.51.100.1", "netmask": "255.255.255.0", "startip": "198.51.100.10", "vlan": "5"}
    made = cloud.admin.job("createStorageNetworkIpRange", podid=pod, endip="198.51.100.20", **given)
    shown = made["storagenetworkiprange"]
    assert (shown["startip"], shown["endip"], shown["vlan"]) == ("198.51.100.10", "198.51.100.20", 5)
    for wrong in ({"startip": "198.51.100.15"}, {"startip": "10.0.0.1"}, {"startip": "198.51.100.1"}):
        assert refused(cloud.admin, "createStorageNetworkIpRange", podid=pod, **(given | wrong))[0] == 431
    changed = cloud.admin.job("updateStorageNetworkIpRange", id=shown["id"], endip="198.51.100.30")
    assert changed["storagenetworkiprange"]["endip"] == "198.51.100.30"
    cloud.admin.job("deleteStorageNetworkIpRange", id=shown["id"])
    assert cloud.admin.call("listStorageNetworkIpRange") == {}


def test_offerings_of_vpcs_change_and_go(cloud: Cloud, red: Client) -> None:
    made = cloud.admin.job(
        "createVPCOffering", name="own", displaytext="own", supportedservices="Dhcp,NetworkACL"
    )
    id = made["vpcoffering"]["id"]
    changed = cloud.admin.job("updateVPCOffering", id=id, name="ours", state="Enabled")["vpcoffering"]
    assert (changed["name"], changed["state"]) == ("ours", "Enabled")
    taken = refused(cloud.admin, "updateVPCOffering", id=id, name="Default VPC offering")
    assert "already exists" in taken[1]
    cloud.vpc_offering = id
    vpc = cloud.vpc(red)["id"]
    assert refused(cloud.admin, "deleteVPCOffering", id=id)[0] == 536
    red.job("restartVPC", id=vpc, cleanup="true")
    assert refused(red, "restartVPC", id=vpc, cleanup="true", livepatch="true")[0] == 431
    red.job("deleteVPC", id=vpc)
    cloud.admin.job("deleteVPCOffering", id=id)


def test_what_there_is_not_is_refused_with_the_reason(cloud: Cloud) -> None:
    device = {"networkdevicetype": "F5BigIpLoadBalancer", "url": "https://192.0.2.9", "username": "u"}
    on = {"physicalnetworkid": cloud.physical, "password": "p"}
    for command in ("addF5LoadBalancer", "addNetscalerLoadBalancer"):
        code, text = refused(cloud.admin, command, **device, **on)
        assert code == 431 and "no driver for external devices" in text
    assert refused(cloud.admin, "addNetworkDevice", networkdevicetype="ExternalDhcp")[0] == 431
    for command in ("listF5LoadBalancers", "listNetscalerLoadBalancers", "listNetworkDevice", "listRouters"):
        assert cloud.admin.call(command) == {}
