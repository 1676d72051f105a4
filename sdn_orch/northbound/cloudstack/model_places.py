"""Places inside zones."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from sdn_orch.intent.model import Record
from sdn_orch.northbound.cloudstack.model import Enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod(Record):
    """A row of racks with addresses for its machinery, from `first` to `last`; nothing of tenants."""

    REFERENCES: ClassVar[dict[str, str]] = {"zone_id": "Zone"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    zone_id: str
    name: str
    ipv4: IPv4Network
    gateway: IPv4Address
    first: IPv4Address
    last: IPv4Address
    allocation_state: Enabled = Enabled.ENABLED
