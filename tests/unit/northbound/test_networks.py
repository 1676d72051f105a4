"""createNetwork and its relatives: kinds, addresses, VLANs, who may use what, and deletion in any order."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.model import Network, NetworkKind
from sdn_orch.northbound.cloudstack.model import NetworkDetails
from sdn_orch.northbound.pool import Pool, PoolBlock
from tests.cloudstack import ISOLATED, L2, SHARED, TIER, Client, Cloud, Refused


def refused(call: Any, *arguments: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


def test_isolated_network_has_the_zones_defaults(cloud: Cloud, red: Client) -> None:
    shown = cloud.network(red, "net")
    expected = {
        "type": "Isolated",
        "cidr": "10.1.1.0/24",
        "gateway": "10.1.1.1",
        "netmask": "255.255.255.0",
        "dns1": "192.0.2.53",
        "networkdomain": "cs2cloud.internal",
        "privatemtu": 1500,
        "publicmtu": 1500,
        "state": "Allocated",
        "acltype": "Account",
        "account": "red",
        "domain": "ROOT",
        "zonename": "zone",
        "tags": [],
        "created": "2026-11-22T07:56:01+0000",
    }
    assert shown.items() >= expected.items()
    # What only administrators see.
    assert not shown.keys() & {"vlan", "broadcasturi"}
    seen = cloud.running(red, "other")
    assert (seen["vlan"], seen["broadcasturi"]) == ("100", "vlan://100")


def test_equal_networks_of_two_accounts_stand_side_by_side(cloud: Cloud, red: Client) -> None:
    blue = cloud.account("blue")
    one, two = cloud.network(red, "net"), cloud.network(blue, "net")
    assert one["cidr"] == two["cidr"]
    assert [network["id"] for network in red.call("listNetworks")["network"]] == [one["id"]]
    assert [network["id"] for network in blue.call("listNetworks", listall="true")["network"]] == [two["id"]]
    assert cloud.admin.call("listNetworks") == {}
    assert cloud.admin.call("listNetworks", listall="true")["count"] == 2


def test_what_is_given_comes_back(cloud: Cloud, red: Client) -> None:
    given: dict[str, Any] = {
        "gateway": "192.168.7.1",
        "netmask": "255.255.252.0",
        "networkdomain": "red.example",
        "dns1": "192.0.2.1",
        "dns2": "192.0.2.2",
        "ip6cidr": "2001:db8:1::/64",
        "ip6gateway": "2001:db8:1::fe",
        "ip6dns1": "2001:db8::53",
        "privatemtu": 1400,
        "publicmtu": 1450,
    }
    shown = cloud.network(red, "net", **given)
    assert shown.items() >= given.items()
    assert shown["cidr"] == "192.168.4.0/22"
    record = cloud.snapshot.need(Network, shown["id"])
    assert record.dns == ("192.0.2.1", "192.0.2.2", "2001:db8::53")
    assert record.mtu == 1400


def test_l2_network_has_no_addresses(cloud: Cloud, red: Client) -> None:
    shown = cloud.network(red, "net", L2)
    assert shown["type"] == "L2"
    assert not shown.keys() & {"cidr", "gateway", "netmask", "ip6cidr", "networkdomain", "dns1"}
    nic = cloud.machine(red, "vm", networkids=shown["id"])["nic"][0]
    assert not nic.keys() & {"ipaddress", "ip6address"}


def test_shared_network_is_for_the_whole_domain(cloud: Cloud, red: Client) -> None:
    shared = cloud.shared(ip6cidr="2001:db8:f::/64")
    assert (shared["type"], shared["state"], shared["vlan"]) == ("Shared", "Setup", "900")
    assert shared["ip6gateway"] == "2001:db8:f::1"
    assert [network["id"] for network in red.call("listNetworks")["network"]] == [shared["id"]]
    vm = cloud.machine(red, "vm", networkids=shared["id"])
    assert vm["nic"][0]["ipaddress"] == "198.51.100.10"
    denied = refused(red.call, "deleteNetwork", id=shared["id"])
    assert (denied.status, denied.body["cserrorcode"]) == (531, 4365)


def test_shared_network_of_a_domain_is_not_for_others(cloud: Cloud, red: Client) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    inner = cloud.admin.call("createDomain", name="inner", parentdomainid=sales)["domain"]["id"]
    own, below = cloud.account("own", domainid=sales), cloud.account("below", domainid=inner)
    boss = cloud.account("boss", domainid=sales, accounttype=2)
    shared = cloud.network(
        boss, "shared", SHARED, vlan=901, gateway="198.51.100.1", netmask="255.255.255.0",
        startip="198.51.100.10", endip="198.51.100.20", subdomainaccess="false",
    )  # fmt: skip
    assert own.call("listNetworks")["count"] == 1
    for other in (red, below):
        assert other.call("listNetworks") == {}
        error = refused(cloud.machine, other, networkids=shared["id"])
        assert error.status == 531


def test_tiers_lie_in_their_vpc_and_apart(cloud: Cloud, red: Client) -> None:
    vpc = cloud.vpc(red)
    assert (vpc["cidr"], vpc["state"], vpc["account"]) == ("10.20.0.0/16", "Enabled", "red")
    web = cloud.tier(red, vpc["id"], "10.20.1.1", ip6cidr="2001:db8:11::/64")
    data = cloud.tier(red, vpc["id"], "10.20.2.1")
    assert (web["vpcid"], web["vpcname"], web["type"]) == (vpc["id"], "vpc", "Isolated")
    (shown,) = red.call("listVPCs", id=vpc["id"])["vpc"]
    assert [tier["id"] for tier in shown["network"]] == [web["id"], data["id"]]
    assert red.call("listNetworks", vpcid=vpc["id"])["count"] == 2
    assert red.call("listNetworks", forvpc="false") == {}
    overlap = refused(cloud.tier, red, vpc["id"], "10.20.2.9")
    assert (overlap.status, overlap.body["cserrorcode"]) == (431, 4350)
    assert "10.20.2.0/24" in overlap.text
    outside = refused(cloud.tier, red, vpc["id"], "10.21.1.1")
    assert "not inside 10.20.0.0/16" in outside.text
    stranger = refused(cloud.tier, cloud.account("blue"), vpc["id"], "10.20.3.1")
    assert stranger.status == 531
    assert cloud.snapshot.count(Network) == 2


@pytest.mark.parametrize(
    ("offering", "arguments", "text"),
    [
        (ISOLATED, {"gateway": "10.1.1.1"}, "gateway and netmask must be defined together"),
        (ISOLATED, {"gateway": "10.1.1.1", "netmask": "255.0.255.0"}, "Invalid netmask"),
        (ISOLATED, {"gateway": "10.1.1.1", "netmask": "0.0.0.255"}, "Invalid netmask"),
        (ISOLATED, {"gateway": "10.1.1.1", "netmask": "255.255.255.255"}, "Invalid netmask"),
        (ISOLATED, {"gateway": "10.1.1.0", "netmask": "255.255.255.0"}, "network address"),
        (ISOLATED, {"gateway": "10.1.1.255", "netmask": "255.255.255.0"}, "broadcast address"),
        (ISOLATED, {"gateway": "127.0.0.1", "netmask": "255.255.255.0"}, "not for tenants"),
        (ISOLATED, {"ip6cidr": "2001:db8::/48"}, "must be a /64"),
        (ISOLATED, {"ip6cidr": "2001:db8::1/64"}, "not an IPv6 CIDR"),
        (ISOLATED, {"ip6gateway": "2001:db8::1"}, "ip6gateway and ip6cidr must be defined together"),
        (ISOLATED, {"ip6cidr": "2001:db8::/64", "ip6gateway": "2001:db9::1"}, "not inside"),
        (ISOLATED, {"startip": "10.1.2.1"}, "not inside"),
        (ISOLATED, {"startip": "10.1.1.9", "endip": "10.1.1.8"}, "below startip"),
        (ISOLATED, {"endip": "10.1.1.8"}, "startip is missing"),
        (ISOLATED, {"privatemtu": "100"}, "privatemtu"),
        (ISOLATED, {"vlan": "105"}, "Can't specify vlan"),
        (ISOLATED, {"networkdomain": "not a domain"}, "domain_name"),
        (ISOLATED, {"acltype": "Domain"}, "ACL type Account"),
        (SHARED, {"vlan": "105"}, "gateway and netmask are required"),
        (
            SHARED,
            {"gateway": "10.1.1.1", "netmask": "255.255.255.0", "startip": "10.1.1.2"},
            "vlan is required",
        ),
        (SHARED, {"gateway": "10.1.1.1", "netmask": "255.255.255.0", "vlan": "105"}, "startip is required"),
        (L2, {"gateway": "10.1.1.1", "netmask": "255.255.255.0"}, "L2 networks have no"),
        (TIER, {"gateway": "10.1.1.1", "netmask": "255.255.255.0"}, "for VPC networks only"),
    ],
)
def test_refused_networks_leave_nothing(
    cloud: Cloud, offering: str, arguments: dict[str, str], text: str
) -> None:
    before = cloud.snapshot.revision
    error = refused(cloud.network, cloud.admin, "net", offering, **arguments)
    assert error.status == 431
    assert text in error.text
    assert cloud.snapshot.revision == before


@pytest.mark.parametrize("vlan", ["0", "4095", "x", "-1", "1e3", "vlan://", "9" * 20, "٣"])
def test_wrong_vlans(cloud: Cloud, vlan: str) -> None:
    error = refused(cloud.shared, vlan=vlan)
    assert (error.status, "Invalid vlan" in error.text) == (431, True)


def test_vlans_come_from_the_pool_until_it_is_empty() -> None:
    cloud = Cloud(vlan="100-101,200")
    ids = [cloud.running(cloud.admin, f"n{index}")["id"] for index in range(3)]
    assert [network.vlan for network in cloud.snapshot.all(Network)] == [100, 101, 200]
    error = refused(cloud.running, cloud.admin, "n3")
    assert (error.status, error.body["cserrorcode"]) == (533, 4320)
    assert error.text.startswith("Unable to allocate vnet as a part of network n3 (")
    (machine,) = cloud.admin.call("listVirtualMachines", networkid=ids[1])["virtualmachine"]
    cloud.admin.job("destroyVirtualMachine", id=machine["id"])
    cloud.admin.job("deleteNetwork", id=ids[1])
    assert cloud.running(cloud.admin, "n4")["vlan"] == "101"


def test_given_vlan_is_nobody_elses(cloud: Cloud) -> None:
    cloud.running(cloud.admin, "n")
    assert "already exists" in refused(cloud.shared, vlan=100).text
    assert cloud.shared(vlan="vlan://101")["vlan"] == "101"
    assert cloud.running(cloud.admin, "n2")["vlan"] == "102"
    assert "already exists" in refused(cloud.shared, vlan=101).text
    assert cloud.shared(vlan=900)["vlan"] == "900"
    assert "already exists" in refused(cloud.shared, vlan=900).text
    assert "vlan" not in cloud.shared(vlan="untagged")


def test_vxlan_networks_have_vnis() -> None:
    cloud = Cloud(vlan=None)
    other = cloud.admin.job(
        "createPhysicalNetwork", name="v", zoneid=cloud.zone, isolationmethods="VXLAN", vlan="5000-6000"
    )["physicalnetwork"]
    cloud.admin.job("updatePhysicalNetwork", id=other["id"], state="Enabled")
    shown = cloud.running(cloud.admin, "n", physicalnetworkid=other["id"])
    assert (shown["vlan"], shown["broadcasturi"]) == ("5000", "vxlan://5000")
    assert cloud.snapshot.need(Network, shown["id"]).vni == 5000
    # The other physical network gives none.
    assert "vlan" not in cloud.running(cloud.admin, "m")


def test_ranges_of_a_physical_network_keep_what_is_in_use(cloud: Cloud) -> None:
    cloud.running(cloud.admin, "n")
    job = cloud.admin.failed_or_done("updatePhysicalNetwork", id=cloud.physical, vlan="200-300")
    assert job["jobresult"]["errortext"].startswith("100 is in use by network")
    cloud.admin.job("updatePhysicalNetwork", id=cloud.physical, vlan="100,300")
    assert cloud.running(cloud.admin, "m")["vlan"] == "300"


def test_deleting_in_the_wrong_order_fails_as_a_job_and_changes_nothing(cloud: Cloud, red: Client) -> None:
    vpc = cloud.vpc(red)
    tier = cloud.tier(red, vpc["id"], "10.20.1.1")
    vm = cloud.machine(red, "vm", networkids=tier["id"])
    for command, id in (("deleteVPC", vpc["id"]), ("deleteNetwork", tier["id"])):
        job = red.failed_or_done(command, id=id)
        assert (job["jobstatus"], job["jobresultcode"]) == (2, 530)
        assert (job["jobresult"]["errorcode"], job["jobresult"]["cserrorcode"]) == (536, 4375)
    assert red.call("listNetworks")["count"] == 1
    red.job("destroyVirtualMachine", id=vm["id"])
    assert red.job("deleteNetwork", id=tier["id"]) == {"success": True}
    assert red.job("deleteVPC", id=vpc["id"]) == {"success": True}
    assert red.call("listNetworks") == red.call("listVPCs") == {}
    assert red.call("listNetworks", id=tier["id"]) == {}
    gone = refused(red.call, "deleteNetwork", id=tier["id"])
    assert (
        f"Invalid parameter id value={tier['id']} due to incorrect long value format, or entity" in gone.text
    )


def test_deleted_network_leaves_nothing_behind(cloud: Cloud) -> None:
    network = cloud.running(cloud.admin, "n")
    (machine,) = cloud.admin.call("listVirtualMachines")["virtualmachine"]
    cloud.admin.job("destroyVirtualMachine", id=machine["id"])
    cloud.admin.job("deleteNetwork", id=network["id"])
    for kind in (Network, NetworkDetails):
        assert cloud.snapshot.count(kind) == 0
    # That of the physical network, and its one block with nothing taken, stay.
    assert [pool.id for pool in cloud.snapshot.all(Pool)] == [cloud.physical]
    assert [block.taken for block in cloud.snapshot.all(PoolBlock)] == ["0"]


def test_guests_mtu_is_the_fabrics_unless_a_smaller_one_is_given() -> None:
    cloud = Cloud(mtu=1450)
    red = cloud.account("red")
    assert cloud.network(red, "plain")["privatemtu"] == 1450
    assert cloud.network(red, "small", privatemtu=1400)["privatemtu"] == 1400
    large = cloud.network(red, "large", privatemtu=9000)
    assert large["privatemtu"] == 1450
    shown = red.job("updateNetwork", id=large["id"], privatemtu=1500)["network"]
    assert shown["privatemtu"] == 1450


def test_update_and_restart(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "n", dns2="192.0.2.9", ip6dns1="2001:db8::53")
    shown = red.job(
        "updateNetwork", id=network["id"], name="m", displaytext="text", dns1="192.0.2.8", privatemtu=1400
    )["network"]
    wanted = {"name": "m", "displaytext": "text", "dns1": "192.0.2.8", "privatemtu": 1400}
    assert shown.items() >= wanted.items()
    assert cloud.snapshot.need(Network, network["id"]).dns == ("192.0.2.8", "2001:db8::53")
    job = red.failed_or_done("restartNetwork", id=network["id"])
    assert job["jobresult"]["errortext"].startswith("Network is not in the right state to be restarted")
    cloud.machine(red, "vm", networkids=network["id"])
    assert red.job("restartNetwork", id=network["id"], cleanup="true") == {"success": True}


def test_changing_the_offering(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "n")
    other = cloud.offerings["DefaultIsolatedNetworkOffering"]
    shown = red.job("updateNetwork", id=network["id"], networkofferingid=other)["network"]
    assert shown["networkofferingname"] == "DefaultIsolatedNetworkOffering"
    for wrong in (TIER, SHARED, L2):
        job = red.failed_or_done("updateNetwork", id=network["id"], networkofferingid=cloud.offerings[wrong])
        assert job["jobresult"]["errortext"] == (
            f"Can't upgrade from network offering {other} to {cloud.offerings[wrong]}; check logs for more"
            " information"
        )
    fitting = {
        o["name"] for o in red.call("listNetworkOfferings", networkid=network["id"])["networkoffering"]
    }
    assert fitting == {ISOLATED, "DefaultIsolatedNetworkOffering"}


def test_the_rate_is_that_of_the_offering(cloud: Cloud, red: Client) -> None:
    limited, unlimited = (
        cloud.admin.call(
            "createNetworkOffering", name=f"rate {rate}", displaytext="rated", guestiptype="Isolated",
            traffictype="GUEST", supportedservices="Dhcp", networkrate=rate, enable="true",
        )["networkoffering"]
        for rate in (50, 0)
    )  # fmt: skip
    assert (limited["networkrate"], unlimited["networkrate"]) == (50, 0)
    network = red.call(
        "createNetwork", name="n", displaytext="n", zoneid=cloud.zone, networkofferingid=limited["id"]
    )["network"]["id"]
    assert cloud.snapshot.need(Network, network).rate == 50
    red.job("updateNetwork", id=network, name="renamed")
    assert cloud.snapshot.need(Network, network).rate == 50
    red.job("updateNetwork", id=network, networkofferingid=unlimited["id"])
    assert cloud.snapshot.need(Network, network).rate is None
    cloud.admin.job("migrateNetwork", networkid=network, networkofferingid=limited["id"])
    assert cloud.snapshot.need(Network, network).rate == 50
    wrong = {"name": "w", "guestiptype": "Isolated", "traffictype": "GUEST", "networkrate": -1}
    assert "networkrate" in refused(cloud.admin.call, "createNetworkOffering", **wrong).text


def test_an_offering_without_what_the_network_uses_is_refused(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "n")["id"]
    poor = cloud.admin.call(
        "createNetworkOffering", name="poor", displaytext="poor", guestiptype="Isolated", traffictype="GUEST",
        supportedservices="Dhcp,Dns,SourceNat",
    )["networkoffering"]["id"]  # fmt: skip
    cloud.admin.call("updateNetworkOffering", id=poor, state="Enabled")
    rule = red.job("createEgressFirewallRule", networkid=network, protocol="tcp", startport=80)
    job = red.failed_or_done("updateNetwork", id=network, networkofferingid=poor)
    assert job["jobresult"]["errortext"].endswith("the network uses Firewall")
    red.job("deleteEgressFirewallRule", id=rule["firewallrule"]["id"])
    assert (
        red.job("updateNetwork", id=network, networkofferingid=poor)["network"]["networkofferingid"] == poor
    )


def test_users_may_not_use_a_disabled_zone_or_offering(cloud: Cloud, red: Client) -> None:
    cloud.admin.call("updateNetworkOffering", id=cloud.offerings[ISOLATED], state="Disabled")
    assert "not Enabled" in refused(cloud.network, red, "n").text
    cloud.admin.call("updateNetworkOffering", id=cloud.offerings[ISOLATED], state="Enabled")
    cloud.admin.call("updateZone", id=cloud.zone, allocationstate="Disabled")
    assert refused(cloud.network, red, "n").status == 531
    cloud.network(cloud.admin, "n")


def test_offerings_of_ones_own(cloud: Cloud) -> None:
    given: dict[str, Any] = {
        "supportedservices": "Dhcp,Dns,SourceNat",
        "serviceproviderlist[0].service": "Dhcp",
        "serviceproviderlist[0].provider": "VirtualRouter",
        "serviceproviderlist[1].service": "SourceNat",
        "serviceproviderlist[1].provider": "JuniperSRX",
        "servicecapabilitylist[0].service": "SourceNat",
        "servicecapabilitylist[0].capabilitytype": "SupportedSourceNatTypes",
        "servicecapabilitylist[0].capabilityvalue": "perzone",
    }
    shown = cloud.admin.call(
        "createNetworkOffering", name="own", displaytext="o", guestiptype="Isolated", traffictype="GUEST",
        **given,
    )["networkoffering"]  # fmt: skip
    services = {service["name"]: service for service in shown["service"]}
    assert services["SourceNat"]["provider"][0]["name"] == "JuniperSRX"
    assert services["Dns"]["provider"][0]["name"] == "VirtualRouter"
    chosen = {each["name"]: each["value"] for each in services["SourceNat"]["capability"]}
    assert chosen["SupportedSourceNatTypes"] == "perzone"
    assert (shown["state"], shown["isdefault"]) == ("Disabled", False)
    assert shown["serviceofferingid"]
    cloud.admin.call("updateNetworkOffering", id=shown["id"], state="Enabled", availability="Required")
    cloud.offerings["own"] = shown["id"]
    with pytest.raises(Refused) as lacking:
        cloud.network(cloud.admin, "n", "own")
    assert "Provider JuniperSRX, which serves SourceNat" in lacking.value.text
    srx = cloud.admin.call("addNetworkServiceProvider", name="JuniperSRX", physicalnetworkid=cloud.physical)
    cloud.admin.job("updateNetworkServiceProvider", id=srx["id"], state="Enabled")
    network = cloud.network(cloud.admin, "n", "own")
    assert "used by 1 networks" in refused(cloud.admin.call, "deleteNetworkOffering", id=shown["id"]).text
    cloud.admin.job("deleteNetwork", id=network["id"])
    assert cloud.admin.call("deleteNetworkOffering", id=shown["id"]) == {"success": True}
    default = cloud.offerings[ISOLATED]
    assert "Default network" in refused(cloud.admin.call, "deleteNetworkOffering", id=default).text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"supportedservices": "Dhcp,Nonsense"}, "Invalid network service name: Nonsense"),
        ({"serviceproviderlist[0].service": "Dhcp"}, "not among the supported"),
        (
            {
                "supportedservices": "Dhcp",
                "serviceproviderlist[0].service": "Dhcp",
                "serviceproviderlist[0].provider": "Mallory",
            },
            "Invalid service provider: Mallory",
        ),
        (
            {
                "supportedservices": "Dhcp",
                "serviceproviderlist[0].service": "Dhcp",
                "serviceproviderlist[0].provider": "JuniperSRX",
            },
            "doesn't support service Dhcp",
        ),
        ({"name": ISOLATED}, "already exists"),
        ({"guestiptype": "Shared", "forvpc": "true"}, "Only Isolated"),
        ({"guestiptype": "L2", "supportedservices": "Dhcp"}, "L2 network offerings serve nothing"),
    ],
)
def test_wrong_offerings(cloud: Cloud, arguments: dict[str, str], text: str) -> None:
    given = {"name": "own", "guestiptype": "Isolated", "traffictype": "Guest"} | arguments
    assert text in refused(cloud.admin.call, "createNetworkOffering", **given).text


def test_kinds_of_the_intent(cloud: Cloud) -> None:
    cloud.network(cloud.admin, "a")
    cloud.network(cloud.admin, "b", L2)
    cloud.shared()
    kinds = [network.kind for network in cloud.snapshot.all(Network)]
    assert kinds == [NetworkKind.ISOLATED, NetworkKind.L2, NetworkKind.SHARED]
    assert cloud.admin.call("listNetworks", type="shared")["count"] == 1
    assert cloud.admin.call("listNetworks", supportedservices="SourceNat")["count"] == 1
