"""What is observed is taken in, in order, whatever goes wrong with some of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from sdn_orch.errors import StoreUnavailable
from sdn_orch.facts import CAPACITY, PORT_CAPACITY, TRACEBACKS, Facts
from sdn_orch.intent.model import Domain
from sdn_orch.intent.snapshot import Change, Put
from sdn_orch.store.base import Commit
from sdn_orch.store.memory import MemoryStore
from tests.southbound import wait_until


class FullStore(MemoryStore):
    """Takes nothing while `full`."""

    full = False

    def commit(self, changes: Sequence[Change], expected: int) -> Commit:
        if self.full:
            raise StoreUnavailable("the disk is full")
        return super().commit(changes, expected)


@pytest.fixture
def store() -> FullStore:
    return FullStore()


@pytest.fixture
def facts(store: FullStore) -> Iterator[Facts]:
    made = Facts(store, tick=lambda now: None)
    yield made
    made.stop()


def domain(name: str) -> Put:
    return Put(Domain(id=name, name=name, path="/"))


def test_an_action_or_a_tick_that_fails_ends_nothing_and_does_not_flood_the_log(
    store: FullStore, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_now: float = 0.0) -> None:
        raise RuntimeError("a bug")

    facts, done = Facts(store, tick=fail, interval=0.001), threading.Event()
    facts.start()
    for _ in range(100):
        facts.do(fail)
    facts.do(done.set)
    assert done.wait(5)
    facts.stop()
    assert caplog.text.count("RuntimeError: a bug") == TRACEBACKS


def test_a_full_store_is_told_from_a_wrong_observation(facts: Facts, store: FullStore) -> None:
    answers: list[bool] = []
    facts.start()
    store.full = True
    facts.do(lambda: answers.append(facts.commit(lambda _: [domain("a")], "a")))
    wait_until(lambda: answers == [False])
    store.full = False
    facts.do(lambda: answers.append(facts.commit(lambda _: [domain("a")], "a")))
    # Another domain of this name: the observation is refused, now and for ever.
    wrong = Put(Domain(id="b", name="b", path="/", parent_id="nobody"))
    facts.do(lambda: answers.append(facts.commit(lambda _: [wrong], "b")))
    wait_until(lambda: answers == [False, True, True])
    assert [found.id for found in store.snapshot().all(Domain)] == ["a"]


def test_a_port_that_floods_loses_only_its_own(facts: Facts) -> None:
    taken: list[tuple[int, int]] = []
    for _ in range(CAPACITY):
        facts.offer((1, 1), lambda: taken.append((1, 1)))
    facts.offer((1, 2), lambda: taken.append((1, 2)))
    facts.start()
    wait_until(lambda: (1, 2) in taken)
    assert len(taken) == PORT_CAPACITY + 1
    assert facts.dropped == CAPACITY - PORT_CAPACITY
    facts.offer((1, 1), lambda: taken.append((1, 1)))
    wait_until(lambda: len(taken) == PORT_CAPACITY + 2)


def test_what_waits_is_still_taken_in_at_the_end(facts: Facts) -> None:
    taken: list[int] = []
    facts.start()
    facts.do(lambda: time.sleep(0.05))
    for number in range(10):
        facts.do(lambda number=number: taken.append(number))  # type: ignore[misc]
    facts.stop()
    assert taken == list(range(10))
