"""create, delete and listStaticRoute(s): ways of VPCs to prefixes outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.intent.model import Vpc
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.northbound import routing
from sdn_orch.northbound.cloudstack.answers.routing import STATIC_ROUTE as SHAPE
from sdn_orch.northbound.cloudstack.answers.rules import rule_state
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.parameters import cidr4, entity, ipv4, required, text
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", StaticRoute, "the id of the route")
CIDR = cidr4("cidr", "the prefix that it leads to, outside of the VPC's")
GATEWAY = entity("gatewayid", PrivateGateway, "the private gateway that it leads over")
NEXT_HOP = ipv4("nexthop", "by whom, instead of gatewayid: an address in a tier or behind a private gateway")
VPC = entity("vpcid", Vpc, "the VPC; needed with nexthop")
STATE = text("state", "the state")


@lists("listStaticRoutes", SHAPE, "Lists static routes of VPCs", ID, VPC, GATEWAY, STATE, *SCOPE)
def list_static_routes(call: Call) -> Iterable[StaticRoute]:
    """Routes by owner, VPC and private gateway."""
    vpc, gateway, state = call.get(VPC), call.get(GATEWAY), call.get(STATE)

    def others() -> Iterator[StaticRoute]:
        for each in (vpc,) if vpc is not None else owned(call, Vpc):
            yield from call.snapshot.where(StaticRoute, "vpc_id", each.id)

    return chosen(
        one_or(call, ID, others),
        (gateway.id if gateway else None, lambda route: route.gateway_id),
        (state.lower() if state else None, lambda route: rule_state(call.scene, route).lower()),
    )


@changes(
    "createStaticRoute",
    SHAPE,
    "Leads a VPC to a prefix outside",
    required(CIDR),
    GATEWAY,
    NEXT_HOP,
    VPC,
    mode=Mode.ASYNC_CREATE,
    event="STATIC.ROUTE.CREATE",
)
def create_static_route(call: Call) -> StaticRoute:
    """The route, which meets no other of its VPC."""
    gateway, next_hop, vpc = call.get(GATEWAY), call.get(NEXT_HOP), call.get(VPC)
    if gateway is not None:
        if next_hop is not None or vpc is not None:
            raise bad("gatewayid and nexthop with vpcid are mutually exclusive")
        vpc, next_hop = call.snapshot.need(Vpc, gateway.vpc_id), gateway.gateway
    if next_hop is None or vpc is None:
        raise bad("Either gatewayid, or nexthop and vpcid are required")
    if call[CIDR].overlaps(vpc.ipv4):
        raise bad(f"The static gateway cidr {call[CIDR]} should be outside of VPC cidr {vpc.ipv4}")
    return routing.create_route(call.transaction, vpc, call[CIDR], next_hop)


@changes(
    "deleteStaticRoute",
    SUCCESS,
    "Leads a VPC to a prefix no more",
    required(ID),
    mode=Mode.ASYNC,
    event="STATIC.ROUTE.DELETE",
)
def delete_static_route(call: Call) -> None:
    """The prefix is not reached that way any more."""
    call.transaction.delete(call[ID])
