"""From a world to what each switch should hold.

A unit is one owner on one switch; its rules are a function of the world alone. A whole switch is the union
of its units, so a change compiles anew only the units that it touches (`touched.py`), with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.rules import (
    NO_RULES,
    Owner,
    OwnerKind,
    Refused,
    Rules,
    Said,
    encode,
    port_id,
    port_of,
)
from sdn_orch.dataplane.stages import (
    answer,
    arrive,
    classify,
    deliver,
    forward,
    guard,
    inward,
    neighbour_source,
    outward,
    policy,
    route,
    service,
    source,
    to_controller,
    transit,
)
from sdn_orch.dataplane.views import AddressView, Dialect, NetworkView, NicView, Site
from sdn_orch.dataplane.world import Place, World
from sdn_orch.errors import OwnerConflict
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.gateways import networks_of, principal, rival, router_id
from sdn_orch.intent.model import Attachment, Network, NetworkKind, Nic, Switch
from sdn_orch.intent.policy import Policy, PolicyKind, is_open, policy_of
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.openflow.values import FlowEntry, Group, Meter, State


def units(world: World, switch_id: str) -> Iterator[Owner]:
    """Everything that may have rules on a switch, each once."""
    switch = world.snapshot.get(Switch, switch_id)
    if switch is None:
        return
    yield from (Owner(OwnerKind.SWITCH, other.id) for other in world.snapshot.all(Switch))
    attachments = world.snapshot.where(Attachment, "switch_id", switch_id)
    ports = {*switch.learn_ports, *(attachment.port for attachment in attachments)}
    if switch.public_port is not None:
        ports.add(switch.public_port)
    yield from (Owner(OwnerKind.PORT, port_id(switch_id, port)) for port in sorted(ports))
    realms: dict[str, tuple[Network, ...]] = {}
    for network_id in world.networks_at(switch_id):
        realm = world.realm(network_id)
        realms.setdefault(router_of(realm[0]).id, realm)
    for router in _routers_out(world, switch):
        addresses = world.snapshot.where(PublicAddress, "router_id", router)
        yield from (Owner(OwnerKind.ADDRESS, address.id) for address in addresses)
        if realm := networks_of(world.snapshot, router):
            realms.setdefault(router, realm)
    for owner in dict.fromkeys(policies_at(world, switch_id)):
        yield owner
        if owner.kind is OwnerKind.LIST:
            listed = world.snapshot.where(AclItem, "list_id", owner.id)
            yield from (Owner(OwnerKind.ITEM, item.id) for item in listed)
    nics = {attachment.nic_id: None for attachment in attachments}
    for realm in realms.values():
        if realm[0].kind is not NetworkKind.L2:
            yield router_of(realm[0])
        for network in realm:
            yield Owner(OwnerKind.NETWORK, network.id)
            nics.update((nic.id, None) for nic in world.nics(network.id))
    yield from (Owner(OwnerKind.NIC, nic_id) for nic_id in nics)


def policies_at(world: World, switch_id: str) -> Iterator[Owner]:
    """The lists and security groups that NICs on a switch stand under, some of them several times."""
    snapshot = world.snapshot
    yield from (Owner(OwnerKind.LIST, list_id) for list_id in _lists_at(world, switch_id))
    for attachment in snapshot.where(Attachment, "switch_id", switch_id):
        policy = policy_of(snapshot, snapshot.need(Nic, attachment.nic_id))
        if policy is not None and policy.kind is PolicyKind.GROUP and world.is_placed(attachment.nic_id):
            yield Owner(OwnerKind.GROUP, policy.id)


def _lists_at(world: World, switch_id: str) -> Iterator[str]:
    """The lists that tiers on a switch stand under, some of them several times."""
    for network_id in world.networks_at(switch_id):
        chosen = world.snapshot.need(Network, network_id).acl_id
        if chosen is not None and not is_open(world.snapshot, chosen):
            yield chosen


def _routers_out(world: World, switch: Switch) -> Iterator[str]:
    """The routers that have their public addresses on a switch."""
    if switch.is_gateway:
        routers = {address.router_id: None for address in world.snapshot.all(PublicAddress)}
        for router in routers:
            if router is not None and world.gateway_of(router) is switch:
                yield router


def router_of(network: Network) -> Owner:
    """The router of a network: that of its VPC, or its own."""
    return Owner(OwnerKind.ROUTER, router_id(network))


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
    return _UNITS[owner.kind](site, owner.id)


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


def compile_switch(world: World, switch_id: str, between: Callable[[], None] = lambda: None) -> Compiled:
    """What one switch should hold, from nothing. Raises OwnerConflict.

    `between` is called between two units, for a caller that lets others go first.
    """
    compiled = Compiled(switch_id, State.empty(), {})
    switch = world.snapshot.get(Switch, switch_id)
    if switch is None:
        return compiled
    site = Site.of(world, switch)
    for owner in units(world, switch_id):
        between()
        rules = _compile(site, owner)
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


def _alike(site: Site, key: Hashable, say: Callable[[], Iterable[Said]]) -> Rules:
    """What all switches of one dialect hold alike, compiled once for them."""
    key = (key, site.dialect)
    found = site.world.recall(key, Rules)
    if found is None:
        found = site.world.remember(key, encode(say(), site.dialect.version))
    return found


def _switch(site: Site, id: str) -> Rules:
    return encode(_switch_here(site, id), site.dialect.version)


def _switch_here(site: Site, id: str) -> Iterator[Said]:
    if id != site.switch.id:
        other = site.world.snapshot.get(Switch, id)
        if other is not None:
            yield from transit.way_to(site, other)
        return
    yield from classify.switch(site)
    if site.is_edge:
        yield from neighbour_source.switch(site.dialect)
        yield from service.switch(site.dialect)
        yield from guard.switch(site.dialect)
        yield from answer.switch(site.dialect)
        yield from route.switch(site.dialect)
        yield from forward.switch()
        yield from transit.switch(site)
    port = site.switch.public_port
    if port is not None and site.is_edge and site.dialect.open_vswitch:
        yield from outward.switch()
        yield from inward.switch(site, port)


def _port(site: Site, id: str) -> Rules:
    port = port_of(id)
    attachments = site.world.snapshot.where(Attachment, "ports", (site.switch.id, port))
    places = (site.world.place(attachment.nic_id) for attachment in attachments)
    is_used = any(place is not None and not place.refusal for place in places)
    is_used = is_used or port in site.switch.learn_ports or port == site.switch.public_port
    if site.is_edge and is_used:
        return encode(to_controller.port(port, site.dialect), site.dialect.version)
    return NO_RULES


def _router(site: Site, id: str) -> Rules:
    realm = site.world.snapshot.where(Network, "vpc_id", id) or site.world.realm(id)
    if not realm or router_of(realm[0]).id != id or realm[0].kind is NetworkKind.L2:
        return NO_RULES
    if not site.world.in_realm(site.switch.id, realm):
        return NO_RULES
    return _alike(
        site,
        (OwnerKind.ROUTER, id),
        lambda: route.router([NetworkView.of(site.world, network) for network in realm], site.dialect),
    )


def _network(site: Site, id: str) -> Rules:
    record = site.world.snapshot.get(Network, id)
    if record is None:
        return NO_RULES
    network = NetworkView.of(site.world, record)
    out = encode(_network_at_gateway(site, network), site.dialect.version)
    if not site.world.is_present(site.switch.id, id):
        return out
    here = encode(_network_here(site, network), site.dialect.version)
    return (
        out + here + _alike(site, (OwnerKind.NETWORK, id), lambda: _network_everywhere(network, site.dialect))
    )


def _network_at_gateway(site: Site, network: NetworkView) -> Iterator[Said]:
    snapshot, router = site.world.snapshot, router_id(network.record)
    gateway, first = site.world.gateway_of(router), principal(snapshot, router)
    if gateway is None or gateway.id != site.switch.id or first is None or not site.dialect.open_vswitch:
        return
    yield from outward.network(site, network, first.number)
    yield from inward.network(network)


def _network_here(site: Site, network: NetworkView) -> Iterator[Said]:
    gateway = site.world.gateway_of(router_id(network.record))
    if gateway is not None:
        yield from forward.way_out(network, gateway, site.dialect, is_here=gateway.id == site.switch.id)
    yield from classify.network(site, network)
    yield from forward.network(site, network)
    yield from arrive.network(site, network)
    yield from deliver.network(site, network)


def _network_everywhere(network: NetworkView, dialect: Dialect) -> Iterator[Said]:
    yield from guard.network(network)
    yield from service.network(network)
    yield from answer.network(network, dialect)
    yield from route.network(network, dialect)
    yield from forward.flood(network, dialect)
    yield from deliver.flood(network)


def _address(site: Site, id: str) -> Rules:
    snapshot, port = site.world.snapshot, site.switch.public_port
    record = snapshot.get(PublicAddress, id)
    router = None if record is None else record.router_id
    first = None if router is None else principal(snapshot, router)
    if record is None or router is None or first is None or port is None:
        return NO_RULES
    gateway = site.world.gateway_of(router)
    if gateway is None or gateway.id != site.switch.id:
        return NO_RULES
    said: Iterable[Said] = (Refused("NAT and firewalls need connection tracking: Open vSwitch"),)
    if (other := rival(snapshot, record)) is not None:
        said = (Refused(f"public address {other.address} does that already"),)
    elif site.dialect.open_vswitch:
        address = AddressView.of(snapshot, record, first.number, port)
        said = (*inward.address(site, address), *outward.address(address))
    return encode(said, site.dialect.version)


def _nic(site: Site, id: str) -> Rules:
    world, here = site.world, site.switch.id
    record, place = world.snapshot.get(Nic, id), world.place(id)
    if record is None or place is None:
        return NO_RULES
    if place.refusal:
        return Rules(refusals=(place.refusal,) if place.switch_id == here else ())
    is_present = world.is_present(here, record.network_id)
    if place.switch_id != here:
        if is_present or world.in_realm(here, world.realm(record.network_id)):
            return _shared(site, record, place, is_present, is_remote=True)
        return NO_RULES
    nic = NicView.of(world, record, place)
    return encode((*_nic_here(site, nic), *_nic_guarded(site, nic)), site.dialect.version) + _shared(
        site, record, place, is_present, is_remote=False
    )


def _nic_here(site: Site, nic: NicView) -> Iterator[Said]:
    yield from classify.nic(nic)
    yield from source.nic(nic)
    yield from neighbour_source.nic(nic, site.dialect)
    yield from answer.local_nic(nic)
    yield from arrive.nic(site, nic)
    yield from deliver.nic(nic)


def _nic_guarded(site: Site, nic: NicView) -> Iterator[Said]:
    chosen = policy_of(site.world.snapshot, nic.record)
    if chosen is not None and not nic.network.is_l2:
        yield from guard.nic(nic, chosen)
        if chosen.kind is PolicyKind.NIC:
            yield from policy.groups(site.world.snapshot, chosen)
            yield from policy.without_rules(site.world.snapshot, chosen)


def _list(site: Site, id: str) -> Rules:
    snapshot = site.world.snapshot
    record = snapshot.get(AclList, id)
    if record is None or not site.dialect.open_vswitch or id not in _lists_at(site.world, site.switch.id):
        return NO_RULES
    chosen = Policy(PolicyKind.LIST, id, record.number)
    return _alike(site, (OwnerKind.LIST, id), lambda: policy.without_rules(snapshot, chosen))


def _item(site: Site, id: str) -> Rules:
    snapshot, here = site.world.snapshot, site.switch.id
    record = snapshot.get(AclItem, id)
    if record is None or not site.dialect.open_vswitch or record.list_id not in _lists_at(site.world, here):
        return NO_RULES
    # Of two at one place, which cannot be, the older one counts.
    if snapshot.where(AclItem, "places", record.places[0])[0].id != id:
        return NO_RULES
    return _alike(site, (OwnerKind.ITEM, id), lambda: policy.item(snapshot, record))


def _group(site: Site, id: str) -> Rules:
    snapshot = site.world.snapshot
    record, owner = snapshot.get(SecurityGroup, id), Owner(OwnerKind.GROUP, id)
    if record is None or not site.dialect.open_vswitch:
        return NO_RULES
    if owner not in policies_at(site.world, site.switch.id):
        return NO_RULES
    chosen = Policy(PolicyKind.GROUP, id, record.number)

    def said() -> Iterator[Said]:
        yield from policy.groups(snapshot, chosen)
        yield from policy.without_rules(snapshot, chosen)

    return _alike(site, owner, said)


def _shared(site: Site, record: Nic, place: Place, is_present: bool, *, is_remote: bool) -> Rules:
    """What all switches of one dialect hold alike of a NIC."""
    return _alike(
        site,
        (OwnerKind.NIC, record.id, is_present, is_remote),
        lambda: _nic_everywhere(
            NicView.of(site.world, record, place), site.dialect, is_present, is_remote=is_remote
        ),
    )


def _nic_everywhere(nic: NicView, dialect: Dialect, is_present: bool, *, is_remote: bool) -> Iterator[Said]:
    yield from route.nic(nic)
    if is_present:
        yield from answer.nic(nic, dialect)
    if is_remote:
        yield from forward.remote_nic(nic, dialect)


_UNITS: dict[OwnerKind, Callable[[Site, str], Rules]] = {
    OwnerKind.SWITCH: _switch,
    OwnerKind.PORT: _port,
    OwnerKind.ROUTER: _router,
    OwnerKind.NETWORK: _network,
    OwnerKind.NIC: _nic,
    OwnerKind.ADDRESS: _address,
    OwnerKind.LIST: _list,
    OwnerKind.ITEM: _item,
    OwnerKind.GROUP: _group,
}
