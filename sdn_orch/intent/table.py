"""A persistent map: changing one entry makes a new map that shares all the rest with the old one.

A radix tree over the keys' hashes, 32 ways a level and without levels that decide nothing, whose leaves
are small dicts. A change copies one leaf and the few branches above it, so that it costs microseconds at
any size. A table that nobody has changed yet is one dict, whatever its size: at a start there are many, and
switches wait for them. The hash of a whole number below 2**60 is the number itself, therefore a table with
such keys is iterated in their order.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from operator import itemgetter
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_BITS = 5
_WIDTH = 1 << _BITS
#: A branch whose leaves together hold no more than this becomes one leaf again.
_MERGE = _WIDTH // 2
#: Hashes are signed and 61 bits long; a whole number of levels of them is used.
_PLACES = (1 << 60) - 1

_place = itemgetter(0)


class _Branch(Generic[K, V]):
    """Children by the five bits of the place from `shift` up; all places below agree in the bits above."""

    __slots__ = ("children", "prefix", "shift")

    def __init__(self, shift: int, prefix: int, children: tuple[dict[K, V] | _Branch[K, V], ...]) -> None:
        self.shift = shift
        self.prefix = prefix
        self.children = children


class Table(Generic[K, V]):
    """An immutable map; `put` and `drop` return the changed one."""

    __slots__ = ("_root", "_size")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        self._root: dict[K, V] | _Branch[K, V] = dict(entries) if entries else {}
        self._size = len(self._root)

    def __len__(self) -> int:
        return self._size

    def get(self, key: K) -> V | None:
        """The value of `key`, or None."""
        node = self._root
        if type(node) is not dict:
            place = hash(key) & _PLACES
            while isinstance(node, _Branch):
                node = node.children[place >> node.shift & 31]
        return node.get(key)

    def put(self, key: K, value: V) -> Table[K, V]:
        """This table with `key` set to `value`."""
        added = self.get(key) is None
        return _table(_put(self._branched(), hash(key) & _PLACES, key, value), self._size + added)

    def drop(self, key: K) -> Table[K, V]:
        """This table without `key`; itself if it has no such key."""
        if self.get(key) is None:
            return self
        return _table(_drop(self._branched(), hash(key) & _PLACES, key), self._size - 1)

    def _branched(self) -> dict[K, V] | _Branch[K, V]:
        """The root, from now on with small leaves."""
        if not isinstance(self._root, _Branch) and len(self._root) > _WIDTH:
            self._root = _build(_entries(self._root))
        return self._root

    def __iter__(self) -> Iterator[K]:
        """Every key, in no order."""
        for leaf in _leaves(self._root):
            yield from leaf

    def values(self) -> Iterator[V]:
        """Every value, in the order of the keys where they are whole numbers."""
        for leaf in _leaves(self._root):
            for key in sorted(leaf):  # type: ignore[type-var]
                yield leaf[key]


def _table(root: dict[K, V] | _Branch[K, V], size: int) -> Table[K, V]:
    table: Table[K, V] = Table.__new__(Table)
    table._root = root
    table._size = size
    return table


def _put(node: dict[K, V] | _Branch[K, V], place: int, key: K, value: V) -> dict[K, V] | _Branch[K, V]:
    if not isinstance(node, _Branch):
        leaf = node.copy()
        leaf[key] = value
        return leaf if len(leaf) <= _WIDTH else _build(_entries(leaf))
    shift = node.shift
    if place >> shift + _BITS != node.prefix:
        return _join(node, place, {key: value})
    slot = place >> shift & 31
    children = node.children
    child = _put(children[slot], place, key, value)
    return _Branch(shift, node.prefix, (*children[:slot], child, *children[slot + 1 :]))


def _build(entries: list[tuple[int, K, V]]) -> dict[K, V] | _Branch[K, V]:
    """The node of these places, keys and values: a leaf if they are few or all of one place."""
    if len(entries) > _WIDTH:
        low, high = min(entries, key=_place)[0], max(entries, key=_place)[0]
        if low != high:
            shift = _deciding(low, high)
            slots: list[list[tuple[int, K, V]]] = [[] for _ in range(_WIDTH)]
            for entry in entries:
                slots[entry[0] >> shift & 31].append(entry)
            return _Branch(shift, low >> shift + _BITS, tuple(map(_build, slots)))
    return {key: value for _, key, value in entries}


def _entries(items: Mapping[K, V]) -> list[tuple[int, K, V]]:
    return [(hash(key) & _PLACES, key, value) for key, value in items.items()]


def _join(branch: _Branch[K, V], place: int, leaf: dict[K, V]) -> _Branch[K, V]:
    """A branch above both: the place of the leaf's key lies outside the branch."""
    other = branch.prefix << branch.shift + _BITS
    shift = _deciding(place, other)
    children: list[dict[K, V] | _Branch[K, V]] = [{}] * _WIDTH
    children[place >> shift & 31] = leaf
    children[other >> shift & 31] = branch
    return _Branch(shift, place >> shift + _BITS, tuple(children))


def _deciding(one: int, other: int) -> int:
    """The lowest bit of the highest level at which two places differ."""
    return ((one ^ other).bit_length() - 1) // _BITS * _BITS


def _drop(node: dict[K, V] | _Branch[K, V], place: int, key: K) -> dict[K, V] | _Branch[K, V]:
    if not isinstance(node, _Branch):
        leaf = node.copy()
        del leaf[key]
        return leaf
    slot = place >> node.shift & 31
    children = node.children
    child = _drop(children[slot], place, key)
    children = (*children[:slot], child, *children[slot + 1 :])
    return _merge(_Branch(node.shift, node.prefix, children))


def _merge(branch: _Branch[K, V]) -> dict[K, V] | _Branch[K, V]:
    """One leaf in place of the branch if little is left, its only child if one is left, else the branch."""
    left = [child for child in branch.children if child]
    if len(left) == 1:
        return left[0]
    leaf: dict[K, V] = {}
    for child in left:
        if isinstance(child, _Branch) or len(leaf) + len(child) > _MERGE:
            return branch
        leaf.update(child)
    return leaf


def _leaves(node: dict[K, V] | _Branch[K, V]) -> Iterator[dict[K, V]]:
    if isinstance(node, _Branch):
        for child in node.children:
            yield from _leaves(child)
    else:
        yield node
