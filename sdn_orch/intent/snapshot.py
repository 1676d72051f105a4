"""An immutable view of all records at one revision, with look-ups by id, number and declared field.

Changing one record of many thousands makes a new snapshot that shares all the rest with the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from sdn_orch.intent.model import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Put:
    """Create the record, or replace the one with its id."""

    record: Record


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the record of this kind with this id."""

    kind: type[Record]
    id: str


Change = Put | Delete


class Snapshot:
    """See the module. The body of each method here is the store's author's to write; this is the shape."""

    revision: int

    def get(self, kind: type[R], id: str) -> R | None:
        """The record, or None."""

    def need(self, kind: type[R], id: str) -> R:
        """The record; raises NotFound naming kind and id."""

    def numbered(self, kind: type[R], number: int) -> R | None:
        """The record with this data-plane number, or None."""

    def all(self, kind: type[R]) -> Iterator[R]:
        """Every record of a kind, in the order of its numbers."""

    def where(self, kind: type[R], field: str, value: object) -> tuple[R, ...]:
        """The records whose declared index or reference field has this value, in the order of numbers."""

    def count(self, kind: type[R]) -> int:
        """How many records of a kind there are."""

    def change(self, changes: list[Change]) -> Snapshot:
        """The snapshot with these changes made and the revision one higher; numbers are given to new records.

        Pure: what the stores use, and what tests and `plan` use to ask "what if".
        """
