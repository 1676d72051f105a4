"""Which flow of a table matches a packet: an index over what a switch holds.

Flows of one table that match the same fields under the same masks form a group, looked up as one
dictionary (tuple space search, as Open vSwitch does it). Tables are indexed when first asked for.

Flows with clauses of conjunctions decide nothing themselves (ovs-actions(7), "conjunction"): a packet that
meets all clauses of one, at a priority above that of the flow which it meets otherwise, is looked up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sdn_orch.dataplane.connections import OF_CONNECTION
from sdn_orch.openflow.actions import says_clauses
from sdn_orch.openflow.codec import decode_flow, decode_match, encode_flow
from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.values import Clause, Flow, FlowEntry, Group, State

#: (field, mask) of everything that a group of flows looks at.
Signature = tuple[tuple[str, int], ...]
#: Fields that every packet has, with 0 for "not set".
ALWAYS = frozenset(
    (
        *("metadata", "reg0", "reg1", "reg2", "reg3", "ct_state", "conj_id"),
        *("tunnel_id", "tun_src", "tun_dst", "vlan_vid", *OF_CONNECTION),
    )
)


@dataclass(slots=True)
class _Group:
    """Flows by the values of what they look at; `best` is their highest priority."""

    signature: Signature
    best: int
    flows: dict[tuple[int, ...], FlowEntry] = field(default_factory=dict)

    def find(self, fields: Mapping[str, int]) -> FlowEntry | None:
        """The one that matches."""
        try:
            return self.flows.get(tuple([fields[name] & mask for name, mask in self.signature]))
        except KeyError:
            return None


@dataclass(slots=True)
class _Index:
    """The groups of a table, the one with the best flow first; and by priority those of clauses."""

    groups: list[_Group]
    clauses: dict[int, list[_Group]]


class Tables:
    """The flows and groups of one switch, ready for look-ups. `version` is that of their encoding."""

    def __init__(self, state: State, version: int, *, open_vswitch: bool = True) -> None:
        self.open_vswitch = open_vswitch
        self.groups: Mapping[int, Group] = state.groups
        self.version = version
        self._flows: dict[int, list[FlowEntry]] = {}
        self._indexed: dict[int, _Index] = {}
        for entry in state.flows.values():
            self._flows.setdefault(entry.table, []).append(entry)

    def match(self, table: int, fields: Mapping[str, int]) -> FlowEntry | None:
        """The matching flow of the highest priority, or None on a miss.

        `fields` holds in_port, the packet's fields and the pipeline's; what is not in it does not match.
        """
        index = self._index(table)
        found = _best(index.groups, fields)
        for conjunction in self._met(index, fields, 0 if found is None else found.priority):
            decided = _best(index.groups, {**fields, "conj_id": conjunction})
            if decided is not None:
                return decided
        return found

    def learn(self, flow: Flow) -> None:
        """Hold a flow besides, or in place of the one with its identity."""
        learnt = encode_flow(flow, self.version)
        others = [entry for entry in self._flows.get(flow.table, ()) if entry.key != learnt.key]
        self._flows[flow.table] = [*others, learnt]
        self._indexed.pop(flow.table, None)

    def decode(self, entry: FlowEntry) -> Flow:
        """The flow that an entry of these tables means."""
        return decode_flow(entry, self.version)

    def _met(self, index: _Index, fields: Mapping[str, int], above: int) -> Iterator[int]:
        """The conjunctions whose clauses a packet meets at a priority above one, the highest first."""
        for priority, groups in index.clauses.items():
            if priority <= above:
                return
            met: dict[int, set[int]] = {}
            for group in groups:
                if (entry := group.find(fields)) is not None:
                    for clause in self._clauses(entry):
                        left = met.setdefault(clause.conjunction, set(range(1, clause.clauses + 1)))
                        left.discard(clause.clause)
            yield from sorted(conjunction for conjunction, left in met.items() if not left)

    def _clauses(self, entry: FlowEntry) -> list[Clause]:
        if not says_clauses(entry.instructions):
            return []
        return [action for action in self.decode(entry).actions if isinstance(action, Clause)]

    def _index(self, table: int) -> _Index:
        indexed = self._indexed.get(table)
        if indexed is None:
            plain: list[FlowEntry] = []
            clauses: dict[int, list[FlowEntry]] = {}
            for entry in self._flows.get(table, ()):
                (clauses.setdefault(entry.priority, []) if self._clauses(entry) else plain).append(entry)
            highest_first = sorted(clauses.items(), reverse=True)
            indexed = _Index(_grouped(plain), {level: _grouped(entries) for level, entries in highest_first})
            self._indexed[table] = indexed
        return indexed


def _best(groups: Iterable[_Group], fields: Mapping[str, int]) -> FlowEntry | None:
    found: FlowEntry | None = None
    for group in groups:
        if found is not None and found.priority >= group.best:
            break
        entry = group.find(fields)
        if entry is not None and (found is None or entry.priority > found.priority):
            found = entry
    return found


def _grouped(entries: Iterable[FlowEntry]) -> list[_Group]:
    groups: dict[Signature, _Group] = {}
    for entry in entries:
        match = decode_match(entry.match)
        signature = tuple([(name, _FULL[name] if mask is None else mask) for name, _, mask in match])
        group = groups.get(signature)
        if group is None:
            group = groups[signature] = _Group(signature, entry.priority)
        values = tuple([value for _, value, _ in match])
        rival = group.flows.get(values)
        if rival is None or rival.priority < entry.priority:
            group.flows[values] = entry
        group.best = max(group.best, entry.priority)
    return sorted(groups.values(), key=lambda group: -group.best)


_FULL = {name: (1 << field.bits) - 1 for name, field in FIELDS.items()}
