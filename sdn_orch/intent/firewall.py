"""Firewall rules: of public addresses, where nothing may come in without one, and of networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.traffic import Direction, TrafficRule, port_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRule(TrafficRule):
    """Packets that may come in to a public address; `ports` are ports of that address.

    `forward_id`, `balancer_id`: what it was made for, with which it goes.
    """

    REFERENCES: ClassVar[dict[str, str]] = {
        "address_id": "PublicAddress",
        "forward_id": "Forward",
        "balancer_id": "Balancer",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("address_id", "forward_id", "balancer_id")
    INDEXES: ClassVar[tuple[str, ...]] = ("blocks",)

    address_id: str
    forward_id: str | None = None
    balancer_id: str | None = None

    @property
    def blocks(self) -> tuple[tuple[str, int, int], ...]:
        """Where its ports are looked for; what has no ports is in the block of port 0."""
        return port_blocks(self.address_id, self.protocol or 0, self.ports or (0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule(TrafficRule):
    """Packets that may leave an isolated network, or may not where all others may."""

    REFERENCES: ClassVar[dict[str, str]] = {"network_id": "Network"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("network_id",)

    network_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedRule(TrafficRule):
    """Packets that may pass between a routed network and the outside: IPv6, or IPv4 without NAT."""

    REFERENCES: ClassVar[dict[str, str]] = {"network_id": "Network"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("network_id",)

    network_id: str
    direction: Direction
    version: int
