"""Static routes of VPCs: which one is for a packet, and who takes it on."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.public import PublicRange
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Snapshot


def older_route(snapshot: Snapshot, route: StaticRoute) -> StaticRoute | None:
    """Another route of the VPC to the same prefix, which counts instead of this one."""
    same = (other for other in snapshot.where(StaticRoute, "vpc_id", route.vpc_id))
    return next((one for one in same if one.prefix == route.prefix and one.number < route.number), None)


def route_to(snapshot: Snapshot, router_id: str, address: IPv4Address | IPv6Address) -> StaticRoute | None:
    """The static route of a router for a destination that is in none of its networks."""
    for route in snapshot.where(StaticRoute, "vpc_id", router_id):
        if isinstance(address, IPv4Address) and address in route.prefix:
            return route
    return None


def next_hops(snapshot: Snapshot) -> Iterator[tuple[int | None, IPv4Address]]:
    """Whose MAC addresses gateways need, each with its VLAN, some of them several times."""
    for known in snapshot.all(PublicRange):
        yield known.vlan, known.gateway
    for gateway in snapshot.all(PrivateGateway):
        yield from ((gateway.vlan, hop) for hop in hops_behind(snapshot, gateway))


def hops_behind(snapshot: Snapshot, gateway: PrivateGateway) -> list[IPv4Address]:
    """The next hops behind a private gateway, each once."""
    routes = snapshot.where(StaticRoute, "gateway_id", gateway.id)
    return list(dict.fromkeys((gateway.gateway, *(route.next_hop for route in routes))))


def tier_of(snapshot: Snapshot, route: StaticRoute) -> Network | None:
    """The tier of the VPC that a route's next hop is in; None if it is elsewhere."""
    tier = None if route.network_id is None else snapshot.need(Network, route.network_id)
    return tier if tier is not None and tier.vpc_id == route.vpc_id else None


def hops_of(snapshot: Snapshot, route: StaticRoute) -> tuple[Nic, ...]:
    """The NIC with the address of a next hop in a tier, running or not: one or none."""
    tier = tier_of(snapshot, route)
    return () if tier is None else snapshot.where(Nic, "claims", (tier.id, route.next_hop))


def routes_by(snapshot: Snapshot, nic: Nic) -> Iterator[StaticRoute]:
    """The routes that lead by a NIC."""
    for route in snapshot.where(StaticRoute, "network_id", nic.network_id):
        if route.next_hop in nic.addresses and tier_of(snapshot, route) is not None:
            yield route


def prefixes_by(snapshot: Snapshot, tier: Network) -> tuple[IPv4Network, ...]:
    """The prefixes that static routes lead to by machines in a tier, each once."""
    routes = snapshot.where(StaticRoute, "network_id", tier.id)
    return tuple(dict.fromkeys(route.prefix for route in routes if tier_of(snapshot, route) is not None))


def carried_by(snapshot: Snapshot, nic: Nic) -> tuple[IPv4Network, ...]:
    """The prefixes behind a NIC, whose addresses it may send with besides its own."""
    return tuple(route.prefix for route in routes_by(snapshot, nic))
