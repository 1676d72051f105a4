"""Security groups: rules for machines wherever in a network they are, next to whomever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.model import Record
from sdn_orch.intent.traffic import Direction, TrafficRule


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup(Record):
    """NICs that the same rules are for; a NIC in several groups has the rules of all.

    What no rule is about may not come in, and may go out unless there is a rule about what goes out.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("account_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("names",)
    LARGEST_NUMBER: ClassVar[int] = 2**28 - 1

    account_id: str
    name: str
    description: str = ""

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What no other group has, as (account id, name); one entry, so that it can be looked up."""
        return ((self.account_id, self.name),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRule(TrafficRule):
    """Packets that may come to the NICs of a group, or go from them.

    The far side is any, or `sources` of what comes in, `destinations` of what goes out, or `peer_id`: the
    NICs of that group, whatever addresses they have.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"group_id": "SecurityGroup", "peer_id": "SecurityGroup"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("group_id", "peer_id")
    INDEXES: ClassVar[tuple[str, ...]] = ("meanings",)

    group_id: str
    direction: Direction
    peer_id: str | None = None

    @property
    def meanings(self) -> tuple[tuple[object, ...], ...]:
        """All that it says; one entry, so that a rule which says the same can be looked up."""
        packets = (self.protocol, self.ports, self.icmp_type, self.icmp_code)
        return ((self.group_id, self.direction, *packets, self.sources, self.destinations, self.peer_id),)
