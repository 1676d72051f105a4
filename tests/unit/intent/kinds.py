"""A kind of record as a door would add it: references to many, and few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.model import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Team(Record):
    """Machines that belong together; at most five teams."""

    REFERENCES: ClassVar[dict[str, str]] = {"machine_ids": "Machine", "lead_id": "Machine"}
    INDEXES: ClassVar[tuple[str, ...]] = ("colour",)
    LARGEST_NUMBER: ClassVar[int] = 5

    machine_ids: tuple[str, ...] = ()
    lead_id: str | None = None
    colour: str = ""
