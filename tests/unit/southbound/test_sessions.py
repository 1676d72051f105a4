"""Sessions with switches that behave, and with switches that do not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Any

import pytest

from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.endpoint import Endpoint
from sdn_orch.errors import Disconnected, SwitchRefused
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.messages import Kind, echo_request, hello_versions, message
from sdn_orch.openflow.multipart import Part
from sdn_orch.openflow.values import (
    OPENFLOW_13,
    OPENFLOW_15,
    Flow,
    FlowEntry,
    Group,
    GroupType,
    Match,
    Output,
    State,
)
from sdn_orch.southbound.base import Datapath, PacketIn, Port
from sdn_orch.southbound.channel import Channel
from sdn_orch.southbound.session import Session
from sdn_orch.southbound.surroundings import Timing
from tests.scripted_switch import ScriptedSwitch, described, error, multipart, port_13
from tests.southbound import Recorder, wait_until


@contextmanager
def listening(recorder: Recorder, timing: Timing | None = None) -> Iterator[int]:
    channel = Channel(Endpoint("127.0.0.1", 0), recorder, timing=timing)
    port = channel.start()
    try:
        yield port
    finally:
        channel.stop()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def port(recorder: Recorder) -> Iterator[int]:
    with listening(recorder) as number:
        yield number


def flow(number: int, table: int = 0) -> FlowEntry:
    return encode_flow(Flow(table, 10, Match.of(in_port=number), (Output(1),)), OPENFLOW_13)


def add(*subjects: FlowEntry | Group) -> Plan:
    return Plan((tuple(Operation(Verb.ADD, subject) for subject in subjects),))


def test_a_plain_switch_says_what_it_can(recorder: Recorder, port: int) -> None:
    with ScriptedSwitch(port, dpid=0xABC).serve():
        datapath = recorder.datapath()
        assert datapath.dpid == 0xABC
        assert datapath.capabilities == Capabilities(
            open_vswitch=False,
            version=OPENFLOW_13,
            tables=4,
            group_select=True,
            group_fast_failover=False,
            group_chaining=False,
            meters=False,
        )
        assert datapath.ports() == (
            Port(1, "eth1", "02:00:00:00:00:01", True, 10_000),
            Port(2, "eth2", "02:00:00:00:00:02", False, 10_000),
        )
        state = datapath.dump().state()
        assert (state.flows, state.groups, state.meters) == ({}, {}, {})


def test_the_best_common_version_is_taken(recorder: Recorder, port: int) -> None:
    with ScriptedSwitch(port, versions=(1, OPENFLOW_13, 5)).serve():
        assert recorder.datapath().capabilities.version == OPENFLOW_13


def test_a_plain_switch_with_a_newer_version_comes_back_with_13(recorder: Recorder, port: int) -> None:
    versions = (OPENFLOW_13, OPENFLOW_15)
    with ScriptedSwitch(port, versions=versions) as newer:
        newer.serve()
        wait_until(lambda: newer._thread is not None and not newer._thread.is_alive())
    assert recorder.order == []
    with ScriptedSwitch(port, versions=versions) as back:
        hello = back.receive()
        assert hello is not None and hello_versions(hello) == {OPENFLOW_13}
        back.serve()
        assert recorder.datapath().capabilities.version == OPENFLOW_13


def test_without_a_common_version_the_switch_is_told(recorder: Recorder, port: int) -> None:
    with ScriptedSwitch(port, versions=(1,)) as switch:
        assert switch.receive() is not None
        refusal = switch.receive()
        assert refusal is not None and refusal[1] == Kind.ERROR and refusal[8:12] == bytes(4)
        assert b"0x01" in refusal
        assert switch.receive() is None
    assert recorder.connects == []


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"A\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        bytes(64),
        b"\xff" * 64,
        b"\x04\x00\x00\x04\x00\x00\x00\x01",
        b"\x04\x00\x00\x0c\x00\x00\x00\x01\x00\x01\x00\x00",
    ],
    ids=["http", "telnet", "tls", "zeros", "ones", "length 4", "hello element of length 0"],
)
def test_what_is_no_openflow_is_disconnected_and_others_live(
    recorder: Recorder, port: int, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedSwitch(port).serve():
        datapath = recorder.datapath()
        with ScriptedSwitch.__new__(ScriptedSwitch) as stranger:
            _connect_raw(stranger, port)
            stranger.send(first)
            while stranger.receive() is not None:
                pass
        wait_until(lambda: "not proper OpenFlow" in caplog.text)
        assert datapath.dump().state().flows == {}
    assert len(recorder.connects) == 1


def _connect_raw(switch: ScriptedSwitch, port: int) -> None:
    """A connection without the hello."""
    import socket

    switch.received, switch._buffer, switch._thread = [], b"", None
    switch.socket = socket.create_connection(("127.0.0.1", port))
    switch.socket.settimeout(5)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("features_request", lambda _, request: message(4, Kind.FEATURES_REPLY, 1, bytes(8))),
        (
            "features_request",
            lambda _, request: message(4, Kind.FEATURES_REPLY, 1, Struct("!QIBB2xII").pack(1, 0, 0, 0, 0, 0)),
        ),
        ("features_request", lambda _, request: error(request, 1, 1)),
        ("multipart_request", lambda _, request: multipart(request, b"short")),
        ("multipart_request", lambda _, request: error(request, 1, 2)),
        ("barrier_request", lambda _, request: b"\x04\x15\x00\x00\x00\x00\x00\x00"),
    ],
    ids=["short features", "no tables", "no features", "short parts", "no ports", "length 0"],
)
def test_wrong_features_end_the_session(
    recorder: Recorder,
    port: int,
    kind: str,
    answer: Callable[[ScriptedSwitch, bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ScriptedSwitch(port, 1, (OPENFLOW_13,), **{kind: answer}) as switch:
        switch.serve()
        wait_until(lambda: "not proper OpenFlow" in caplog.text)
    assert recorder.order == []


@pytest.mark.parametrize(
    "garbage",
    [
        message(OPENFLOW_13, Kind.PACKET_IN, 0, bytes(4)),
        message(OPENFLOW_13, Kind.PACKET_IN, 0, b"\xff" * 40),
        message(OPENFLOW_13, Kind.PORT_STATUS, 0, b"\x01" + bytes(7)),
        message(OPENFLOW_13, Kind.ERROR, 0, b""),
        message(OPENFLOW_15, Kind.BARRIER_REPLY, 0),
        b"\x04\x0a\x00\x07\x00\x00\x00\x00",
    ],
    ids=[
        "short packet-in",
        "packet-in of ones",
        "short port status",
        "short error",
        "other version",
        "length 7",
    ],
)
def test_garbage_later_ends_the_session_and_says_so(
    recorder: Recorder, port: int, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedSwitch(port).serve() as switch:
        recorder.datapath()
        switch.send(garbage)
        recorder.wait(lambda told: told.disconnects)
        assert "0000000000000001" in caplog.text and "not proper OpenFlow" in caplog.text


def test_a_silent_switch_is_declared_dead(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with listening(recorder, Timing(echo_interval=0.1)) as port, ScriptedSwitch(port) as switch:
        switch.serve_until(Kind.BARRIER_REQUEST)
        recorder.datapath()
        started = time.monotonic()
        recorder.wait(lambda told: told.disconnects)
        assert time.monotonic() - started >= 0.1
    assert "silent for 0.2 s" in caplog.text


def test_a_switch_that_answers_echoes_stays(recorder: Recorder) -> None:
    interval, started = 1.0, time.monotonic()
    with listening(recorder, Timing(echo_interval=interval)) as port, ScriptedSwitch(port).serve() as switch:

        def asked() -> int:
            return sum(item[1] == Kind.ECHO_REQUEST for item in switch.received)

        recorder.datapath()
        # One that answers none is dead after two intervals.
        wait_until(lambda: asked() >= 3)
        assert recorder.disconnects == []
        assert asked() <= (time.monotonic() - started) / interval + 1


def test_echo_requests_are_answered(recorder: Recorder, port: int) -> None:
    with ScriptedSwitch(port).serve() as switch:
        recorder.datapath()
        switch.send(echo_request(OPENFLOW_13, 77, b"ping"))
        wait_until(lambda: message(OPENFLOW_13, Kind.ECHO_REPLY, 77, b"ping") in switch.received)


def test_a_handshake_that_never_ends_is_given_up(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(recorder, Timing(handshake=0.2)) as port, ScriptedSwitch(port) as switch:
        while switch.receive() is not None:
            pass
    assert "handshake not finished within 0.2 s" in caplog.text
    assert recorder.order == []


def test_the_second_switch_with_a_datapath_id_is_refused(
    recorder: Recorder, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedSwitch(port, dpid=9).serve():
        datapath = recorder.datapath()
        with ScriptedSwitch(port, dpid=9) as twin:
            twin.serve()
            wait_until(lambda: "two switches claim datapath id 0000000000000009" in caplog.text)
            wait_until(lambda: not twin._thread or not twin._thread.is_alive())
        assert datapath.dump().state().flows == {}
    recorder.wait(lambda told: told.disconnects)
    assert recorder.order == ["connected", "disconnected"]


def test_a_dead_session_gives_way_to_the_new_one(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdn_orch.southbound.channel._PROBE_TIMEOUT", 0.2)
    with listening(recorder) as port, ScriptedSwitch(port, dpid=9) as gone:
        gone.serve_until(Kind.BARRIER_REQUEST)
        old = recorder.datapath()
        with ScriptedSwitch(port, dpid=9).serve():
            recorder.wait(lambda told: len(told.connects) == 2)
            assert recorder.disconnects == [old]
            assert recorder.order == ["connected", "disconnected", "connected"]
            assert recorder.connects[1].dump().state().flows == {}


def test_no_thread_and_no_descriptor_stays_behind(recorder: Recorder, port: int) -> None:
    import os

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = threading.active_count(), descriptors()
    for number in range(1, 41):
        with ScriptedSwitch(port, dpid=number % 3 + 1) as switch:
            switch.serve()
            recorder.wait(lambda told, number=number: len(told.connects) == number)  # type: ignore[misc]
        recorder.wait(lambda told, number=number: len(told.disconnects) == number)  # type: ignore[misc]
    wait_until(lambda: (threading.active_count(), descriptors()) == before)
    assert recorder.order == ["connected", "disconnected"] * 40


def test_stopping_tells_every_end_and_frees_the_port(recorder: Recorder) -> None:
    with listening(recorder) as port:
        switches = [ScriptedSwitch(port, dpid=dpid).serve() for dpid in (1, 2, 3)]
        recorder.wait(lambda told: len(told.connects) == 3)
    assert len(recorder.disconnects) == 3
    for switch in switches:
        switch.close()
    channel = Channel(Endpoint("127.0.0.1", port), recorder)
    assert channel.start() == port
    channel.stop()


def test_a_taken_port_is_an_error(recorder: Recorder, port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        Channel(Endpoint("127.0.0.1", port), recorder).start()


class Failing(Recorder):
    """A listener with a bug in every method."""

    def connected(self, datapath: Datapath) -> None:
        super().connected(datapath)
        raise RuntimeError("in connected")

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None:
        super().packet_in(datapath, packet)
        raise RuntimeError("in packet_in")

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None:
        super().port_changed(datapath, port, removed)
        raise RuntimeError("in port_changed")

    def disconnected(self, datapath: Datapath) -> None:
        super().disconnected(datapath)
        raise RuntimeError("in disconnected")


def test_a_listener_that_raises_is_logged_and_the_session_lives(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Failing()
    with listening(recorder) as port, ScriptedSwitch(port).serve() as switch:
        datapath = recorder.datapath()
        match = Struct("!HHHBBI").pack(1, 12, 0x8000, 0, 4, 7) + bytes(4)
        body = Struct("!IHBBQ").pack(0xFFFFFFFF, 3, 1, 2, 99) + match + bytes(2) + b"abc"
        switch.send(message(OPENFLOW_13, Kind.PACKET_IN, 0, body))
        switch.send(message(OPENFLOW_13, Kind.PORT_STATUS, 0, bytes((0,)) + bytes(7) + port_13(5)))
        switch.send(message(OPENFLOW_13, Kind.PORT_STATUS, 0, bytes((1,)) + bytes(7) + port_13(1)))
        recorder.wait(lambda told: len(told.port_changes) == 2)
        assert recorder.packets == [PacketIn(1, 7, 2, 99, 0, 1, b"abc")]
        assert {port.number for port in datapath.ports()} == {2, 5}
        assert datapath.dump().state().flows == {}
    recorder.wait(lambda told: told.disconnects)
    for place in ("connected", "packet_in", "port_changed", "disconnected"):
        wait_until(lambda place=place: f"RuntimeError: in {place}" in caplog.text)  # type: ignore[misc]


def test_a_port_change_during_the_handshake_is_not_lost(recorder: Recorder, port: int) -> None:
    def status_before_barrier(_: ScriptedSwitch, request: bytes) -> bytes:
        xid = int.from_bytes(request[4:8], "big")
        status = message(OPENFLOW_13, Kind.PORT_STATUS, 0, bytes((2,)) + bytes(7) + port_13(2, up=True))
        return status + message(OPENFLOW_13, Kind.BARRIER_REPLY, xid)

    with ScriptedSwitch(port, barrier_request=status_before_barrier).serve():
        recorder.wait(lambda told: told.port_changes)
        assert recorder.order == ["connected", "port"]
        assert all(port.up for port in recorder.datapath().ports())


def test_a_plain_switch_gets_barriers_where_order_matters(recorder: Recorder, port: int) -> None:
    groups = [Group(number, GroupType.INDIRECT, ()) for number in (1, 2)]
    with ScriptedSwitch(port).serve() as switch:
        datapath = recorder.datapath()
        start = len(switch.received)
        datapath.apply(add(*groups, flow(1, 3), flow(2, 3), flow(3, 0)))
        # How it treats fragments is the last that it is told before; it may come in only now.
        kinds = [item[1] for item in switch.received[start:] if item[1] != Kind.SET_CONFIG]
        group, one, barrier = Kind.GROUP_MOD, Kind.FLOW_MOD, Kind.BARRIER_REQUEST
        assert kinds == [group, barrier, group, barrier, one, one, barrier, one, barrier]
        denies = [encode_flow(Flow(0, 9, Match.of(in_port=each)), OPENFLOW_13) for each in (7, 8)]
        start = len(switch.received)
        datapath.apply(add(*denies, flow(9)))
        assert [item[1] for item in switch.received[start:]] == [one, one, barrier, one, barrier]


def test_an_error_names_the_flow_and_the_next_chunk_is_not_sent(recorder: Recorder, port: int) -> None:
    refused = flow(2)

    def refuse(_: ScriptedSwitch, request: bytes) -> bytes | None:
        return error(request, 5, 1) if refused.match in request else None

    with ScriptedSwitch(port, flow_mod=refuse).serve() as switch:
        datapath = recorder.datapath()
        plan = Plan((*add(flow(1), refused, flow(3)).chunks, *add(flow(4)).chunks))
        with pytest.raises(SwitchRefused, match=r"in_port=2.*FLOW_MOD_FAILED: TABLE_FULL") as caught:
            datapath.apply(plan)
        assert caught.value.subjects == (refused,)
        assert sum(item[1] == Kind.FLOW_MOD for item in switch.received) == 3
        datapath.apply(add(flow(1)))


def test_a_disconnect_in_the_middle_of_a_plan_raises_at_once(
    recorder: Recorder, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedSwitch(port, flow_mod=lambda switch, _: switch.socket.close()).serve():
        datapath = recorder.datapath()
        with pytest.raises(Disconnected):
            datapath.apply(add(*(flow(number) for number in range(1, 2000))))
        recorder.wait(lambda told: told.disconnects)
    # It was not found out by waiting for an answer.
    assert "disconnecting it" not in caplog.text


def test_a_switch_that_does_not_answer_is_disconnected(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(recorder, Timing(answer=0.2)) as port, ScriptedSwitch(port) as switch:
        switch.serve_until(Kind.BARRIER_REQUEST)
        datapath = recorder.datapath()
        with pytest.raises(Disconnected, match=r"no answer within 0\.\d+ s"):
            datapath.dump().state()
        recorder.wait(lambda told: told.disconnects)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _, request: multipart(request, b"\x00\x40" + bytes(62)),
        lambda _, request: multipart(request, bytes(3)),
        lambda _, request: error(request, 1, 2),
        lambda _, request: error(request, 1, 2)[:10][:2] + b"\x00\x0a" + request[4:8] + bytes(2),
    ],
    ids=["flow without match", "short flow", "error", "short error"],
)
def test_a_switch_that_answers_nonsense_is_disconnected(
    recorder: Recorder,
    port: int,
    answer: Callable[[ScriptedSwitch, bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ScriptedSwitch(port).serve() as switch:
        datapath = recorder.datapath()
        switch.answer(Kind.MULTIPART_REQUEST, answer)
        with pytest.raises(Disconnected, match="dump: "):
            datapath.dump().state()
        recorder.wait(lambda told: told.disconnects)
    assert "disconnecting it" in caplog.text


def test_a_flow_that_is_told_twice_is_there_once(recorder: Recorder, port: int) -> None:
    right, foreign = flow(1), flow(2)
    body = b"".join(described(entry) for entry in (right, foreign, right, foreign))
    with ScriptedSwitch(port).serve() as switch:
        datapath = recorder.datapath()
        switch.answer(
            Kind.MULTIPART_REQUEST,
            lambda _, request: multipart(request, body if request[9] == Part.FLOW else b""),
        )
        lacks, has = datapath.dump().apart_from(State({right.key: right}, {}, {}))
    assert (lacks.flows, has.flows) == ({}, {foreign.key: foreign})


def test_a_switch_that_stops_reading_holds_up_the_sender_only(recorder: Recorder, port: int) -> None:
    with ScriptedSwitch(port) as switch:
        switch.serve_until(Kind.BARRIER_REQUEST)
        datapath = recorder.datapath()
        faults: list[BaseException] = []

        def send_much() -> None:
            try:
                datapath.apply(add(*[flow(1)] * 300_000))
            except Disconnected as fault:
                faults.append(fault)

        stuck = threading.Thread(target=send_much, daemon=True)
        stuck.start()
        stuck.join(1)
        assert stuck.is_alive()
        # Packets are lost rather than waited for: they are all gone before the other sender gives up.
        for _ in range(500):
            datapath.packet_out((Output(1),), bytes(60_000), 1)
        assert stuck.is_alive()
        # Nobody reads at the other end, and still what it says is heard.
        switch.send(message(OPENFLOW_13, Kind.PORT_STATUS, 0, bytes((0,)) + bytes(7) + port_13(5)))
        recorder.wait(lambda told: told.port_changes, 2)
        datapath.close()
        stuck.join(60)
        assert not stuck.is_alive() and len(faults) == 1


def test_a_switch_that_asks_and_does_not_read_is_given_up(
    recorder: Recorder, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with ScriptedSwitch(port) as switch:
        switch.serve_until(Kind.BARRIER_REQUEST)
        recorder.datapath()
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            while True:
                switch.send(echo_request(OPENFLOW_13, 1, bytes(60_000)))
        recorder.wait(lambda told: told.disconnects)
    assert "asks and does not read" in caplog.text


def test_asking_from_the_receiving_thread_is_refused(port: int, recorder: Recorder) -> None:
    faults: list[BaseException] = []

    def read_at_once(datapath: Datapath) -> None:
        try:
            datapath.dump().state()
        except RuntimeError as error:
            faults.append(error)

    recorder.connected = read_at_once  # type: ignore[method-assign]
    with ScriptedSwitch(port).serve():
        wait_until(lambda: faults)


def test_concurrent_readers_and_writers_share_a_session(recorder: Recorder, port: int) -> None:
    with ScriptedSwitch(port).serve():
        datapath = recorder.datapath()
        faults: list[BaseException] = []

        def work() -> None:
            try:
                for number in range(1, 51):
                    datapath.apply(add(flow(number)))
                    assert datapath.dump().state().flows == {}
            except BaseException as fault:
                faults.append(fault)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not faults and not any(thread.is_alive() for thread in threads)


class Clumsy(Recorder):
    """Stumbles over everything, as a listener and as applications."""

    versions = frozenset({OPENFLOW_13})

    def _keep(self, name: str, kept: list[Any], value: object) -> None:
        super()._keep(name, kept, value)
        raise RuntimeError(f"a bug in {name}")

    def opened(self, session: Session) -> None:
        self._keep("opened", [], session)

    def deliver(self, session: Session, message: bytes) -> None:
        self._keep("delivered", [], message)

    def closed(self, session: Session) -> None:
        self._keep("closed", [], session)


def test_who_stumbles_over_a_switch_s_news_takes_nothing_else_along(caplog: pytest.LogCaptureFixture) -> None:
    clumsy = Clumsy()
    channel = Channel(Endpoint("127.0.0.1", 0), clumsy, applications=clumsy)
    port = channel.start()
    try:
        for _ in range(2):
            clumsy.order.clear()
            with ScriptedSwitch(port).serve() as switch:
                clumsy.wait(lambda told: "opened" in told.order)
                switch.send(message(OPENFLOW_13, Kind.PORT_STATUS, 0, b"\2" + bytes(7) + port_13(9)))
                clumsy.wait(lambda told: {"port", "delivered"} <= set(told.order))
                assert clumsy.connects[-1].dump().state().flows == {}
            clumsy.wait(lambda told: "closed" in told.order)
    finally:
        channel.stop()
    assert caplog.text.count("a bug in closed") == 2
    assert clumsy.order == ["connected", "opened", "port", "delivered", "disconnected", "closed"]
