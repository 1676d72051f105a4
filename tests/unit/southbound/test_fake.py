"""The fake switch's own things: faults on demand, pedantry, and what a plain switch cannot hold."""

from __future__ import annotations

import pytest

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.errors import Disconnected, SwitchRefused
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.values import (
    OPENFLOW_13,
    OPENFLOW_15,
    Action,
    ApplyGroup,
    Bucket,
    CheckPacketLarger,
    CopyField,
    Flow,
    FlowEntry,
    Group,
    GroupType,
    Match,
    Meter,
    Output,
    Resubmit,
    SetField,
    UseMeter,
)
from sdn_orch.southbound.base import Port
from sdn_orch.southbound.fake import OPEN_VSWITCH, FakeSwitch
from tests.southbound import Recorder

ADD, DELETE = Verb.ADD, Verb.DELETE
GROUP = Group(5, GroupType.ALL, (Bucket((Output(1),)),))
METER = Meter(5, 100, 100)
PLAIN = Capabilities(tables=4)


def flow(number: int, *actions: Action, version: int = OPENFLOW_15) -> FlowEntry:
    return encode_flow(Flow(0, 10, Match.of(in_port=number), actions), version)


def plan(*chunks: list[tuple[Verb, FlowEntry | Group | Meter]]) -> Plan:
    return Plan(tuple(tuple(Operation(*item) for item in chunk) for chunk in chunks))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_the_nth_operation_is_refused_and_only_once(recorder: Recorder) -> None:
    switch = FakeSwitch(1)
    datapath = switch.connect(recorder)
    wanted = plan([(ADD, flow(1)), (ADD, flow(2))], [(ADD, flow(3)), (ADD, flow(4))])
    switch.refuse(4)
    with pytest.raises(SwitchRefused, match=r"in_port=4.*TABLE_FULL") as caught:
        datapath.apply(wanted)
    assert caught.value.subjects == (flow(4),)
    assert switch.state.flows.keys() == {flow(1).key, flow(2).key}
    datapath.apply(wanted)
    assert len(switch.state.flows) == 4


def test_a_disconnect_in_a_bundle_leaves_nothing_of_it(recorder: Recorder) -> None:
    switch = FakeSwitch(1)
    datapath = switch.connect(recorder)
    switch.disconnect_at(3)
    with pytest.raises(Disconnected):
        datapath.apply(plan([(ADD, flow(1))], [(ADD, flow(2)), (ADD, flow(3))]))
    assert recorder.order == ["connected", "disconnected"]
    assert switch.state.flows.keys() == {flow(1).key}
    again = switch.connect(recorder)
    assert again.dump().state().flows.keys() == {flow(1).key}


def test_a_plain_switch_keeps_what_came_before_the_fault(recorder: Recorder) -> None:
    switch = FakeSwitch(1, PLAIN)
    datapath = switch.connect(recorder)
    switch.refuse(2)
    first, second = (flow(number, version=OPENFLOW_13) for number in (1, 2))
    with pytest.raises(SwitchRefused):
        datapath.apply(plan([(ADD, first), (ADD, second)]))
    assert switch.state.flows.keys() == {first.key}


def test_a_restart_empties_it(recorder: Recorder) -> None:
    switch = FakeSwitch(1)
    switch.connect(recorder).apply(plan([(ADD, flow(1))]))
    switch.restart()
    assert recorder.order == ["connected", "disconnected"]
    assert switch.connect(recorder).dump().state().flows == {}


def test_a_new_session_ends_the_old_one_first(recorder: Recorder) -> None:
    switch = FakeSwitch(1)
    old = switch.connect(recorder)
    switch.connect(recorder)
    assert recorder.order == ["connected", "disconnected", "connected"]
    with pytest.raises(Disconnected):
        old.dump().state()


def test_what_is_read_does_not_change_later(recorder: Recorder) -> None:
    switch = FakeSwitch(1)
    datapath = switch.connect(recorder)
    before = datapath.dump().state()
    datapath.apply(plan([(ADD, flow(1)), (ADD, GROUP), (ADD, METER)]))
    assert (before.flows, before.groups, before.meters) == ({}, {}, {})


def test_everything_sent_is_kept_in_order(recorder: Recorder) -> None:
    switch = FakeSwitch(1)
    wanted = plan([(ADD, METER), (ADD, GROUP)], [(ADD, flow(1)), (DELETE, flow(1))])
    switch.connect(recorder).apply(wanted)
    assert switch.operations == list(wanted)


def test_ports_come_change_and_go(recorder: Recorder) -> None:
    switch = FakeSwitch(1, ports=(Port(1, "eth1", "02:00:00:00:00:01", True, 10_000),))
    datapath = switch.connect(recorder)
    down = Port(1, "eth1", "02:00:00:00:00:01", False, 10_000)
    switch.set_port(down)
    assert datapath.ports() == (down,)
    switch.remove_port(1)
    assert datapath.ports() == ()
    assert recorder.port_changes == [(down, False), (down, True)]


def test_pedantry_about_what_is_still_used(recorder: Recorder) -> None:
    pointing = Group(6, GroupType.ALL, (Bucket((ApplyGroup(5),)),))
    datapath = FakeSwitch(1).connect(recorder)
    for user in (flow(1, ApplyGroup(5)), pointing):
        datapath.apply(plan([(ADD, GROUP), (ADD, user)]))
        with pytest.raises(SwitchRefused, match="pedantic: group is used"):
            datapath.apply(plan([(DELETE, GROUP), (DELETE, user)]))
        datapath.apply(plan([(DELETE, user), (DELETE, GROUP)]))
    user = flow(1, UseMeter(5))
    datapath.apply(plan([(ADD, METER), (ADD, user)]))
    with pytest.raises(SwitchRefused, match="pedantic: meter is used by 1 flow"):
        datapath.apply(plan([(DELETE, METER), (DELETE, user)]))
    with pytest.raises(SwitchRefused, match="pedantic: group points at"):
        datapath.apply(plan([(ADD, pointing), (ADD, GROUP)]))


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (Resubmit(3), "BAD_EXPERIMENTER"),
        (CheckPacketLarger(100, "reg0"), "BAD_EXPERIMENTER"),
        (CopyField("eth_src", "eth_dst", 48), "BAD_EXPERIMENTER"),
        (SetField("reg1", 1), "BAD_SET_TYPE"),
        (SetField("eth_dst", 1, 3), "BAD_EXPERIMENTER"),
        (UseMeter(5), "INVALID_METER"),
    ],
)
def test_a_plain_switch_refuses_extensions(recorder: Recorder, action: Action, text: str) -> None:
    datapath = FakeSwitch(1, PLAIN).connect(recorder)
    with pytest.raises(SwitchRefused, match=text):
        datapath.apply(plan([(ADD, flow(1, action, version=OPENFLOW_13))]))


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (METER, "INVALID_METER"),
        (Group(1, GroupType.SELECT, ()), "BAD_TYPE"),
        (Group(1, GroupType.ALL, (Bucket((ApplyGroup(5),)),)), "CHAINING_UNSUPPORTED"),
        (encode_flow(Flow(0, 1, Match.of(reg0=1)), OPENFLOW_13), "BAD_FIELD"),
        (encode_flow(Flow(4, 1, Match()), OPENFLOW_13), "BAD_TABLE_ID"),
    ],
)
def test_a_switch_refuses_what_it_does_not_have(
    recorder: Recorder, subject: Group | Meter | FlowEntry, text: str
) -> None:
    capabilities = Capabilities(tables=4, group_select=False)
    datapath = FakeSwitch(1, capabilities, pedantic=False).connect(recorder)
    with pytest.raises(SwitchRefused, match=text):
        datapath.apply(plan([(ADD, subject)]))


def test_by_default_it_is_an_open_vswitch() -> None:
    assert FakeSwitch(1).capabilities == OPEN_VSWITCH
