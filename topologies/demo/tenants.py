"""Two tenants and what they own, made by the `cs` client as any user of CloudStack would make it.

The administrator makes the zone and the accounts, then each tenant makes its own networks and machines:

- red and blue each have an isolated network 10.1.1.0/24, with machines of the very same addresses;
- blue has a VPC of two tiers, which its router joins;
- both have a machine in a network that the administrator shares with all.
"""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from typing import Any

import cs

from topologies.cloud import Cloud
from topologies.controller import Controller
from topologies.demo.machines import Machine
from topologies.demo.outside import FIRST, LAST, NEAR, NEAR6, NETMASK, PREFIX6, open_outside

#: Offerings that every CloudStack has.
ISOLATED = "DefaultIsolatedNetworkOfferingWithSourceNatService"
TIER = "DefaultIsolatedNetworkOfferingForVpcNetworks"
SHARED = "DefaultSharedNetworkOffering"


class Tenant:
    """An account with its own key pair, and the calls that it makes."""

    def __init__(self, controller: Controller, name: str, key: str, secret: str) -> None:
        self.name = name
        self.call = cs.CloudStack(
            endpoint=f"http://127.0.0.1:{controller.api_port}/client/api",
            key=key,
            secret=secret,
            poll_interval=0.05,
            fetch_result=True,
        )


def administrator(controller: Controller) -> Tenant:
    """The root administrator, with the keys that the controller made at its first start."""
    keys = configparser.ConfigParser()
    keys.read(controller.admin_keys)
    return Tenant(controller, "admin", keys["cloudstack"]["key"], keys["cloudstack"]["secret"])


class Cloudstack:
    """What the administrator has made: the zone, and the offerings that tenants choose from."""

    def __init__(self, controller: Controller, **physical_network: Any) -> None:
        """`physical_network` are further parameters of createPhysicalNetwork."""
        self._controller = controller
        self.admin = administrator(controller)
        call = self.admin.call
        zone = call.createZone(
            name="demo", networktype="Advanced", dns1="192.0.2.53", internaldns1="192.0.2.53"
        )
        self.zone = zone["zone"]["id"]
        physical = call.createPhysicalNetwork(name="fabric", zoneid=self.zone, **physical_network)
        call.updatePhysicalNetwork(id=physical["physicalnetwork"]["id"], state="Enabled")
        call.updateZone(id=self.zone, allocationstate="Enabled")
        offerings = call.listNetworkOfferings()["networkoffering"]
        self._size = call.listServiceOfferings()["serviceoffering"][0]["id"]
        self._template = call.listTemplates(templatefilter="executable")["template"][0]["id"]
        self.offerings: dict[str, str] = {offering["name"]: offering["id"] for offering in offerings}
        lists = call.listNetworkACLLists(name="default_allow")["networkacllist"]
        self.allow: str = lists[0]["id"]

    def public_range(self) -> None:
        """The public network outside the gateways, with addresses for tenants."""
        self.admin.call.createVlanIpRange(
            zoneid=self.zone,
            gateway=NEAR,
            netmask=NETMASK,
            startip=FIRST,
            endip=LAST,
            vlan="untagged",
            forvirtualnetwork=True,
            ip6cidr=PREFIX6,
            ip6gateway=NEAR6,
        )

    def tenant(self, name: str) -> Tenant:
        """A new account with a user and a key pair."""
        account = self.admin.call.createAccount(
            account=name,
            username=name,
            password=name,
            email=f"{name}@example.com",
            firstname=name,
            lastname="Tenant",
            accounttype=0,
        )
        keys = self.admin.call.registerUserKeys(id=account["account"]["user"][0]["id"])["userkeys"]
        return Tenant(self._controller, name, keys["apikey"], keys["secretkey"])

    def vpc(self, tenant: Tenant, cidr: str = "10.20.0.0/16", **more: Any) -> str:
        """The VPC `shop` of a tenant; gives its id."""
        offering = tenant.call.listVPCOfferings()["vpcoffering"][0]["id"]
        made = tenant.call.createVPC(
            name="shop", displaytext="shop", cidr=cidr, vpcofferingid=offering, zoneid=self.zone, **more
        )
        vpc: str = made["vpc"]["id"]
        return vpc

    def network(
        self, tenant: Tenant, name: str, offering: str, gateway: str, ip6cidr: str, **more: Any
    ) -> str:
        """A network of a tenant, an IPv4 /24 and an IPv6 /64; gives its id.

        Tiers of a VPC let everything through unless another list of rules is named.
        """
        if "vpcid" in more:
            more = {"aclid": self.allow} | more
        made = tenant.call.createNetwork(
            name=name,
            displaytext=name,
            zoneid=self.zone,
            networkofferingid=self.offerings[offering],
            gateway=gateway,
            netmask="255.255.255.0",
            ip6cidr=ip6cidr,
            **more,
        )
        network: str = made["network"]["id"]
        return network

    def machine(
        self,
        tenant: Tenant,
        host: str,
        name: str,
        network: tuple[str, str],
        realm: str | None = None,
        **more: Any,
    ) -> Machine:
        """A machine of a tenant with one NIC, in the network given by name and id."""
        made = tenant.call.deployVirtualMachine(
            name=name,
            zoneid=self.zone,
            serviceofferingid=more.pop("serviceofferingid", self._size),
            templateid=self._template,
            networkids=network[1],
            **more,
        )
        nic = made["virtualmachine"]["nic"][0]
        return Machine(
            name=name,
            host=host,
            tenant=tenant.name,
            network=network[0],
            realm=realm or network[0],
            nic_id=nic["id"],
            mac=nic["macaddress"],
            ipv4=nic["ipaddress"],
            ipv6=nic.get("ip6address"),
        )


def begin_outside(cloud: Cloud) -> Cloudstack:
    """Start a cloud with an outside, where tenants get public addresses."""
    cloud.start()
    open_outside(cloud)
    made = Cloudstack(cloud.controller)
    made.public_range()
    return made


def make_tenants(controller: Controller, hosts: Sequence[str]) -> list[Machine]:
    """Make the two tenants with twelve machines, placed on these hosts."""
    cloud = Cloudstack(controller)
    cloud.public_range()
    red, blue = cloud.tenant("red"), cloud.tenant("blue")
    red_net = cloud.network(red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
    blue_net = cloud.network(blue, "blue-net", ISOLATED, "10.1.1.1", "2001:db8:2::/64")
    vpc = cloud.vpc(blue)
    web = cloud.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
    data = cloud.network(blue, "data", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc)
    shared = cloud.network(
        cloud.admin, "shared", SHARED, "198.51.100.1", "2001:db8:f::/64",
        startip="198.51.100.10", endip="198.51.100.99", vlan=100, acltype="Domain",
    )  # fmt: skip
    wanted: list[tuple[Tenant, str, tuple[str, str], str | None, dict[str, str]]] = [
        (red, "red1", ("red-net", red_net), None, {"ipaddress": "10.1.1.10"}),
        (blue, "blue1", ("blue-net", blue_net), None, {"ipaddress": "10.1.1.10"}),
        (blue, "web1", ("web", web), "shop", {}),
        (red, "red2", ("red-net", red_net), None, {"ipaddress": "10.1.1.11"}),
        (blue, "blue2", ("blue-net", blue_net), None, {"ipaddress": "10.1.1.11"}),
        (blue, "data1", ("data", data), "shop", {}),
        (red, "red3", ("red-net", red_net), None, {}),
        (blue, "blue3", ("blue-net", blue_net), None, {}),
        (blue, "shared2", ("shared", shared), None, {}),
        (red, "shared1", ("shared", shared), None, {"ip6address": "2001:db8:f::100"}),
        (blue, "web2", ("web", web), "shop", {}),
        (blue, "data2", ("data", data), "shop", {}),
    ]
    return [
        cloud.machine(tenant, host, name, network, realm, **more)
        for host, (tenant, name, network, realm, more) in zip(hosts, wanted, strict=True)
    ]
