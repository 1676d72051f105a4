"""CloudStack's event bus: a real RabbitMQ between one daemon that is the CloudStack, and one that syncs."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from sdn_orch.northbound.sync.bus import Broker, Bus
from sdn_orch.northbound.sync.events import Event
from tests.contract.test_sync_command import Site
from tests.managed import message
from tests.management_api import CloudStack, serving
from tests.rabbitmq import EXCHANGE, HOST, PASSWORD, USERNAME, Line, RabbitMq
from tests.southbound import wait_until

pytestmark = [pytest.mark.mininet, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Bused:
    """The broker, the line that the daemon has to it, and both daemons."""

    rabbit: RabbitMq
    line: Line
    site: Site

    def state(self) -> Any:
        return self.site.here.ask("/v1/cloudstack/sync")

    def until(self, condition: Callable[[], object], what: str) -> None:
        self.site.here.wait(condition, what, patience=300)

    def has_caught_up(self) -> bool:
        """Whether the bus is listened to, and everything was read since."""
        state = self.state()
        connected, compared = state["bus"]["connected"], state["compared"]
        return bool(connected and compared and compared > connected)


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    made = RabbitMq(tmp_path_factory.mktemp("rabbitmq"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def bused(rabbit: RabbitMq, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bused]:
    directory, line = tmp_path_factory.mktemp("bused"), Line(rabbit.port)
    password = directory / "password"
    password.write_text(f"{PASSWORD}\n")
    site = Site(
        directory,
        rabbitmq={"host": HOST, "port": line.port, "username": USERNAME, "password_file": str(password)},
    )
    made = Bused(rabbit, line, site)
    try:
        site.here.start(patience=120)
        made.until(made.has_caught_up, "the bus")
        yield made
    finally:
        site.here.stop()
        site.there.stop()
        line.close()


def test_events_that_come_twice_late_out_of_order_and_among_others(bused: Bused) -> None:
    site, now = bused.site, datetime.now(UTC)
    gone, heard = site.network("gone", 0), site.network("heard", 1)
    site.network("unheard", 0)
    site.red.call.deleteNetwork(id=gone)
    created = message("NETWORK.CREATE", now - timedelta(hours=1), entityuuid=heard)
    bused.rabbit.publish(
        b"no JSON", b"[]", b"{}", b"\xff" * 100_000, json.dumps({"event": "USER.LOGIN"}).encode(),
        message("NETWORK.DELETE", now, entityuuid=gone), message("NETWORK.CREATE", now, entityuuid=gone),
        created, created,
    )  # fmt: skip
    bused.until(lambda: "heard" in site.names(), "the event's network")
    assert not {"gone", "unheard"} & site.names()
    state = bused.state()["bus"]
    assert state["heard"] is not None
    assert state["problem"] is None
    with serving(CloudStack()) as endpoint:
        assert f"✓ event bus at {HOST}:{bused.line.port}, exchange {EXCHANGE}: last heard" in (
            site.examine(endpoint).stdout
        )


def test_events_that_were_lost_with_the_line_are_made_good_when_it_is_back(bused: Bused) -> None:
    site = bused.site
    bused.line.cut()
    bused.until(lambda: bused.state()["bus"]["problem"], "the line to be missed")
    lost = site.network("lost", 1)
    bused.rabbit.publish(message("NETWORK.CREATE", datetime.now(UTC), entityuuid=lost))
    assert "lost" not in site.names()
    with serving(CloudStack()) as endpoint:
        examined = site.examine(endpoint).stdout
    assert f"✗ event bus at {HOST}:{bused.line.port}, exchange {EXCHANGE}: " in examined
    assert "see host, port and tls of [cloudstack.rabbitmq]" in examined
    bused.line.mend()
    bused.until(lambda: "lost" in site.names(), "what was lost")
    log = site.here.log.read_text()
    assert PASSWORD not in log
    assert "Traceback" not in log


class Ear:
    """A bus, and what it has heard."""

    def __init__(
        self, port: int, *, password: str = PASSWORD, exchange: str = EXCHANGE, tls: Any = None
    ) -> None:
        self.heard: list[Event] = []
        self.began = threading.Event()
        broker = Broker(HOST, port, USERNAME, password, "/", exchange, tls)
        self.bus = Bus(broker, self.heard.append, self.began.set, lambda: datetime.now(UTC))

    def __enter__(self) -> Ear:
        self.bus.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bus.stop()

    def problem(self) -> str:
        """Why it does not listen."""
        wait_until(lambda: self.bus.state.problem, 120, "a problem")
        return str(self.bus.state.problem)


def test_with_tls_whoever_is_not_trusted_is_told_nothing(rabbit: RabbitMq) -> None:
    with Ear(rabbit.tls_port, tls=rabbit.trusting()) as ear:
        assert ear.began.wait(120)
        rabbit.publish(message("NETWORK.CREATE", datetime.now(UTC), entityuuid=str(uuid4())))
        wait_until(lambda: ear.heard, 120, "the event to be heard")
        assert len(ear.heard) == 1
    with Ear(rabbit.tls_port, tls=ssl.create_default_context()) as ear:
        assert "CERTIFICATE_VERIFY_FAILED" in ear.problem()
        assert not ear.began.is_set()


def test_who_may_not_listen_and_where_there_is_nothing_are_told_apart(rabbit: RabbitMq) -> None:
    with Ear(rabbit.port, password="wrong") as ear:
        assert "ACCESS_REFUSED" in ear.problem()
        assert "wrong" not in ear.problem() + repr(ear.bus.broker)
    with Ear(rabbit.port, exchange="nowhere") as ear:
        assert "NOT_FOUND - no exchange 'nowhere'" in ear.problem()
