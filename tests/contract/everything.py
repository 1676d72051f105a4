"""A cloud with something of every kind, made by calls alone."""

from __future__ import annotations

from typing import Any

from tests import balancing
from tests.cloudstack import SHARED, Cloud


def furnish(cloud: Cloud) -> None:
    """Something of every kind that calls take or list, all of it the administrator's."""
    network = cloud.network(cloud.admin, "net")
    cloud.network(
        cloud.admin,
        "shared",
        SHARED,
        gateway="198.51.100.1",
        netmask="255.255.255.0",
        startip="198.51.100.10",
        endip="198.51.100.99",
        vlan=900,
    )
    public_range(cloud)
    portable_range(cloud)
    vpc = cloud.vpc(cloud.admin)["id"]
    acl = cloud.admin.job("createNetworkACLList", name="acl", vpcid=vpc)["networkacllist"]["id"]
    cloud.admin.job("createNetworkACL", aclid=acl, protocol="tcp", startport=443, cidrlist="0.0.0.0/0")
    _routes(cloud, vpc)
    machine = cloud.machine(cloud.admin, "vm", networkids=network["id"])
    cloud.admin.job("addIpToNic", nicid=machine["nic"][0]["id"])
    cloud.admin.call("createSSHKeyPair", name="pair")
    cloud.admin.call("registerUserData", name="data", userdata="aGk=")
    _fabric(cloud)
    _tenancy(cloud, machine["id"])
    _rules(cloud, network["id"], machine["id"])


def public_range(cloud: Cloud, first: str = "203.0.113.10", last: str = "203.0.113.99") -> Any:
    """Public addresses, without a VLAN."""
    made = cloud.admin.call(
        "createVlanIpRange",
        zoneid=cloud.zone,
        vlan="untagged",
        forvirtualnetwork="true",
        gateway="203.0.113.1",
        netmask="255.255.255.0",
        startip=first,
        endip=last,
    )
    return made["vlan"]


def portable_range(cloud: Cloud, first: str = "203.0.114.10", last: str = "203.0.114.13") -> Any:
    """Portable addresses, without a VLAN."""
    made = cloud.admin.job(
        "createPortableIpRange",
        regionid=1,
        gateway="203.0.114.1",
        netmask="255.255.255.0",
        startip=first,
        endip=last,
    )
    return made["portableiprange"]


def _fabric(cloud: Cloud) -> None:
    cloud.admin.job("addTrafficType", physicalnetworkid=cloud.physical, traffictype="Guest")
    cloud.admin.call("dedicateGuestVlanRange", physicalnetworkid=cloud.physical, vlanrange="190-199")
    addresses = {"gateway": "192.0.2.129", "netmask": "255.255.255.128", "startip": "192.0.2.130"}
    place = {"gateway": "192.0.2.1", "netmask": "255.255.255.0", "startip": "192.0.2.2"}
    pod = cloud.admin.call("createPod", name="pod", zoneid=cloud.zone, **place)["pod"]["id"]
    cloud.admin.job("createStorageNetworkIpRange", podid=pod, **addresses)


def _tenancy(cloud: Cloud, machine: str) -> None:
    cloud.account("tenant")
    (network, *_) = cloud.admin.call("listNetworks", type="Isolated", forvpc="false")["network"]
    cloud.admin.call("createNetworkPermissions", networkid=network["id"], accounts="tenant")
    cloud.admin.call("createDomain", name="domain")
    cloud.admin.job("createProject", name="project", displaytext="p")
    on_machine = {"resourcetype": "UserVm", "resourceid": machine, "resourceids": machine}
    for command, given in (("createTags", "tags"), ("addResourceDetail", "details")):
        cloud.admin.job(command, **on_machine, **{f"{given}[0].key": "k", f"{given}[0].value": "v"})


def _rules(cloud: Cloud, network: str, machine: str) -> None:
    call, job = cloud.admin.call, cloud.admin.job
    address = job("associateIpAddress", networkid=network)["ipaddress"]["id"]
    ports = {"protocol": "tcp", "publicport": 2222, "privateport": 22}
    job("createPortForwardingRule", ipaddressid=address, virtualmachineid=machine, **ports)
    mapped = job("associateIpAddress", networkid=network)["ipaddress"]["id"]
    call("enableStaticNat", ipaddressid=mapped, virtualmachineid=machine)
    job("createIpForwardingRule", ipaddressid=mapped, protocol="udp", startport=53)
    _firewall(cloud, network, address)
    _balancers(cloud, address, machine)


def _balancers(cloud: Cloud, address: str, machine: str) -> None:
    job = cloud.admin.job
    rule = balancing.rule(cloud.admin, address)
    job("assignToLoadBalancerRule", id=rule, virtualmachineids=machine)
    expire = {"param[0].name": "expire", "param[0].value": "30m"}
    job("createLBStickinessPolicy", lbruleid=rule, name="s", methodname="SourceBased", **expire)
    job("createLBHealthCheckPolicy", lbruleid=rule)
    job("createLoadBalancer", **balancing.inner(balancing.internal_tier(cloud, cloud.admin)))
    balancing.certificate(cloud.admin)


def _routes(cloud: Cloud, vpc: str) -> None:
    outside = {"gateway": "192.0.2.1", "netmask": "255.255.255.0", "ipaddress": "192.0.2.7"}
    made = cloud.admin.job("createPrivateGateway", vpcid=vpc, vlan="untagged", **outside)["privategateway"]
    cloud.admin.job("createStaticRoute", gatewayid=made["id"], cidr="198.51.100.0/24")


def _firewall(cloud: Cloud, network: str, address: str) -> None:
    job = cloud.admin.job
    web = {"protocol": "tcp", "startport": 443, "cidrlist": "192.0.2.0/24"}
    job("createFirewallRule", ipaddressid=address, **web)
    job("createEgressFirewallRule", networkid=network, **(web | {"cidrlist": "10.1.1.0/24"}))
    routed = cloud.routed(cloud.admin, "routed")["id"]
    job("createRoutingFirewallRule", networkid=routed, **web)
    dual = cloud.network(cloud.admin, "dual", ip6cidr="2001:db8:5::/64")["id"]
    group = cloud.admin.call("createSecurityGroup", name="group")["securitygroup"]["id"]
    job("authorizeSecurityGroupIngress", securitygroupid=group, **web)
    job("createIpv6FirewallRule", networkid=dual, **(web | {"cidrlist": "2001:db8::/32"}))
