"""Plans: nothing for equal states, the right order, and switches that write rules in other bytes."""

from __future__ import annotations

from sdn_orch.dataplane.pipeline import STAGES, Table
from sdn_orch.dataplane.plan import CHUNK, Operation, Verb, diff, pointed_at_first
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.oxm import encode_field
from sdn_orch.openflow.values import (
    OPENFLOW_13,
    OPENFLOW_15,
    ApplyGroup,
    Bucket,
    Clause,
    Flow,
    FlowEntry,
    Group,
    GroupType,
    Match,
    Meter,
    Output,
    SetField,
    State,
)


def state(*subjects: Flow | FlowEntry | Group | Meter, version: int = OPENFLOW_13) -> State:
    result = State.empty()
    for subject in subjects:
        if isinstance(subject, Group):
            result.groups[subject.number] = subject
        elif isinstance(subject, Meter):
            result.meters[subject.number] = subject
        else:
            entry = encode_flow(subject, version) if isinstance(subject, Flow) else subject
            result.flows[entry.key] = entry
    return result


def steps(desired: State, actual: State, version: int = OPENFLOW_13) -> list[Operation]:
    return list(diff(desired, actual, version))


def flow(table: int = 0, priority: int = 1, port: int | None = 1, **match: int) -> Flow:
    return Flow(table, priority, Match.of(**match), () if port is None else (Output(port),))


def test_equal_states_need_nothing() -> None:
    one = state(flow(), Group(1, GroupType.ALL, (Bucket((Output(1),)),)), Meter(1, 10, 10))
    other = state(flow(), Group(1, GroupType.ALL, (Bucket((Output(1),)),)), Meter(1, 10, 10))
    assert not diff(one, other, OPENFLOW_13)


def test_a_changed_flow_is_replaced_by_an_add_and_the_others_stay() -> None:
    stays, old, new = flow(in_port=1), flow(in_port=2), flow(in_port=2, port=9)
    [only] = steps(state(stays, new), state(stays, old))
    assert only == Operation(Verb.ADD, encode_flow(new, OPENFLOW_13))


def test_a_flow_changed_by_hand_under_its_old_cookie_is_repaired() -> None:
    right = encode_flow(flow(port=1), OPENFLOW_13)
    wrong = encode_flow(flow(port=2), OPENFLOW_13)
    forged = FlowEntry(right.table, right.priority, right.match, wrong.instructions, right.cookie)
    assert steps(state(right), state(forged)) == [Operation(Verb.ADD, right)]


def test_the_same_instructions_in_other_bytes_are_left_alone() -> None:
    right = encode_flow(Flow(0, 1, Match.of(), (Output(1),), None, 2), OPENFLOW_13)
    # Apply-actions and goto the other way round, as a switch may show them.
    shown = right.instructions[24:] + right.instructions[:24]
    assert shown != right.instructions
    assert steps(state(right), state(FlowEntry(0, 1, right.match, shown, right.cookie))) == []


def test_the_same_match_in_other_bytes_is_the_same_flow() -> None:
    right = encode_flow(flow(in_port=1, eth_type=0x0800), OPENFLOW_13)
    swapped = encode_field("eth_type", 0x0800) + encode_field("in_port", 1)
    assert swapped != right.match
    shown = FlowEntry(0, 1, swapped, right.instructions, right.cookie)
    assert steps(state(right), state(shown)) == []
    other_cookie = FlowEntry(0, 1, swapped, right.instructions, 7)
    assert steps(state(right), state(other_cookie)) == [Operation(Verb.ADD, right)], "and never a delete"


def test_foreign_flows_are_deleted_also_where_they_cannot_be_read() -> None:
    foreign = FlowEntry(3, 7, bytes.fromhex("8000ffff"), b"\0\1", 0)
    wanted = encode_flow(flow(), OPENFLOW_13)
    assert steps(state(wanted), state(foreign)) == [
        Operation(Verb.ADD, wanted),
        Operation(Verb.DELETE, foreign),
    ]


def test_what_switches_learn_by_themselves_is_left_alone() -> None:
    priority = STAGES[Table.CLIENTS].priorities["client"]
    # What was compiled once is nothing of the kind, wherever it is.
    compiled = encode_flow(flow(Table.CLIENTS, priority, reg3=8), OPENFLOW_13)
    match, does = encode_flow(flow(eth_type=0x0800, ipv4_src=7), OPENFLOW_13).match, compiled.instructions
    learnt = FlowEntry(Table.CLIENTS, priority, match, does, 5)
    elsewhere = FlowEntry(Table.CLIENTS, priority - 1, match, does, 5)
    deleted = steps(state(), state(learnt, compiled, elsewhere))
    assert {each.subject for each in deleted} == {compiled, elsewhere}


def test_what_is_pointed_at_comes_first_and_goes_last() -> None:
    inner = Group(0x60000001, GroupType.SELECT, (Bucket((Output(1),)),))
    watching = Bucket((ApplyGroup(inner.number),), watch_group=inner.number)
    outer = Group(0x30000001, GroupType.FAST_FAILOVER, (watching,))
    full = state(
        Meter(1, 10, 10),
        inner,
        outer,
        Flow(0, 1, Match.of(), (), None, 9),
        Flow(9, 5, Match.of(in_port=1), (ApplyGroup(outer.number),)),
        Flow(9, 7, Match.of(in_port=2)),
    )

    def told(operations: list[Operation]) -> list[tuple[str, int]]:
        subjects = (operation.subject for operation in operations)
        return [
            ("flow", subject.table * 10 + subject.priority)
            if isinstance(subject, FlowEntry)
            else (type(subject).__name__, subject.number)
            for subject in subjects
        ]

    adds = [
        ("Meter", 1),
        ("Group", inner.number),
        ("Group", outer.number),
        ("flow", 97),
        ("flow", 95),
        ("flow", 1),
    ]
    assert told(steps(full, State.empty())) == adds
    assert told(steps(State.empty(), full)) == [
        ("flow", 1),
        ("flow", 95),
        ("flow", 97),
        ("Group", outer.number),
        ("Group", inner.number),
        ("Meter", 1),
    ]


def test_groups_that_point_at_each_other_end_the_walk() -> None:
    one = Group(1, GroupType.ALL, (Bucket((ApplyGroup(2),)),))
    two = Group(2, GroupType.ALL, (Bucket((ApplyGroup(1),)),))
    assert sorted(pointed_at_first({1: one, 2: two})) == [1, 2]


def test_changed_groups_and_meters_are_modified() -> None:
    before = state(Group(1, GroupType.ALL, ()), Meter(1, 10, 10))
    after = state(Group(1, GroupType.ALL, (Bucket((SetField("in_port", 0),)),)), Meter(1, 20, 10))
    verbs = [operation.verb for operation in steps(after, before, OPENFLOW_15)]
    assert verbs == [Verb.MODIFY, Verb.MODIFY]


def test_what_denies_comes_before_all_that_permits_and_goes_after_it() -> None:
    guard = STAGES[Table.TO_GUARD].priorities["nic"]
    asks = Flow(Table.TO_GUARD, guard, Match.of(eth_dst=1), (), None, Table.TO_STATE)
    clause = Flow(Table.TO_RULES, 60, Match.of(in_port=1), (Clause(1, 1, 2),))
    denies = Flow(Table.FROM_RULES, 50, Match.of(conj_id=1))
    permits = Flow(Table.TO_RULES, 70, Match.of(), (), None, Table.DELIVER)
    enters = Flow(Table.CLASSIFY, 500, Match.of(in_port=1), (), None, Table.SOURCE)
    rules = state(enters, denies, permits, asks, clause, version=OPENFLOW_15)

    def tables(operations: list[Operation]) -> list[int]:
        return [each.subject.table for each in operations if isinstance(each.subject, FlowEntry)]

    order = [Table.TO_RULES, Table.TO_GUARD, Table.FROM_RULES, Table.TO_RULES, Table.CLASSIFY]
    assert tables(steps(rules, State.empty(), OPENFLOW_15)) == order
    assert tables(steps(State.empty(), rules, OPENFLOW_15)) == order[::-1]


def test_only_what_all_comes_or_all_goes_is_cut() -> None:
    enters, other = flow(Table.CLASSIFY, in_port=1), flow(Table.CLASSIFY, port=2, in_port=1)
    old, new = (
        [flow(Table.EGRESS, port=None, in_port=port) for port in ports] for ports in (range(4), range(4, 8))
    )
    permits = flow(Table.SOURCE_NAT, in_port=9)

    def lengths(desired: State, actual: State) -> list[int]:
        return [len(chunk) for chunk in diff(desired, actual, OPENFLOW_13, 2).chunks]

    assert lengths(state(*old, permits), State.empty()) == [2, 2, 1]
    assert lengths(State.empty(), state(*old, permits)) == [2, 2, 1]
    # What enters leads on when all else is there, and until it is gone.
    assert lengths(state(*old, enters), state(other)) == [2, 2, 1]
    assert lengths(state(other), state(*old, enters)) == [2, 2, 1]
    assert lengths(state(*new), state(*old)) == [8]
    closed, open_ = flow(Table.EGRESS, port=None), flow(Table.EGRESS)
    assert lengths(state(open_, *new), state(closed)) == [5]


def test_large_plans_are_cut() -> None:
    many = state(*(flow(in_port=port) for port in range(1, CHUNK + 11)))
    chunks = diff(many, State.empty(), OPENFLOW_13).chunks
    assert [len(chunk) for chunk in chunks] == [CHUNK, 10]
    assert len(diff(many, State.empty(), OPENFLOW_13, 1000).chunks) == 4
