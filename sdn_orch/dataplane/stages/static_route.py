"""Static routes by a machine in a tier: to it and, at the gateway, from outside to it; and from behind it."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import TURNED, Table, flow
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages.inward import way
from sdn_orch.dataplane.stages.protocols import ARP, IPV4
from sdn_orch.dataplane.stages.route import hand_to, into
from sdn_orch.dataplane.traffic import prefix_fields
from sdn_orch.dataplane.views import Dialect, Fields, NicView
from sdn_orch.intent.routing import StaticRoute
from sdn_orch.openflow.values import Match


def route(route: StaticRoute, hop: NicView, largest_mtu: int, dialect: Dialect) -> Iterator[Said]:
    """Destinations in the prefix are in the tier of the next hop, and there they are for it."""
    found = into(hop.network, largest_mtu, dialect)
    if isinstance(found, Refused):
        yield found
        return
    actions, goto = found
    inside = _inside("dst", route)
    match = Match.of(metadata=hop.network.routed, **inside)
    yield flow(Table.ROUTE, "route", match, actions, metadata=hop.network.local, goto=goto)
    match = Match.of(metadata=hop.network.local, **inside)
    yield flow(Table.NEXT_HOP, "route", match, hand_to(hop), metadata=TURNED.of(1), goto=Table.FORWARD)


def at_gateway(route: StaticRoute, hop: NicView, dialect: Dialect) -> Said:
    """Answers from outside."""
    return way(hop.network, "route", _inside("dst", route), dialect)


def at_hop(route: StaticRoute, hop: NicView) -> Iterator[Said]:
    """The next hop sends what comes from behind it under the addresses that are there.

    One that has such an address itself asks for its gateway under it.
    """
    here: Fields = {"in_port": hop.place.port, "metadata": hop.network.local, "eth_src": hop.mac}
    yield flow(Table.SOURCE, "route", Match.of(**here, **_inside("src", route)), goto=Table.SERVICE)
    own = int(route.prefix.network_address), int(route.prefix.netmask)
    asking = Match.of(**here, eth_type=ARP, arp_sha=hop.mac, arp_spa=own)
    yield flow(Table.SOURCE, "route", asking, goto=Table.ANSWER)


def _inside(side: str, route: StaticRoute) -> Fields:
    return {"eth_type": IPV4, **prefix_fields(side, route.prefix)}
