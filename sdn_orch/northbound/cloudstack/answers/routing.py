"""Private gateways and static routes of VPCs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.model import Account, Switch, Vpc
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.northbound.cloudstack.answers.networks import vpc_details
from sdn_orch.northbound.cloudstack.answers.owners import holder, place
from sdn_orch.northbound.cloudstack.answers.rules import rule_state
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.model_routing import PrivateGatewayDetails
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, Shape, flag, string

_Part = PrivateGateway | StaticRoute


def _vpc(scene: Scene, part: _Part) -> Vpc:
    return scene.snapshot.need(Vpc, part.vpc_id)


def _owner() -> Iterator[Field[Any]]:
    """Whose the VPC is."""
    yield from holder(lambda scene, part: scene.snapshot.need(Account, _vpc(scene, part).account_id))


def gateway_state(scene: Scene, _gateway: PrivateGateway) -> str:
    """CloudStack's word for a gateway that a switch holds, or for one that none can."""
    return "Ready" if scene.snapshot.count_where(Switch, "is_gateway", True) else "Creating"


def vlan_uri(gateway: PrivateGateway) -> str:
    """Its VLAN as CloudStack writes it."""
    return f"vlan://{gateway.vlan if gateway.vlan is not None else 'untagged'}"


def _acl(scene: Scene, gateway: PrivateGateway) -> AclList | None:
    return scene.snapshot.need(AclList, gateway.acl_id) if gateway.acl_id else None


PRIVATE_GATEWAY: Shape[PrivateGateway] = Shape(
    key="privategateway",
    resource="PrivateGateway",
    kind=PrivateGateway,
    keywords=("ipaddress", "vpcname"),
    fields=(
        string("id", "the id of the gateway", lambda _, gateway: gateway.id),
        string("ipaddress", "the VPC's address outside", lambda _, gateway: gateway.address),
        string("gateway", "what leads on from there", lambda _, gateway: gateway.gateway),
        string("netmask", "the netmask", lambda _, gateway: gateway.ipv4.netmask),
        string("vlan", "the VLAN", lambda _, gateway: vlan_uri(gateway)),
        string("state", "Ready, or Creating where there is no gateway to the outside", gateway_state),
        flag("sourcenatsupported", "whether what leaves goes under its address", lambda _, g: g.source_nat),
        string("aclid", "the list of rules for what passes", lambda _, gateway: gateway.acl_id),
        string("aclname", "its name", lambda s, g: (acl := _acl(s, g)) and acl.name),
        string("vpcid", "the VPC", lambda _, gateway: gateway.vpc_id),
        string("vpcname", "the name of the VPC", lambda s, g: _vpc(s, g).name),
        string(
            "physicalnetworkid",
            "the physical network",
            lambda s, g: s.snapshot.need(PrivateGatewayDetails, g.id).physical_network_id,
        ),
        *_owner(),
        *place(lambda s, g: vpc_details(s.snapshot, _vpc(s, g)).zone_id),
    ),
)


def _over(read: Callable[[PrivateGateway], object]) -> Callable[[Scene, StaticRoute], object]:
    """What is read of the private gateway that a route leads over."""

    def of(scene: Scene, route: StaticRoute) -> object:
        return read(scene.snapshot.need(PrivateGateway, route.gateway_id)) if route.gateway_id else None

    return of


STATIC_ROUTE: Shape[StaticRoute] = Shape(
    key="staticroute",
    resource="StaticRoute",
    kind=StaticRoute,
    keywords=("cidr",),
    fields=(
        string("id", "the id of the route", lambda _, route: route.id),
        string("cidr", "the prefix that it leads to", lambda _, route: route.prefix),
        string("nexthop", "by whom", lambda _, route: route.next_hop),
        string("gatewayid", "the private gateway that it leads over", _over(lambda gateway: gateway.id)),
        string("vpcgatewayid", "the same", _over(lambda gateway: gateway.id)),
        string("vpcgatewayip", "its address", _over(lambda gateway: gateway.address)),
        string("vpcid", "the VPC", lambda _, route: route.vpc_id),
        string("state", "Add until the switches hold it", rule_state),
        *_owner(),
        tags(),
    ),
)
