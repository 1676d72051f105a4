"""Which of a balancer's members has which of its slots: even by weight, and a change moves few of them.

What a new connection says of itself gives it a slot, and the slot gives it a member. Every member has a
seat, the lowest that was free when it came, and the table follows from the seats alone: they come in one
after the other, and each takes its share from those before it, evenly. The slots of seats that nobody lives
in are dealt out to the others, who keep all that they had. So every gateway finds the same table; who comes
takes only what is its own from then on, and of who goes only what was its own goes to others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import multimode

#: Slots of pools with up to `FEW_SEATS` seats, and of those with more: few are less to hold and to change.
FEW_SEATS = 16
FEW_SLOTS, MANY_SLOTS = 256, 1024
#: Of 256 slots, those that `relieve` moves at most; and the part of its share that a member always keeps.
STEP, KEPT = 4, 0.1
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
    for gone in sorted(present.keys() - staying.keys()):
        del present[gone]
        _deal(table, [slot for slot, seat in enumerate(table) if seat == gone], _lacks(table, present))
    return tuple(table)


@lru_cache(maxsize=1024)
def _seated(weights: tuple[int, ...]) -> tuple[int, ...]:
    """The seat of each slot where all seats are taken."""
    table = [0] * FEW_SLOTS
    for newest in range(1, len(weights)):
        if newest == FEW_SEATS:
            table = [seat for seat in table for _ in range(MANY_SLOTS // FEW_SLOTS)]
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
    """As many slots as each seat has too many, evenly spaced among its own."""
    owned: dict[int, list[int]] = {}
    for slot, seat in enumerate(table):
        owned.setdefault(seat, []).append(slot)
    for order, (seat, own) in enumerate(owned.items()):
        surplus = -lacks[seat]
        for turn in range(surplus):
            yield own[(turn * len(owned) + order) * len(own) // (surplus * len(owned))]


def _deal(table: list[int], free: Sequence[int], lacks: Mapping[int, int]) -> None:
    """Give free slots to seats that lack some, in turns: more of them where more is lacking."""
    wanted = {seat: count for seat, count in lacks.items() if count > 0}
    credit, whole = dict.fromkeys(wanted, 0), sum(wanted.values())
    for slot in free:
        for seat, count in wanted.items():
            credit[seat] += count
        chosen = max(credit, key=credit.__getitem__)
        credit[chosen] -= whole
        table[slot] = chosen


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
    after, step = list(before), STEP * len(owners) // FEW_SLOTS
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
