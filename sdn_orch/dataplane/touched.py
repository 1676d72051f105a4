"""Which units a change may alter: all of them, and few more, at a cost that does not grow with the cloud."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from sdn_orch.dataplane.compiler import units
from sdn_orch.dataplane.rules import Owner, OwnerKind, Unit, port_id
from sdn_orch.dataplane.touched_outside import (
    balancers_of,
    everywhere,
    routes_over,
    touched_gateways,
    touched_outside,
)
from sdn_orch.dataplane.touched_policy import groups_of, lists_of, touched_policy
from sdn_orch.dataplane.units import realm_owners
from sdn_orch.dataplane.world import World, affected_nics
from sdn_orch.intent.model import Arrival, Link, Network, Nic, Record, Switch, Transport, Vpc
from sdn_orch.intent.snapshot import Difference


def touched(before: World, after: World, differences: Iterable[Difference]) -> set[Unit]:
    """The units whose rules may differ between two worlds that these differences of records lie between."""
    differences = tuple(differences)
    found: set[Unit] = set()
    for nic_id in affected_nics(before, after, differences):
        found |= _by_nic(before, after, nic_id)
    for old, new in differences:
        record = old or new
        found |= touched_outside(before, after, old, new)
        found |= touched_policy(before, after, old, new)
        if isinstance(record, Switch):
            found |= _by_switch(before, after, old, new, record.id)
        elif isinstance(record, Network):
            found |= _by_network(before, after, old, new, record.id)
        elif isinstance(record, Vpc) and (old is None or new is None):
            for network in after.snapshot.where(Network, "vpc_id", record.id)[:1]:
                found |= _realm(after, network.id)
        elif isinstance(record, Arrival):
            for each in (old, new):
                if isinstance(each, Arrival):
                    owner = Owner(OwnerKind.PORT, port_id(each.switch_id, each.port))
                    found.add((owner, each.switch_id))
        elif isinstance(record, Link):
            for switch_id, port in record.ports:
                found.add((Owner(OwnerKind.SWITCH, switch_id), switch_id))
                found.add((Owner(OwnerKind.PORT, port_id(switch_id, port)), switch_id))
    return found | _by_ways(before, after) | touched_gateways(before, after)


def _by_nic(before: World, after: World, nic_id: str) -> set[Unit]:
    """A NIC that came, went, moved or changed: itself everywhere, and who was alone or first with it."""
    found: set[Unit] = set()
    owner = Owner(OwnerKind.NIC, nic_id)
    for world, other in ((before, after), (after, before)):
        found |= balancers_of(world, nic_id) | routes_over(before, after, nic_id)
        nic, place = world.snapshot.get(Nic, nic_id), world.place(nic_id)
        if nic is None or place is None:
            continue
        for at in world.places(nic_id):
            here, network_id = at.switch_id, nic.network_id
            found.add((owner, here))
            found |= set(groups_of((before, after), nic_id, here))
            found.add((Owner(OwnerKind.PORT, port_id(here, at.port)), here))
            if at.refusal:
                # Lists are refused with the NICs of which they are.
                found |= set(lists_of((before, after), network_id, here))
                continue
            found |= {(owner, member) for member in world.realm_members(world.realm(network_id))}
            found.add((Owner(OwnerKind.NETWORK, network_id), here))
            if not other.is_present(here, network_id):
                found |= _by_presence(world, other, network_id, here)
    return found


def _by_presence(world: World, other: World, network_id: str, here: str) -> set[Unit]:
    """A network that is new on a switch, or gone from it: it has NICs there in one world only."""
    found = set(lists_of((world, other), network_id, here))
    found |= {(Owner(OwnerKind.NETWORK, network_id), member) for member in world.members(network_id)}
    found |= {(Owner(OwnerKind.NIC, nic.id), here) for nic in world.nics(network_id)}
    if not other.in_realm(here, other.realm(network_id)):
        found |= _realm_at(world, network_id, here)
    return found


def _by_switch(
    before: World, after: World, old: Record | None, new: Record | None, switch_id: str
) -> set[Unit]:
    """A switch whose own rules are made otherwise now, or that others reach otherwise."""
    found = {(owner, switch_id) for world in (before, after) for owner in units(world, switch_id)}
    if _reach(old) == _reach(new):
        return found
    for world in (before, after):
        for switch in world.snapshot.all(Switch):
            found.add((Owner(OwnerKind.SWITCH, switch_id), switch.id))
        for network_id in world.networks_at(switch_id):
            members = world.realm_members(world.realm(network_id))
            found |= {(Owner(OwnerKind.NETWORK, network_id), member) for member in members}
            found |= {
                (Owner(OwnerKind.NIC, nic_id), member)
                for nic_id in world.nics_at(switch_id, network_id)
                for member in members
            }
    return found


def _reach(record: Record | None) -> object:
    """What others need to know of a switch to reach it; its name stands in their refusals."""
    if not isinstance(record, Switch):
        return None
    return record.number, record.name, record.role, record.transport, record.tunnel_address


#: Fields of a network that no rule depends on; its name does, for it stands in refusals.
_FOR_PEOPLE = frozenset({"id", "account_id", "domain_name", "dns"})


def _by_network(
    before: World, after: World, old: Record | None, new: Record | None, network_id: str
) -> set[Unit]:
    if isinstance(old, Network) and isinstance(new, Network):
        differing = {
            field.name for field in fields(Network) if getattr(old, field.name) != getattr(new, field.name)
        }
        if not differing - _FOR_PEOPLE:
            return set()
    return _realm(before, network_id) | _realm(after, network_id)


def _realm(world: World, network_id: str) -> set[Unit]:
    """Everything of a network's realm, on all switches."""
    return everywhere(world, world.realm(network_id))


def _realm_at(world: World, network_id: str, switch_id: str) -> set[Unit]:
    """Everything of a network's realm on one switch."""
    return {(owner, switch_id) for owner in realm_owners(world, world.realm(network_id))}


def _by_ways(before: World, after: World) -> set[Unit]:
    """The ways through the fabric that differ, and on plain switches what is flooded by them."""
    found: set[Unit] = set()
    for here, there in after.topology.differing(before.topology):
        for world in (before, after):
            switch, destination = (world.snapshot.numbered(Switch, number) for number in (here, there))
            if switch is None or destination is None:
                continue
            found.add((Owner(OwnerKind.SWITCH, destination.id), switch.id))
            if switch.transport is Transport.LABEL and not switch.capabilities.open_vswitch:
                found |= {
                    (Owner(OwnerKind.NETWORK, network_id), switch.id)
                    for network_id in world.networks_at(switch.id)
                }
    return found
