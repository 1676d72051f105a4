"""Events of a CloudStack: who is heard, and what is read again."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.sync import events
from sdn_orch.northbound.sync.events import Event
from sdn_orch.northbound.sync.reader import Reader
from sdn_orch.northbound.sync.sync import Outcome, Scope, Sync
from sdn_orch.northbound.sync.webhook import Webhook
from sdn_orch.northbound.sync.worker import Worker
from tests.cloudstack import Cloud
from tests.managed import Managed, message, served

SECRET = "the webhook's secret"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SOMETHING = "11111111-2222-4333-8444-555555555555"


# --- who is heard -----------------------------------------------------------------------------------


class Ear:
    """A webhook, and what it has heard."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.now = NOW
        self.hook = Webhook(SECRET, self.heard.append, lambda: self.now)

    def receive(self, body: bytes, *, signature: str | None = None, id: str = "one") -> int:
        signed = events.signature(SECRET, body) if signature is None else signature
        return self.hook.receive(body, signed, id).status_code


@pytest.fixture
def ear() -> Ear:
    return Ear()


def test_the_signature_is_that_of_rfc_4231() -> None:
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    expected = base64.b64encode(bytes.fromhex(digest)).decode()
    assert events.signature("Jefe", b"what do ya want for nothing?") == expected


def test_an_event_is_heard_once_for_each_delivery(ear: Ear) -> None:
    network = str(uuid4())
    body = message("NETWORK.CREATE", NOW, entityuuid=network)
    assert [ear.receive(body) for _ in range(3)] == [200, 200, 200]
    assert ear.heard == [Event(frozenset({network}), None, NOW)]
    assert ear.receive(body, id="two") == 200
    assert len(ear.heard) == 2


@pytest.mark.parametrize("signature", ["", "AAAA", "ÿ", events.signature("another", b"x")])
def test_whoever_does_not_know_the_secret_is_not_heard(ear: Ear, signature: str) -> None:
    assert ear.receive(message("NETWORK.CREATE", NOW, entityuuid=str(uuid4())), signature=signature) == 401
    assert ear.heard == []


def test_the_log_has_one_refusal_a_minute(ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        assert ear.receive(b"x", signature="") == 401
    assert len(caplog.records) == 1
    ear.now += timedelta(minutes=2)
    assert ear.receive(b"x", signature="") == 401
    assert len(caplog.records) == 2


def test_a_changed_message_is_not_heard(ear: Ear) -> None:
    body = message("NETWORK.CREATE", NOW, entityuuid=str(uuid4()))
    signature = events.signature(SECRET, body)
    assert ear.receive(body.replace(b"CREATE", b"DELETE"), signature=signature) == 401


@pytest.mark.parametrize("minutes", [-11, 11])
def test_old_events_and_those_of_tomorrow_are_refused(ear: Ear, minutes: int) -> None:
    body = message("NETWORK.CREATE", NOW + timedelta(minutes=minutes), entityuuid=str(uuid4()))
    assert ear.receive(body) == 403
    assert ear.heard == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"\xff",
        b'{"event": "NETWORK.CREATE"}',
        b'{"event": "USER.LOGIN", "id": 1}',
        message("VM.START", NOW, status="Started", entityuuid=SOMETHING),
        message("VOLUME.CREATE", NOW, entityuuid=SOMETHING),
        message("NETWORK.OFFERING.CREATE", NOW, entityuuid=SOMETHING),
        json.dumps({"event": "VM.START", "entityuuid": SOMETHING, "eventDateTime": "yesterday"}).encode(),
    ],
    ids=range(10),
)
def test_what_says_nothing_about_networks_is_taken_and_passed_over(ear: Ear, body: bytes) -> None:
    assert ear.receive(body) == 200
    assert ear.heard == []


def test_a_change_of_state_is_an_event_too(ear: Ear) -> None:
    id = str(uuid4())
    said = {
        "resource": "VirtualMachine", "id": id, "old-state": "Starting", "new-state": "Running",
        "eventDateTime": "2026-11-22 08:00:00 +0000",
    }  # fmt: skip
    assert ear.receive(json.dumps(said).encode()) == 200
    assert ear.heard == [Event(frozenset({id}), "listVirtualMachines", NOW)]


# --- what is read again -----------------------------------------------------------------------------


class Synced:
    """A daemon whose thread syncs with a CloudStack, and hears of what happens there."""

    def __init__(self, managed: Managed, reader: Reader, interval: float) -> None:
        self.managed = managed
        self.reader = reader
        self.here = Cloud()
        self.sync = Sync(self.here.service, reader, Scope())
        self.worker = Worker(self.sync, interval)

    @property
    def snapshot(self) -> Snapshot:
        return self.here.snapshot

    def tell(self, type: str, *ids: str) -> None:
        """An event as the webhook takes it."""
        said = {f"object{number}": id for number, id in enumerate(ids)}
        event = events.read(message(type, datetime.now(UTC), **said))
        assert event is not None
        self.worker.heed(event)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def names(self) -> set[str]:
        return {network.name for network in self.snapshot.all(Network)}


@contextmanager
def _synced(interval: float = 3600) -> Iterator[Synced]:
    managed = Managed()
    managed.network("web", 1)
    with served(managed.cloud) as reader:
        made = Synced(managed, reader, interval)
        made.worker.start()
        try:
            made.until(lambda: made.sync.is_complete and made.names() == {"web"})
            yield made
        finally:
            made.worker.stop()


@pytest.fixture(scope="module")
def synced() -> Iterator[Synced]:
    with _synced() as made:
        yield made


def _machine(synced: Synced, network: str) -> Any:
    return synced.managed.call("listVirtualMachines", networkid=network, listall="true")["virtualmachine"][0]


def test_only_what_is_concerned_is_read_again(synced: Synced) -> None:
    one, other = synced.managed.network("one"), synced.managed.network("other")
    synced.tell("NETWORK.CREATE", one)
    synced.until(lambda: "one" in synced.names())
    assert "other" not in synced.names()
    synced.tell("NETWORK.CREATE", other)
    synced.until(lambda: "other" in synced.names())


def test_machines_rules_and_their_end(synced: Synced) -> None:
    red, network = synced.managed.red, synced.managed.network("busy")
    machine = synced.managed.machine("worker", network)
    nic = machine["nic"][0]["id"]
    synced.tell("VM.CREATE", machine["id"])
    synced.until(lambda: synced.snapshot.get(Nic, nic))
    address = synced.managed.address(networkid=network)
    rule = red.job(
        "createPortForwardingRule", ipaddressid=address["id"], protocol="tcp", publicport=80,
        privateport=80, virtualmachineid=machine["id"], openfirewall="false",
    )["portforwardingrule"]["id"]  # fmt: skip
    synced.tell("NET.RULEADD", rule)
    synced.until(lambda: synced.snapshot.count(Forward) == 1)
    red.job("deletePortForwardingRule", id=rule)
    # Of what is no more only its UUID is told.
    synced.tell("NET.RULEDELETE", rule)
    synced.until(lambda: synced.snapshot.count(Forward) == 0)
    made = red.job(
        "createLoadBalancerRule", publicipid=address["id"], publicport=443, privateport=443, name="lb",
        algorithm="roundrobin", openfirewall="false",
    )["loadbalancer"]["id"]  # fmt: skip
    synced.tell("LB.CREATE", made)
    synced.until(lambda: synced.snapshot.get(Balancer, made))
    red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    synced.tell("VM.EXPUNGE", machine["id"])
    synced.until(lambda: synced.snapshot.get(Nic, nic) is None)


def test_events_that_come_twice_late_and_out_of_order(synced: Synced) -> None:
    network = synced.managed.network("brief", 1)
    machine = _machine(synced, network)
    synced.managed.red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    synced.managed.red.job("deleteNetwork", id=network)
    last = synced.managed.network("last")
    for type, id in (
        ("NETWORK.DELETE", network), ("VM.EXPUNGE", machine["id"]), ("VM.CREATE", machine["id"]),
        ("NETWORK.CREATE", network), ("NETWORK.CREATE", network), ("NETWORK.CREATE", last),
    ):  # fmt: skip
        synced.tell(type, id)
    synced.until(lambda: "last" in synced.names())
    assert "brief" not in synced.names()


def test_events_that_are_lost_are_made_good_by_the_next_comparison() -> None:
    with _synced(interval=1) as synced:
        synced.managed.network("unheard", 1)
        synced.until(lambda: "unheard" in synced.names())


def test_what_nobody_knows_makes_everything_be_read(synced: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdn_orch.northbound.sync.worker._REST", 0.5)
    synced.managed.network("hidden")
    synced.tell("NETWORK.ACL.CREATE", str(uuid4()))
    synced.until(lambda: "hidden" in synced.names())


def test_the_newest_comparison_has_the_last_word() -> None:
    """One by the thread and one by hand, at once: how far they have come is told in their order."""
    managed = Managed()
    managed.network("web")
    with served(managed.cloud) as reader:
        is_read, goes_on = threading.Event(), threading.Event()

        class Slow(Sync):
            def compare(self, *, plan: bool = False, deletes: bool = False) -> Outcome:
                outcome = super().compare(plan=plan, deletes=deletes)
                if not is_read.is_set():
                    is_read.set()
                    # Until the other one is through, or waits for this one.
                    goes_on.wait(1)
                return outcome

        worker = Worker(Slow(Cloud().service, reader, Scope()), 3600)
        worker.start()
        assert is_read.wait(60)
        managed.network("other")
        worker.compare(plan=False, deletes=False)
        goes_on.set()
        worker.stop()
        assert worker.state.groups == 2
