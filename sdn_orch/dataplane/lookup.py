"""Which flow of a table matches a packet: an index over what a switch holds.

Flows of one table that match the same fields under the same masks form a group, looked up as one
dictionary (tuple space search, as Open vSwitch does it). Tables are indexed when first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sdn_orch.openflow.codec import decode_flow, decode_match
from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.values import Flow, FlowEntry, Group, State

#: (field, mask) of everything that a group of flows looks at.
Signature = tuple[tuple[str, int], ...]
#: Fields that every packet has, with 0 for "not set".
ALWAYS = frozenset(
    {"metadata", "reg0", "reg1", "reg2", "reg3", "ct_state", "tunnel_id", "tun_src", "tun_dst", "vlan_vid"}
)


@dataclass(slots=True)
class _Group:
    signature: Signature
    best: int
    flows: dict[tuple[int, ...], FlowEntry]


class Tables:
    """The flows and groups of one switch, ready for look-ups. `version` is that of their encoding."""

    def __init__(self, state: State, version: int, *, open_vswitch: bool = True) -> None:
        self.open_vswitch = open_vswitch
        self.groups: Mapping[int, Group] = state.groups
        self.version = version
        self._flows: dict[int, list[FlowEntry]] = {}
        self._indexed: dict[int, list[_Group]] = {}
        for entry in state.flows.values():
            self._flows.setdefault(entry.table, []).append(entry)

    def match(self, table: int, fields: Mapping[str, int]) -> FlowEntry | None:
        """The matching flow of the highest priority, or None on a miss.

        `fields` holds in_port, the packet's fields and the pipeline's; what is not in it does not match.
        """
        found: FlowEntry | None = None
        for group in self._groups(table):
            if found is not None and found.priority >= group.best:
                break
            try:
                values = tuple([fields[name] & mask for name, mask in group.signature])
            except KeyError:
                continue
            entry = group.flows.get(values)
            if entry is not None and (found is None or entry.priority > found.priority):
                found = entry
        return found

    def decode(self, entry: FlowEntry) -> Flow:
        """The flow that an entry of these tables means."""
        return decode_flow(entry, self.version)

    def _groups(self, table: int) -> list[_Group]:
        indexed = self._indexed.get(table)
        if indexed is None:
            indexed = self._indexed[table] = _index(self._flows.get(table, []))
        return indexed


def _index(entries: list[FlowEntry]) -> list[_Group]:
    groups: dict[Signature, _Group] = {}
    for entry in entries:
        match = decode_match(entry.match)
        signature = tuple([(name, _FULL[name] if mask is None else mask) for name, _, mask in match])
        group = groups.get(signature)
        if group is None:
            group = groups[signature] = _Group(signature, entry.priority, {})
        values = tuple([value for _, value, _ in match])
        rival = group.flows.get(values)
        if rival is None or rival.priority < entry.priority:
            group.flows[values] = entry
        group.best = max(group.best, entry.priority)
    return sorted(groups.values(), key=lambda group: -group.best)


_FULL = {name: (1 << field.bits) - 1 for name, field in FIELDS.items()}
