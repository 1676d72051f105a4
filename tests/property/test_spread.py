"""How balancers' slots are shared out: all of them, by weight, and with as few moves as there can be."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from sdn_orch.dataplane.spread import (
    GROWTH,
    SLOTS,
    STEP,
    blocks,
    moved,
    relieve,
    slots_for,
    spread,
)

SEATS = st.integers(1, 24)
#: Weights by seat, None where nobody sits.
POOLS = st.lists(st.none() | st.integers(0, 9), min_size=1, max_size=24).map(tuple)


@given(POOLS, st.data())
def test_every_slot_has_a_live_member_that_has_its_share(
    weights: tuple[int | None, ...], data: st.DataObject
) -> None:
    live = data.draw(
        st.frozensets(st.sampled_from([seat for seat, w in enumerate(weights) if w is not None] or [0]))
    )
    taking = {seat: weight for seat in live if (weight := weights[seat])}
    found = spread(weights, live)
    if not taking:
        assert found == ()
        return
    assert len(found) == slots_for(len(weights))
    assert set(found) <= taking.keys()
    for seat, weight in taking.items():
        # Each time that somebody's slots are dealt out, a part of a slot may be rounded.
        share = len(found) * weight / sum(taking.values())
        assert abs(found.count(seat) - share) < 2


@given(SEATS, st.data())
def test_who_goes_moves_nobody_else(count: int, data: st.DataObject) -> None:
    weights = tuple(data.draw(st.lists(st.integers(1, 5), min_size=count, max_size=count)))
    live = frozenset(range(count))
    gone = data.draw(st.integers(0, count - 1))
    before, after = spread(weights, live), spread(weights, live - {gone})
    for old, new in zip(before, after, strict=False):
        assert new != gone and new == (new if old == gone else old)


@given(st.integers(3, 24), st.data())
def test_a_pool_that_shrinks_as_it_grew_moves_no_more_than_who_goes_had(
    count: int, data: st.DataObject
) -> None:
    weights = tuple(data.draw(st.lists(st.integers(1, 5), min_size=count, max_size=count)))
    left = data.draw(st.integers(2, count - 1))
    gone = data.draw(st.integers(0, left - 1))
    before = spread(weights, frozenset(range(left)))
    after = spread(weights, frozenset(range(left)) - {gone})
    assert all(old == gone for old, new in zip(before, after, strict=True) if old != new)


@given(st.integers(2, 24), st.data())
def test_the_newest_moves_nobody_else_and_the_same_come_back(count: int, data: st.DataObject) -> None:
    everybody = spread((1,) * count, frozenset(range(count)))
    fewer = spread((1,) * (count - 1), frozenset(range(count - 1)))
    if len(everybody) > len(fewer):
        # More bits of the same hash or port: a slot becomes several, which have its bits as their lower ones.
        fewer = fewer * GROWTH
        assume(count - 1 not in SLOTS)
    moved = [(old, new) for old, new in zip(fewer, everybody, strict=True) if old != new]
    assert {new for _, new in moved} <= {count - 1}
    # A seat that is left open is the next one's: the two tables are one again.
    gone = data.draw(st.integers(0, count - 2))
    left = (1,) * gone + (None,) + (1,) * (count - 1 - gone)
    without = spread(left, frozenset(range(count)) - {gone})
    assert {new for old, new in zip(everybody, without, strict=True) if old == new} >= set(without)
    assert all(old == gone for old, new in zip(everybody, without, strict=True) if old != new)


@given(st.lists(st.integers(0, 3), min_size=256, max_size=256))
def test_every_slot_is_in_one_block_that_is_its_owners(owners: list[int]) -> None:
    found: dict[int, int] = {}
    for lower, bits, owner in blocks(owners):
        found |= {slot: owner for slot in range(len(owners)) if slot % 2**bits == lower}
    assert found == dict(enumerate(owners))
    assert sum(len(owners) >> bits for _, bits, _ in blocks(owners)) == len(owners)


@given(st.integers(1, 16))
def test_what_members_have_is_in_few_blocks(count: int) -> None:
    owners = spread((1,) * count, frozenset(range(count)))
    assert len(blocks(owners)) <= 10 * count
    # Clients count: of slots that follow each other nobody has many more than others.
    for first in range(0, len(owners), 16):
        some = owners[first : first + 16]
        assert max(map(some.count, owners)) <= 16 / count + 4


@given(POOLS, st.data())
def test_a_relief_moves_few_slots_and_leaves_everybody_some(
    weights: tuple[int | None, ...], data: st.DataObject
) -> None:
    owners = spread(weights, frozenset(seat for seat, weight in enumerate(weights) if weight))
    anybody = st.integers(-1, 25)
    moves = data.draw(st.dictionaries(st.integers(0, 1024), anybody, max_size=20))
    loads = data.draw(st.dictionaries(anybody, st.floats(0, 1e9)))
    before = moved(owners, moves)
    after = moved(owners, relieve(owners, moves, loads))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) <= round(STEP * len(owners))
    assert set(after) <= set(owners) and set(before) <= set(after)
    # Who is relieved has a higher load; where there is hardly any, all get their own again.
    is_little = all(loads.get(owner, 0) <= 2 for owner in owners)
    assert is_little or all(loads.get(old, 0) > loads.get(new, 0) for old, new in changed)
