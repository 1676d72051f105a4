"""FROM_RULES and TO_RULES: the rules of lists and of security groups, about what begins a connection."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import POLICY, ZONE, Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.guard import policy_number
from sdn_orch.dataplane.stages.protocols import IPV4, IPV6
from sdn_orch.dataplane.traffic import matches, parts
from sdn_orch.dataplane.views import Fields
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.model import Nic
from sdn_orch.intent.policy import Policy, PolicyKind, rules
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction, TrafficRule, Verdict
from sdn_orch.openflow.values import Clause, Match, Track

_WAYS = {
    Direction.EGRESS: (Table.FROM_RULES, Table.ANSWER),
    Direction.INGRESS: (Table.TO_RULES, Table.DELIVER),
}
_VERSIONS = ((4, IPV4), (6, IPV6))
_COMMIT = (Track(ZONE, commit=True),)
#: The priority of an item is this less its position.
_TOP = 65_536


def item(snapshot: Snapshot, item: AclItem) -> Iterator[Said]:
    """One item of a list; the first one that is about a packet decides."""
    chosen = snapshot.need(AclList, item.list_id)
    of = policy_number(Policy(PolicyKind.LIST, chosen.id, chosen.number))
    table, onward = _WAYS[item.direction]
    priority = _TOP - item.position
    for version, eth_type in _VERSIONS:
        here: Fields = {POLICY: of, "eth_type": eth_type}
        decided = [Match.of(**here, **fields) for fields in matches(item, version)]
        each = [part for part in map(_distinct, parts(item, version)) if part != [{}]]
        if len(decided) > sum(map(len, each)) + 1:
            # One flow for each prefix and each block of ports, instead of one for each pair of them.
            number = item.number << 1 | (version == 6)
            for place, part in enumerate(each, 1):
                clause = (Clause(number, place, len(each)),)
                for fields in part:
                    yield flow(table, priority, Match.of(**here, **fields), clause)
            decided = [Match.of(conj_id=number, eth_type=eth_type)]
        for match in dict.fromkeys(decided):
            if item.verdict is Verdict.ALLOW:
                yield flow(table, priority, match, _COMMIT, goto=onward)
            else:
                yield flow(table, priority, match)


def _distinct(part: tuple[Fields, ...]) -> list[Fields]:
    """Without repetitions, and without all others where one of them is met by every packet."""
    return [{}] if {} in part else list({tuple(fields.items()): fields for fields in part}.values())


def groups(snapshot: Snapshot, policy: Policy) -> Iterator[Said]:
    """The rules of one group, or of several groups together: what any of them is about may pass."""
    of = policy_number(policy)
    for direction, (table, onward) in _WAYS.items():
        found = rules(snapshot, policy, direction)
        for match in {match: None for rule in found for match in _matches(snapshot, rule, of)}:
            yield flow(table, 1, match, _COMMIT, goto=onward)


def without_rules(snapshot: Snapshot, policy: Policy) -> Iterator[Said]:
    """Where no rule is about what goes out, all may."""
    if policy.kind is PolicyKind.LIST:
        listed = snapshot.where(AclItem, "list_id", policy.id)
        is_open = not any(item.direction is Direction.EGRESS for item in listed)
    else:
        is_open = not any(rules(snapshot, policy, Direction.EGRESS))
    table, onward = _WAYS[Direction.EGRESS]
    for _, eth_type in _VERSIONS if is_open else ():
        match = Match.of(eth_type=eth_type, **{POLICY: policy_number(policy)})
        yield flow(table, 0, match, _COMMIT, goto=onward)


def _matches(snapshot: Snapshot, rule: TrafficRule, policy: int) -> Iterator[Match]:
    peers = list(_peers(snapshot, rule))
    for version, eth_type in _VERSIONS:
        for fields in matches(rule, version):
            for peer in peers:
                if not peer or peer["eth_type"] == eth_type:
                    yield Match.of(**{POLICY: policy, "eth_type": eth_type, **fields, **peer})


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
