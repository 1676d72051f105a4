"""What only CloudStack knows of private gateways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sdn_orch.intent.model import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateGatewayDetails(Record):
    """Of a private gateway: the physical network that its VLAN is on."""

    REFERENCES: ClassVar[dict[str, str]] = {
        "id": "PrivateGateway",
        "physical_network_id": "PhysicalNetwork",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("id",)

    physical_network_id: str
