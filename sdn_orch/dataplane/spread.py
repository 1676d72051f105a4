"""Which of a balancer's members has which of its slots: even by weight, and a change moves few of them.

What a new connection says of itself gives it a slot, and the slot gives it a member. Every member has a
seat, the lowest that was free when it came, and the table follows from the seats alone: they come in one
after the other, and each takes its share from those before it, evenly. The slots of seats that nobody lives
in are dealt out to the others, who keep all that they had. So every gateway finds the same table; who comes
takes only what is its own from then on, and of who goes only what was its own goes to others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from statistics import multimode

#: Slots by the most seats that go with them, each time `GROWTH` times as many: few are less to hold, to
#: change, and to meet for the first time.
SLOTS = {4: 64, 16: 256, 256: 1024}
GROWTH = 4
#: The part of all slots that `relieve` moves at most; and the part of its share that a member always keeps.
STEP, KEPT = 1 / 64, 0.1
#: Differences that are left alone: a part of the mean, and connections.
_TOLERANCE, _FEW = 0.15, 2.0


@lru_cache(maxsize=4096)
def spread(weights: tuple[int | None, ...], live: frozenset[int]) -> tuple[int, ...]:
    """The seat that each slot has; no slots if nobody is `live`.

    `weights` are those of the seats from the first to the last, None where no member has the seat. Seats
    with weight 0 get nothing, as those that are not live.
    """
    staying = {seat: weights[seat] or 0 for seat in sorted(live) if weights[seat]}
    if not staying:
        return ()
    # Nobody's seat is as wide as most are: who leaves it, and who comes into it, moves no others then.
    usual = min(multimode(weight for weight in weights if weight))
    present = {seat: weight or usual for seat, weight in enumerate(weights)}
    table = list(_seated(tuple(present.values())))
    # From the last one on: of a pool that shrinks as it grew each moves no more than what it had.
    for gone in sorted(present.keys() - staying.keys(), reverse=True):
        del present[gone]
        _deal(table, [place for place, seat in enumerate(table) if seat == gone], _lacks(table, present))
    return tuple(table[place] for place in _places(len(table)))


def slots_for(seats: int) -> int:
    """How many slots a table has in which so many seats are, or were."""
    return next(slots for most, slots in SLOTS.items() if seats <= most)


@lru_cache(maxsize=len(SLOTS))
def _places(slots: int) -> tuple[int, ...]:
    """The place of each slot in a table where those stand together that have many lower bits in common."""
    bits = slots.bit_length() - 1
    return tuple(int(f"{slot:0{bits}b}"[::-1], 2) for slot in range(slots))


@lru_cache(maxsize=1024)
def _seated(weights: tuple[int, ...]) -> tuple[int, ...]:
    """The seat of each place where all seats are taken."""
    table = [0] * slots_for(1)
    for newest in range(1, len(weights)):
        if newest in SLOTS:
            table = [seat for seat in table for _ in range(GROWTH)]
        lacks = _lacks(table, dict(enumerate(weights[: newest + 1])))
        _deal(table, sorted(_given_up(table, lacks)), lacks)
    return tuple(table)


def _lacks(table: Sequence[int], weights: Mapping[int, int]) -> dict[int, int]:
    """How many slots each of these seats has too few; less than 0: too many."""
    total, size = sum(weights.values()), len(table)
    lacks = {seat: size * weight // total for seat, weight in weights.items()}
    by_rest = sorted(weights, key=lambda seat: -(size * weights[seat] % total))
    for seat in by_rest[: size - sum(lacks.values())]:
        lacks[seat] += 1
    for seat in table:
        if seat in lacks:
            lacks[seat] -= 1
    return lacks


def _given_up(table: Sequence[int], lacks: Mapping[int, int]) -> Iterable[int]:
    """The last places of each seat that has too many, as many as that."""
    for seat, count in lacks.items():
        if count < 0:
            yield from [place for place, owner in enumerate(table) if owner == seat][count:]


def _deal(table: list[int], free: Sequence[int], lacks: Mapping[int, int]) -> None:
    """Give free places to seats that lack some, one seat after the other: more where more is lacking."""
    wanted = {seat: count for seat, count in lacks.items() if count > 0}
    given, dealt, whole = 0, 0, sum(wanted.values())
    for seat, count in wanted.items():
        dealt += count
        end = len(free) * dealt // whole
        for place in free[given:end]:
            table[place] = seat
        given = end


def blocks(owners: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
    """Whose the slots are, by as few blocks as there can be: lower bits, how many of them, and the owner."""
    return tuple(_blocks(owners, 0, 0))


def _blocks(owners: Sequence[int], value: int, bits: int) -> Iterator[tuple[int, int, int]]:
    if len(set(owners)) == 1:
        yield value, bits, owners[0]
        return
    for bit in (0, 1):
        yield from _blocks(owners[bit::2], value | bit << bits, bits + 1)


def moved(owners: Sequence[int], moves: Mapping[int, int]) -> tuple[int, ...]:
    """Whose each slot is, where some of them lead to others who are among the owners."""
    present = set(owners)
    return tuple(
        other if (other := moves.get(slot)) in present and other is not None else owner
        for slot, owner in enumerate(owners)
    )


def relieve(owners: Sequence[int], moves: Mapping[int, int], loads: Mapping[int, float]) -> dict[int, int]:
    """Other moves, by which who has the highest load gives a few slots to who has the lowest.

    Loads are by owner, such as its open connections for each part of its weight. Little differences move
    nothing; where all loads are little, slots go back to their owners. Moves that mean nothing any more are
    forgotten.
    """
    before = moved(owners, moves)
    after, step = list(before), round(STEP * len(owners))
    if (given := _overloaded(owners, before, loads)) is not None:
        high, low = given
        own = [slot for slot, owner in enumerate(before) if owner == high]
        least = max(1, round(owners.count(high) * KEPT))
        # What was the other's goes back first, then what is its own only by a move.
        own.sort(key=lambda slot: (owners[slot] != low, owners[slot] == high))
        for slot in own[: min(step, max(0, len(own) - least))]:
            after[slot] = low
    elif all(loads.get(owner, 0.0) <= _FEW for owner in owners):
        for slot in [slot for slot, owner in enumerate(owners) if before[slot] != owner][:step]:
            after[slot] = owners[slot]
    return {slot: owner for slot, owner in enumerate(after) if owner != owners[slot]}


def _overloaded(
    owners: Sequence[int], now: Sequence[int], loads: Mapping[int, float]
) -> tuple[int, int] | None:
    """Who has the highest load and who the lowest, if one of them is far from the mean."""
    known = {owner: loads.get(owner, 0.0) for owner in Counter(owners)}
    if len(known) < 2:
        return None
    mean = sum(known.values()) / len(known)
    able = {owner for owner, count in Counter(now).items() if count > max(1, owners.count(owner) * KEPT)}
    high = max(sorted(able), key=known.__getitem__, default=None)
    low = min(sorted(known), key=known.__getitem__)
    if high is None or known[high] - known[low] <= max(_FEW, 2 * _TOLERANCE * mean):
        return None
    return high, low
