"""An immutable view of all records at one revision, with look-ups by id, number and declared field.

Changing one record of many thousands makes a new snapshot that shares all the rest with the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from sdn_orch.errors import InUse, Invalid, NotFound
from sdn_orch.intent.collection import Collection, members
from sdn_orch.intent.model import Follower, Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Put:
    """Create the record (number 0), or replace the one with its id (which keeps its number)."""

    record: Record


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the record of this kind with this id."""

    kind: type[Record]
    id: str


Change = Put | Delete

#: What one record was before and is after; None before a creation and after a deletion.
Difference = tuple[Record | None, Record | None]


class Snapshot:
    """All records at one revision; see the module. Kinds are told apart by their class names."""

    __slots__ = ("_collections", "revision")

    def __init__(self, revision: int, collections: Mapping[str, Collection]) -> None:
        self.revision = revision
        self._collections = collections

    @classmethod
    def empty(cls) -> Snapshot:
        """No records, revision 0."""
        return cls(0, {})

    @classmethod
    def of(cls, *records: Record) -> Snapshot:
        """Revision 1 with these records; those without a number are given one. Raises like `change`."""
        return cls.empty().change([Put(record) for record in records])

    @classmethod
    def load(
        cls, revision: int, records: Iterable[Record], last_numbers: Mapping[type[Record], int]
    ) -> Snapshot:
        """What a store kept: numbered records, and per kind the number given last.

        Raises Invalid naming every record whose id or number is taken, or that refers to nothing.
        """
        kinds: dict[type[Record], list[Record]] = {kind: [] for kind in last_numbers}
        for record in records:
            kinds.setdefault(type(record), []).append(record)
        collections = {
            kind.__name__: Collection.of(kind, found, last_numbers.get(kind, 0))
            for kind, found in kinds.items()
        }
        snapshot = cls(revision, collections)
        faults = [fault for collection in collections.values() for fault in snapshot._dangling(collection)]
        if faults:
            raise Invalid(*faults)
        return snapshot

    def get(self, kind: type[R], id: str) -> R | None:
        """The record, or None."""
        collection = self._collections.get(kind.__name__)
        return cast("R | None", collection.by_id.get(id)) if collection else None

    def need(self, kind: type[R], id: str) -> R:
        """The record; raises NotFound naming kind and id."""
        record = self.get(kind, id)
        if record is None:
            raise NotFound(f"{kind.__name__} {id} does not exist")
        return record

    def numbered(self, kind: type[R], number: int) -> R | None:
        """The record with this data-plane number, or None."""
        collection = self._collections.get(kind.__name__)
        return cast("R | None", collection.by_number.get(number)) if collection else None

    def kinds(self, base: type[R]) -> Iterator[type[R]]:
        """The kinds of this base that there are or were records of."""
        for collection in self._collections.values():
            if issubclass(collection.kind, base):
                yield collection.kind

    def all(self, kind: type[R]) -> Iterator[R]:
        """Every record of a kind, in the order of its numbers."""
        collection = self._collections.get(kind.__name__)
        return cast("Iterator[R]", collection.by_number.values() if collection else iter(()))

    def where(self, kind: type[R], field: str, value: object) -> tuple[R, ...]:
        """The records whose declared index or reference field has this value, in the order of numbers.

        Of a field that holds a tuple: those with this value in it. Raises ValueError for other fields.
        """
        collection = self._indexed(kind, field)
        return cast("tuple[R, ...]", collection.where(field, value) if collection else ())

    def first(self, kind: type[R], field: str, value: object) -> R | None:
        """The one with the lowest number of those that `where` answers, or None; however many they are."""
        collection = self._indexed(kind, field)
        return cast("R | None", collection.first(field, value) if collection else None)

    def count(self, kind: type[R]) -> int:
        """How many records of a kind there are."""
        collection = self._collections.get(kind.__name__)
        return len(collection.by_id) if collection else 0

    def count_where(self, kind: type[Record], field: str, value: object) -> int:
        """How many records `where` would answer; costs the same however many there are."""
        collection = self._indexed(kind, field)
        return collection.count_where(field, value) if collection else 0

    def _indexed(self, kind: type[Record], field: str) -> Collection | None:
        """The records of a kind, if there are any; raises ValueError for a field without index."""
        if field not in kind.REFERENCES and field not in kind.INDEXES:
            raise ValueError(f"{kind.__name__} has no index on {field}")
        return self._collections.get(kind.__name__)

    def last_number(self, kind: type[Record]) -> int:
        """The number given last in this kind; the next one is looked for from there."""
        collection = self._collections.get(kind.__name__)
        return collection.last_number if collection else 0

    def change(self, changes: Sequence[Change]) -> Snapshot:
        """The snapshot with these changes made and the revision one higher; numbers are given to new records.

        References are looked at when all changes are made, so their order does not matter for these.
        Raises Invalid if an id or number is taken or a reference names nothing, NotFound if a record to
        be deleted does not exist, InUse if a deleted one is still referred to, Exhausted if a kind has no
        number left.

        Pure: what the stores use, and what tests and `plan` use to ask "what if".
        """
        collections = dict(self._collections)
        for change in changes:
            kind, id = target(change)
            collection = collections.get(kind.__name__) or Collection.of(kind)
            collections[kind.__name__] = (
                collection.put(change.record) if isinstance(change, Put) else collection.drop(id)
            )
        after = Snapshot(self.revision + 1, collections)
        after._check_references(changes)
        return after

    def differences(self, before: Snapshot, changes: Sequence[Change]) -> tuple[Difference, ...]:
        """What `changes` made of the records of `before`, where they made a difference.

        A record that was deleted and created again under another number is two differences.
        """
        result: list[Difference] = []
        for kind, id in dict.fromkeys(map(target, changes)):
            old, new = before.get(kind, id), self.get(kind, id)
            if old is not None and new is not None and old.number != new.number:
                result += [(old, None), (None, new)]
            elif old != new:
                result.append((old, new))
        return tuple(result)

    def referrers(self, kind: type[Record], id: str) -> Iterator[Record]:
        """Every record of any kind that refers to this one."""
        for collection in self._collections.values():
            for field, referred in collection.kind.REFERENCES.items():
                if referred == kind.__name__:
                    yield from collection.where(field, id)

    def dependants(self, kind: type[Record], id: str) -> Iterator[Record]:
        """Every record that goes when this one goes: its followers, and those that refer to it so."""
        for collection in self._collections.values():
            if issubclass(collection.kind, Follower):
                for follower in cast("tuple[Follower, ...]", collection.where("subject_id", id)):
                    if follower.subject_kind == kind.__name__:
                        yield follower
            for field in collection.kind.GOES_WITH:
                if collection.kind.REFERENCES[field] == kind.__name__:
                    yield from collection.where(field, id)

    def _check_references(self, changes: Sequence[Change]) -> None:
        faults: list[str] = []
        for kind, id in dict.fromkeys(map(target, changes)):
            record = self.get(kind, id)
            if record is not None:
                faults += self._missing(record)
            elif (referrer := next(self.referrers(kind, id), None)) is not None:
                raise InUse(f"{kind.__name__} {id} is in use by {type(referrer).__name__} {referrer.id}")
        if faults:
            raise Invalid(*faults)

    def _missing(self, record: Record) -> Iterator[str]:
        """What a record refers to that is not there."""
        for field, kind in record.REFERENCES.items():
            for id in members(getattr(record, field)):
                if not self._is_there(kind, id):
                    yield _no_such(record, field, kind, id)

    def _dangling(self, collection: Collection) -> Iterator[str]:
        """What the records of a kind refer to that is not there, looked for once however many refer to it."""
        for field, kind in collection.kind.REFERENCES.items():
            for id in collection.index(field):
                if not self._is_there(kind, id):
                    for record in collection.where(field, id):
                        yield _no_such(record, field, kind, id)

    def _is_there(self, kind: str, id: object) -> bool:
        """Whether a reference to `id` holds; one to None always does."""
        collection = self._collections.get(kind)
        return id is None or (collection is not None and collection.by_id.get(cast("str", id)) is not None)


def _no_such(record: Record, field: str, kind: str, id: object) -> str:
    return f"{type(record).__name__} {record.id}: {field}: there is no {kind} {id}"


def target(change: Change) -> tuple[type[Record], str]:
    """Kind and id of the record that a change is about."""
    if isinstance(change, Put):
        return type(change.record), change.record.id
    return change.kind, change.id
