"""From what a switch holds to what it should hold: which messages, in which order.

The order within a plan, and how it is cut into chunks, keep rule 5 of the design: no state between is
more open than both ends, and what is pointed at (groups, meters, later tables) is there before what
points at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sdn_orch.openflow.values import FlowEntry, Group, Meter


class Verb(Enum):
    """What to do with one object."""

    ADD = "add"
    MODIFY = "modify"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Operation:
    """One message of a plan."""

    verb: Verb
    subject: FlowEntry | Group | Meter


@dataclass(frozen=True, slots=True)
class Plan:
    """Chunks of operations; each chunk is one atomic bundle, and they go in order."""

    chunks: tuple[tuple[Operation, ...], ...]

    def __bool__(self) -> bool:
        return any(self.chunks)

    def __iter__(self) -> Iterator[Operation]:
        for chunk in self.chunks:
            yield from chunk
