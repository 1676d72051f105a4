"""From a world to what each switch should hold.

A unit is one owner on one switch; its rules are a function of the world alone. A whole switch is the union
of its units, so a change compiles anew only the units that it touches (`touched.py`), with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.policy_units import policies_at
from sdn_orch.dataplane.route_units import gateways_of, routes_of
from sdn_orch.dataplane.rules import (
    NO_RULES,
    Owner,
    OwnerKind,
    Refused,
    Rules,
    encode,
    port_id,
)
from sdn_orch.dataplane.units import UNITS, realm_owners, rules_of
from sdn_orch.dataplane.views import Site
from sdn_orch.dataplane.world import World
from sdn_orch.errors import OwnerConflict
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.gateways import networks_of, router_id, routers_out
from sdn_orch.intent.model import Arrival, Attachment, Network, Switch
from sdn_orch.intent.public import PublicAddress
from sdn_orch.openflow.values import FlowEntry, Group, Meter, State

#: A whole switch is compiled in pieces of so many units, or in so many pieces, which are then larger.
_PIECE, _MOST_PIECES = 64, 256


class Share(Protocol):
    """A way to do work that is in pieces: what `work` gives for each, by its number."""

    def __call__(self, work: Callable[[int], list[Rules]], pieces: int, /) -> Iterable[list[Rules]]:
        """Do it, anywhere and in any order; raises what the work raises."""


def in_order(work: Callable[[int], list[Rules]], pieces: int) -> Iterable[list[Rules]]:
    """One piece after another, here."""
    return map(work, range(pieces))


def units(world: World, switch_id: str) -> Iterator[Owner]:
    """Everything that may have rules on a switch, each once."""
    switch = world.snapshot.get(Switch, switch_id)
    if switch is None:
        return
    yield from (Owner(OwnerKind.SWITCH, other.id) for other in world.snapshot.all(Switch))
    attachments = world.snapshot.where(Attachment, "switch_id", switch_id)
    ports = {*switch.learn_ports, *(attachment.port for attachment in attachments)}
    ports |= {arrival.port for arrival in world.snapshot.where(Arrival, "switch_id", switch_id)}
    if switch.public_port is not None:
        ports.add(switch.public_port)
    yield from (Owner(OwnerKind.PORT, port_id(switch_id, port)) for port in sorted(ports))
    realms: dict[str, tuple[Network, ...]] = {}
    for network_id in world.networks_at(switch_id):
        realm = world.realm(network_id)
        realms.setdefault(router_id(realm[0]), realm)
    for router in routers_out(world.snapshot) if switch.is_gateway else ():
        if world.gateway_of(router) is not switch:
            continue
        for address in world.snapshot.where(PublicAddress, "router_id", router):
            yield Owner(OwnerKind.ADDRESS, address.id)
            yield from rules_of(world.snapshot, address)
        yield from gateways_of(world.snapshot, router)
        realm = networks_of(world.snapshot, router)
        if not realm:
            yield from routes_of(world.snapshot, router)
        else:
            realms.setdefault(router, realm)
            for network in realm:
                yield from rules_of(world.snapshot, network)
    for owner in dict.fromkeys(policies_at(world, switch_id)):
        yield owner
        if owner.kind is OwnerKind.LIST:
            listed = world.snapshot.where(AclItem, "list_id", owner.id)
            yield from (Owner(OwnerKind.ITEM, item.id) for item in listed)
    for realm in realms.values():
        yield from realm_owners(world, realm)
    unplaced = {attachment.nic_id for attachment in attachments if not world.is_placed(attachment.nic_id)}
    yield from (Owner(OwnerKind.NIC, nic_id) for nic_id in sorted(unplaced))


def compile_unit(world: World, owner: Owner, switch_id: str) -> Rules:
    """What one owner has on one switch; no rules where it has no part there or one of the two is gone."""
    switch = world.snapshot.get(Switch, switch_id)
    return NO_RULES if switch is None else _compile(Site.of(world, switch), owner)


def _compile(site: Site, owner: Owner) -> Rules:
    tables = site.switch.capabilities.tables
    if site.is_edge and tables < len(Table):
        lacking = Refused(f"an edge needs {len(Table)} tables, it has {tables}")
        is_own = owner == Owner(OwnerKind.SWITCH, site.switch.id)
        return encode((lacking,) if is_own else (), site.dialect.version)
    return UNITS[owner.kind](site, owner.id)


@dataclass(slots=True)
class Compiled:
    """What one switch should hold, and whose each rule is."""

    switch_id: str
    state: State
    rules: dict[Owner, Rules]

    def replace(self, world: World, owners: Iterable[Owner]) -> tuple[State, State]:
        """Compile these owners anew in place; returns what they held before and what they hold now.

        Raises OwnerConflict when another owner has one of the identities already; the switch must then be
        compiled from nothing.
        """
        before, after = State.empty(), State.empty()
        new = {owner: compile_unit(world, owner, self.switch_id) for owner in owners}
        for owner in new:
            old = self.rules.pop(owner, NO_RULES)
            _add(before, owner, old)
            self._take_out(old)
        for owner, rules in new.items():
            if rules:
                _add(after, owner, rules)
                _add(self.state, owner, rules)
                self.rules[owner] = rules
        return before, after

    def leave_out(self, owners: Iterable[Owner]) -> None:
        """Hold nothing of these owners, until they are replaced."""
        for owner in owners:
            self._take_out(self.rules.pop(owner, NO_RULES))

    def owner_of(self, subject: FlowEntry | Group | Meter) -> Owner | None:
        """Whose a flow (by its identity), group or meter (by its number) is."""
        for owner, rules in self.rules.items():
            if isinstance(subject, FlowEntry):
                found = subject.key in rules.flows
            else:
                held = rules.groups if isinstance(subject, Group) else rules.meters
                found = any(other.number == subject.number for other in held)
            if found:
                return owner
        return None

    def _take_out(self, rules: Rules) -> None:
        for key in rules.flows:
            del self.state.flows[key]
        for group in rules.groups:
            del self.state.groups[group.number]
        for meter in rules.meters:
            del self.state.meters[meter.number]


def compile_switch(world: World, switch_id: str, share: Share = in_order) -> Compiled:
    """What one switch should hold, from nothing. Raises OwnerConflict, and what `share` raises."""
    compiled = Compiled(switch_id, State.empty(), {})
    switch = world.snapshot.get(Switch, switch_id)
    if switch is None:
        return compiled
    site = Site.of(world, switch)
    owners = tuple(units(world, switch_id))
    size = max(_PIECE, -(-len(owners) // _MOST_PIECES))

    def compile_piece(piece: int) -> list[Rules]:
        return [_compile(site, owner) for owner in owners[piece * size : (piece + 1) * size]]

    found = chain.from_iterable(share(compile_piece, -(-len(owners) // size)))
    for owner, rules in zip(owners, found, strict=True):
        if rules:
            _add(compiled.state, owner, rules)
            compiled.rules[owner] = rules
    return compiled


def _add(state: State, owner: Owner, rules: Rules) -> None:
    if not state.flows.keys().isdisjoint(rules.flows):
        table, priority, match = next(key for key in rules.flows if key in state.flows)
        raise OwnerConflict(
            f"{owner}: another flow has table {table}, priority {priority}, match {match.hex()}"
        )
    state.flows.update(rules.flows)
    for group in rules.groups:
        if group.number in state.groups:
            raise OwnerConflict(f"{owner}: another group has the number {group.number:#x}")
        state.groups[group.number] = group
    for meter in rules.meters:
        if meter.number in state.meters:
            raise OwnerConflict(f"{owner}: another meter has the number {meter.number}")
        state.meters[meter.number] = meter
