"""Our channel and a real Open vSwitch: crashes, twins, packets, speed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.endpoint import Endpoint
from sdn_orch.errors import Disconnected
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.messages import PacketInReason
from sdn_orch.openflow.values import (
    CONTROLLER,
    NO_BUFFER,
    OPENFLOW_13,
    OPENFLOW_15,
    Action,
    DecrementTtl,
    Flow,
    FlowEntry,
    Match,
    Output,
    SetField,
)
from sdn_orch.southbound.channel import Channel
from sdn_orch.southbound.session import Session
from sdn_orch.southbound.surroundings import Timing
from tests.ovs.bridges import bridge
from tests.ovs.private import OpenVSwitch, open_vswitch
from tests.southbound import Recorder, wait_until

pytestmark = pytest.mark.ovs


@contextmanager
def listening(recorder: Recorder) -> Iterator[str]:
    channel = Channel(Endpoint("127.0.0.1", 0), recorder)
    port = channel.start()
    try:
        yield f"tcp:127.0.0.1:{port}"
    finally:
        channel.stop()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def target(recorder: Recorder) -> Iterator[str]:
    with listening(recorder) as address:
        yield address


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[OpenVSwitch]:
    with open_vswitch(tmp_path) as made:
        yield made


def mixed(count: int) -> list[FlowEntry]:
    """Flows as an edge has them: classified, rewritten, delivered."""
    flows = []
    for number in range(count):
        mac, network = 0x020000000000 + number, (number % 1000, 0xFFFFFF)
        match = Match.of(metadata=network, eth_dst=mac)
        kinds = (
            Flow(1, 100, Match.of(in_port=number % 50 + 1, eth_src=mac), metadata=network, goto=3),
            Flow(9, 50, match, (SetField("eth_dst", mac | 4 << 40),), goto=10),
            Flow(12, 50, match, (Output(number % 50 + 1),)),
        )
        flows.append(encode_flow(kinds[number % 3], OPENFLOW_15))
    return flows


def adding(flows: list[FlowEntry], chunk: int = 1 << 30) -> Plan:
    operations = [Operation(Verb.ADD, flow) for flow in flows]
    return Plan(tuple(tuple(operations[at : at + chunk]) for at in range(0, len(operations), chunk)))


def test_a_crash_of_the_switch_is_seen_and_it_comes_back_empty(
    switch: OpenVSwitch, recorder: Recorder, target: str
) -> None:
    dpid = switch.add_bridge("crash")
    switch.vsctl("set-controller", "crash", target)
    first = recorder.datapath()
    first.apply(adding(mixed(100)))
    switch.stop("ovs-vswitchd", signal.SIGKILL)
    recorder.wait(lambda told: told.disconnects)
    switch.start_switch()
    recorder.wait(lambda told: len(told.connects) == 2)
    assert recorder.order == ["connected", "disconnected", "connected"]
    second = recorder.connects[1]
    assert second.dpid == dpid
    assert second.dump().state().flows == {}
    second.apply(adding(mixed(100)))


def test_a_crash_in_the_middle_of_a_bundle(switch: OpenVSwitch, recorder: Recorder, target: str) -> None:
    switch.add_bridge("crash")
    switch.vsctl("set-controller", "crash", target)
    datapath = recorder.datapath()
    plan = adding(mixed(60_000), 1000)
    killer = threading.Timer(0.1, lambda: switch.stop("ovs-vswitchd", signal.SIGKILL))
    killer.start()
    with pytest.raises(Disconnected):
        datapath.apply(plan)
    killer.join()
    recorder.wait(lambda told: told.disconnects)
    switch.start_switch()


def test_a_frozen_switch_is_declared_dead_and_returns(switch: OpenVSwitch, recorder: Recorder) -> None:
    channel = Channel(Endpoint("127.0.0.1", 0), recorder, timing=Timing(echo_interval=0.3))
    port = channel.start()
    try:
        switch.add_bridge("frozen")
        switch.vsctl("set-controller", "frozen", f"tcp:127.0.0.1:{port}")
        recorder.datapath()
        switch.signal("ovs-vswitchd", signal.SIGSTOP)
        try:
            recorder.wait(lambda told: told.disconnects, 3)
        finally:
            switch.signal("ovs-vswitchd", signal.SIGCONT)
        recorder.wait(lambda told: len(told.connects) == 2)
        assert recorder.order[:3] == ["connected", "disconnected", "connected"]
    finally:
        channel.stop()


def test_two_bridges_with_one_datapath_id(
    switch: OpenVSwitch, recorder: Recorder, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("twin1", "twin2"):
        switch.add_bridge(name, "other_config:datapath-id=00000000000000ab")
    switch.vsctl("set-controller", "twin1", target)
    datapath = recorder.datapath()
    assert datapath.dpid == 0xAB
    switch.vsctl("set-controller", "twin2", target)
    wait_until(lambda: "two switches claim datapath id 00000000000000ab" in caplog.text)
    assert datapath.dump().state().flows == {}
    assert recorder.order == ["connected"]
    # When the first goes, the second is taken at its next attempt.
    switch.vsctl("del-controller", "twin1")
    recorder.wait(lambda told: len(told.connects) == 2, 20)
    assert recorder.order == ["connected", "disconnected", "connected"]


def test_an_expired_packet_comes_up(recorder: Recorder, target: str) -> None:
    with bridge() as made:
        made.control(target)
        datapath = recorder.datapath()
        actions: tuple[Action, ...] = (DecrementTtl(), Output(2))
        flow = encode_flow(Flow(0, 10, Match.of(eth_type=0x0800), actions), OPENFLOW_15)
        datapath.apply(adding([flow]))
        ethernet = bytes.fromhex("0200000000020200000000010800")
        ipv4 = bytes.fromhex("4500001c00000000011100000a0000010a000002") + bytes(8)
        made.ofctl("packet-out", f"in_port=1,packet={(ethernet + ipv4).hex()},actions=table")
        recorder.wait(lambda told: told.packets)
        (packet,) = recorder.packets
        assert (packet.reason, packet.cookie, packet.table) == (PacketInReason.INVALID_TTL, flow.cookie, 0)
        assert packet.frame[:14] == ethernet


def test_thousands_of_packets_come_up_in_order(recorder: Recorder, target: str) -> None:
    with bridge() as made:
        made.control(target)
        datapath = recorder.datapath()
        frames = [number.to_bytes(64, "big") for number in range(5000)]
        for frame in frames:
            datapath.packet_out((Output(CONTROLLER, NO_BUFFER),), frame, 1)
        recorder.wait(lambda told: len(told.packets) == len(frames))
        assert [packet.frame for packet in recorder.packets] == frames


def test_a_hundred_thousand_flows_arrive_in_chunks(recorder: Recorder, target: str) -> None:
    flows = mixed(100_000)
    with bridge() as made:
        made.control(target)
        datapath = recorder.datapath()
        datapath.apply(adding(flows, 4000))
        assert datapath.dump().state().flows == {flow.key: flow for flow in flows}


def test_an_open_vswitch_can_be_used_as_a_plain_switch(recorder: Recorder) -> None:
    with bridge() as made:
        channel = Channel(Endpoint("127.0.0.1", 0), recorder, plain=[made.dpid])
        port = channel.start()
        try:
            made.control(f"tcp:127.0.0.1:{port}")
            datapath = recorder.datapath()
            assert not datapath.capabilities.open_vswitch
            assert datapath.capabilities.version == OPENFLOW_13
            assert isinstance(datapath, Session)
            assert not datapath.introduction.has_bundles
        finally:
            channel.stop()
