"""All records of one kind, with their indexes and the numbers given so far."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import cast

from sdn_orch.errors import Exhausted, Invalid, NotFound
from sdn_orch.intent.model import Record
from sdn_orch.intent.table import Table

#: The records with one value in one field, in the order of numbers: a tuple while they are few, so that
#: looking them up costs nothing; a table by number when copying a tuple would cost more than its branches.
Group = tuple[Record, ...] | Table[int, Record]
_FEW = 64

_number = attrgetter("number")


@dataclass(frozen=True, slots=True)
class Collection:
    """Immutable; `put` and `drop` return the changed one."""

    kind: type[Record]
    by_id: Table[str, Record]
    by_number: Table[int, Record]
    #: Field name -> value -> records, of the fields that anybody has looked up by, see `index`.
    indexes: dict[str, Table[object, Group]]
    last_number: int
    #: The fields that anybody has looked up by, here or in any collection that is some changes away: what is
    #: looked up where a change is tried, and then forgotten, is looked up again where the next one is.
    asked: set[str] = dataclasses.field(default_factory=set, compare=False)

    @classmethod
    def of(cls, kind: type[Record], records: Sequence[Record] = (), last_number: int = 0) -> Collection:
        """The collection of these numbered records; raises Invalid naming ids and numbers taken twice."""
        by_id = {record.id: record for record in records}
        by_number = {record.number: record for record in records}
        if min(len(by_id), len(by_number)) < len(records):
            raise Invalid(
                *(
                    f"{kind.__name__} {record.id}: id or number {record.number} is taken twice"
                    for record in records
                    if by_id[record.id] is not record or by_number[record.number] is not record
                )
            )
        return cls(kind, Table(by_id), Table(by_number), {}, max(last_number, 0, *by_number))

    def index(self, field: str) -> Table[object, Group]:
        """The records by what they hold in a declared field. It is made when it is first asked for: at a
        start switches wait for all that is made, and some are only needed by whoever changes something."""
        found = self.indexes.get(field)
        if found is None:
            self.asked.add(field)
            grouped = _grouped(field, tuple(self.by_number.values()))
            found = Table({value: _group(records) for value, records in grouped.items()})
            self.indexes[field] = found
        return found

    def where(self, field: str, value: object) -> tuple[Record, ...]:
        """The records with this value in this indexed field, in the order of numbers."""
        group = self.index(field).get(value)
        if isinstance(group, Table):
            return tuple(group.values())
        return group or ()

    def first(self, field: str, value: object) -> Record | None:
        """The one with the lowest number of those that `where` answers, or None; however many they are."""
        group = self.index(field).get(value)
        return next(iter(group.values() if isinstance(group, Table) else group or ()), None)

    def count_where(self, field: str, value: object) -> int:
        """How many records have this value in this indexed field."""
        return len(self.index(field).get(value) or ())

    def put(self, record: Record) -> Collection:
        """With the record created (number 0: the next free one) or replaced; raises Invalid and Exhausted."""
        if type(record) is not self.kind:
            raise TypeError(f"two kinds of record are named {self.kind.__name__}")
        old = self.by_id.get(record.id)
        last_number = self.last_number
        if old is None and not record.number:
            last_number = self._next_number()
            record = dataclasses.replace(record, number=last_number)
        elif old is None:
            self._check_number(record)
            last_number = max(last_number, record.number)
        elif record.number != old.number:
            said = f"number: {old.number} never changes" if record.number else "id: it is taken"
            raise Invalid(f"{self.kind.__name__} {record.id}: {said}")
        return Collection(
            self.kind,
            self.by_id.put(record.id, record),
            self.by_number.put(record.number, record),
            self._reindexed(old, record),
            last_number,
            self.asked,
        )

    def drop(self, id: str) -> Collection:
        """Without the record; raises NotFound."""
        old = self.by_id.get(id)
        if old is None:
            raise NotFound(f"{self.kind.__name__} {id} does not exist")
        return dataclasses.replace(
            self,
            by_id=self.by_id.drop(id),
            by_number=self.by_number.drop(old.number),
            indexes=self._reindexed(old, None),
        )

    def _next_number(self) -> int:
        """The free number after the one given last, from 1 again after the largest.

        So a number that became free rests as long as possible: what a switch still holds of its former
        bearer is gone by then.
        """
        largest = self.kind.LARGEST_NUMBER
        if len(self.by_number) >= largest:
            raise Exhausted(f"{self.kind.__name__}: all {largest} numbers are taken")
        number = self.last_number % largest + 1
        while self.by_number.get(number) is not None:
            number = number % largest + 1
        return number

    def _check_number(self, record: Record) -> None:
        who = f"{self.kind.__name__} {record.id}: number:"
        if not 1 <= record.number <= self.kind.LARGEST_NUMBER:
            raise Invalid(f"{who} {record.number} is not in 1..{self.kind.LARGEST_NUMBER}")
        bearer = self.by_number.get(record.number)
        if bearer is not None:
            raise Invalid(f"{who} {record.number} is that of {bearer.id}")

    def _reindexed(self, old: Record | None, new: Record | None) -> dict[str, Table[object, Group]]:
        indexes: dict[str, Table[object, Group]] = {}
        for field in tuple(self.asked):
            index = self.index(field)
            left = members(getattr(old, field)) if old is not None else ()
            entered = members(getattr(new, field)) if new is not None else ()
            for value in left:
                if value not in entered:
                    group = _without(index.get(value), cast("Record", old).number)
                    index = index.put(value, group) if group else index.drop(value)
            for value in entered:
                index = index.put(value, _with(index.get(value), cast("Record", new)))
            indexes[field] = index
        return indexes


def _grouped(field: str, records: Sequence[Record]) -> dict[object, list[Record]]:
    """The records by what they hold in a field, see `members`."""
    groups: dict[object, list[Record]] = {}
    for record, value in zip(records, map(attrgetter(field), records), strict=True):
        for member in members(value) if isinstance(value, tuple) else (value,):
            group = groups.get(member)
            if group is None:
                groups[member] = [record]
            else:
                group.append(record)
    return groups


def members(value: object) -> tuple[object, ...]:
    """What a field holds, once each: the members of a tuple, else the value itself."""
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else (value,)


def _group(records: Sequence[Record]) -> Group:
    return tuple(records) if len(records) <= _FEW else Table({record.number: record for record in records})


def _with(group: Group | None, record: Record) -> Group:
    if group is None:
        return (record,)
    if isinstance(group, Table):
        return group.put(record.number, record)
    at = bisect_left(group, record.number, key=_number)
    after = at + (at < len(group) and group[at].number == record.number)
    return _group((*group[:at], record, *group[after:]))


def _without(group: Group | None, number: int) -> Group:
    if isinstance(group, Table):
        left = group.drop(number)
        # Half of _FEW, so that one record that comes and goes does not convert the group each time.
        return left if len(left) > _FEW // 2 else tuple(left.values())
    return tuple(record for record in group or () if record.number != number)
