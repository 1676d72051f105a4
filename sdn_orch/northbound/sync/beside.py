"""What VPCs have besides tiers and public addresses: private gateways, static routes, balancers inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.address_use import uses
from sdn_orch.intent.balancers import Balancer, inner_place
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.northbound import balancers, routing
from sdn_orch.northbound.extension import addresses, balancing, nics, rules
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.sync import fields
from sdn_orch.northbound.sync.groups import GatewaySaid, NetworkSaid, VpcSaid


def bring_routing(cloud: Cloud, vpc: Vpc, said: VpcSaid) -> None:
    """The VPC has these private gateways and static routes, and no others; its tiers are there already."""
    told = {each.gateway.id for each in said.gateways}
    ended = [each for each in cloud.snapshot.where(PrivateGateway, "vpc_id", vpc.id) if each.id not in told]
    for gateway in ended:
        cloud.transaction.delete(*cloud.snapshot.where(StaticRoute, "gateway_id", gateway.id))
        routing.delete_gateway(cloud.transaction, gateway)
        if gateway.acl_id is not None:
            cloud.transaction.delete(cloud.snapshot.need(AclList, gateway.acl_id))
    for each in said.gateways:
        _make_gateway(cloud, vpc, each)
    routes = [
        routing.route_by(cloud.snapshot, each.id, vpc, each.prefix.network, each.next_hop)
        for each in said.routes
    ]
    rules.bring_to(cloud, cloud.snapshot.where(StaticRoute, "vpc_id", vpc.id), routes)


def _make_gateway(cloud: Cloud, vpc: Vpc, said: GatewaySaid) -> None:
    """The gateway, with a list of rules of its own."""
    given = said.gateway
    list_id = cloud.made_id("acl", given.id)
    acl = AclList(id=list_id, name=f"private gateway {given.address}", vpc_id=vpc.id)
    before = cloud.snapshot.get(AclList, list_id)
    rules.bring_to(cloud, [before] if before else [], [acl])
    wanted = PrivateGateway(
        id=given.id,
        vpc_id=vpc.id,
        address=given.address,
        ipv4=IPv4Network(f"{given.gateway}/{given.netmask}", strict=False),
        gateway=given.gateway,
        vlan=addresses.read_vlan("vlan", given.vlan),
        source_nat=bool(given.source_nat),
        acl_id=list_id,
    )
    known = cloud.snapshot.get(PrivateGateway, given.id)
    rules.bring_to(cloud, [known] if known else [], [wanted])
    rules.apply_items(cloud, list_id, said.acl)


def end_balancers(cloud: Cloud, networks: Sequence[NetworkSaid]) -> None:
    """Balancers inside of the networks that are there no more, before their addresses are others'.

    Those that CloudStack has no words for stay.
    """
    said = {each.id for network in networks for each in network.inner_balancers}
    for network in networks:
        id = cloud.id("network", network.fields.network_id)
        for balancer in cloud.snapshot.where(Balancer, "network_id", id):
            is_cloudstacks = balancer.inner is not None and not balancers.is_native(balancer)
            if is_cloudstacks and balancer.id not in said:
                balancers.delete_balancer(cloud.transaction, balancer)


def make_balancer(cloud: Cloud, network: Network, said: fields.InnerBalancer) -> None:
    """The balancer inside of a network; all networks of its VPC are there already."""
    known = cloud.snapshot.get(Balancer, said.id)
    home = cloud.snapshot.need(Network, cloud.id("network", said.home))
    place = inner_place(home.id, said.address)
    if known is not None and (known.place, known.network_id) != (place, network.id):
        balancers.delete_balancer(cloud.transaction, known)
        known = None
    wanted = replace(
        balancing.described(cloud, network, said, known), inner_network_id=home.id, inner=said.address
    )
    if known is not None:
        # CloudStack has no word for it: whoever said it here has the last word.
        wanted = replace(wanted, protocol=known.protocol)
    if known is None:
        if not any(uses(cloud.snapshot, place)):
            nics.take(cloud, home, said.address)
        balancers.create_balancer(cloud.transaction, wanted)
    elif wanted != known:
        balancers.change_balancer(cloud.transaction, wanted)
    balancing.bring_members(cloud, network, wanted, said)
