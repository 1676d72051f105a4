"""What only CloudStack knows of balancers and their policies. A record goes with what it describes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sdn_orch.intent.model import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerDetails(Record):
    """Of a balancer. `cidr_list` is what `sources` were given as."""

    REFERENCES: ClassVar[dict[str, str]] = {"id": "Balancer"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("id",)

    created: datetime
    description: str = ""
    cidr_list: tuple[str, ...] = ()
    for_display: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StickinessDetails(Record):
    """Of a stickiness: method and parameters as they were given."""

    REFERENCES: ClassVar[dict[str, str]] = {"id": "Stickiness"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("id",)

    method: str
    parameters: tuple[tuple[str, str], ...] = ()
    description: str = ""
    for_display: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckDetails(Record):
    """Of a health check."""

    REFERENCES: ClassVar[dict[str, str]] = {"id": "HealthCheck"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("id",)

    description: str = ""
    for_display: bool = True
