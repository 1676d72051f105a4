"""listGuestVlans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from sdn_orch.northbound import pool
from sdn_orch.northbound.cloudstack.answers.guest_vlans import GUEST_VLAN, GuestVlan, is_taken, value_of
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import ZONE
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, lists
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork
from sdn_orch.northbound.cloudstack.parameters import boolean, entity, integer, text

ID = integer("id", "the number of the VLAN or VNI in the installation", 1, 2**63 - 1)
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "the physical network", Access.ANY)
VNET = text("vnet", "the VLAN or VNI")
ALLOCATED_ONLY = boolean("allocatedonly", "true: only those that are taken")


class GuestVlans(Sequence[GuestVlan]):
    """All of some physical networks: with VNIs too many to make them all for one page of them."""

    def __init__(self, physical: Iterable[PhysicalNetwork]) -> None:
        self._ranges = [(each, range(low, high + 1)) for each in physical for low, high in each.segments]

    def __len__(self) -> int:
        return sum(len(values) for _, values in self._ranges)

    @overload
    def __getitem__(self, index: int) -> GuestVlan: ...
    @overload
    def __getitem__(self, index: slice) -> list[GuestVlan]: ...
    def __getitem__(self, index: int | slice) -> GuestVlan | list[GuestVlan]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        for physical, values in self._ranges:
            if place < len(values):
                return GuestVlan(physical, values[place])
            place -= len(values)
        raise IndexError(index)


@lists(
    "listGuestVlans",
    GUEST_VLAN,
    "Lists VLANs and VNIs for networks one by one, with the networks that have them",
    ID,
    ZONE,
    PHYSICAL,
    VNET,
    ALLOCATED_ONLY,
    roles=ROOT,
)
def list_guest_vlans(call: Call) -> Iterable[GuestVlan]:
    """By place, and by whether they are taken."""
    snapshot, zone, only = call.snapshot, call.get(ZONE), call.get(PHYSICAL)
    id, vnet, is_allocated = call.get(ID), call.get(VNET), call.get(ALLOCATED_ONLY)
    on = [
        physical
        for physical in snapshot.all(PhysicalNetwork)
        if (zone is None or physical.zone_id == zone.id) and (only is None or physical.id == only.id)
    ]
    if id is None and vnet is None and not is_allocated:
        return GuestVlans(on)
    return (
        vlan
        for physical in on
        for vlan in _some(call, physical)
        if (id is None or vlan.id == id)
        and (vnet is None or str(vlan.value) == vnet)
        and (not is_allocated or is_taken(snapshot, vlan))
    )


def _some(call: Call, physical: PhysicalNetwork) -> Iterator[GuestVlan]:
    """Those of a physical network among which the wanted ones are; however many there are, not all."""
    id, vnet = call.get(ID), call.get(VNET)
    values: Iterable[int]
    if vnet is not None:
        values = (int(vnet),) if vnet.isdecimal() and len(vnet) < 9 else ()
    elif id is not None:
        values = (value_of(id),)
    else:
        values = pool.taken(call.snapshot, physical.id)
    for value in values:
        if physical.deals(value):
            yield GuestVlan(physical, value)
