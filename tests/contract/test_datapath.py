"""What every Datapath does, run on the fake switch and on Open vSwitch in both OpenFlow versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.endpoint import Endpoint
from sdn_orch.errors import Disconnected, SwitchRefused
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.values import (
    CONTROLLER,
    NO_BUFFER,
    OPENFLOW_13,
    OPENFLOW_15,
    ApplyGroup,
    Bucket,
    CopyField,
    DecrementTtl,
    Flow,
    FlowEntry,
    Group,
    GroupType,
    Match,
    Meter,
    Output,
    PopVlan,
    PushVlan,
    SetField,
    State,
    UseMeter,
)
from sdn_orch.southbound.base import Datapath, Port
from sdn_orch.southbound.channel import Channel
from sdn_orch.southbound.fake import FakeSwitch
from tests.ovs.bridges import bridge
from tests.southbound import Recorder

ADD, MODIFY, DELETE = Verb.ADD, Verb.MODIFY, Verb.DELETE
PORT_ONE = Match.of(in_port=1)
OUT = Bucket((Output(1),))
GROUP = Group(0x10000005, GroupType.ALL, (OUT,))
METER = Meter(5, 100, 100)


@dataclass
class Rig:
    """A switch under test: its session, what was told, and how to disturb it from outside."""

    datapath: Datapath
    recorder: Recorder
    cut: Callable[[], None]
    add_port: Callable[[int], None]

    def flow(
        self,
        *actions: object,
        table: int = 0,
        priority: int = 10,
        match: Match = PORT_ONE,
        metadata: tuple[int, int] | None = None,
        goto: int | None = None,
    ) -> FlowEntry:
        flow = Flow(table, priority, match, actions, metadata, goto)  # type: ignore[arg-type]
        return encode_flow(flow, self.datapath.capabilities.version)

    def apply(self, *operations: tuple[Verb, FlowEntry | Group | Meter]) -> None:
        """One chunk."""
        self.datapath.apply(Plan((tuple(Operation(*item) for item in operations),)))

    def refused(self, *operations: tuple[Verb, FlowEntry | Group | Meter]) -> SwitchRefused:
        with pytest.raises(SwitchRefused) as caught:
            self.apply(*operations)
        assert caught.value.dpid == self.datapath.dpid
        assert len(caught.value.failures) == len(caught.value.subjects) == 1
        return caught.value


@contextmanager
def _open_vswitch(versions: str) -> Iterator[Rig]:
    recorder = Recorder()
    channel = Channel(Endpoint("127.0.0.1", 0), recorder)
    port = channel.start()
    try:
        with bridge(versions) as switch:
            switch.control(f"tcp:127.0.0.1:{port}")
            datapath = recorder.datapath()
            yield Rig(
                datapath, recorder, switch.release, lambda number: _ignore(switch.add_port("p", number))
            )
    finally:
        channel.stop()


def _ignore(_: object) -> None:
    return None


@contextmanager
def _fake(version: int) -> Iterator[Rig]:
    recorder = Recorder()
    capabilities = Capabilities(open_vswitch=True, version=version, group_chaining=True, meters=True)
    switch = FakeSwitch(7, capabilities, pedantic=False)
    datapath = switch.connect(recorder)

    def add_port(number: int) -> None:
        switch.set_port(Port(number, f"port{number}", "02:00:00:00:00:01", True, 10_000))

    yield Rig(datapath, recorder, switch.disconnect, add_port)
    switch.disconnect()


@pytest.fixture(
    params=[
        pytest.param(lambda: _fake(OPENFLOW_13), id="fake-1.3"),
        pytest.param(lambda: _fake(OPENFLOW_15), id="fake-1.5"),
        pytest.param(lambda: _open_vswitch("OpenFlow13"), id="ovs-1.3", marks=pytest.mark.ovs),
        pytest.param(
            lambda: _open_vswitch("OpenFlow13,OpenFlow14,OpenFlow15"), id="ovs-1.5", marks=pytest.mark.ovs
        ),
    ]
)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with request.param() as opened:
        yield opened


def test_starts_empty_with_its_capabilities(rig: Rig) -> None:
    state = rig.datapath.dump().state()
    assert (state.flows, state.groups, state.meters) == ({}, {}, {})
    capabilities = rig.datapath.capabilities
    assert capabilities.open_vswitch and capabilities.meters and capabilities.group_chaining
    assert capabilities.group_select and capabilities.group_fast_failover
    assert capabilities.tables == 254
    assert rig.datapath.dpid != 0


def test_holds_what_a_plan_adds(rig: Rig) -> None:
    pointing = Group(0x20000001, GroupType.SELECT, (Bucket((ApplyGroup(GROUP.number),), weight=3), OUT))
    flows = [
        rig.flow(UseMeter(METER.number), ApplyGroup(GROUP.number)),
        rig.flow(SetField("eth_dst", 0x0200DEADBEEF), table=9, metadata=(7, 0xFFFFFF), goto=12),
        rig.flow(table=12, priority=0, match=Match()),
    ]
    rig.apply((ADD, METER), (ADD, GROUP), (ADD, pointing), *((ADD, flow) for flow in flows))
    state = rig.datapath.dump().state()
    assert state.flows == {flow.key: flow for flow in flows}
    assert state.groups == {GROUP.number: GROUP, pointing.number: pointing}
    assert state.meters == {METER.number: METER}
    assert rig.datapath.counters().keys() == state.flows.keys()
    assert rig.datapath.counters((9, 12)).keys() == {key for key in state.flows if key[0] in (9, 12)}


def test_tells_what_differs_from_what_it_should_hold(rig: Rig) -> None:
    right, missing, foreign = rig.flow(Output(1)), rig.flow(table=2), rig.flow(table=3)
    before, after = rig.flow(Output(1), table=4), rig.flow(Output(2), table=4)
    rig.apply((ADD, METER), (ADD, GROUP), *((ADD, flow) for flow in (right, before, foreign)))
    wanted = State({flow.key: flow for flow in (right, missing, after)}, {GROUP.number: GROUP}, {})
    lacks, has = rig.datapath.dump().apart_from(wanted)
    assert lacks == State({flow.key: flow for flow in (missing, after)}, wanted.groups, wanted.meters)
    assert has == State({flow.key: flow for flow in (before, foreign)}, wanted.groups, {METER.number: METER})
    state = rig.datapath.dump().state()
    assert rig.datapath.dump().apart_from(state) == (replace(state, flows={}), replace(state, flows={}))


def test_what_is_told_and_not_taken_is_no_obstacle(rig: Rig) -> None:
    rig.apply((ADD, rig.flow()))
    rig.datapath.dump().close()
    rig.datapath.dump()
    assert rig.datapath.dump().state().flows.keys() == {rig.flow().key}
    assert rig.datapath.counters().keys() == {rig.flow().key}


def test_deletes_and_replaces(rig: Rig) -> None:
    before, after, gone = rig.flow(Output(1)), rig.flow(Output(2)), rig.flow(table=3)
    rig.apply((ADD, METER), (ADD, GROUP), (ADD, before), (ADD, gone))
    changed = Group(GROUP.number, GroupType.ALL, (OUT, Bucket((Output(2),))))
    faster = Meter(METER.number, 200, 200)
    rig.apply((MODIFY, faster), (MODIFY, changed), (MODIFY, after), (DELETE, gone))
    state = rig.datapath.dump().state()
    assert state.flows == {after.key: after}
    assert state.groups == {changed.number: changed}
    assert state.meters == {faster.number: faster}
    rig.apply((DELETE, after), (DELETE, changed), (DELETE, faster))
    state = rig.datapath.dump().state()
    assert (state.flows, state.groups, state.meters) == ({}, {}, {})


def test_deleting_what_is_not_there_is_no_error(rig: Rig) -> None:
    rig.apply((DELETE, rig.flow()), (DELETE, GROUP), (DELETE, METER))


def test_deleting_what_is_used_takes_the_users_along(rig: Rig) -> None:
    rig.apply((ADD, METER), (ADD, GROUP), (ADD, rig.flow(UseMeter(METER.number))))
    rig.apply((ADD, rig.flow(ApplyGroup(GROUP.number), table=2)), (ADD, rig.flow(table=3)))
    rig.apply((DELETE, GROUP), (DELETE, METER))
    assert rig.datapath.dump().state().flows.keys() == {rig.flow(table=3).key}


def test_a_refused_chunk_has_no_effect_and_the_rest_is_not_sent(rig: Rig) -> None:
    good, bad, later = rig.flow(), rig.flow(ApplyGroup(99), table=1), rig.flow(table=2)
    before = rig.flow(table=4)
    plan = Plan(
        (
            (Operation(ADD, before),),
            (Operation(ADD, METER), Operation(ADD, GROUP), Operation(ADD, good), Operation(ADD, bad)),
            (Operation(ADD, later),),
        )
    )
    with pytest.raises(SwitchRefused) as caught:
        rig.datapath.apply(plan)
    ((what, why),) = caught.value.failures
    assert why == "BAD_ACTION: BAD_OUT_GROUP"
    assert "add flow" in what and "table=1" in what and f"{bad.cookie:#x}" in what
    assert caught.value.subjects == (bad,)
    state = rig.datapath.dump().state()
    assert state.flows == {before.key: before}
    assert (state.groups, state.meters) == ({}, {})
    rig.apply((ADD, later))
    assert later.key in rig.datapath.dump().state().flows


#: What a switch refuses: name -> the operation, after METER and GROUP have been added.
REFUSED: dict[str, tuple[Callable[[Rig], tuple[Verb, FlowEntry | Group | Meter]], str]] = {
    "group that is not there": (
        lambda rig: (ADD, rig.flow(ApplyGroup(6))),
        "BAD_ACTION: BAD_OUT_GROUP",
    ),
    "meter that is not there": (
        lambda rig: (ADD, rig.flow(UseMeter(6), Output(1))),
        "METER_MOD_FAILED: INVALID_METER",
    ),
    "second group of a number": (lambda _: (ADD, GROUP), "GROUP_MOD_FAILED: GROUP_EXISTS"),
    "second meter of a number": (lambda _: (ADD, METER), "METER_MOD_FAILED: METER_EXISTS"),
    "change of no group": (
        lambda _: (MODIFY, Group(6, GroupType.ALL, ())),
        "GROUP_MOD_FAILED: UNKNOWN_GROUP",
    ),
    "change of no meter": (lambda _: (MODIFY, Meter(6, 1, 1)), "METER_MOD_FAILED: UNKNOWN_METER"),
    "meter without a rate": (lambda _: (ADD, Meter(6, 0, 1)), "METER_MOD_FAILED: BAD_RATE"),
    "meter 0": (lambda _: (ADD, Meter(0, 1, 1)), "METER_MOD_FAILED: INVALID_METER"),
    "group number too high": (
        lambda _: (ADD, Group(0xFFFFFF01, GroupType.ALL, (OUT,))),
        "GROUP_MOD_FAILED: INVALID_GROUP",
    ),
    "failover bucket that watches nothing": (
        lambda _: (ADD, Group(6, GroupType.FAST_FAILOVER, (OUT,))),
        "GROUP_MOD_FAILED: INVALID_GROUP",
    ),
    "indirect group of two": (
        lambda _: (ADD, Group(6, GroupType.INDIRECT, (OUT, OUT))),
        "GROUP_MOD_FAILED: INVALID_GROUP",
    ),
    "goto backwards": (lambda rig: (ADD, rig.flow(table=3, goto=2)), "BAD_INSTRUCTION: BAD_TABLE_ID"),
    "goto itself": (lambda rig: (ADD, rig.flow(table=3, goto=3)), "BAD_INSTRUCTION: BAD_TABLE_ID"),
    "address of another protocol": (
        lambda rig: (ADD, rig.flow(match=Match.of(eth_type=0x0806, ipv4_dst=1))),
        "BAD_MATCH: BAD_PREREQ",
    ),
    "port without protocol": (
        lambda rig: (ADD, rig.flow(match=Match.of(eth_type=0x0800, udp_dst=1))),
        "BAD_MATCH: BAD_PREREQ",
    ),
    "neighbour option of the other message": (
        lambda rig: (
            ADD,
            rig.flow(match=Match.of(eth_type=0x86DD, ip_proto=58, icmpv6_type=135, ipv6_nd_tll=1)),
        ),
        "BAD_MATCH: BAD_PREREQ",
    ),
    "priority without tag": (
        lambda rig: (ADD, rig.flow(match=Match.of(vlan_pcp=1))),
        "BAD_MATCH: BAD_PREREQ",
    ),
    "ttl of any packet": (lambda rig: (ADD, rig.flow(DecrementTtl())), "BAD_ACTION: MATCH_INCONSISTENT"),
    "address of any packet": (
        lambda rig: (ADD, rig.flow(SetField("ipv4_dst", 1))),
        "BAD_ACTION: MATCH_INCONSISTENT",
    ),
    "copy between any packets": (
        lambda rig: (ADD, rig.flow(CopyField("arp_spa", "arp_tpa", 32))),
        "BAD_ACTION: MATCH_INCONSISTENT",
    ),
    "pop of no tag": (lambda rig: (ADD, rig.flow(PopVlan())), "BAD_ACTION: MATCH_INCONSISTENT"),
    "tag of an untagged packet": (
        lambda rig: (ADD, rig.flow(SetField("vlan_vid", 0x1005))),
        "BAD_ACTION: MATCH_INCONSISTENT",
    ),
    "read-only field": (
        lambda rig: (ADD, rig.flow(SetField("eth_type", 1))),
        "BAD_ACTION: BAD_SET_ARGUMENT",
    ),
    "no port": (lambda rig: (ADD, rig.flow(Output(0xFFFFFFFF))), "BAD_ACTION: BAD_OUT_PORT"),
    "port number too high": (lambda rig: (ADD, rig.flow(Output(0x10000))), "BAD_ACTION: BAD_OUT_PORT"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(rig: Rig, name: str) -> None:
    rig.apply((ADD, METER), (ADD, GROUP))
    build, text = REFUSED[name]
    operation = build(rig)
    refusal = rig.refused(operation)
    assert refusal.failures[0][1] == text
    assert refusal.subjects == (operation[1],)
    state = rig.datapath.dump().state()
    assert (state.flows, state.groups, state.meters) == ({}, {GROUP.number: GROUP}, {METER.number: METER})


def test_takes_what_depends_on_an_earlier_action(rig: Rig) -> None:
    rig.apply(
        (ADD, rig.flow(PushVlan(), SetField("vlan_vid", 0x1005))),
        (ADD, rig.flow(PopVlan(), match=Match.of(in_port=1, vlan_vid=(0x1000, 0x1000)))),
        (ADD, rig.flow(DecrementTtl(), match=Match.of(eth_type=0x86DD))),
    )
    assert len(rig.datapath.dump().state().flows) == 3


def test_an_empty_plan_does_nothing(rig: Rig) -> None:
    rig.datapath.apply(Plan(()))
    rig.datapath.apply(Plan(((),)))
    assert rig.datapath.dump().state().flows == {}


def test_thousands_of_flows_in_several_chunks(rig: Rig) -> None:
    flows = [
        rig.flow(Output(1), table=1, match=Match.of(eth_dst=0x020000000000 + number))
        for number in range(5000)
    ]
    operations = [Operation(ADD, flow) for flow in flows]
    rig.datapath.apply(Plan(tuple(tuple(operations[at : at + 2000]) for at in range(0, 5000, 2000))))
    assert rig.datapath.dump().state().flows == {flow.key: flow for flow in flows}


def test_tells_of_ports(rig: Rig) -> None:
    rig.add_port(3)
    rig.recorder.wait(lambda told: any(port.number == 3 and port.up for port, _ in told.port_changes))
    (port,) = [port for port in rig.datapath.ports() if port.number == 3]
    assert port.up and port.name and len(port.mac) == 17
    assert port.speed == 10_000


def test_the_end_is_told_once_and_everything_raises_afterwards(rig: Rig) -> None:
    rig.cut()
    rig.recorder.wait(lambda told: told.disconnects)
    for call in (
        rig.datapath.dump,
        rig.datapath.counters,
        lambda: rig.apply((ADD, rig.flow())),
        lambda: rig.datapath.packet_out((Output(CONTROLLER, NO_BUFFER),), bytes(60), 1),
    ):
        with pytest.raises(Disconnected):
            call()
    rig.datapath.close()
    rig.datapath.close()
    assert rig.recorder.disconnects == [rig.datapath]
    assert rig.recorder.order.count("connected") == 1


def test_close_ends_the_session(rig: Rig) -> None:
    rig.datapath.close()
    rig.recorder.wait(lambda told: told.disconnects)
    assert rig.recorder.disconnects == [rig.datapath]


def test_a_packet_sent_to_the_controller_comes_up(rig: Rig) -> None:
    frame = bytes(range(64))
    rig.datapath.packet_out((Output(CONTROLLER, NO_BUFFER),), frame, 1)
    rig.recorder.wait(lambda told: told.packets)
    (packet,) = rig.recorder.packets
    assert (packet.dpid, packet.in_port, packet.frame) == (rig.datapath.dpid, 1, frame)
