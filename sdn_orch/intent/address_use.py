"""Who uses which ports of an address: forwards, balancers and static NAT must not meet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Ports, port_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class PortUse(Record, ABC):
    """Base of what takes ports of an address for itself. `protocol` is IANA's number."""

    INDEXES: ClassVar[tuple[str, ...]] = ("place", "claims")

    protocol: int

    @property
    @abstractmethod
    def place(self) -> str:
        """What names the address, unlike any other: the id of a public one."""

    @property
    @abstractmethod
    def taken(self) -> Ports:
        """The ports of the address that it takes."""

    def takes(self, protocol: int, port: int) -> bool:
        """Whether it takes what is for a port."""
        return self.protocol == protocol and self.taken[0] <= port <= self.taken[1]

    @property
    def claims(self) -> tuple[tuple[str, int, int], ...]:
        """Where its ports are looked for, so that those it may meet are found at once."""
        return port_blocks(self.place, self.protocol, self.taken)


def uses(snapshot: Snapshot, place: str) -> Iterator[PortUse]:
    """Everything that uses ports of the address."""
    for kind in _kinds(snapshot):
        yield from snapshot.where(kind, "place", place)


def is_used(snapshot: Snapshot, place: str) -> bool:
    """Whether anything uses ports of the address; costs the same however many do."""
    return any(snapshot.count_where(kind, "place", place) for kind in _kinds(snapshot))


def conflicts(snapshot: Snapshot, mine: PortUse) -> Iterator[PortUse]:
    """The others that use one of the same ports; costs the same however many the address has."""
    first, last = mine.taken
    found: dict[str, PortUse] = {}
    for kind in _kinds(snapshot):
        for claim in mine.claims:
            for other in snapshot.where(kind, "claims", claim):
                if other.id != mine.id and other.taken[0] <= last and first <= other.taken[1]:
                    found[other.id] = other
    yield from found.values()


def _kinds(snapshot: Snapshot) -> Iterator[type[PortUse]]:
    # Only kinds that can be made come back, so that the base may be one that cannot.
    return snapshot.kinds(PortUse)  # type: ignore[type-abstract]
