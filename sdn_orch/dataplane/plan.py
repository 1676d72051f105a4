"""From what a switch holds to what it should hold: which messages, in which order.

No state between is more open than both ends. Where flows come in the place of others, or some come while
others go, all of the plan is one chunk, however large: one table as it was and the next as it will be may
let through what neither end does. Where all come, or all go, chunks have an order in which that cannot be.
What is pointed at (groups, meters, later tables) is there before what points at it. A flow that changes
is sent as an ADD, which replaces it with its cookie; a MODIFY would leave the old cookie (OpenFlow 1.3.5,
section 6.4). Flows that stay are not touched and keep their counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from sdn_orch.dataplane.pipeline import Table, is_learnt, narrows
from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.values import ApplyGroup, Flow, FlowEntry, FlowKey, Group, Match, Meter, State

#: A bundle of this many messages stalls forwarding for some milliseconds; a larger plan is cut if it can be.
CHUNK = 3000


class Verb(Enum):
    """What to do with one object."""

    ADD = "add"
    MODIFY = "modify"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Operation:
    """One message of a plan."""

    verb: Verb
    subject: FlowEntry | Group | Meter


@dataclass(frozen=True, slots=True)
class Plan:
    """Chunks of operations; each chunk is one atomic bundle, and they go in order."""

    chunks: tuple[tuple[Operation, ...], ...]

    def __bool__(self) -> bool:
        return any(self.chunks)

    def __iter__(self) -> Iterator[Operation]:
        for chunk in self.chunks:
            yield from chunk


def diff(desired: State, actual: State, version: int, chunk: int = CHUNK) -> Plan:
    """What makes a switch that holds `actual` hold `desired`; `version` is that of both encodings.

    Of a whole switch after a dump, or of the part that a change touched: then both states are that part.
    No chunk has more operations than `chunk`, but in a plan that cannot be cut.
    """
    puts: list[FlowEntry] = []
    deletes: list[FlowEntry] = []
    replaced: list[FlowEntry] = []
    for wanted, found in pairs(*unlike(desired.flows, actual.flows), version):
        if wanted is None:
            deletes += () if found is None else (found,)
        elif found is None:
            puts.append(wanted)
        elif not same(wanted, found, version):
            puts.append(wanted)
            replaced.append(found)
    # What denies comes before all that permits, and goes after it.
    puts.sort(key=lambda entry: (not narrows(entry), -entry.table, -entry.priority))
    deletes.sort(key=lambda entry: (narrows(entry), entry.table, entry.priority))
    # Mostly all groups are right, and need no order.
    wanted_groups, held_groups = (
        ({}, {}) if desired.groups == actual.groups else (desired.groups, actual.groups)
    )
    operations = (
        *_puts(desired.meters, actual.meters, sorted(desired.meters)),
        *_puts(wanted_groups, held_groups, pointed_at_first(wanted_groups)),
        *(Operation(Verb.ADD, entry) for entry in puts),
        *(Operation(Verb.DELETE, entry) for entry in deletes),
        *_deletes(wanted_groups, held_groups, reversed(pointed_at_first(held_groups))),
        *_deletes(desired.meters, actual.meters, sorted(actual.meters)),
    )
    can_be_cut = _only_enters((*replaced, *deletes)) or _only_enters(puts)
    size = chunk if can_be_cut else max(1, len(operations))
    return Plan(tuple(operations[at : at + size] for at in range(0, len(operations), size)))


def _only_enters(flows: Iterable[FlowEntry]) -> bool:
    """Whether flows are all in the table that packets enter by: it leads to the others, none to it."""
    return all(entry.table == Table.CLASSIFY for entry in flows)


def unlike(
    desired: Mapping[FlowKey, FlowEntry], actual: Mapping[FlowKey, FlowEntry]
) -> tuple[Mapping[FlowKey, FlowEntry], Mapping[FlowKey, FlowEntry]]:
    """Both without the flows that are in both, byte by byte: mostly all of them, and a switch waits."""
    get = actual.get
    left = {
        key: wanted
        for key, wanted in desired.items()
        if (found := get(key)) is None
        or found.cookie != wanted.cookie
        or found.instructions != wanted.instructions
    }
    if not left and len(desired) == len(actual):
        return {}, {}
    return left, {key: found for key, found in actual.items() if key in left or key not in desired}


def pairs(
    desired: Mapping[FlowKey, FlowEntry], actual: Mapping[FlowKey, FlowEntry], version: int
) -> Iterator[tuple[FlowEntry | None, FlowEntry | None]]:
    """Each flow that is wanted with the one that stands in its place; None where there is only the other.

    What switches learn by themselves is left out.
    """
    missing: list[FlowEntry] = []
    for key, wanted in desired.items():
        found = actual.get(key)
        if found is None:
            missing.append(wanted)
        else:
            yield wanted, found
    extra: list[FlowEntry] = []
    if len(desired) - len(missing) < len(actual):
        extra = [found for key, found in actual.items() if key not in desired and not is_learnt(found)]
    # A switch may write a match in other bytes than it was sent; then only the values tell.
    by_identity = {_identity(wanted, version): wanted for wanted in missing} if extra else {}
    for found in extra:
        yield by_identity.pop(_identity(found, version), None), found
    for wanted in by_identity.values() if extra else missing:
        yield wanted, None


def same(wanted: FlowEntry, found: FlowEntry, version: int) -> bool:
    """Whether a switch's flow is the wanted one, perhaps in other bytes; their places are the same."""
    if wanted is found:
        return True
    if wanted.cookie != found.cookie:
        return False
    if wanted.instructions == found.instructions:
        return True
    return _decoded(wanted, version) == _decoded(found, version)


def _decoded(entry: FlowEntry, version: int) -> Flow | bytes:
    try:
        return decode_flow(entry, version)
    except MalformedMessage:
        return entry.instructions


def _identity(entry: FlowEntry, version: int) -> tuple[int, int, Match | bytes]:
    decoded = _decoded(entry, version)
    return entry.table, entry.priority, decoded.match if isinstance(decoded, Flow) else entry.match


def _puts(
    desired: Mapping[int, Group | Meter], actual: Mapping[int, Group | Meter], order: Iterable[int]
) -> Iterator[Operation]:
    for number in order:
        wanted, found = desired[number], actual.get(number)
        if found is None:
            yield Operation(Verb.ADD, wanted)
        elif wanted != found:
            yield Operation(Verb.MODIFY, wanted)


def _deletes(
    desired: Mapping[int, Group | Meter], actual: Mapping[int, Group | Meter], order: Iterable[int]
) -> Iterator[Operation]:
    return (Operation(Verb.DELETE, actual[number]) for number in order if number not in desired)


def pointed_at_first(groups: Mapping[int, Group]) -> list[int]:
    """The numbers of groups in an order in which each comes after those that it points at."""
    order: dict[int, None] = {}

    def visit(number: int, above: frozenset[int]) -> None:
        group = groups.get(number)
        if group is None or number in order or number in above:
            return
        for bucket in group.buckets:
            for action in bucket.actions:
                if isinstance(action, ApplyGroup):
                    visit(action.group, above | {number})
            visit(bucket.watch_group, above | {number})
        order[number] = None

    for number in sorted(groups):
        visit(number, frozenset())
    return list(order)
