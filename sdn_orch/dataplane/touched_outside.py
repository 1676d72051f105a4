"""Which units a change between tenants' networks and public ones may alter; see `touched.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sdn_orch.dataplane.route_units import routes_of
from sdn_orch.dataplane.rules import Owner, OwnerKind, Unit
from sdn_orch.dataplane.units import realm_owners, rules_of
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.balancers import Balancer, Draining, HealthCheck, Member, Relief, Stickiness
from sdn_orch.intent.direct import members_of
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import (
    GatewayRule,
    networks_of,
    principal,
    router_id,
    router_of_rule,
    routers_out,
)
from sdn_orch.intent.health import Failing
from sdn_orch.intent.model import Network, Nic, Record, Switch, Vpc
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.routes import routes_by
from sdn_orch.intent.routing import PrivateGateway, PrivateHop, StaticRoute


def touched_outside(before: World, after: World, old: Record | None, new: Record | None) -> set[Unit]:
    """The units that one difference may alter."""
    found: set[Unit] = set()
    record = old or new
    for world, one in ((before, old), (after, new)):
        match one:
            case Balancer(inner_network_id=str()):
                found |= _inner(before, one) | _inner(after, one)
            case FirewallRule() | Forward() | Balancer() | EgressRule() | RoutedRule():
                found |= _rule(world, one)
                if isinstance(one, Balancer):
                    found |= _answering(world, one)
                if isinstance(one, FirewallRule):
                    found |= _stateless(world, (world.snapshot.need(PublicAddress, one.address_id),))
                elif isinstance(one, EgressRule):
                    found |= _stateless(
                        world, world.snapshot.where(PublicAddress, "network_id", one.network_id)
                    )
            case Network():
                addresses = world.snapshot.where(PublicAddress, "network_id", one.id)
                found |= _stateless(world, addresses)
                if _mtu(old) != _mtu(new):
                    behind = world.snapshot.where(Balancer, "network_id", one.id)
                    found |= {unit for balancer in behind for unit in _balancer(world, balancer.id)}
                if _cuts(old) != _cuts(new):
                    of_router = world.snapshot.where(PublicAddress, "router_id", router_id(one))
                    found |= _addresses(world, of_router) | _private(world, router_id(one))
            case Member() | Draining() | Relief() | Stickiness() | HealthCheck():
                found |= _balancer(world, one.balancer_id)
            case Failing():
                found |= _balancer(world, world.snapshot.need(Member, one.member_id).balancer_id)
            case StaticRoute():
                found |= _routes(before, after, one.vpc_id) | _gateway_switches(world)
                found |= _private(world, one.vpc_id)
            case PrivateGateway():
                found |= _gateway_switches(world) | _by_router(before, after, one.vpc_id)
                found |= _routes(before, after, one.vpc_id)
                for other in world.snapshot.where(PrivateGateway, "vlan", one.vlan):
                    found |= _private(world, other.vpc_id) | _routes(before, after, other.vpc_id)
            case PrivateHop():
                gateway = world.snapshot.need(PrivateGateway, one.gateway_id)
                found |= _private(world, gateway.vpc_id) | _routes(before, after, gateway.vpc_id)
            case Vpc():
                found |= _private(world, one.id)
            case NextHop():
                inside = world.snapshot.where(PublicAddress, "range_id", one.range_id)
                found |= _uplinks(world, inside) | (set() if one.version == 6 else _addresses(world, inside))
            case PublicRange():
                inside = world.snapshot.where(PublicAddress, "range_id", one.id)
                found |= _addresses(world, inside) | _gateway_switches(world)
                if _leads_to(old) != _leads_to(new):
                    found |= {unit for address in inside for unit in _of_router(world, address)}
            case PublicAddress():
                rivals = world.snapshot.where(PublicAddress, "nic_id", one.nic_id) if one.nic_id else ()
                found |= _addresses(world, (one, *rivals))
                found |= _stateless(world, world.snapshot.where(PublicAddress, "router_id", one.router_id))
                if one.is_source_nat:
                    same = world.snapshot.where(PublicAddress, "source_nat_of", one.source_nat_of)
                    found |= _addresses(world, same)
    if isinstance(record, PublicAddress):
        for router in {one.router_id for one in (old, new) if isinstance(one, PublicAddress)} - {None}:
            found |= _by_router(before, after, str(router))
    return found


def _cuts(record: Record | None) -> object:
    """Where what a router lets through is cut because of a network."""
    if not isinstance(record, Network) or not record.cuts_connections:
        return None
    return router_id(record), record.ipv4, record.number


def _mtu(record: Record | None) -> int | None:
    """What fits into a network."""
    return record.mtu if isinstance(record, Network) else None


def _leads_to(record: Record | None) -> object:
    """Where what is routed goes by a public range."""
    if not isinstance(record, PublicRange):
        return None
    return record.gateway, record.ipv6, record.gateway6, record.vlan


def _of_router(world: World, address: PublicAddress) -> set[Unit]:
    return set() if address.router_id is None else _router(world, address.router_id)


def _uplinks(world: World, addresses: Iterable[PublicAddress]) -> set[Unit]:
    """The networks, at their gateways, of the routers that have these addresses."""
    found: set[Unit] = set()
    for router in {address.router_id for address in addresses} - {None}:
        gateway = world.gateway_of(str(router))
        if gateway is not None:
            networks = networks_of(world.snapshot, str(router))
            found |= {(Owner(OwnerKind.NETWORK, network.id), gateway.id) for network in networks}
    return found


def touched_gateways(before: World, after: World) -> set[Unit]:
    """What may alter because gateways came, went, or are others than before."""
    known = [{switch.id: _as_gateway(switch) for switch in world.gateways()} for world in (before, after)]
    if known[0] == known[1]:
        return set()
    altered = {id for id in known[0].keys() | known[1].keys() if known[0].get(id) != known[1].get(id)}
    found: set[Unit] = set()
    for router in {*routers_out(before.snapshot), *routers_out(after.snapshot)}:
        found |= _by_gateway(before, after, router, altered)
    return found


def moving(before: World, after: World) -> dict[str, set[Unit]]:
    """The routers that go out by another gateway than before, each with all that may alter by that."""
    found: dict[str, set[Unit]] = {}
    for router in routers_out(after.snapshot):
        if units := _by_gateway(before, after, router, set()):
            found[router] = units
    return found


def everywhere(world: World, realm: Sequence[Network]) -> set[Unit]:
    """Everything of a realm, on all switches that have a part in it."""
    members = world.realm_members(realm)
    found = {(owner, member) for owner in realm_owners(world, realm) for member in members}
    if (gateway := world.gateway(realm)) is not None:
        found |= {(owner, gateway.id) for network in realm for owner in rules_of(world.snapshot, network)}
    return found


def _by_router(before: World, after: World, router: str) -> set[Unit]:
    """The whole of a router, where its zone or its gateway is another one, or it had or has neither."""
    first, second = (
        [one and one.id for one in (principal(world.snapshot, router), world.gateway_of(router))]
        for world in (before, after)
    )
    return set() if first == second else _router(before, router) | _router(after, router)


def _by_gateway(before: World, after: World, router: str, altered: set[str]) -> set[Unit]:
    """A router that goes out by one of these gateways, or did, or goes out by another one than before."""
    ids = [
        None if gateway is None else gateway.id
        for gateway in (world.gateway_of(router) for world in (before, after))
    ]
    if ids[0] == ids[1] and ids[0] not in altered:
        return set()
    return _router(before, router) | _router(after, router)


def _router(world: World, router: str) -> set[Unit]:
    addresses = world.snapshot.where(PublicAddress, "router_id", router)
    inside = everywhere(world, networks_of(world.snapshot, router))
    return inside | _addresses(world, addresses) | _private(world, router)


def _private(world: World, router: str) -> set[Unit]:
    """The private gateways of a router with the lists that they stand under, where they live."""
    found: set[Unit] = set()
    gateway = world.gateway_of(router)
    for one in world.snapshot.where(PrivateGateway, "vpc_id", router) if gateway is not None else ():
        owners = [Owner(OwnerKind.PRIVATE, one.id)]
        if one.acl_id is not None:
            items = world.snapshot.where(AclItem, "list_id", one.acl_id)
            owners += [Owner(OwnerKind.LIST, one.acl_id), *(Owner(OwnerKind.ITEM, item.id) for item in items)]
        found |= {(owner, gateway.id) for owner in owners if gateway is not None}
    return found


def _gateway_switches(world: World) -> set[Unit]:
    """What every gateway has itself: it knows the public networks and the next hops there."""
    gateways = world.snapshot.where(Switch, "is_gateway", True)
    return {(Owner(OwnerKind.SWITCH, switch.id), switch.id) for switch in gateways}


def _rule(world: World, rule: GatewayRule) -> set[Unit]:
    """A rule at its gateway, and those that share its slot."""
    router = router_of_rule(world.snapshot, rule)
    gateway = None if router is None else world.gateway_of(router)
    if router is None or gateway is None:
        return set()
    if isinstance(rule, Balancer) and not gateway.capabilities.open_vswitch:
        return _untracked(world, router)
    sharing = (
        ()
        if isinstance(rule, Forward | Balancer)
        else world.snapshot.where(type(rule), "slots", rule.slots[0])
    )
    return {(Owner(OwnerKind.RULE, one.id), gateway.id) for one in (rule, *sharing)}


def _untracked(world: World, router: str) -> set[Unit]:
    """What a router has outside where no connections are tracked: one thing stands in another's way there."""
    return _addresses(world, world.snapshot.where(PublicAddress, "router_id", router))


def balancers_of(world: World, nic_id: str) -> set[Unit]:
    """The balancers that a NIC is a member of, or was, or the proxy of, at their gateways."""
    snapshot = world.snapshot
    found = {each.balancer_id for each in snapshot.where(Member, "nic_id", nic_id)}
    found |= {each.balancer_id for each in snapshot.where(Draining, "nic_id", nic_id)}
    nic = snapshot.get(Nic, nic_id)
    if nic is not None and nic.balancer_id is not None:
        found.add(nic.balancer_id)
    return {unit for balancer_id in found for unit in _balancer(world, balancer_id)}


def routes_over(before: World, after: World, nic_id: str) -> set[Unit]:
    """The static routes that lead by a NIC, or did."""
    found: set[Unit] = set()
    for world in (before, after):
        nic = world.snapshot.get(Nic, nic_id)
        for route in routes_by(world.snapshot, nic) if nic is not None else ():
            found |= _routes(before, after, route.vpc_id)
    return found


def _routes(before: World, after: World, vpc_id: str) -> set[Unit]:
    """All static routes of a VPC, on all switches that have a part in it: another one may count now."""
    worlds = (before, after)
    owners = {owner for world in worlds for owner in routes_of(world.snapshot, vpc_id)}
    found: set[str] = set()
    for world in worlds:
        found |= world.realm_members(networks_of(world.snapshot, vpc_id))
        if (gateway := world.gateway_of(vpc_id)) is not None:
            found.add(gateway.id)
    return {(owner, at) for owner in owners for at in found}


def _balancer(world: World, balancer_id: str) -> set[Unit]:
    record = world.snapshot.get(Balancer, balancer_id)
    if record is None:
        return set()
    if record.inner_network_id is None:
        return _rule(world, record) | _answering(world, record)
    around = world.realm_members(world.realm(record.inner_network_id))
    return {(Owner(OwnerKind.RULE, record.id), at) for at in around} | _answering(world, record)


def _answering(world: World, balancer: Balancer) -> set[Unit]:
    """The members that answer from a balancer's address, at their edges."""
    return {
        (Owner(OwnerKind.NIC, nic_id), place.switch_id)
        for nic_id in members_of(world.snapshot, balancer)
        for place in world.places(nic_id)
    }


def _inner(world: World, balancer: Balancer) -> set[Unit]:
    """A balancer inside of a network, those that share its address, and the networks of its members."""
    sharing = world.snapshot.where(Balancer, "place", balancer.place)
    around = world.realm_members(world.realm(balancer.inner_network_id or ""))
    behind = world.realm_members(world.realm(balancer.network_id))
    found = {(Owner(OwnerKind.RULE, each.id), at) for each in (balancer, *sharing) for at in around}
    found |= _answering(world, balancer)
    return found | {(Owner(OwnerKind.NETWORK, balancer.network_id), at) for at in behind}


def _addresses(world: World, addresses: Iterable[PublicAddress]) -> set[Unit]:
    """Addresses at the gateways of their routers."""
    found: set[Unit] = set()
    for address in addresses:
        gateway = None if address.router_id is None else world.gateway_of(address.router_id)
        for balancer in world.snapshot.where(Balancer, "address_id", address.id):
            found |= _answering(world, balancer)
        if gateway is not None:
            found.add((Owner(OwnerKind.ADDRESS, address.id), gateway.id))
            found |= {(owner, gateway.id) for owner in rules_of(world.snapshot, address)}
    return found


def _stateless(world: World, addresses: Iterable[PublicAddress]) -> set[Unit]:
    """Addresses at gateways without connection tracking: what filters them decides whether they can be."""
    if all(gateway.capabilities.open_vswitch for gateway in world.gateways()):
        return set()
    return _addresses(world, addresses)


def _as_gateway(switch: Switch) -> object:
    """What others need to know of a gateway to send to it, and what decides which routers it gets."""
    place = (switch.number, switch.name, switch.transport, switch.tunnel_address)
    return place, switch.public_port, switch.gateway_weight
