"""The persistent map equals a dict under any changes, and never changes under its owner."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.intent.table import Table


@dataclass(frozen=True, order=True)
class Crowded:
    """A key that shares its hash with many others."""

    name: int

    def __hash__(self) -> int:
        return self.name % 3


NUMBERS = st.one_of(
    st.integers(0, 100), st.integers(0, 2**31 - 1), st.sampled_from([2**k for k in range(31)])
)
STEPS = st.lists(st.tuples(st.booleans(), NUMBERS), max_size=300)


@given(STEPS)
def test_equals_a_dict_and_keeps_the_order_of_numbers(steps: list[tuple[bool, int]]) -> None:
    table: Table[int, str] = Table()
    expected: dict[int, str] = {}
    for step, (put, key) in enumerate(steps):
        if put:
            table = table.put(key, f"{key}@{step}")
            expected[key] = f"{key}@{step}"
        else:
            table = table.drop(key)
            expected.pop(key, None)
    assert len(table) == len(expected)
    assert list(table.values()) == [expected[key] for key in sorted(expected)]
    for _, key in steps:
        assert table.get(key) == expected.get(key)


@given(st.dictionaries(NUMBERS, st.integers(), max_size=200), STEPS)
def test_a_table_built_at_once_is_as_good_as_one_built_by_steps(
    start: dict[int, int], steps: list[tuple[bool, int]]
) -> None:
    table = Table(start)
    expected = dict(start)
    for put, key in steps:
        table = table.put(key, -key) if put else table.drop(key)
        expected = {**expected, key: -key} if put else {k: v for k, v in expected.items() if k != key}
    assert list(table.values()) == [expected[key] for key in sorted(expected)]


@given(STEPS)
def test_no_change_is_seen_in_an_older_table(steps: list[tuple[bool, int]]) -> None:
    table = Table({number: number for number in range(100)})
    kept = [(table, list(table.values()))]
    for put, key in steps:
        table = table.put(key, -1) if put else table.drop(key)
        kept.append((table, list(table.values())))
    for older, values in kept:
        assert list(older.values()) == values


@pytest.mark.parametrize("far", [[100], [2**20, 5000], [2**31 - 1, 2**10], [2**59, 33, 1025, 2**40]])
def test_numbers_far_from_the_first_ones_stand_in_their_order(far: list[int]) -> None:
    """Beside a full branch of small numbers, whose prefix the others do not share."""
    start = [*range(34), *range(2**12, 2**12 + 40)]
    table = Table({number: number for number in start[:34]})
    for number in (*start[34:], *far):
        table = table.put(number, number)
    assert list(table.values()) == sorted({*start, *far})
    for number in far:
        table = table.drop(number)
    assert list(table.values()) == [number for number in start if number not in far]


@pytest.mark.parametrize("count", [1, 32, 33, 500])
def test_keys_of_one_hash_are_kept_apart(count: int) -> None:
    table: Table[Crowded, int] = Table()
    for name in range(count):
        table = table.put(Crowded(name), name)
    assert [table.get(Crowded(name)) for name in range(count)] == list(range(count))
    for name in range(0, count, 2):
        table = table.drop(Crowded(name))
    assert len(table) == count // 2
    assert sorted(table.values()) == list(range(1, count, 2))


def test_text_keys_by_the_thousand() -> None:
    table: Table[str, int] = Table()
    for number in range(5000):
        table = table.put(f"key {number}", number)
    for number in range(0, 5000, 3):
        table = table.drop(f"key {number}")
    expected = {f"key {number}": number for number in range(5000) if number % 3}
    assert len(table) == len(expected)
    assert {key: table.get(key) for key in expected} == expected
    assert all(table.get(f"key {number}") is None for number in range(0, 5000, 3))
