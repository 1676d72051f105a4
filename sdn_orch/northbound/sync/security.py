"""Security groups here, in a transaction: those that NICs are in, and those that rules of these name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sdn_orch.intent.model import Nic
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.traffic import WITH_PORTS, Direction
from sdn_orch.northbound.extension import rules
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.sync import fields
from sdn_orch.northbound.sync.groups import SecurityGroupSaid


def make(cloud: Cloud, said: Sequence[SecurityGroupSaid]) -> None:
    """These groups are there with these rules, and no others."""
    for each in said:
        group = cloud.snapshot.get(SecurityGroup, each.id)
        wanted = replace(
            group or SecurityGroup(id=each.id, account_id=cloud.account.id, name=each.name), name=each.name
        )
        if wanted != group:
            cloud.put(wanted)
    for each in said:
        # What two rules say is the same rule here.
        wanted_rules = {rule.meanings[0]: rule for rule in (_rule(each.id, rule) for rule in each.rules)}
        before = cloud.snapshot.where(SecurityRule, "group_id", each.id)
        rules.bring_to(cloud, before, wanted_rules.values())


def join(cloud: Cloud, nic: Nic, groups: tuple[str, ...]) -> None:
    """The NIC is in these groups and no others."""
    known = cloud.snapshot.need(Nic, nic.id)
    if known.group_ids != groups:
        cloud.put(replace(known, group_ids=groups))


def used_by(cloud: Cloud, nics: Iterable[Nic]) -> set[str]:
    """The groups that the NICs are in, and those that rules of these name, and so on."""
    found: set[str] = set()
    waiting = [id for nic in nics for id in nic.group_ids]
    while waiting:
        id = waiting.pop()
        if id not in found:
            found.add(id)
            named = cloud.snapshot.where(SecurityRule, "group_id", id)
            waiting += [rule.peer_id for rule in named if rule.peer_id is not None]
    return found


def end_unused(cloud: Cloud, ids: Iterable[str]) -> None:
    """Delete those of the groups that no NIC is in, nor in one whose rules come to them."""
    unused = [id for id in ids if not _is_used(cloud, id)]
    cloud.transaction.delete(*(cloud.snapshot.need(SecurityGroup, id) for id in unused))


def _is_used(cloud: Cloud, id: str) -> bool:
    seen: set[str] = set()
    waiting = [id]
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if cloud.snapshot.count_where(Nic, "group_ids", each):
            return True
        waiting += [rule.group_id for rule in cloud.snapshot.where(SecurityRule, "peer_id", each)]
    return False


def _rule(group_id: str, said: fields.SecurityRule) -> SecurityRule:
    far_side = rules.prefixes(said.source_cidrs)
    comes_in = said.direction is Direction.INGRESS
    given: dict[str, Any] = rules.packets(said, is_ipv6=any(each.version == 6 for each in far_side))
    if given["protocol"] not in WITH_PORTS:
        given["ports"] = None
    return SecurityRule(
        id=said.id,
        group_id=group_id,
        direction=said.direction,
        peer_id=said.peer,
        sources=far_side if comes_in and said.peer is None else (),
        destinations=far_side if not comes_in and said.peer is None else (),
        **given,
    )
