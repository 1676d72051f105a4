"""Who uses which ports of an address: forwards, balancers and static NAT must not meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import LARGEST_PORT, Ports

_BLOCK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PortUse(Record):
    """Base of what takes ports of an address for itself. `protocol` is IANA's number."""

    INDEXES: ClassVar[tuple[str, ...]] = ("place", "claims")

    protocol: int

    @property
    def place(self) -> str:
        """What names the address, unlike any other: the id of a public one."""
        raise NotImplementedError

    @property
    def taken(self) -> Ports:
        """The ports of the address that it takes."""
        raise NotImplementedError

    @property
    def claims(self) -> tuple[tuple[str, int, int], ...]:
        """The blocks of 256 ports that it has a part in, so that those it may meet are found at once."""
        first, last = max(self.taken[0], 0), min(self.taken[1], LARGEST_PORT)
        blocks = range(first // _BLOCK, last // _BLOCK + 1)
        return tuple((self.place, self.protocol, block) for block in blocks)


def uses(snapshot: Snapshot, place: str) -> Iterator[PortUse]:
    """Everything that uses ports of the address."""
    for kind in snapshot.kinds(PortUse):
        yield from snapshot.where(kind, "place", place)


def conflicts(snapshot: Snapshot, mine: PortUse) -> Iterator[PortUse]:
    """The others that use one of the same ports; costs the same however many the address has."""
    first, last = mine.taken
    found: dict[str, PortUse] = {}
    for kind in snapshot.kinds(PortUse):
        for claim in mine.claims:
            for other in snapshot.where(kind, "claims", claim):
                if other.id != mine.id and other.taken[0] <= last and first <= other.taken[1]:
                    found[other.id] = other
    yield from found.values()
