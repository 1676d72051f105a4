"""What static routes and private gateways have on one switch; see `units.py`."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.rules import NO_RULES, Owner, OwnerKind, Rules, encode
from sdn_orch.dataplane.stages import private, static_route
from sdn_orch.dataplane.views import NicView, Site
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclList
from sdn_orch.intent.gateways import cutting, networks_of, older_gateway
from sdn_orch.intent.policy import Policy, is_open, list_policy
from sdn_orch.intent.routes import hops_of, older_route
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Snapshot


def routes_of(snapshot: Snapshot, vpc_id: str | None) -> Iterator[Owner]:
    """The static routes of a VPC."""
    found = () if vpc_id is None else snapshot.where(StaticRoute, "vpc_id", vpc_id)
    return (Owner(OwnerKind.ROUTE, route.id) for route in found)


def route(site: Site, id: str) -> Rules:
    """A static route by a machine in a tier."""
    world, snapshot = site.world, site.world.snapshot
    record = snapshot.get(StaticRoute, id)
    realm = () if record is None else networks_of(snapshot, record.vpc_id)
    if record is None:
        return NO_RULES
    if record.gateway_id is not None:
        return _over_gateway(site, record, record.gateway_id)
    if not world.in_realm(site.switch.id, realm):
        return NO_RULES
    if (other := older_route(snapshot, record)) is not None:
        return Rules(refusals=(f"static route {other.id} is to {record.prefix} already",))
    hop = next((nic for nic in hops_of(snapshot, record) if world.is_placed(nic.id)), None)
    place = None if hop is None else world.place(hop.id)
    if hop is None or place is None:
        return Rules(refusals=(f"no running machine has the address {record.next_hop}",))
    view, largest = NicView.of(world, hop, place), max(network.mtu for network in realm)
    said = list(static_route.route(record, view, largest, site.dialect))
    if world.is_gateway(site.switch.id, realm) and site.dialect.open_vswitch:
        said.append(static_route.at_gateway(record, view, site.dialect))
    if (here := world.place_at(hop.id, site.switch.id)) is not None:
        said += static_route.at_hop(record, NicView.of(world, hop, here))
    return encode(said, site.dialect.version)


def gateways_of(snapshot: Snapshot, vpc_id: str) -> Iterator[Owner]:
    """The private gateways of a VPC; none of a network."""
    found = snapshot.where(PrivateGateway, "vpc_id", vpc_id)
    return (Owner(OwnerKind.PRIVATE, gateway.id) for gateway in found)


def lists_at(world: World, switch_id: str) -> set[str]:
    """The lists that private gateways at a switch stand under."""
    found = {gateway.acl_id for gateway in world.snapshot.all(PrivateGateway) if gateway.acl_id is not None}
    return {list_id for list_id in found if any(policies_at(world, switch_id, list_id))}


def policies_at(world: World, switch_id: str, list_id: str) -> Iterator[Policy]:
    """What private gateways at a switch stand under because of a list: nothing if it closes nothing."""
    snapshot, record = world.snapshot, world.snapshot.need(AclList, list_id)
    under = snapshot.where(PrivateGateway, "acl_id", list_id)
    homes = ((gateway.vpc_id, world.gateway_of(gateway.vpc_id)) for gateway in under)
    vpcs = [vpc_id for vpc_id, home in homes if home is not None and home.id == switch_id]
    if vpcs and not is_open(snapshot, list_id):
        yield list_policy(record)
        if any(any(cutting(snapshot, vpc_id)) for vpc_id in vpcs):
            yield list_policy(record, cuts=True)


def private_gateway(site: Site, id: str) -> Rules:
    """A private gateway, at its router's gateway."""
    found = _at_gateway(site, id)
    if isinstance(found, Rules):
        return found
    return encode(private.gateway(found), site.dialect.version)


def _over_gateway(site: Site, record: StaticRoute, gateway_id: str) -> Rules:
    """A static route over a private gateway."""
    found = _at_gateway(site, gateway_id)
    if isinstance(found, Rules):
        return found
    if found.record.vpc_id != record.vpc_id:
        return Rules(refusals=(f"private gateway {gateway_id} is of another VPC",))
    if (other := older_route(site.world.snapshot, record)) is not None:
        return Rules(refusals=(f"static route {other.id} is to {record.prefix} already",))
    return encode(private.route(found, record), site.dialect.version)


def _at_gateway(site: Site, id: str) -> private.PrivateView | Rules:
    """A private gateway where it lives; elsewhere, and where it cannot be, what is left of it."""
    snapshot, port = site.world.snapshot, site.switch.public_port
    record = snapshot.get(PrivateGateway, id)
    at = None if record is None else site.world.gateway_of(record.vpc_id)
    if record is None or at is None or at.id != site.switch.id or port is None:
        return NO_RULES
    if not site.dialect.open_vswitch:
        return Rules(refusals=("private gateways need connection tracking: Open vSwitch",))
    if (other := older_gateway(snapshot, record)) is not None:
        return Rules(refusals=(f"private gateway {other.id} has its place already",))
    return private.PrivateView.of(site.world, record, port)
