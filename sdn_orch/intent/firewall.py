"""Firewall rules: of public addresses, where nothing may come in without one, and of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.traffic import Direction, TrafficRule, port_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRule(TrafficRule, ABC):
    """Base of rules whose order does not matter: what any of them is about may pass, or may not."""

    INDEXES: ClassVar[tuple[str, ...]] = ("blocks", "slots")
    #: How many rules of one home can be told apart by their slots alone.
    SLOTS: ClassVar[int] = 60_000

    @property
    @abstractmethod
    def home(self) -> str:
        """The id of what it stands on."""

    @property
    def slot(self) -> int:
        """What tells its flows from those of others that stand where it does."""
        return self.number % self.SLOTS

    @property
    def slots(self) -> tuple[tuple[str, int], ...]:
        """Its slot, as (home, slot); one entry, so that those who share it can be looked up."""
        return ((self.home, self.slot),)

    @property
    def blocks(self) -> tuple[tuple[str, int, int], ...]:
        """Where its ports are looked for; what has no ports is in the block of port 0."""
        return port_blocks(self.home, self.protocol or 0, self.ports or (0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRule(OpenRule):
    """Packets that may come in to a public address; `ports` are ports of that address.

    `forward_id`, `balancer_id`: what it was made for, with which it goes.
    """

    REFERENCES: ClassVar[dict[str, str]] = {
        "address_id": "PublicAddress",
        "forward_id": "Forward",
        "balancer_id": "Balancer",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("address_id", "forward_id", "balancer_id")

    address_id: str
    forward_id: str | None = None
    balancer_id: str | None = None

    @property
    def home(self) -> str:
        """See OpenRule."""
        return self.address_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule(OpenRule):
    """Packets that may leave an isolated network, or may not where all others may."""

    REFERENCES: ClassVar[dict[str, str]] = {"network_id": "Network"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("network_id",)

    network_id: str

    @property
    def home(self) -> str:
        """See OpenRule."""
        return self.network_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedRule(OpenRule):
    """Packets that may pass between a routed network and the outside: IPv6, or IPv4 without NAT."""

    REFERENCES: ClassVar[dict[str, str]] = {"network_id": "Network"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("network_id",)

    network_id: str
    direction: Direction
    version: int

    @property
    def home(self) -> str:
        """See OpenRule."""
        return f"{self.network_id}/{self.direction}/{self.version}"
