"""FROM_RULES and TO_RULES: the rules of lists and of security groups, about what begins a connection.

Where a network cuts connections they are about each packet of one, in both tables: as about that which began
it (see `judged`). On plain switches, which know no connections, rules of lists are about each packet.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from sdn_orch.dataplane.pipeline import POLICY, ZONE, Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.connection import ANSWERER, BEGINNER
from sdn_orch.dataplane.stages.guard import policy_number
from sdn_orch.dataplane.stages.protocols import IPV4, IPV6
from sdn_orch.dataplane.traffic import origin, parts
from sdn_orch.dataplane.views import Fields
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.model import Nic
from sdn_orch.intent.policy import Policy, PolicyKind, rules
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction, TrafficRule, Verdict
from sdn_orch.openflow.values import Action, Clause, Match, Track

_COMMIT: tuple[Action, ...] = (Track(ZONE, commit=True),)


@dataclass(frozen=True, slots=True)
class Way:
    """A table of rules, and what becomes of what they let through, and where that goes on.

    Where there is a `state` they are about the beginnings of connections, for packets in this state. Where
    there are no registers packets of a `tier` stand under its list.
    """

    table: Table
    onward: Table
    let: tuple[Action, ...] = _COMMIT
    state: tuple[int, int] | None = None
    tier: tuple[int, int] | None = None

    def place(self, policy: Policy, eth_type: int) -> Fields:
        """What stands under a policy here."""
        if self.tier is not None:
            return {"metadata": self.tier, "eth_type": eth_type}
        here: Fields = {POLICY: policy_number(policy), "eth_type": eth_type}
        return here if self.state is None else {**here, "ct_state": self.state}

    def parts(self, rule: TrafficRule, version: int) -> tuple[tuple[Fields, ...], ...]:
        """The parts of what a rule is about."""
        return tuple(tuple(map(self.about, part)) for part in parts(rule, version))

    def about(self, fields: Fields) -> Fields:
        """Fields of the packet that rules are about."""
        return fields if self.state is None else origin(fields)


#: The ways of each direction's rules.
Ways = Mapping[Direction, tuple[Way, ...]]
_AT_NICS: Ways = {
    Direction.EGRESS: (Way(Table.FROM_RULES, Table.ANSWER),),
    Direction.INGRESS: (Way(Table.TO_RULES, Table.DELIVER),),
}
_JUDGED_AT_NICS: Ways = {
    Direction.EGRESS: (
        Way(Table.FROM_RULES, Table.ANSWER, state=BEGINNER),
        Way(Table.TO_RULES, Table.DELIVER, state=ANSWERER),
    ),
    Direction.INGRESS: (
        Way(Table.TO_RULES, Table.DELIVER, state=BEGINNER),
        Way(Table.FROM_RULES, Table.ANSWER, state=ANSWERER),
    ),
}
#: What leaves by a private gateway becomes known as soon as it is translated.
_AT_GATEWAY: Ways = {
    Direction.EGRESS: (Way(Table.EGRESS_RULES, Table.SOURCE_NAT, ()),),
    Direction.INGRESS: (Way(Table.INGRESS_RULES, Table.INWARD),),
}
_JUDGED_AT_GATEWAY: Ways = {
    Direction.EGRESS: (
        Way(Table.EGRESS_RULES, Table.SOURCE_NAT, (), BEGINNER),
        Way(Table.INGRESS_RULES, Table.INWARD, (), ANSWERER),
    ),
    Direction.INGRESS: (
        Way(Table.INGRESS_RULES, Table.INWARD, state=BEGINNER),
        Way(Table.EGRESS_RULES, Table.SOURCE_NAT, (), ANSWERER),
    ),
}
_VERSIONS = ((4, IPV4), (6, IPV6))
#: The priority of an item is this less its position.
_TOP = 65_536
#: Of what rules of security groups decide, of clauses of theirs, and of what stands where there are none.
_DECIDED, _CLAUSES, _OPEN = 2, 1, 0


def at_nics(policy: Policy) -> Ways:
    """The ways of rules where the NICs are that stand under them."""
    return _JUDGED_AT_NICS if policy.cuts else _AT_NICS


def at_gateway(policy: Policy) -> Ways:
    """The ways of a list where private gateways are that stand under it."""
    return _JUDGED_AT_GATEWAY if policy.cuts else _AT_GATEWAY


def in_tier(tier: tuple[int, int]) -> Ways:
    """The ways of a list about each packet of a tier, which its metadata tells."""
    return {
        Direction.EGRESS: (Way(Table.FROM_RULES, Table.ANSWER, (), tier=tier),),
        Direction.INGRESS: (Way(Table.TO_RULES, Table.DELIVER, (), tier=tier),),
    }


def item(policy: Policy, item: AclItem, ways: Ways) -> Iterator[Said]:
    """One item of a list; the first one that is about a packet decides."""
    priority = _TOP - item.position
    for way, (version, eth_type) in product(ways[item.direction], _VERSIONS):
        here = way.place(policy, eth_type)
        decided, clauses = _said(here, item.number << 1 | (version == 6), way.parts(item, version))
        for match, clause in clauses:
            yield flow(way.table, priority, match, (clause,))
        for match in decided:
            if item.verdict is Verdict.ALLOW:
                yield flow(way.table, priority, match, way.let, goto=way.onward)
            else:
                yield flow(way.table, priority, match)


def groups(snapshot: Snapshot, policy: Policy) -> Iterator[Said]:
    """The rules of one group, or of several groups together: what any of them is about may pass."""
    ways = [(direction, way) for direction, found in at_nics(policy).items() for way in found]
    for (direction, way), (version, eth_type) in product(ways, _VERSIONS):
        here = way.place(policy, eth_type)
        decided: dict[Match, None] = {}
        clauses: dict[Match, tuple[Clause, ...]] = {}
        for number, *sides in _by_far_side(snapshot, policy, direction, version):
            matches, others = _said(here, number, [list(map(way.about, side)) for side in sides])
            decided |= dict.fromkeys(matches)
            for match, clause in others:
                clauses[match] = (*clauses.get(match, ()), clause)
        for match in decided:
            yield flow(way.table, _DECIDED, match, way.let, goto=way.onward)
        for match, said in clauses.items():
            yield flow(way.table, _CLAUSES, match, said)


def _said(
    here: Fields, number: int, parts: Sequence[Sequence[Fields]]
) -> tuple[list[Match], list[tuple[Match, Clause]]]:
    """The matches of what meets one of each of the parts; or of a conjunction, with its clauses.

    That is where a flow for each prefix and each block of ports are fewer than one for each pair of them.
    """
    each = [part for part in map(_distinct, parts) if part != [{}]]
    if prod(map(len, each)) <= sum(map(len, each)) + 1:
        merged = ({name: value for part in one for name, value in part.items()} for one in product(*each))
        return [Match.of(**here, **fields) for fields in merged], []
    clauses = [
        (Match.of(**here, **fields), Clause(number, place, len(each)))
        for place, part in enumerate(each, 1)
        for fields in part
    ]
    return [Match.of(conj_id=number, **here)], clauses


def _distinct(part: Sequence[Fields]) -> list[Fields]:
    """Without repetitions, and without all others where one of them is met by every packet."""
    return [{}] if {} in part else list({tuple(fields.items()): fields for fields in part}.values())


def _by_far_side(
    snapshot: Snapshot, policy: Policy, direction: Direction, version: int
) -> Iterator[tuple[int, list[Fields], list[Fields]]]:
    """What is open to each far side that rules name: a number for it, its fields, and the near side's."""
    found: dict[Hashable, list[SecurityRule]] = {}
    for rule in rules(snapshot, policy, direction):
        found.setdefault((rule.peer_id, rule.sources, rule.destinations), []).append(rule)
    for alike in found.values():
        sources, destinations, _ = parts(alike[0], version)
        far = [{**source, **destination} for source, destination in product(sources, destinations)]
        if alike[0].peer_id is not None:
            far = list(_members(snapshot, alike[0].peer_id, direction, version))
        near = [fields for rule in alike for fields in parts(rule, version)[2]]
        yield min(rule.number for rule in alike) << 1 | (version == 6), far, near


def _members(snapshot: Snapshot, group_id: str, direction: Direction, version: int) -> Iterator[Fields]:
    """The addresses of a group that is the far side."""
    field = f"ipv{version}_{'src' if direction is Direction.INGRESS else 'dst'}"
    for nic in snapshot.where(Nic, "group_ids", group_id):
        for address in nic.addresses if nic.active else ():
            if address.version == version:
                yield {field: int(address)}


def without_rules(snapshot: Snapshot, policy: Policy, ways: Ways) -> Iterator[Said]:
    """Where no rule is about what goes out, all may."""
    if policy.kind is PolicyKind.LIST:
        listed = snapshot.where(AclItem, "list_id", policy.id)
        is_open = not any(item.direction is Direction.EGRESS for item in listed)
    else:
        is_open = not any(rules(snapshot, policy, Direction.EGRESS))
    for way, (_, eth_type) in product(ways[Direction.EGRESS], _VERSIONS) if is_open else ():
        yield flow(way.table, _OPEN, Match.of(**way.place(policy, eth_type)), way.let, goto=way.onward)
