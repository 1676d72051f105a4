"""Integers claimed from ranges, each once: IPv4 addresses of a network, VLANs and VNIs of a physical one.

A pool is kept as blocks of 256 bits and a mark below which no block has a free one. To claim the next
free integer reads and writes one block, however many are taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.errors import Exhausted, Invalid
from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.service import Transaction

#: Ranges of integers, both ends included, in ascending order and apart from each other.
Ranges = tuple[tuple[int, int], ...]

_BITS = 8
_SIZE = 1 << _BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Record):
    """What may be claimed for the object with this id. No block below `first_block` has anything free."""

    ranges: Ranges
    first_block: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolBlock(Record):
    """What is taken of 256 integers: bit n of `taken` (hexadecimal) stands for `index * 256 + n`."""

    REFERENCES: ClassVar[dict[str, str]] = {"pool_id": "Pool"}

    pool_id: str
    index: int
    taken: str = "0"


def provide(transaction: Transaction, pool_id: str, ranges: Ranges) -> None:
    """Make the pool, or give it other ranges; what is claimed stays so, also outside of them."""
    pool = transaction.snapshot.get(Pool, pool_id) or Pool(id=pool_id, ranges=ranges)
    transaction.put(dataclasses.replace(pool, ranges=ranges, first_block=0))


def claim(transaction: Transaction, pool_id: str, within: Ranges | None = None) -> int:
    """Take the smallest free integer of the pool's ranges, or of others; raises Exhausted."""
    pool = transaction.snapshot.need(Pool, pool_id)
    ranges, first_block = (pool.ranges, pool.first_block) if within is None else (within, 0)
    for index, allowed in _blocks(ranges, first_block):
        block = _block(transaction.snapshot, pool_id, index)
        free = allowed & ~int(block.taken, 16)
        if free:
            bit = (free & -free).bit_length() - 1
            transaction.put(_with(block, bit))
            if within is None and index != pool.first_block:
                transaction.put(dataclasses.replace(pool, first_block=index))
            return index * _SIZE + bit
    raise Exhausted("nothing is left of the range")


def claim_greatest(transaction: Transaction, pool_id: str) -> int:
    """Take the greatest free integer of the pool's ranges; raises Exhausted."""
    pool = transaction.snapshot.need(Pool, pool_id)
    for index, allowed in reversed([*_blocks(pool.ranges, pool.first_block)]):
        block = _block(transaction.snapshot, pool_id, index)
        free = allowed & ~int(block.taken, 16)
        if free:
            bit = free.bit_length() - 1
            transaction.put(_with(block, bit))
            return index * _SIZE + bit
    raise Exhausted("nothing is left of the range")


def claim_this(transaction: Transaction, pool_id: str, value: int) -> None:
    """Take this integer, inside the ranges or not; raises Invalid if it is taken."""
    block = _block(transaction.snapshot, pool_id, value >> _BITS)
    bit = value & (_SIZE - 1)
    if int(block.taken, 16) >> bit & 1:
        raise Invalid(f"{value} is taken")
    transaction.put(_with(block, bit))


def release(transaction: Transaction, pool_id: str, value: int) -> None:
    """Give the integer back; nothing happens if it was free."""
    index, bit = value >> _BITS, value & (_SIZE - 1)
    block = _block(transaction.snapshot, pool_id, index)
    taken = int(block.taken, 16) & ~(1 << bit)
    if f"{taken:x}" == block.taken:
        return
    transaction.put(dataclasses.replace(block, taken=f"{taken:x}"))
    pool = transaction.snapshot.need(Pool, pool_id)
    if index < pool.first_block:
        transaction.put(dataclasses.replace(pool, first_block=index))


def is_taken(snapshot: Snapshot, pool_id: str, value: int) -> bool:
    """Whether the integer has been claimed."""
    return bool(int(_block(snapshot, pool_id, value >> _BITS).taken, 16) >> (value & (_SIZE - 1)) & 1)


def taken(snapshot: Snapshot, pool_id: str) -> Iterator[int]:
    """The integers that have been claimed, in ascending order."""
    for block in sorted(snapshot.where(PoolBlock, "pool_id", pool_id), key=lambda block: block.index):
        bits = int(block.taken, 16)
        yield from (block.index * _SIZE + bit for bit in range(_SIZE) if bits >> bit & 1)


def count_taken(snapshot: Snapshot, pool_id: str) -> int:
    """How many integers have been claimed."""
    return sum(int(block.taken, 16).bit_count() for block in snapshot.where(PoolBlock, "pool_id", pool_id))


def drop(transaction: Transaction, pool_id: str) -> None:
    """Forget the pool with all its claims; nothing happens if there is none."""
    pool = transaction.snapshot.get(Pool, pool_id)
    if pool is not None:
        transaction.delete(pool, *transaction.snapshot.where(PoolBlock, "pool_id", pool_id))


def _block(snapshot: Snapshot, pool_id: str, index: int) -> PoolBlock:
    id = f"{pool_id}/{index}"
    return snapshot.get(PoolBlock, id) or PoolBlock(id=id, pool_id=pool_id, index=index)


def _with(block: PoolBlock, bit: int) -> PoolBlock:
    return dataclasses.replace(block, taken=f"{int(block.taken, 16) | 1 << bit:x}")


def _blocks(ranges: Ranges, first: int) -> Iterator[tuple[int, int]]:
    """Index and allowed bits of every block of the ranges from `first` on."""
    waiting: tuple[int, int] | None = None
    for low, high in ranges:
        for index in range(max(low >> _BITS, first), (high >> _BITS) + 1):
            start = index * _SIZE
            bits = _mask(max(low - start, 0), min(high - start, _SIZE - 1))
            if waiting is not None and waiting[0] == index:
                waiting = (index, waiting[1] | bits)
            else:
                if waiting is not None:
                    yield waiting
                waiting = (index, bits)
    if waiting is not None:
        yield waiting


def _mask(low: int, high: int) -> int:
    return (1 << (high + 1)) - (1 << low)
