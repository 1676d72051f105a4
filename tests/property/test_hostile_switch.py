"""Whatever a switch sends, its session answers or ends cleanly, and others go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.endpoint import Endpoint
from sdn_orch.openflow.messages import Kind, echo_request, message
from sdn_orch.openflow.values import OPENFLOW_13
from sdn_orch.southbound.channel import Channel
from tests.scripted_switch import ScriptedSwitch, port_13
from tests.southbound import Recorder

_MATCH = Struct("!HHHBBI").pack(1, 12, 0x8000, 0, 4, 7) + bytes(4)
_PACKET_IN = Struct("!IHBBQ").pack(0xFFFFFFFF, 60, 1, 2, 99) + _MATCH + bytes(2)
VALID = (
    message(OPENFLOW_13, Kind.PACKET_IN, 0, _PACKET_IN + bytes(60)),
    message(OPENFLOW_13, Kind.PORT_STATUS, 0, bytes((0,)) + bytes(7) + port_13(5)),
    message(OPENFLOW_13, Kind.ERROR, 9, bytes((0, 1, 0, 1)) + bytes(64)),
    message(OPENFLOW_13, Kind.MULTIPART_REPLY, 9, bytes((0, 1, 0, 0, 0, 0, 0, 0))),
    message(OPENFLOW_13, Kind.FLOW_REMOVED, 0, bytes(48)),
    message(OPENFLOW_13, Kind.HELLO, 0, b""),
)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """A message with some of its bytes, and perhaps its length, changed; or noise."""
    if draw(st.booleans()):
        return draw(st.binary(min_size=1, max_size=200))
    data = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        data = data[: draw(st.integers(8, len(data)))]
        data[2:4] = len(data).to_bytes(2, "big")
    return bytes(data)


class Rig:
    def __init__(self) -> None:
        self.recorder = Recorder()
        self.channel = Channel(Endpoint("127.0.0.1", 0), self.recorder)
        self.port = self.channel.start()
        self.neighbour = ScriptedSwitch(self.port, dpid=1).serve()
        self.datapath = self.recorder.datapath()
        self.sessions = 1


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.neighbour.close()
    made.channel.stop()


class Unexpected(logging.Handler):
    """Keeps what was logged with a traceback: something that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.records.append(record)


@given(sent=st.lists(hostile(), min_size=1, max_size=4), shaken_hands=st.booleans())
def test_a_hostile_switch(rig: Rig, sent: list[bytes], shaken_hands: bool) -> None:
    unexpected = Unexpected()
    logging.getLogger("sdn_orch").addHandler(unexpected)
    try:
        with ScriptedSwitch(rig.port, dpid=2) as switch:
            if shaken_hands:
                switch.serve_until(Kind.BARRIER_REQUEST)
                rig.sessions += 1
                rig.recorder.wait(lambda told: len(told.connects) == rig.sessions)
            switch.close_after(b"".join(sent) + echo_request(OPENFLOW_13, 0x77777777))
        if shaken_hands:
            rig.recorder.wait(lambda told: len(told.disconnects) == rig.sessions - 1)
    finally:
        logging.getLogger("sdn_orch").removeHandler(unexpected)
    assert [record.getMessage() for record in unexpected.records] == []
    assert rig.datapath.dump().state().flows == {}
    assert rig.datapath not in rig.recorder.disconnects
