"""A tenant's shop, with apache-libcloud: a network, machines, an address, rules, a balancer; and back out.

    export CLOUDSTACK_ENDPOINT=http://127.0.0.1:8080/client/api CLOUDSTACK_KEY=… CLOUDSTACK_SECRET=…
    python docs/clients/shop_libcloud.py

The zone, its physical network and its public addresses must be there: `docs/clients/shop.yml` makes them.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from libcloud.compute.providers import get_driver as compute_driver
from libcloud.compute.types import Provider as Compute
from libcloud.loadbalancer.base import DEFAULT_ALGORITHM, Member
from libcloud.loadbalancer.providers import get_driver as balancer_driver
from libcloud.loadbalancer.types import Provider as Balancing

endpoint = urlsplit(os.environ["CLOUDSTACK_ENDPOINT"])
where = {
    "key": os.environ["CLOUDSTACK_KEY"],
    "secret": os.environ["CLOUDSTACK_SECRET"],
    "host": endpoint.hostname,
    "port": endpoint.port,
    "path": endpoint.path,
    "secure": endpoint.scheme == "https",
}
cloud = compute_driver(Compute.CLOUDSTACK)(**where)
balancing = balancer_driver(Balancing.CLOUDSTACK)(**where)
cloud.connection.poll_interval = balancing.connection.poll_interval = 0.05

zone = cloud.list_locations()[0]
offerings = {offering.name: offering for offering in cloud.ex_list_network_offerings()}
size, image = cloud.list_sizes()[0], cloud.list_images()[0]

# A network, and machines in it.
network = cloud.ex_create_network(
    display_text="the shop's network",
    name="shop-net",
    network_offering=offerings["DefaultIsolatedNetworkOfferingWithSourceNatService"],
    location=zone,
    gateway="10.3.0.1",
    netmask="255.255.255.0",
)
machines = [
    cloud.create_node(name=name, size=size, image=image, location=zone, networks=[network], ex_start_vm=True)
    for name in ("web1", "web2")
]
print("machines:", ", ".join(f"{machine.name} {machine.private_ips[0]}" for machine in machines))

# A second NIC, in a network for the database.
backstage = cloud.ex_create_network(
    display_text="behind the shop",
    name="backstage",
    network_offering=offerings["DefaultIsolatedNetworkOffering"],
    location=zone,
    gateway="10.4.0.1",
    netmask="255.255.255.0",
)
cloud.ex_attach_nic_to_node(machines[0], backstage)
print("NICs of web1:", ", ".join(nic.ip_address for nic in cloud.ex_list_nics(machines[0])))

# A public address: SSH to web1, from one place only; and HTTPS out.
address = cloud.ex_allocate_public_ip(network_id=network.id, location=zone)
forward = cloud.ex_create_port_forwarding_rule(
    machines[0], address, private_port=22, public_port=2222, protocol="TCP", openfirewall=False
)
ingress = cloud.ex_create_firewall_rule(address, "198.51.100.0/24", "TCP", start_port=2222, end_port=2222)
egress = cloud.ex_create_egress_firewall_rule(network.id, "10.3.0.0/24", "TCP", start_port=443, end_port=443)
cloud.ex_create_tags([machines[0].id], "UserVm", {"shop": "front"})
print(
    "forwarded:", f"{address.address}:{forward.public_port} to {forward.private_port} of {forward.node.name}"
)
print("tags of web1:", cloud.ex_get_node(machines[0].id).extra["tags"])

# A balancer before both.
balancer = balancing.create_balancer(
    name="shop",
    port=80,
    protocol="http",
    algorithm=DEFAULT_ALGORITHM,
    members=[],
    location=zone,
    private_port=8080,
    network_id=network.id,
)
for machine in machines:
    balancing.balancer_attach_member(balancer, Member(machine.id, machine.private_ips[0], 8080))
members = balancing.balancer_list_members(balancer)
print("balanced:", f"{balancer.ip}:{balancer.port} to", ", ".join(sorted(member.ip for member in members)))

# A VPC with a list of rules for its tier.
vpc = cloud.ex_create_vpc(
    cidr="10.30.0.0/16",
    display_text="the warehouse",
    name="warehouse",
    vpc_offering=cloud.ex_list_vpc_offerings()[0],
    zone_id=zone.id,
)
tier = cloud.ex_create_network(
    display_text="stock",
    name="stock",
    network_offering=offerings["DefaultIsolatedNetworkOfferingForVpcNetworks"],
    location=zone,
    gateway="10.30.1.1",
    netmask="255.255.255.0",
    vpc_id=vpc.id,
)
rules = cloud.ex_create_network_acllist("front", vpc.id, "what may come in")
cloud.ex_create_network_acl(
    "TCP", rules.id, "0.0.0.0/0", start_port=443, end_port=443, action="allow", traffic_type="ingress"
)
cloud.ex_replace_network_acllist(rules.id, tier.id)
print(
    "rules of the VPC:",
    [f"{acl.action} {acl.protocol} {acl.start_port}" for acl in cloud.ex_list_network_acl()],
)

# A security group, for machines in networks that have such groups.
cloud.ex_create_security_group("web", description="what may come in to the shop")
cloud.ex_authorize_security_group_ingress("web", "TCP", "0.0.0.0/0", startport=443)
(group,) = (group for group in cloud.ex_list_security_groups() if group["name"] == "web")
print("group web:", *(f"{each['protocol']} {each['startport']}" for each in group["ingressrule"]))

# Back out again.
cloud.ex_delete_security_group("web")
balancing.destroy_balancer(balancer)
cloud.ex_delete_egress_firewall_rule(egress)
cloud.ex_delete_firewall_rule(ingress)
cloud.ex_delete_port_forwarding_rule(machines[0], forward)
cloud.ex_release_public_ip(address)
for machine in machines:
    cloud.destroy_node(machine, ex_expunge=True)
for each in (network, backstage, tier):
    cloud.ex_delete_network(each)
cloud.ex_delete_vpc(vpc)
print("networks left:", len(cloud.ex_list_networks()))
