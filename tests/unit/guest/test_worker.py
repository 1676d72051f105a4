"""The worker: fair, bounded, and not to be killed; and how much it answers in a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest
from dns.message import Message
from dns.rcode import REFUSED, Rcode

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.errors import Disconnected
from sdn_orch.guest.dispatch import answer
from sdn_orch.guest.name_service import Asked
from sdn_orch.guest.names import Address
from sdn_orch.guest.router_advertisement import INTERVAL
from sdn_orch.guest.service import Advertiser, respond
from sdn_orch.guest.worker import PORT_CAPACITY, SWITCH_CAPACITY, TRACEBACKS, Allowance, Worker
from sdn_orch.openflow.values import CONTROLLER, Output
from sdn_orch.southbound.base import Datapath, PacketIn, Port
from sdn_orch.southbound.fake import FakeSwitch
from tests.unit.guest.test_dhcp4 import message
from tests.unit.guest.world import DPID, WORLD, packet_in

DISCOVER = packet_in("web1", Punt.DHCP4, bytes(message(("message-type", "discover"))))


def packet(dpid: int = 1, port: int = 1, frame: bytes = b"") -> PacketIn:
    return PacketIn(dpid=dpid, in_port=port, table=13, cookie=0, metadata=0, reason=1, frame=frame)


class Recorder:
    """A handler that notes what it is given, and stumbles over the frame `bad`."""

    def __init__(self, wanted: int) -> None:
        self.seen: list[PacketIn] = []
        self.wanted = wanted
        self.done = threading.Event()

    def __call__(self, datapath: Datapath, given: PacketIn) -> None:
        self.seen.append(given)
        if len(self.seen) == self.wanted:
            self.done.set()
        if given.frame == b"bad":
            raise ValueError("stumbled")


class Nobody:
    """A listener that does not listen."""

    def connected(self, datapath: Datapath) -> None: ...

    def disconnected(self, datapath: Datapath) -> None: ...

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None: ...

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None: ...


def nobody_asks(
    asked: Asked, resolvers: tuple[Address, ...], tell: Callable[[Message], None]
) -> Rcode | None:
    """No resolver is there."""
    return REFUSED


SWITCH = FakeSwitch(DPID)
DATAPATH = SWITCH.connect(Nobody())


def run(worker: Worker, recorder: Recorder) -> None:
    worker.start()
    assert recorder.done.wait(10)
    worker.stop()


def test_ports_take_turns_and_a_flood_drops_its_own() -> None:
    recorder = Recorder(PORT_CAPACITY + 2)
    worker = Worker(recorder)
    accepted = [worker.offer(DATAPATH, packet(port=1)) for _ in range(10 * PORT_CAPACITY)]
    assert accepted.count(True) == PORT_CAPACITY
    assert worker.offer(DATAPATH, packet(port=2)) and worker.offer(DATAPATH, packet(dpid=2, port=1))
    assert worker.counts["dropped"] == 9 * PORT_CAPACITY
    run(worker, recorder)
    assert [(one.dpid, one.in_port) for one in recorder.seen[:4]] == [(1, 1), (1, 2), (2, 1), (1, 1)]


def test_a_switch_cannot_take_more_than_its_share() -> None:
    recorder = Recorder(SWITCH_CAPACITY + 1)
    worker = Worker(recorder)
    accepted = [worker.offer(DATAPATH, packet(port=n)) for n in range(2 * SWITCH_CAPACITY)]
    assert accepted.count(True) == SWITCH_CAPACITY
    assert worker.offer(DATAPATH, packet(dpid=2))
    run(worker, recorder)
    # All that waited is gone, and with it the account.
    assert worker.offer(DATAPATH, packet(port=1))


def test_a_handler_that_stumbles_is_logged_a_few_times_and_the_worker_lives(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder(PORT_CAPACITY)
    worker = Worker(recorder)
    for _ in range(PORT_CAPACITY - 1):
        worker.offer(DATAPATH, packet(frame=b"bad"))
    worker.offer(DATAPATH, packet())
    with caplog.at_level(logging.ERROR):
        run(worker, recorder)
    assert len(caplog.records) == TRACEBACKS
    assert all(record.exc_info for record in caplog.records)
    assert worker.counts == {"failed": PORT_CAPACITY - 1, "handled": 1}


def test_an_allowance_is_given_again_after_its_time() -> None:
    allowance = Allowance(2, 10.0)
    assert [allowance.take(now) for now in (0, 1, 2, 9.9, 10, 10.5, 11)] == [1, 1, 0, 0, 1, 0, 1]
    assert (allowance.refused(), allowance.refused()) == (3, 0)


def test_a_packet_is_answered_through_its_switch() -> None:
    SWITCH.sent.clear()
    respond(lambda: WORLD, DATAPATH, DISCOVER, nobody_asks)
    (sent,) = SWITCH.sent
    reply = answer(WORLD, DISCOVER)
    assert reply is not None
    assert (sent.actions, sent.frame, sent.in_port) == (reply.actions, reply.frame, CONTROLLER)


def test_a_switch_that_has_gone_is_no_error() -> None:
    gone = FakeSwitch(DPID).connect(Nobody())
    gone.close()
    with pytest.raises(Disconnected):
        gone.packet_out((), b"", CONTROLLER)
    respond(lambda: WORLD, gone, DISCOVER, nobody_asks)
    Advertiser(lambda: WORLD, {DPID: gone}.get, 0.0).tick(INTERVAL)


def test_everybody_is_advertised_to_once_an_interval() -> None:
    SWITCH.sent.clear()
    start = 77.5
    advertiser = Advertiser(lambda: WORLD, {DPID: DATAPATH}.get, start)
    sent = sum(advertiser.tick(start + second) for second in range(INTERVAL + 1))
    assert sent == len(SWITCH.sent) == 3
    assert sorted(one.actions[0].port for one in SWITCH.sent if isinstance(one.actions[0], Output)) == [
        1,
        2,
        2,
    ]
    nobody: dict[int, Datapath] = {}
    assert Advertiser(lambda: WORLD, nobody.get, start).tick(start + INTERVAL) == 0


def test_three_thousand_dhcp_answers_a_second() -> None:
    """The bar leaves room for a machine that is busy; alone on a core it is many times that."""
    rates = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(2000):
            answer(WORLD, DISCOVER)
        rates.append(2000 / (time.process_time() - start))
    assert max(rates) > 3000, rates
