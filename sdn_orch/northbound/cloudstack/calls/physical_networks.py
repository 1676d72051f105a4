"""createPhysicalNetwork, listPhysicalNetworks, updatePhysicalNetwork."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.intent.model import Record
from sdn_orch.intent.public import PublicRange
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.northbound import pool
from sdn_orch.northbound.cloudstack import providers, segments
from sdn_orch.northbound.cloudstack.answers.infrastructure import PHYSICAL_NETWORK as SHAPE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME, STATE, ZONE
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import BroadcastDomainRange, NetworkDetails, PhysicalNetwork
from sdn_orch.northbound.cloudstack.model_public import PublicRangeDetails
from sdn_orch.northbound.cloudstack.model_routing import PrivateGatewayDetails
from sdn_orch.northbound.cloudstack.parameters import choice, entity, required, text, words
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

_METHODS = ("VLAN", "VXLAN", "GRE", "STT", "L3", "SSP", "ODL", "L3VPN", "VCS", "BCF_SEGMENT", "OVS")

ID = entity("id", PhysicalNetwork, "the id of the physical network", Access.ANY)
ISOLATION_METHODS = words("isolationmethods", f"how networks are told apart: {', '.join(_METHODS)}")
SEGMENTS = text("vlan", "ranges of VLANs or VNIs for networks, as 500-599,700-720", length=4096)
RANGE = choice("broadcastdomainrange", "ZONE or POD", BroadcastDomainRange)
SPEED = text("networkspeed", "the speed")
TAGS = words("tags", "a tag that offerings name")


@lists("listPhysicalNetworks", SHAPE, "Lists physical networks", ID, NAME, ZONE, roles=ROOT)
def list_physical_networks(call: Call) -> Iterable[PhysicalNetwork]:
    """Physical networks, of one zone if asked for."""
    found = one_or(call, ID, lambda: call.snapshot.all(PhysicalNetwork))
    zone = call.get(ZONE)
    return chosen(
        found,
        (call.get(NAME), lambda physical: physical.name),
        (zone.id if zone else None, lambda physical: physical.zone_id),
    )


@changes(
    "createPhysicalNetwork",
    SHAPE,
    "Creates a physical network",
    required(NAME),
    required(ZONE),
    ISOLATION_METHODS,
    SEGMENTS,
    RANGE,
    SPEED,
    TAGS,
    roles=ROOT,
    mode=Mode.ASYNC_CREATE,
    event="PHYSICAL.NETWORK.CREATE",
)
def create_physical_network(call: Call) -> PhysicalNetwork:
    """A physical network, disabled at first, with its pool of VLANs or VNIs."""
    methods = tuple(method.upper() for method in call.get(ISOLATION_METHODS) or ("VLAN",))
    for method in methods:
        if method not in _METHODS:
            raise bad(f"Invalid isolation method: {method[:255]}")
    physical = PhysicalNetwork(
        id=str(uuid4()),
        zone_id=call[ZONE].id,
        name=call[NAME],
        isolation_methods=methods,
        broadcast_domain_range=call.get(RANGE) or BroadcastDomainRange.ZONE,
        speed=call.get(SPEED) or "",
        tags=call.get(TAGS) or (),
    )
    _with_segments(call, physical)
    providers.provide(call.transaction, physical)
    return call.snapshot.need(PhysicalNetwork, physical.id)


#: What keeps a physical network.
_ON_IT: dict[type[Record], str] = {
    NetworkDetails: "networks",
    PublicRangeDetails: "public ranges",
    PrivateGatewayDetails: "private gateways",
}


@changes(
    "deletePhysicalNetwork",
    SUCCESS,
    "Deletes a physical network",
    required(ID),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="PHYSICAL.NETWORK.DELETE",
)
def delete_physical_network(call: Call) -> None:
    """Only one without networks, public addresses and private gateways; all else on it goes with it."""
    physical = call[ID]
    for kind, what in (
        (NetworkDetails, "networks"),
        (PublicRangeDetails, "public ranges"),
        (PrivateGatewayDetails, "private gateways"),
    ):
        if count := call.snapshot.count_where(kind, "physical_network_id", physical.id):
            raise InUse(f"The Physical Network is not deletable because there are {count} {what} on it")
    pool.drop(call.transaction, physical.id)
    call.transaction.delete(physical)


@changes(
    "updatePhysicalNetwork",
    SHAPE,
    "Updates a physical network",
    required(ID),
    STATE,
    SEGMENTS,
    SPEED,
    TAGS,
    roles=ROOT,
    mode=Mode.ASYNC,
    event="PHYSICAL.NETWORK.UPDATE",
)
def update_physical_network(call: Call) -> PhysicalNetwork:
    """The physical network changed; VLANs in use stay with their networks, but may not leave the ranges."""
    physical = call[ID]
    return _with_segments(
        call,
        dataclasses.replace(
            physical,
            state=call.get(STATE) or physical.state,
            speed=call.get(SPEED) or physical.speed,
            tags=call.get(TAGS) or physical.tags,
        ),
    )


def _with_segments(call: Call, physical: PhysicalNetwork) -> PhysicalNetwork:
    given = call.get(SEGMENTS)
    if given is None:
        return call.transaction.put(physical)
    ranges = read_ranges(given, segments.largest(physical))
    changed = dataclasses.replace(physical, segments=ranges)
    for details in call.snapshot.where(NetworkDetails, "physical_network_id", physical.id):
        taken = details.segment
        if taken is not None and not changed.deals(taken):
            raise bad(f"{taken} is in use by network {details.id} and must stay in the ranges")
    for kept in segments.kept(call.snapshot, physical.id):
        if not any(low <= kept.first and kept.last <= high for low, high in ranges):
            raise bad(f"{kept.first}-{kept.last} is kept for an account and must stay in the ranges")
    for known in call.snapshot.where(PrivateGatewayDetails, "physical_network_id", physical.id):
        vlan = call.snapshot.need(PrivateGateway, known.id).vlan
        if changed.deals_vlan(vlan):
            raise bad(f"{vlan} is in use by private gateway {known.id} and must stay out of the ranges")
    for public in call.snapshot.all(PublicRange):
        if changed.deals_vlan(public.vlan):
            raise bad(f"{public.vlan} is in use by public range {public.id} and must stay out of the ranges")
    pool.provide(call.transaction, physical.id, segments.anybodys(call.snapshot, changed))
    return call.transaction.put(changed)


def read_ranges(given: str, largest: int) -> tuple[tuple[int, int], ...]:
    """`500-599,700` as ranges in order, those that meet joined; raises a parameter fault."""
    ranges = []
    for part in given.split(","):
        ends = [end.strip() for end in part.split("-")]
        if len(ends) > 2 or not all(end.isascii() and end.isdigit() and len(end) <= 8 for end in ends):
            raise bad(f"Please specify valid integers for the vlan range: {part[:255]}")
        low, high = int(ends[0]), int(ends[-1])
        if not 1 <= low <= high <= largest:
            raise bad(f"Please specify a vlan range in 1..{largest}: {part[:255]}")
        ranges.append((low, high))
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
