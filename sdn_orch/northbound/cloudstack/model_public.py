"""What only CloudStack knows of public ranges and addresses, and ranges of shared networks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address
from typing import ClassVar

from sdn_orch.intent.model import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRangeDetails(Record):
    """Of a public range."""

    REFERENCES: ClassVar[dict[str, str]] = {
        "id": "PublicRange",
        "zone_id": "Zone",
        "physical_network_id": "PhysicalNetwork",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("id",)

    zone_id: str
    physical_network_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortableRange(Record):
    """That the addresses of a public range are of no zone, but of the region."""

    REFERENCES: ClassVar[dict[str, str]] = {"range_id": "PublicRange"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("range_id",)

    range_id: str
    region_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRange(Record):
    """Addresses, from `first` to `last`, that a shared network gives to its machines."""

    REFERENCES: ClassVar[dict[str, str]] = {"network_id": "Network"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("network_id",)

    network_id: str
    first: IPv4Address
    last: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAddressDetails(Record):
    """Of a public address. `is_reserved`: kept for the account, and led nowhere yet.

    `zone_id` is where a portable one is now; others are where their range is.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"id": "PublicAddress", "zone_id": "Zone"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("id",)

    created: datetime
    is_reserved: bool = False
    zone_id: str | None = None
