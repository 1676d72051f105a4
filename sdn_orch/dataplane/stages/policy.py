"""FROM_RULES and TO_RULES: the rules of lists and of security groups, about what begins a connection."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import POLICY, ZONE, Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.guard import policy_number
from sdn_orch.dataplane.stages.protocols import IPV4, IPV6
from sdn_orch.dataplane.traffic import Fields, matches
from sdn_orch.intent.model import Nic
from sdn_orch.intent.policy import Policy, PolicyKind, items, rules
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction, TrafficRule, Verdict
from sdn_orch.openflow.values import Match, Track

_WAYS = (
    (Direction.EGRESS, Table.FROM_RULES, Table.ANSWER),
    (Direction.INGRESS, Table.TO_RULES, Table.DELIVER),
)
_VERSIONS = ((4, IPV4), (6, IPV6))
_COMMIT = (Track(ZONE, commit=True),)
#: The priority of an item is this less its position.
_TOP = 65_536


def policy(snapshot: Snapshot, policy: Policy) -> Iterator[Said]:
    """All rules of a policy; the first item of a list that is about a packet decides."""
    of = (POLICY, policy_number(policy))
    for direction, table, onward in _WAYS:
        seen: set[tuple[int, Match]] = set()
        found = list(_rules(snapshot, policy, direction))
        for priority, verdict, rule in found:
            for match in _matches(snapshot, rule, of):
                if (priority, match) in seen:
                    continue
                seen.add((priority, match))
                if verdict is Verdict.ALLOW:
                    yield flow(table, priority, match, _COMMIT, goto=onward)
                else:
                    yield flow(table, priority, match)
        if direction is Direction.EGRESS and not found:
            for _, eth_type in _VERSIONS:
                yield flow(table, 0, Match.of(eth_type=eth_type, **dict((of,))), _COMMIT, goto=onward)


def _rules(
    snapshot: Snapshot, policy: Policy, direction: Direction
) -> Iterator[tuple[int, Verdict, TrafficRule]]:
    """Priority, verdict and what it is about, of each rule."""
    if policy.kind is PolicyKind.LIST:
        for item in items(snapshot, policy.id, direction):
            yield _TOP - item.position, item.verdict, item
        return
    for rule in rules(snapshot, policy, direction):
        yield 1, Verdict.ALLOW, rule


def _matches(snapshot: Snapshot, rule: TrafficRule, of: tuple[str, int]) -> Iterator[Match]:
    peers = list(_peers(snapshot, rule))
    for version, eth_type in _VERSIONS:
        for fields in matches(rule, version):
            for peer in peers:
                if peer and eth_type != peer["eth_type"]:
                    continue
                yield Match.of(**{of[0]: of[1], "eth_type": eth_type, **fields, **peer})


def _peers(snapshot: Snapshot, rule: TrafficRule) -> Iterator[Fields]:
    """The addresses of the group on the far side, where the rule names one; else anybody."""
    if not isinstance(rule, SecurityRule) or rule.peer_id is None:
        yield {}
        return
    side = "src" if rule.direction is Direction.INGRESS else "dst"
    for nic in snapshot.where(Nic, "group_ids", rule.peer_id):
        for address in nic.addresses if nic.active else ():
            eth_type = IPV4 if address.version == 4 else IPV6
            yield {"eth_type": eth_type, f"ipv{address.version}_{side}": int(address)}
