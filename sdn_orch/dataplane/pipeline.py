"""The pipeline: tables, metadata, priorities and allowed edges, in one place.

Everything that two stages must agree on is said here and checked at import; `docs/pipeline.md` is
generated from it. Directions are `from_port` (what an attached NIC sends) and `to_port` (what it gets).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Table(IntEnum):
    """Tables of an edge switch, in the order a packet meets them. A fabric switch has only CLASSIFY."""

    CLASSIFY = 0
    SOURCE = 1
    NEIGHBOUR_SOURCE = 2
    SERVICE = 3
    ANSWER = 4
    ANSWER_ND = 5
    ROUTE = 6
    MTU = 7
    NEXT_HOP = 8
    FORWARD = 9
    TRANSIT = 10
    ARRIVE = 11
    DELIVER = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """One table: its prose, where its packets may go next, and its named priorities, highest first."""

    table: Table
    purpose: str
    next: tuple[Table, ...]
    priorities: dict[str, int]
