"""The reconciler when what it calls fails: no thread ends, and nothing that was asked of it is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from sdn_orch.dataplane.plan import Plan
from sdn_orch.errors import StoreUnavailable, SwitchRefused
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.openflow.values import FlowEntry
from sdn_orch.reconcile import Reconciler
from sdn_orch.southbound.base import Datapath
from sdn_orch.southbound.fake import FakeSwitch
from sdn_orch.status import Phase
from sdn_orch.store.base import Commit
from sdn_orch.store.memory import MemoryStore
from tests.southbound import Recorder, Relay
from tests.unit.test_reconcile import CLOUD, at, eventually


class Stumbling(Relay):
    """A session that fails as it is told to, and otherwise does what the one behind it does."""

    def __init__(self, inner: Datapath, *faults: Exception) -> None:
        super().__init__(inner)
        self.faults = list(faults)

    def apply(self, plan: Plan) -> None:
        if self.faults:
            raise self.faults.pop(0)
        super().apply(plan)


class SickStore(MemoryStore):
    """Cannot be read while `sick`, and tells watchers to start again with every commit."""

    sick = False

    def snapshot(self) -> Snapshot:
        if self.sick:
            raise StoreUnavailable("the disk is on fire")
        return super().snapshot()

    def watch(self, after: int) -> Iterator[Commit]:
        for commit in super().watch(after):
            yield Commit(commit.revision, (), commit.snapshot)


def session(name: str = "leaf1") -> tuple[FakeSwitch, Datapath]:
    """A switch and its session with somebody who only listens."""
    switch, told = FakeSwitch(CLOUD.need(Switch, name).dpid), Recorder()
    switch.connect(told)
    return switch, told.datapath()


def in_sync(reconciler: Reconciler) -> bool:
    return reconciler.switch_status("leaf1").phase is Phase.IN_SYNC


@pytest.fixture
def reconciler() -> Iterator[Reconciler]:
    store = MemoryStore(CLOUD)
    made = Reconciler(store, audit_interval=0, keep_foreign=False)
    made.start()
    yield made
    made.stop()
    store.close()


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError("a bug"),
        SwitchRefused(1, (("a bundle", "no"),)),
        # What the refusal is about cannot even be looked up.
        SwitchRefused(1, (("a flow", "no"),), (FlowEntry(0, 1, cast("bytes", bytearray()), b"", 7),)),
    ],
)
def test_a_loop_outlives_whatever_its_switch_does(reconciler: Reconciler, fault: Exception) -> None:
    switch, datapath = session()
    reconciler.attach("leaf1", Stumbling(datapath, fault), CLOUD.revision)
    eventually(lambda: reconciler.switch_status("leaf1").phase is Phase.FAILING)
    assert reconciler.switch_status("leaf1").error
    eventually(lambda: in_sync(reconciler))
    assert len(switch.state.flows) > 20
    assert reconciler.switch_status("leaf1").error is None


def test_a_session_that_ended_before_it_was_looked_at_is_not_taken_up() -> None:
    store = MemoryStore(CLOUD)
    reconciler = Reconciler(store, audit_interval=0, keep_foreign=False)
    _, datapath = session()
    reconciler.attach("leaf1", datapath, CLOUD.revision)
    reconciler.detach("leaf1", datapath)
    _, other = session("leaf2")
    reconciler.attach("leaf2", other, CLOUD.revision)
    reconciler.start()
    try:
        eventually(lambda: reconciler.switch_status("leaf2").phase is Phase.IN_SYNC)
        assert reconciler.switch_status("leaf1").phase is Phase.DISCONNECTED
        assert reconciler.datapath("leaf1") is None
    finally:
        reconciler.stop()


def test_a_store_that_cannot_be_read_is_asked_again_until_it_can(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = SickStore(CLOUD)
    reconciler = Reconciler(store, audit_interval=0, keep_foreign=False)
    reconciler.start()
    try:
        revision = CLOUD.revision
        store.sick = True
        store.commit([Put(at(4, "leaf1", 4))], revision)
        switch, datapath = session()
        reconciler.attach("leaf1", datapath, revision + 1)
        eventually(lambda: "cannot be taken up" in caplog.text)
        assert reconciler.world().snapshot.revision == revision
        store.sick = False
        eventually(lambda: in_sync(reconciler))
        assert reconciler.world().snapshot.revision == revision + 1
        assert len(switch.state.flows) > 20
    finally:
        reconciler.stop()
