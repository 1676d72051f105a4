"""A switch's loop by itself: the order in which commits reach its switch, and what a failure leaves to do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.plan import Plan
from sdn_orch.dataplane.rules import Owner
from sdn_orch.dataplane.touched import touched
from sdn_orch.dataplane.world import World
from sdn_orch.errors import Disconnected, SwitchRefused
from sdn_orch.intent.model import Attachment, Switch
from sdn_orch.intent.snapshot import Change, Put
from sdn_orch.openflow.values import State
from sdn_orch.southbound.fake import FakeSwitch
from sdn_orch.store.memory import MemoryStore
from sdn_orch.store.transact import transact
from sdn_orch.switch_loop import SwitchLoop
from sdn_orch.turns import Turns
from tests.southbound import Recorder, Relay
from tests.unit.test_reconcile import CLOUD, at, eventually, nic

#: Longer than a test waits: whoever goes on did not wait for the end of his patience.
PATIENCE = 60.0


class Gated(Relay):
    """A session that carries out plans only while its gate is open, and tells what the switch held then."""

    def __init__(self, switch: FakeSwitch) -> None:
        told = Recorder()
        switch.connect(told)
        super().__init__(told.datapath())
        self.gate = threading.Event()
        self.gate.set()
        self.is_waiting = threading.Event()
        #: What comes of the next plans: a failure each, or None.
        self.faults: list[Exception | None] = []
        self.held: list[State] = []
        self._switch = switch

    def apply(self, plan: Plan) -> None:
        self.is_waiting.set()
        assert self.gate.wait(PATIENCE)
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        super().apply(plan)
        self.held.append(self._switch.copy())


class Leaf:
    """The loop of one leaf, with every world that there was."""

    def __init__(self) -> None:
        self.store = MemoryStore(CLOUD)
        self.worlds = [World.of(CLOUD)]
        self.switch = FakeSwitch(CLOUD.need(Switch, "leaf1").dpid)
        self.session = Gated(self.switch)
        self.loop = SwitchLoop(
            "leaf1", "leaf1", self.worlds[0], Turns(), audit_interval=0, keep_foreign=False
        )
        self.loop.refresh(self.worlds[0], None)
        self.loop.start()
        self.loop.attach(self.session, self.worlds[0])
        eventually(lambda: self.is_right() and self.loop.is_settled)

    def commit(self, *changes: Change, after: Sequence[threading.Event] = ()) -> threading.Event:
        """Let the loop know of changes, which wait for these events."""
        before = self.worlds[-1]
        commits = self.store.watch(before.snapshot.revision)
        transact(self.store, lambda _snapshot: changes)
        commit = next(iter(commits))
        self.worlds.append(before.advance(commit.changes, commit.snapshot))
        owners: set[Owner] = {
            owner
            for owner, switch_id in touched(before, self.worlds[-1], commit.changes)
            if switch_id == "leaf1"
        }
        return self.loop.refresh(self.worlds[-1], owners, tuple(after), PATIENCE)

    def block(self) -> None:
        """Have the switch busy with a change, so that what follows is found together."""
        self.session.gate.clear()
        self.session.is_waiting.clear()
        self.commit(Put(nic(9)), Put(at(9, "leaf1", 9)))
        assert self.session.is_waiting.wait(5)

    def release(self) -> None:
        self.session.gate.set()

    def wanted(self, world: World) -> State:
        return compile_switch(world, "leaf1").state

    def is_right(self) -> bool:
        return self.switch.copy() == self.wanted(self.worlds[-1])


@pytest.fixture
def leaf() -> Iterator[Leaf]:
    made = Leaf()
    yield made
    made.loop.stop()
    made.release()
    made.loop.join(5)
    made.store.close()


def test_what_is_newer_does_not_overtake_what_waits_for_another_switch(
    leaf: Leaf, caplog: pytest.LogCaptureFixture
) -> None:
    """A NIC leaves for another switch, and the next one comes to its port: the switch never has both."""
    arrived = threading.Event()
    leaf.block()
    there = leaf.store.snapshot().need(Attachment, "at2")
    leaf.commit(Put(replace(there, switch_id="leaf2", port=7)), after=[arrived])
    newer = leaf.commit(Put(nic(5)), Put(at(5, "leaf1", 2)))
    with caplog.at_level(logging.ERROR):
        leaf.release()
        assert not newer.wait(0.1)
        arrived.set()
        eventually(lambda: leaf.is_right() and leaf.loop.is_settled)
    assert newer.is_set() and not caplog.records
    meant = [leaf.wanted(world) for world in leaf.worlds]
    assert all(held in meant for held in leaf.session.held)


def test_who_waits_for_several_switches_is_as_meant_at_every_step(leaf: Leaf) -> None:
    arrivals = [threading.Event() for _ in range(3)]
    leaf.block()
    for number, arrived in enumerate(arrivals, 20):
        leaf.commit(Put(nic(number)), Put(at(number, "leaf2", number)), after=[arrived])
        leaf.commit(Put(nic(number + 10)), Put(at(number + 10, "leaf1", number)))
    leaf.release()
    for arrived in arrivals:
        seen = len(leaf.session.held)
        arrived.set()
        eventually(lambda seen=seen: len(leaf.session.held) > seen)  # type: ignore[misc]
    eventually(lambda: leaf.is_right() and leaf.loop.is_settled)
    meant = [leaf.wanted(world) for world in leaf.worlds]
    assert all(held in meant for held in leaf.session.held)


@pytest.mark.parametrize("fault", [SwitchRefused(1, (("a bundle", "no"),)), Disconnected("gone")])
def test_a_failure_loses_nothing_of_what_waits(leaf: Leaf, fault: Exception) -> None:
    arrived = threading.Event()
    leaf.block()
    leaf.commit(Put(at(4, "leaf1", 4)))
    leaf.commit(Put(nic(6)), Put(at(6, "leaf2", 6)), after=[arrived])
    leaf.session.faults = [None, fault]
    leaf.release()
    eventually(lambda: not leaf.session.faults)
    arrived.set()
    if isinstance(fault, Disconnected):
        leaf.loop.detach(leaf.session)
        leaf.session = Gated(leaf.switch)
        leaf.loop.attach(leaf.session, leaf.worlds[-1])
    eventually(lambda: leaf.is_right() and leaf.loop.is_settled)
