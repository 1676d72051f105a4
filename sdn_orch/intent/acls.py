"""Lists of rules for tiers of VPCs: the first item that is about a packet decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.model import Record
from sdn_orch.intent.traffic import Direction, TrafficRule, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AclList(Record):
    """Items in order. Without a VPC it is one of the two that every VPC can use.

    What no item is about may not come in, and may go out unless there is an item about what goes out.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"vpc_id": "Vpc"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("vpc_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)
    LARGEST_NUMBER: ClassVar[int] = 2**28 - 1

    name: str
    description: str = ""
    vpc_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AclItem(TrafficRule):
    """One item: `position` orders the items of a list, from 1 up. Ingress is towards the tier."""

    REFERENCES: ClassVar[dict[str, str]] = {"list_id": "AclList"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("list_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("places",)

    list_id: str
    position: int
    direction: Direction = Direction.INGRESS
    verdict: Verdict = Verdict.ALLOW
    reason: str = ""

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """What no other item has, as (list id, position); one entry, so that it can be looked up."""
        return ((self.list_id, self.position),)
