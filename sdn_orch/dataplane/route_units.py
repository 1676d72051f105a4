"""What a static route has on one switch; see `units.py`."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.rules import NO_RULES, Owner, OwnerKind, Rules, encode
from sdn_orch.dataplane.stages import static_route
from sdn_orch.dataplane.views import NicView, Site
from sdn_orch.intent.gateways import networks_of
from sdn_orch.intent.routes import hops_of, older_route
from sdn_orch.intent.routing import StaticRoute
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
    if record is None or record.network_id is None or not world.in_realm(site.switch.id, realm):
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
        said += static_route.at_gateway(record, view)
    if place.switch_id == site.switch.id:
        said += static_route.at_hop(record, view)
    return encode(said, site.dialect.version)
