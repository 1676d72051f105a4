"""Private gateways and static routes of VPCs: the use cases that all doors share."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from uuid import uuid4

from sdn_orch.errors import InUse, Invalid, RuleConflict
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.service import Transaction


def delete_gateway(transaction: Transaction, gateway: PrivateGateway) -> None:
    """Delete the gateway; raises InUse while routes lead over it."""
    routes = transaction.snapshot.count_where(StaticRoute, "gateway_id", gateway.id)
    if routes:
        raise InUse(
            f"Can't delete private gateway {gateway.id} as it has {routes} static routes applied."
            " Remove the routes first"
        )
    transaction.delete(gateway)


def create_route(
    transaction: Transaction, vpc: Vpc, prefix: IPv4Network, next_hop: IPv4Address
) -> StaticRoute:
    """Reach the prefix by a neighbour of the VPC's router. Raises Invalid, RuleConflict for a second way."""
    snapshot = transaction.snapshot
    for other in snapshot.where(StaticRoute, "vpc_id", vpc.id):
        if other.prefix.overlaps(prefix):
            raise RuleConflict(
                f"New static route cidr conflicts with existing route {other.id}: {other.prefix}"
            )
    return transaction.put(route_by(snapshot, str(uuid4()), vpc, prefix, next_hop))


def route_by(
    snapshot: Snapshot, id: str, vpc: Vpc, prefix: IPv4Network, next_hop: IPv4Address
) -> StaticRoute:
    """A route by a neighbour of the VPC's router, wherever that is. Raises Invalid where it is nowhere."""
    side = _side(snapshot, vpc, next_hop)
    if side is None:
        raise Invalid(
            f"{next_hop} is neither in a tier nor behind a private gateway of VPC {vpc.name} ({vpc.id})"
        )
    return StaticRoute(
        id=id,
        vpc_id=vpc.id,
        prefix=prefix,
        next_hop=next_hop,
        gateway_id=side.id if isinstance(side, PrivateGateway) else None,
        network_id=side.id if isinstance(side, Network) else None,
    )


def _side(snapshot: Snapshot, vpc: Vpc, next_hop: IPv4Address) -> PrivateGateway | Network | None:
    """Where in the neighbourhood of the VPC's router the address is."""
    for gateway in snapshot.where(PrivateGateway, "vpc_id", vpc.id):
        if next_hop in gateway.ipv4:
            return gateway
    for tier in snapshot.where(Network, "vpc_id", vpc.id):
        if tier.ipv4 is not None and next_hop in tier.ipv4:
            return tier
    return None
