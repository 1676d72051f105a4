"""Our channel and a real Open vSwitch: crashes, twins, packets, speed."""

from __future__ import annotations

import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.errors import Disconnected
from sdn_orch.openflow.codec import decode_flow, encode_flow
from sdn_orch.openflow.messages import PacketInReason
from sdn_orch.openflow.text import flow_to_ofctl
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
from sdn_orch.southbound.base import Datapath
from sdn_orch.southbound.channel import Channel, Endpoint
from sdn_orch.southbound.surroundings import Timing
from tests.ovs.bridges import bridge
from tests.ovs.private import OpenVSwitch, open_vswitch
from tests.southbound import Recorder, wait_until

pytestmark = pytest.mark.ovs


@contextmanager
def listening(recorder: Recorder) -> Iterator[str]:
    channel = Channel([Endpoint("127.0.0.1", 0)], recorder)
    (port,) = channel.start()
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
    assert second.read().flows == {}
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
    channel = Channel([Endpoint("127.0.0.1", 0)], recorder, timing=Timing(echo_interval=0.3))
    (port,) = channel.start()
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
    assert datapath.read().flows == {}
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


def test_a_hundred_thousand_flows_are_no_slower_than_ovs_ofctl(
    recorder: Recorder, target: str, tmp_path: Path
) -> None:
    flows = mixed(100_000)
    plan = adding(flows, 4000)
    with bridge() as made:
        text = tmp_path / "flows.txt"
        made.control(target)
        datapath = recorder.datapath()
        text.write_text("".join(f"{flow_to_ofctl(decode_flow(flow, OPENFLOW_15))}\n" for flow in flows))
        ours, theirs, reads = [], [], []
        for _ in range(3):
            made.ofctl("del-flows")
            ours.append(_seconds(lambda: datapath.apply(plan)))
            reads.append(_seconds(lambda: _same(datapath, flows)))
            made.ofctl("del-flows")
            theirs.append(_seconds(lambda: made.ofctl("add-flows", str(text), "--bundle")))
    print(f"apply {ours}, ovs-ofctl {theirs}, read {reads}")
    # The benchmark `program` holds the exact bar; here other tests may run beside us.
    assert min(ours) <= 1.2 * min(theirs)
    assert min(reads) < 1


def test_one_flow_is_there_within_a_few_milliseconds(recorder: Recorder, target: str) -> None:
    with bridge() as made:
        made.control(target)
        datapath = recorder.datapath()
        taken = [_seconds(lambda flow=flow: datapath.apply(adding([flow]))) for flow in mixed(300)]  # type: ignore[misc]
    print(f"one flow: median {statistics.median(taken) * 1e6:.0f} µs, worst {max(taken) * 1e6:.0f} µs")
    assert statistics.median(taken) < 0.005


def _same(datapath: Datapath, flows: list[FlowEntry]) -> None:
    assert len(datapath.read().flows) == len(flows)


def _seconds(body: Callable[[], object]) -> float:
    started = time.perf_counter()
    body()
    return time.perf_counter() - started


def test_an_open_vswitch_can_be_used_as_a_plain_switch(recorder: Recorder) -> None:
    with bridge() as made:
        channel = Channel([Endpoint("127.0.0.1", 0)], recorder, plain=[made.dpid])
        (port,) = channel.start()
        try:
            made.control(f"tcp:127.0.0.1:{port}")
            datapath = recorder.datapath()
            assert not datapath.capabilities.open_vswitch
            assert datapath.capabilities.version == OPENFLOW_13
            (session,) = channel.sessions()
            assert not session.introduction.has_bundles
        finally:
            channel.stop()
