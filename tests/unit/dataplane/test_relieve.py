"""Slots go from members with many open connections to those with few, a few at a time and not for ever."""

from __future__ import annotations

from collections import Counter

import pytest

from sdn_orch.dataplane.spread import KEPT, STEP, moved, relieve, spread

OWNERS = [seat + 100 for seat in spread((1, 1, 1, *(None,) * 10), frozenset({0, 1, 2}))]
SLOTS = len(OWNERS)
MOST = round(STEP * SLOTS)


def changed(before: dict[int, int], after: dict[int, int]) -> int:
    pairs = zip(moved(OWNERS, before), moved(OWNERS, after), strict=True)
    return sum(one != other for one, other in pairs)


@pytest.mark.parametrize("lasting", [(1.0, 1.0, 4.0), (1.0, 3.0, 9.0), (2.0, 2.0, 2.0)])
def test_who_is_slow_gets_less_until_all_have_as_many_open(lasting: tuple[float, ...]) -> None:
    """Connections come at an even rate, and last as long as their member takes; the counts lag behind."""
    moves: dict[int, int] = {}
    rate, opened, smoothed = 120.0, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    shares: list[list[float]] = []
    for _ in range(480):
        counts = Counter(moved(OWNERS, moves))
        share = [counts[100 + seat] / SLOTS for seat in range(3)]
        for seat in range(3):
            # A second of a queue that is served at its own pace, in steps of a tenth.
            for _ in range(10):
                opened[seat] += 0.1 * (rate * share[seat] - opened[seat] / lasting[seat])
            smoothed[seat] += 0.3 * (opened[seat] - smoothed[seat])
        after = relieve(OWNERS, moves, {100 + seat: smoothed[seat] for seat in range(3)})
        assert changed(moves, after) <= MOST
        moves = after
        shares.append(share)
    assert max(opened) <= 1.5 * min(opened), opened
    inverse = [1 / each for each in lasting]
    for seat, share_of_it in enumerate(inverse):
        last = [each[seat] for each in shares[-120:]]
        assert abs(sum(last) / len(last) - share_of_it / sum(inverse)) < 0.08
        assert max(last) - min(last) <= 3 * STEP, "it does not swing"


def test_nobody_is_left_without_slots() -> None:
    moves: dict[int, int] = {}
    for _ in range(200):
        moves = relieve(OWNERS, moves, {100: 1000.0, 101: 0.0, 102: 0.0})
    counts = Counter(moved(OWNERS, moves))
    assert counts[100] == round(OWNERS.count(100) * KEPT)
    assert sum(counts.values()) == SLOTS


def test_little_differences_move_nothing() -> None:
    assert relieve(OWNERS, {}, {100: 2.0, 101: 0.0, 102: 1.0}) == {}
    assert relieve(OWNERS, {}, {100: 110.0, 101: 100.0, 102: 95.0}) == {}
    assert relieve([5] * SLOTS, {}, {5: 100.0}) == {}
    assert relieve([], {}, {}) == {}


def test_what_was_given_comes_back_first_and_what_means_nothing_is_forgotten() -> None:
    given = relieve(OWNERS, {}, {100: 100.0, 101: 0.0, 102: 50.0})
    assert len(given) == MOST and set(given.values()) == {101}
    assert relieve(OWNERS, given, {100: 0.0, 101: 100.0, 102: 50.0}) == {}
    gone = {0: 999, **given}
    assert moved(OWNERS, gone) == moved(OWNERS, given)
    busy = {100: 30.0, 101: 30.0, 102: 30.0}
    assert relieve(OWNERS, gone, busy) == given


def test_where_hardly_anything_is_open_all_have_their_own_again() -> None:
    moves = dict.fromkeys([slot for slot, owner in enumerate(OWNERS) if owner == 100][:6], 101)
    after = relieve(OWNERS, moves, {100: 2.0, 101: 1.0})
    assert len(after) == 6 - MOST and after.items() <= moves.items()
    assert relieve(OWNERS, after, {}) == {}
