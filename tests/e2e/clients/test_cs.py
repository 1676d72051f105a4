"""The client `cs`, unmodified, as an administrator and two tenants would use it."""

from __future__ import annotations

from typing import Any

import pytest
from cs import CloudStack, CloudStackApiException

from sdn_orch.intent.model import Machine, Network, Nic, Vpc
from sdn_orch.northbound.cloudstack.model_tenancy import Project, Tag
from tests.e2e.clients.conftest import Api
from tests.e2e.clients.examples import run_example, what_there_is


def connect(api: Api, key: str, secret: str, method: str = "get") -> CloudStack:
    """A client that waits for jobs and answers with their results."""
    return CloudStack(
        endpoint=api.endpoint, key=key, secret=secret, method=method, fetch_result=True, poll_interval=0.01
    )


class Cloud:
    """A zone made by the administrator, and what to choose from in it."""

    def __init__(self, api: Api, method: str) -> None:
        self.api = api
        self.method = method
        self.admin = connect(api, api.keys.api_key, api.keys.secret_key, method)
        zone = self.admin.createZone(
            name="zone1", networktype="Advanced", dns1="192.0.2.53", internaldns1="192.0.2.53",
            allocationstate="Enabled",
        )["zone"]  # fmt: skip
        self.zone = zone["id"]
        physical = self.admin.createPhysicalNetwork(
            name="fabric", zoneid=self.zone, isolationmethods=["VLAN"], vlan="100-199"
        )["physicalnetwork"]
        self.admin.updatePhysicalNetwork(id=physical["id"], state="Enabled")
        offerings = self.admin.listNetworkOfferings(fetch_list=True)
        self.offerings = {offering["name"]: offering["id"] for offering in offerings}

    def tenant(self, name: str) -> CloudStack:
        """A new account's user."""
        account = self.admin.createAccount(
            account=name, username=name, password=f"{name} ~ secret*", email=f"{name}@example.org",
            firstname=name, lastname="Tenant", accounttype=0,
        )["account"]  # fmt: skip
        keys = self.admin.registerUserKeys(id=account["user"][0]["id"])["userkeys"]
        return connect(self.api, keys["apikey"], keys["secretkey"], self.method)

    def network(self, tenant: CloudStack, name: str, offering: str, **more: Any) -> dict[str, Any]:
        """A new network."""
        made: dict[str, Any] = tenant.createNetwork(
            name=name, displaytext=name, zoneid=self.zone, networkofferingid=self.offerings[offering], **more
        )["network"]
        return made

    def machine(self, tenant: CloudStack, name: str, networks: list[str], **more: Any) -> dict[str, Any]:
        """A new machine."""
        made: dict[str, Any] = tenant.deployVirtualMachine(
            name=name,
            zoneid=self.zone,
            serviceofferingid=tenant.listServiceOfferings()["serviceoffering"][0]["id"],
            templateid=tenant.listTemplates(templatefilter="executable")["template"][0]["id"],
            networkids=networks,
            **more,
        )["virtualmachine"]
        return made


def public_range(cloud: Cloud) -> None:
    """Ninety public addresses in the cloud's zone."""
    cloud.admin.createVlanIpRange(
        zoneid=cloud.zone, forvirtualnetwork=True, vlan="untagged", gateway="203.0.113.1",
        netmask="255.255.255.0", startip="203.0.113.10", endip="203.0.113.99",
    )  # fmt: skip


ISOLATED = "DefaultIsolatedNetworkOfferingWithSourceNatService"
TIER = "DefaultIsolatedNetworkOfferingForVpcNetworks"


@pytest.mark.parametrize("method", ["get", "post"])
def test_two_tenants_side_by_side(api: Api, method: str) -> None:
    cloud = Cloud(api, method)
    red, blue = cloud.tenant("red"), cloud.tenant("blue")

    # The same prefix and the same address twice.
    red_net = cloud.network(red, "red-net", ISOLATED, ip6cidr="2001:db8:1::/64")
    blue_net = cloud.network(blue, "blue-net", ISOLATED, ip6cidr="2001:db8:2::/64")
    assert red_net["cidr"] == blue_net["cidr"] == "10.1.1.0/24"
    red1 = cloud.machine(red, "red1", [red_net["id"]], ipaddress="10.1.1.10")
    blue1 = cloud.machine(blue, "blue1", [blue_net["id"]], ipaddress="10.1.1.10")
    assert red1["nic"][0]["ipaddress"] == blue1["nic"][0]["ipaddress"] == "10.1.1.10"

    # A VPC of two tiers.
    offering = blue.listVPCOfferings()["vpcoffering"][0]["id"]
    vpc = blue.createVPC(
        name="shop", displaytext="shop", cidr="10.20.0.0/16", vpcofferingid=offering, zoneid=cloud.zone
    )["vpc"]
    netmask = "255.255.255.0"
    web = cloud.network(blue, "web", TIER, vpcid=vpc["id"], gateway="10.20.1.1", netmask=netmask)
    data = cloud.network(blue, "data", TIER, vpcid=vpc["id"], gateway="10.20.2.1", netmask=netmask)
    middle = cloud.machine(blue, "middle", [web["id"], data["id"]])
    assert [nic["ipaddress"] for nic in middle["nic"]] == ["10.20.1.2", "10.20.2.2"]

    # A network for all, and one without addresses.
    shared = cloud.network(
        cloud.admin, "shared", "DefaultSharedNetworkOffering", gateway="198.51.100.1", netmask=netmask,
        startip="198.51.100.10", endip="198.51.100.99", vlan=900, acltype="Domain",
    )  # fmt: skip
    flat = cloud.network(red, "flat", "DefaultL2NetworkOffering")
    red2 = cloud.machine(red, "red2", [shared["id"], flat["id"]])
    assert [nic.get("ipaddress") for nic in red2["nic"]] == ["198.51.100.10", None]

    # Each sees his own and what is shared.
    assert [network["name"] for network in red.listNetworks(fetch_list=True)] == ["red-net", "shared", "flat"]
    assert [vm["name"] for vm in blue.listVirtualMachines(fetch_list=True)] == ["blue1", "middle"]
    with pytest.raises(CloudStackApiException) as denied:
        red.listNetworks(id=blue_net["id"])
    assert denied.value.error["errorcode"] == 531

    # Wrong order first: the job fails and tells why.
    with pytest.raises(CloudStackApiException) as in_use:
        blue.deleteVPC(id=vpc["id"])
    assert "used by 2 networks" in str(in_use.value)
    for tenant in (red, blue):
        for vm in tenant.listVirtualMachines(fetch_list=True):
            assert tenant.destroyVirtualMachine(id=vm["id"], expunge=True)["virtualmachine"]["id"] == vm["id"]
    for tenant in (red, blue, cloud.admin):
        for network in tenant.listNetworks(fetch_list=True, listall=False):
            if network["type"] != "Shared" or tenant is cloud.admin:
                assert tenant.deleteNetwork(id=network["id"]) == {"success": True}
    assert blue.deleteVPC(id=vpc["id"]) == {"success": True}
    for kind in (Machine, Network, Nic, Vpc):
        assert api.service.snapshot.count(kind) == 0
    assert red.listNetworks(id=red_net["id"]) == {}
    with pytest.raises(CloudStackApiException) as gone:
        red.deleteNetwork(id=red_net["id"])
    wanted = f"id value={red_net['id']} due to incorrect long value format, or entity does not exist"
    assert f"Invalid parameter {wanted}" in gone.value.error["errortext"]


def test_projects_tags_and_limits(api: Api) -> None:
    cloud = Cloud(api, "post")
    red, blue = cloud.tenant("red"), cloud.tenant("blue")
    project = red.createProject(name="web", displaytext="the web")["project"]
    red.addAccountToProject(projectid=project["id"], account="blue")
    network = cloud.network(blue, "net", ISOLATED, projectid=project["id"])
    assert network["project"] == "web"
    tags = [{"key": "env", "value": "prod"}, {"key": "tier", "value": "web"}]
    assert red.createTags(resourceids=[network["id"]], resourcetype="Network", tags=tags)["success"]
    found = blue.listNetworks(projectid=project["id"], tags=tags[:1], fetch_list=True)
    assert [(each["id"], len(each["tags"])) for each in found] == [(network["id"], 2)]
    assert red.listNetworks(fetch_list=True) == []
    assert red.listNetworks(projectid=-1)["count"] == 1
    cloud.admin.updateResourceLimit(resourcetype=6, max=1, projectid=project["id"])
    with pytest.raises(CloudStackApiException) as full:
        cloud.network(red, "other", ISOLATED, projectid=project["id"])
    assert full.value.error["errorcode"] == 532
    assert red.deleteProject(id=project["id"], cleanup=True) == {"success": True}
    for kind in (Network, Tag, Project):
        assert api.service.snapshot.count(kind) == 0


def test_lists_in_pages(api: Api) -> None:
    cloud = Cloud(api, "get")
    red = cloud.tenant("red")
    network = cloud.network(red, "net", ISOLATED)
    assert red.listVirtualMachines(fetch_list=True) == []
    names = [f"vm{index}" for index in range(7)]
    for name in names:
        cloud.machine(red, name, [network["id"]])
    assert [vm["name"] for vm in red.listVirtualMachines(fetch_list=True, pagesize=3)] == names
    assert red.listVirtualMachines(page=2, pagesize=3)["count"] == 7


def test_administrators_lists(api: Api) -> None:
    cloud = Cloud(api, "get")
    cloud.tenant("red")
    assert cloud.admin.getUser(userapikey=api.keys.api_key)["user"]["account"] == "admin"
    assert [account["name"] for account in cloud.admin.listAccounts(listall=True, fetch_list=True)] == [
        "admin", "red",
    ]  # fmt: skip
    assert cloud.admin.listDomains()["domain"][0]["path"] == "ROOT"
    assert cloud.admin.listCapabilities()["capability"]["cloudstackversion"]
    assert {event["type"] for event in cloud.admin.listEvents(fetch_list=True)} >= {
        "ZONE.CREATE", "PHYSICAL.NETWORK.CREATE", "ACCOUNT.CREATE",
    }  # fmt: skip


def test_the_example_comes_and_goes(api: Api) -> None:
    cloud = Cloud(api, "get")
    public_range(cloud)
    cloud.admin.updateConfiguration(name="allow.user.create.projects", value="true")
    tenant = cloud.tenant("red")
    before = what_there_is(api)
    said = run_example(api, "shop_cs.py", tenant)
    assert said["machines"] == "web1 10.1.1.2, web2 10.1.1.3, web3 10.1.1.4"
    assert said["public"] == "203.0.113.10 203.0.113.11 203.0.113.12"
    assert said["balanced"] == "web1, web2"
    assert said["rules"] == "front, default_allow"
    assert said["tagged"] == "front, shop-net"
    assert said["left"] == "0"
    assert what_there_is(api) == before


def test_lists_of_more_than_a_thousand(api: Api) -> None:
    cloud = Cloud(api, "get")
    public_range(cloud)
    red = cloud.tenant("red")
    network = cloud.network(red, "net", ISOLATED)["id"]
    address = red.associateIpAddress(networkid=network)["ipaddress"]["id"]
    for port in range(1, 1201):
        red.createFirewallRule(ipaddressid=address, protocol="tcp", startport=port, fetch_result=False)
    listed = red.listFirewallRules(ipaddressid=address, fetch_list=True)
    assert [rule["startport"] for rule in listed] == list(range(1, 1201))
    assert red.listFirewallRules(page=3, pagesize=500)["count"] == 1200
    with pytest.raises(CloudStackApiException) as refused:
        red.listFirewallRules(page=1, pagesize=501)
    assert refused.value.error["errorcode"] == 431
