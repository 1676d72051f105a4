"""Who has rules about what its NICs send and receive: tiers by their lists, machines by security groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction, Verdict

#: Lists with more items are not asked whether they let everything through.
_FEW = 8


class PolicyKind(IntEnum):
    """Whose rules they are."""

    #: A list of rules, for what a router sends into and takes from a tier.
    LIST = 1
    #: A security group.
    GROUP = 2
    #: Those of several groups together, for one NIC.
    NIC = 3


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that a NIC stands under: those of the record of its kind with this id and number.

    `cuts`: what they let begin may go on only while they would let it begin.
    """

    kind: PolicyKind
    id: str
    number: int
    cuts: bool = False


def list_policy(chosen: AclList, *, cuts: bool = False) -> Policy:
    """What stands under a list of rules."""
    return Policy(PolicyKind.LIST, chosen.id, chosen.number, cuts)


def policy_of(snapshot: Snapshot, nic: Nic) -> Policy | None:
    """What a NIC stands under; None if it may send and receive all."""
    network = snapshot.need(Network, nic.network_id)
    cuts = network.cuts_connections
    if network.acl_id is not None:
        return policy_of_tier(snapshot, network)
    if len(nic.group_ids) == 1:
        group = snapshot.need(SecurityGroup, nic.group_ids[0])
        return Policy(PolicyKind.GROUP, group.id, group.number, cuts)
    return Policy(PolicyKind.NIC, nic.id, nic.number, cuts) if nic.group_ids else None


def policy_of_tier(snapshot: Snapshot, network: Network) -> Policy | None:
    """What all NICs of a network stand under: a list, unless that lets everything through."""
    if network.acl_id is None or is_open(snapshot, network.acl_id):
        return None
    return list_policy(snapshot.need(AclList, network.acl_id), cuts=network.cuts_connections)


def items(snapshot: Snapshot, list_id: str, direction: Direction) -> list[AclItem]:
    """The items of a list about one direction, in their order."""
    found = snapshot.where(AclItem, "list_id", list_id)
    return sorted((item for item in found if item.direction is direction), key=lambda item: item.position)


def rules(snapshot: Snapshot, policy: Policy, direction: Direction) -> Iterator[SecurityRule]:
    """The rules of the groups of a policy about one direction."""
    group_ids = snapshot.need(Nic, policy.id).group_ids if policy.kind is PolicyKind.NIC else (policy.id,)
    for group_id in group_ids:
        for rule in snapshot.where(SecurityRule, "group_id", group_id):
            if rule.direction is direction:
                yield rule


def is_open(snapshot: Snapshot, list_id: str) -> bool:
    """Whether a short list begins, in both directions, by letting everything through."""
    if snapshot.count_where(AclItem, "list_id", list_id) > _FEW:
        return False
    first_out = next(iter(items(snapshot, list_id, Direction.EGRESS)), None)
    first_in = next(iter(items(snapshot, list_id, Direction.INGRESS)), None)
    return (first_out is None or _lets_all(first_out)) and first_in is not None and _lets_all(first_in)


def _lets_all(item: AclItem) -> bool:
    is_about_all = item.protocol is None and not item.sources and not item.destinations
    return is_about_all and item.verdict is Verdict.ALLOW
