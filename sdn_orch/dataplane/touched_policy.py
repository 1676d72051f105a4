"""Which units a change of lists of rules and of security groups may alter; see `touched.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.dataplane.rules import Owner, OwnerKind, Unit
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.model import Network, Nic, Record
from sdn_orch.intent.policy import Policy, PolicyKind, policy_of
from sdn_orch.intent.security import SecurityRule


def touched_policy(before: World, after: World, old: Record | None, new: Record | None) -> set[Unit]:
    """The units that one difference may alter."""
    found: set[Unit] = set()
    for world, record in ((before, old), (after, new)):
        match record:
            case AclItem():
                found |= set(_list(world, record.list_id))
            case SecurityRule():
                found |= set(_group(world, record.group_id))
            case Network() if record.acl_id is not None:
                members = world.members(record.id)
                found |= {(Owner(OwnerKind.LIST, record.acl_id), switch_id) for switch_id in members}
            case Nic():
                for group_id in record.group_ids:
                    found |= set(_peers_of(world, group_id))
    return found


def policies_of(worlds: Iterable[World], nic_id: str, switch_id: str) -> Iterator[Unit]:
    """What a NIC on a switch stands under in any of these worlds."""
    for world in worlds:
        nic = world.snapshot.get(Nic, nic_id)
        policy = None if nic is None else policy_of(world.snapshot, nic)
        if policy is not None and (owner := _owner(policy)) is not None:
            yield owner, switch_id


def _owner(policy: Policy) -> Owner | None:
    """Whose the rules of a policy are; None where they are the NIC's own."""
    if policy.kind is PolicyKind.NIC:
        return None
    return Owner(OwnerKind.LIST if policy.kind is PolicyKind.LIST else OwnerKind.GROUP, policy.id)


def _list(world: World, list_id: str) -> Iterator[Unit]:
    """A list where NICs stand under it."""
    owner = Owner(OwnerKind.LIST, list_id)
    for network in world.snapshot.where(Network, "acl_id", list_id):
        yield from ((owner, switch_id) for switch_id in world.members(network.id))


def _group(world: World, group_id: str) -> Iterator[Unit]:
    """A group where NICs stand under it, and the NICs that stand under it and others."""
    for nic in world.snapshot.where(Nic, "group_ids", group_id):
        place, policy = world.place(nic.id), policy_of(world.snapshot, nic)
        if place is not None and policy is not None:
            yield _owner(policy) or Owner(OwnerKind.NIC, nic.id), place.switch_id


def _peers_of(world: World, group_id: str) -> Iterator[Unit]:
    """The groups with rules about a group: they hold the addresses of its NICs."""
    for rule in world.snapshot.where(SecurityRule, "peer_id", group_id):
        yield from _group(world, rule.group_id)
