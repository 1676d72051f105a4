"""A tenant's life with the client `cs`: networks, a VPC, addresses, NAT, firewalls, lists, balancers, tags.

    export CLOUDSTACK_ENDPOINT=http://127.0.0.1:8080/client/api CLOUDSTACK_KEY=… CLOUDSTACK_SECRET=…
    python docs/clients/shop_cs.py

The zone, its physical network and its public addresses must be there: `docs/clients/shop.yml` makes them.
"""

from __future__ import annotations

import os

from cs import CloudStack

cloud = CloudStack(
    endpoint=os.environ["CLOUDSTACK_ENDPOINT"],
    key=os.environ["CLOUDSTACK_KEY"],
    secret=os.environ["CLOUDSTACK_SECRET"],
    fetch_result=True,
    poll_interval=0.05,
)
zone = cloud.listZones()["zone"][0]["id"]
offerings = {each["name"]: each["id"] for each in cloud.listNetworkOfferings(fetch_list=True)}
of_machines = {
    "zoneid": zone,
    "serviceofferingid": cloud.listServiceOfferings()["serviceoffering"][0]["id"],
    "templateid": cloud.listTemplates(templatefilter="executable")["template"][0]["id"],
}

# A project: what is made in it belongs to all its members.
project = cloud.createProject(name="shop", displaytext="The shop")["project"]["id"]

# A network with three machines, and a second one with a foot in it.
net = cloud.createNetwork(
    name="shop-net",
    displaytext="The shop's network",
    zoneid=zone,
    networkofferingid=offerings["DefaultIsolatedNetworkOfferingWithSourceNatService"],
    projectid=project,
)["network"]["id"]
vms = [
    cloud.deployVirtualMachine(name=name, networkids=[net], projectid=project, **of_machines)[
        "virtualmachine"
    ]
    for name in ("web1", "web2", "web3")
]
backstage = cloud.createNetwork(
    name="backstage",
    displaytext="Behind the shop",
    zoneid=zone,
    networkofferingid=offerings["DefaultIsolatedNetworkOffering"],
    gateway="10.4.0.1",
    netmask="255.255.255.0",
    projectid=project,
)["network"]["id"]
cloud.addNicToVirtualMachine(virtualmachineid=vms[0]["id"], networkid=backstage)
extra = cloud.addIpToNic(nicid=vms[0]["nic"][0]["id"])["nicsecondaryip"]
print("machines:", ", ".join(f"{vm['name']} {vm['nic'][0]['ipaddress']}" for vm in vms))

# The address under which all go out, one that is all web1's, one with forwarded ports and a balancer.
(source,) = cloud.listPublicIpAddresses(issourcenat=True, projectid=project)["publicipaddress"]
static, shared = (cloud.associateIpAddress(networkid=net)["ipaddress"] for _ in range(2))
cloud.enableStaticNat(ipaddressid=static["id"], virtualmachineid=vms[0]["id"])
cloud.createIpForwardingRule(ipaddressid=static["id"], protocol="tcp", startport=80, endport=90)
forward = cloud.createPortForwardingRule(
    ipaddressid=shared["id"],
    protocol="tcp",
    publicport=2222,
    privateport=22,
    virtualmachineid=vms[0]["id"],
    vmguestip=extra["ipaddress"],
    openfirewall=False,
)["portforwardingrule"]
cloud.createFirewallRule(
    ipaddressid=shared["id"], protocol="tcp", startport=2222, cidrlist=["198.51.100.0/24", "203.0.113.7/32"]
)
cloud.createEgressFirewallRule(networkid=net, protocol="udp", startport=53, destcidrlist="9.9.9.9/32")
print("public:", source["ipaddress"], static["ipaddress"], shared["ipaddress"])

# A balancer that keeps clients with their machines and looks whether those are well.
rule = cloud.createLoadBalancerRule(
    name="web", algorithm="leastconn", publicipid=shared["id"], publicport=80, privateport=8080
)["loadbalancer"]
cloud.assignToLoadBalancerRule(id=rule["id"], virtualmachineids=[vm["id"] for vm in vms])
cloud.createLBStickinessPolicy(
    lbruleid=rule["id"], name="sticky", methodname="SourceBased", param=[{"name": "expire", "value": "30m"}]
)
cloud.createLBHealthCheckPolicy(lbruleid=rule["id"], pingpath="/", intervaltime=10, responsetimeout=2)
cloud.removeFromLoadBalancerRule(id=rule["id"], virtualmachineids=[vms[2]["id"]])
members = cloud.listLoadBalancerRuleInstances(id=rule["id"])["loadbalancerruleinstance"]
print("balanced:", ", ".join(sorted(vm["name"] for vm in members)))

# A VPC of two tiers, and a list of rules between them.
vpc = cloud.createVPC(
    name="warehouse",
    displaytext="The warehouse",
    cidr="10.20.0.0/16",
    vpcofferingid=cloud.listVPCOfferings()["vpcoffering"][0]["id"],
    zoneid=zone,
    projectid=project,
)["vpc"]["id"]
acl = cloud.createNetworkACLList(name="front", vpcid=vpc)["networkacllist"]["id"]
cloud.createNetworkACL(
    aclid=acl, number=10, protocol="tcp", startport=443, cidrlist="0.0.0.0/0", action="allow"
)
cloud.createNetworkACL(aclid=acl, number=20, protocol="all", traffictype="egress", action="deny")
tiers = [
    cloud.createNetwork(
        name=name,
        displaytext=name,
        zoneid=zone,
        networkofferingid=offerings["DefaultIsolatedNetworkOfferingForVpcNetworks"],
        vpcid=vpc,
        gateway=gateway,
        netmask="255.255.255.0",
        aclid=acl,
    )["network"]["id"]
    for name, gateway in (("front", "10.20.1.1"), ("stock", "10.20.2.1"))
]
(allow,) = cloud.listNetworkACLLists(name="default_allow")["networkacllist"]
cloud.replaceNetworkACLList(aclid=allow["id"], networkid=tiers[1])
print("rules:", ", ".join(each["aclname"] for each in cloud.listNetworks(vpcid=vpc)["network"]))

# Tags, and what is found by them.
cloud.createTags(resourceids=[net, tiers[0]], resourcetype="Network", tags=[{"key": "env", "value": "prod"}])
tagged = cloud.listNetworks(projectid=project, tags=[{"key": "env", "value": "prod"}])["network"]
print("tagged:", ", ".join(sorted(each["name"] for each in tagged)))

# Nothing is interrupted by a restart: there is no router to restart.
cloud.restartNetwork(id=net, cleanup=True)
cloud.restartVPC(id=vpc, cleanup=True)

# Back out again; what stands on something goes with it.
cloud.disassociateIpAddress(id=shared["id"])
for vm in vms:
    cloud.destroyVirtualMachine(id=vm["id"], expunge=True)
for each in (*tiers, net, backstage):
    cloud.deleteNetwork(id=each)
cloud.deleteVPC(id=vpc)
cloud.deleteProject(id=project)
print("left:", len(cloud.listNetworks(projectid=-1, fetch_list=True)))
