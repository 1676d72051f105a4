"""Pools against a set of integers, and how much claiming costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.errors import Exhausted, Invalid
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import pool
from sdn_orch.northbound.service import Service, Transaction
from sdn_orch.store.memory import MemoryStore
from tests.cloudstack import Clock


def transaction(snapshot: Snapshot | None = None) -> Transaction:
    return Transaction(snapshot or Snapshot.empty(), Clock().now)


RANGES = ((3, 5), (254, 258), (700, 700), (1023, 1026))
ALLOWED = [value for low, high in RANGES for value in range(low, high + 1)]


@given(
    st.lists(st.tuples(st.sampled_from(("claim", "take", "release")), st.sampled_from((*ALLOWED, 6, 5000))))
)
def test_pool_is_a_set_of_free_integers(steps: list[tuple[str, int]]) -> None:
    current, taken = transaction(), set[int]()
    pool.provide(current, "p", RANGES)
    for step, value in steps:
        if step == "release":
            pool.release(current, "p", value)
            taken.discard(value)
        elif step == "take":
            if value in taken:
                with pytest.raises(Invalid):
                    pool.claim_this(current, "p", value)
            else:
                pool.claim_this(current, "p", value)
                taken.add(value)
        else:
            free = [each for each in ALLOWED if each not in taken]
            if free:
                assert pool.claim(current, "p") == free[0]
                taken.add(free[0])
            else:
                with pytest.raises(Exhausted):
                    pool.claim(current, "p")
        assert pool.is_taken(current.snapshot, "p", value) == (value in taken)
    assert list(pool.taken(current.snapshot, "p")) == sorted(taken)
    assert pool.count_taken(current.snapshot, "p") == len(taken)


def test_other_ranges_keep_what_is_claimed() -> None:
    current = transaction()
    pool.provide(current, "p", ((1, 2),))
    assert [pool.claim(current, "p"), pool.claim(current, "p")] == [1, 2]
    pool.provide(current, "p", ((1, 3),))
    assert pool.claim(current, "p") == 3
    with pytest.raises(Exhausted):
        pool.claim(current, "p")


def test_dropped_pool_leaves_nothing() -> None:
    current = transaction()
    pool.provide(current, "p", ((1, 1000),))
    for _ in range(600):
        pool.claim(current, "p")
    pool.drop(current, "p")
    assert current.snapshot.count(pool.Pool) == current.snapshot.count(pool.PoolBlock) == 0
    pool.drop(current, "p")


def test_claiming_changes_as_little_when_much_is_taken() -> None:
    """One block, and once in 256 claims the mark, whether 1 or 60,000 are taken."""
    service = Service(MemoryStore())
    service.write(lambda t: pool.provide(t, "p", ((0, 65535),)))

    def fill(current: Transaction) -> None:
        for _ in range(60_000):
            pool.claim(current, "p")

    filling = Transaction(service.snapshot, service.now)
    fill(filling)
    late = Transaction(filling.snapshot, service.now)
    assert pool.claim(late, "p") == 60_000
    assert len(late.changes) == 1
