"""How far a switch has come on its way from what it holds to what it should hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from random import Random

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.openflow.values import FlowEntry, Group, Meter, State
from sdn_orch.southbound.transfer import kind


def apply(state: State, operations: Iterable[Operation]) -> State:
    """What a switch holds after these operations."""
    flows, groups, meters = dict(state.flows), dict(state.groups), dict(state.meters)
    for operation in operations:
        subject, gone = operation.subject, operation.verb == Verb.DELETE
        match subject:
            case FlowEntry():
                flows.pop(subject.key, None)
                if not gone:
                    flows[subject.key] = subject
            case Group():
                groups.pop(subject.number, None)
                if not gone:
                    groups[subject.number] = subject
                else:
                    assert not _uses(groups, subject.number)
            case Meter():
                meters.pop(subject.number, None)
                if not gone:
                    meters[subject.number] = subject
    return State(flows, groups, meters)


def _uses(groups: Mapping[int, Group], number: int) -> bool:
    return any(bucket.watch_group == number for group in groups.values() for bucket in group.buckets)


def turns(random: Random, plan: Plan, *, has_bundles: bool) -> list[tuple[Operation, ...]]:
    """What a switch carries out at once: a bundle; without bundles one message after the other.

    Between two barriers a switch may take messages in any order.
    """
    if has_bundles:
        return list(plan.chunks)
    found: list[tuple[Operation, ...]] = []
    for chunk in plan.chunks:
        for _, group in groupby(chunk, kind):
            operations = list(group)
            random.shuffle(operations)
            found += ((operation,) for operation in operations)
    return found
