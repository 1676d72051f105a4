"""What lists of rules and security groups have on one switch; see `units.py`.

On Open vSwitch that is there once for all that stand under them. Plain switches have no registers to tell
these by, and hold the items of a list for each tier; lists that need connection tracking are refused there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import partial

from sdn_orch.dataplane import route_units
from sdn_orch.dataplane.alike import alike
from sdn_orch.dataplane.places import UNGROUPED
from sdn_orch.dataplane.rules import NO_RULES, Owner, OwnerKind, Rules, Said
from sdn_orch.dataplane.stages import policy
from sdn_orch.dataplane.views import NetworkView, Site
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.mirrored import lets_all, versions_of
from sdn_orch.intent.model import Arrival, Attachment, Network, Nic, Switch
from sdn_orch.intent.policy import Policy, PolicyKind, policy_of, policy_of_tier
from sdn_orch.intent.snapshot import Snapshot


def policies_at(world: World, switch_id: str) -> Iterator[Owner]:
    """The lists and security groups that NICs on a switch stand under, some of them several times."""
    lists = (*_standing(world, switch_id, _lists_at), *sorted(route_units.lists_at(world, switch_id)))
    yield from (Owner(OwnerKind.LIST, list_id) for list_id in lists)
    groups = _standing(world, switch_id, _groups_at)
    yield from (Owner(OwnerKind.GROUP, group_id) for group_id in groups)


def _standing(
    world: World, switch_id: str, found: Callable[[World, str], Iterator[Policy]]
) -> dict[str, tuple[Policy, ...]]:
    """What is found on a switch by the ids of its lists or groups, looked for once in a world."""
    key = (found, switch_id)
    known = world.recall(key, dict)
    if known is not None:
        return known
    by_id: dict[str, tuple[Policy, ...]] = {}
    for chosen in dict.fromkeys(found(world, switch_id)):
        by_id[chosen.id] = (*by_id.get(chosen.id, ()), chosen)
    return world.remember(key, by_id)


def _lists_at(world: World, switch_id: str) -> Iterator[Policy]:
    """What tiers on a switch stand under, some of it several times."""
    for network_id in _networks_at(world, switch_id):
        chosen = policy_of_tier(world.snapshot, world.snapshot.need(Network, network_id))
        if chosen is not None:
            yield chosen


def _networks_at(world: World, switch_id: str) -> Iterator[str]:
    """The networks on a switch; on a plain one also those of NICs that are refused there."""
    if world.snapshot.need(Switch, switch_id).is_plain_edge:
        return (nic.network_id for nic in _nics_at(world, switch_id))
    return world.networks_at(switch_id)


def _groups_at(world: World, switch_id: str) -> Iterator[Policy]:
    """The groups that NICs on a switch stand under, each under one alone; some of them several times."""
    is_plain = world.snapshot.need(Switch, switch_id).is_plain_edge
    for nic in _nics_at(world, switch_id):
        chosen = policy_of(world.snapshot, nic)
        if chosen is not None and chosen.kind is PolicyKind.GROUP and (is_plain or world.is_placed(nic.id)):
            yield chosen


def _nics_at(world: World, switch_id: str) -> Iterator[Nic]:
    """The NICs that are plugged in at a switch, refused or not, and those that are about to come there."""
    for attachment in world.snapshot.where(Attachment, "switch_id", switch_id):
        if world.place(attachment.nic_id) is not None:
            yield world.snapshot.need(Nic, attachment.nic_id)
    for arrival in world.snapshot.where(Arrival, "switch_id", switch_id):
        if world.place_at(arrival.nic_id, switch_id) is not None:
            yield world.snapshot.need(Nic, arrival.nic_id)


def acl_list(site: Site, id: str) -> Rules:
    """A list: what stands where it has no items."""
    snapshot = site.world.snapshot
    record = snapshot.get(AclList, id)
    if record is None:
        return NO_RULES
    found = _refused(site, record)
    for key, chosen, ways in _ways_at(site, record):
        say = partial(policy.without_rules, snapshot, chosen, ways)
        found += alike(site, (OwnerKind.LIST, id, key), say)
    return found


def item(site: Site, id: str) -> Rules:
    """An item of a list."""
    snapshot = site.world.snapshot
    record = snapshot.get(AclItem, id)
    if record is None:
        return NO_RULES
    # Of two at one place, which cannot be, the older one counts.
    if snapshot.where(AclItem, "places", record.places[0])[0].id != id:
        return NO_RULES
    listed = snapshot.need(AclList, record.list_id)
    found = _refused(site, listed)
    for key, chosen, ways in _ways_at(site, listed):
        found += alike(site, (OwnerKind.ITEM, id, key), partial(policy.item, chosen, record, ways))
    return found


def _refused(site: Site, record: AclList) -> Rules:
    """Why a plain switch refuses a list for some of the tiers there that stand under it."""
    snapshot = site.world.snapshot
    if site.dialect.open_vswitch or record.id not in _standing(site.world, site.switch.id, _lists_at):
        return NO_RULES
    tiers = (snapshot.need(Network, id) for id in dict.fromkeys(_networks_at(site.world, site.switch.id)))
    versions = {versions_of(tier) for tier in tiers if tier.acl_id == record.id}
    found = {site.world.unmirrored(record.id, each) for each in versions}
    return Rules(refusals=tuple(sorted(found - {""})))


def _ways_at(site: Site, record: AclList) -> Iterator[tuple[Hashable, Policy, policy.Ways]]:
    """How on a switch a list is in force: for NICs of tiers, for private gateways; with a key for each."""
    if not site.dialect.open_vswitch:
        yield from _in_tiers(site, record)
        return
    for chosen in _standing(site.world, site.switch.id, _lists_at).get(record.id, ()):
        yield ("nics", chosen.cuts), chosen, policy.at_nics(chosen)
    for chosen in route_units.policies_at(site.world, site.switch.id, record.id):
        yield ("gateway", chosen.cuts), chosen, policy.at_gateway(chosen)


def _in_tiers(site: Site, record: AclList) -> Iterator[tuple[Hashable, Policy, policy.Ways]]:
    """The tiers under a list that a plain switch serves."""
    snapshot = site.world.snapshot
    for network_id in site.world.networks_at(site.switch.id):
        network = snapshot.need(Network, network_id)
        chosen = policy_of_tier(snapshot, network)
        if chosen is not None and chosen.id == record.id:
            local = NetworkView.of(site.world, network).local
            yield local, chosen, policy.in_tier(local)


def group(site: Site, id: str) -> Rules:
    """A security group that NICs stand under alone."""
    found = NO_RULES
    for chosen in _standing(site.world, site.switch.id, _groups_at).get(id, ()):
        if not site.dialect.open_vswitch:
            return NO_RULES if lets_all(site.world.snapshot, chosen) else Rules(refusals=(UNGROUPED,))
        found += alike(site, chosen, partial(of_groups, site.world.snapshot, chosen))
    return found


def of_groups(snapshot: Snapshot, chosen: Policy) -> Iterator[Said]:
    """What stands under one group, or several together."""
    yield from policy.groups(snapshot, chosen)
    yield from policy.without_rules(snapshot, chosen, policy.at_nics(chosen))
