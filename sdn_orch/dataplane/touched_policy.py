"""Which units a change of lists of rules and of security groups may alter; see `touched.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.dataplane.rules import Owner, OwnerKind, Unit
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.model import Network, Nic, Record
from sdn_orch.intent.policy import PolicyKind, is_open, policy_of
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.security import SecurityRule


def touched_policy(before: World, after: World, old: Record | None, new: Record | None) -> set[Unit]:
    """The units that one difference may alter."""
    found: set[Unit] = set()
    for world, record in ((before, old), (after, new)):
        match record:
            case AclItem():
                if is_open(before.snapshot, record.list_id) != is_open(after.snapshot, record.list_id):
                    found |= _list(world, record.list_id, _items(world, record.list_id))
                    found |= set(_private(world, record.list_id))
                else:
                    at_place = world.snapshot.where(AclItem, "places", record.places[0])
                    found |= _list(world, record.list_id, at_place)
            case SecurityRule():
                found |= set(_group(world, record.group_id))
            case Network():
                if record.acl_id is not None:
                    found |= _list(world, record.acl_id, _items(world, record.acl_id))
                if _cuts(old) != _cuts(new):
                    for nic in world.snapshot.where(Nic, "network_id", record.id):
                        found |= set(_standing(world, nic))
            case Nic():
                for group_id in record.group_ids:
                    found |= set(_peers_of(world, group_id))
    return found


def _cuts(record: Record | None) -> bool | None:
    """Whether a network cuts connections."""
    return record.cuts_connections if isinstance(record, Network) else None


def groups_of(worlds: Iterable[World], nic_id: str, switch_id: str) -> Iterator[Unit]:
    """The group that a NIC on a switch stands under in any of these worlds."""
    for world in worlds:
        nic = world.snapshot.get(Nic, nic_id)
        policy = None if nic is None else policy_of(world.snapshot, nic)
        if policy is not None and policy.kind is PolicyKind.GROUP:
            yield Owner(OwnerKind.GROUP, policy.id), switch_id


def lists_of(worlds: Iterable[World], network_id: str, switch_id: str) -> Iterator[Unit]:
    """The list that a tier on a switch stands under in any of these worlds, with its items."""
    for world in worlds:
        network = world.snapshot.get(Network, network_id)
        if network is not None and network.acl_id is not None:
            yield Owner(OwnerKind.LIST, network.acl_id), switch_id
            for item in _items(world, network.acl_id):
                yield Owner(OwnerKind.ITEM, item.id), switch_id


def _items(world: World, list_id: str) -> tuple[AclItem, ...]:
    return world.snapshot.where(AclItem, "list_id", list_id)


def _list(world: World, list_id: str, items: Iterable[AclItem]) -> set[Unit]:
    """A list, with some of its items, where NICs stand under it."""
    owners = [Owner(OwnerKind.LIST, list_id), *(Owner(OwnerKind.ITEM, item.id) for item in items)]
    return {(owner, switch_id) for switch_id in world.list_members(list_id) for owner in owners}


def _private(world: World, list_id: str) -> Iterator[Unit]:
    """The private gateways under a list, where they live."""
    for gateway in world.snapshot.where(PrivateGateway, "acl_id", list_id):
        if (at := world.gateway_of(gateway.vpc_id)) is not None:
            yield Owner(OwnerKind.PRIVATE, gateway.id), at.id


def _group(world: World, group_id: str) -> Iterator[Unit]:
    """A group where NICs stand under it, and the NICs that stand under it and others."""
    for nic in world.snapshot.where(Nic, "group_ids", group_id):
        yield from _standing(world, nic)


def _standing(world: World, nic: Nic) -> Iterator[Unit]:
    """What holds the rules of a NIC's groups, where it is and where it is about to come to."""
    policy = policy_of(world.snapshot, nic)
    if policy is not None and policy.kind is not PolicyKind.LIST:
        is_alone = policy.kind is PolicyKind.GROUP
        owner = Owner(OwnerKind.GROUP, policy.id) if is_alone else Owner(OwnerKind.NIC, nic.id)
        yield from ((owner, place.switch_id) for place in world.places(nic.id))


def _peers_of(world: World, group_id: str) -> Iterator[Unit]:
    """The groups with rules about a group: they hold the addresses of its NICs."""
    for rule in world.snapshot.where(SecurityRule, "peer_id", group_id):
        yield from _group(world, rule.group_id)
