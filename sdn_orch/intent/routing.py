"""What is behind a VPC besides its tiers and the Internet: private gateways, and routes to prefixes."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from sdn_orch.intent.model import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateGateway(Record):
    """An address of a VPC's router in a network outside, where `gateway` leads on to other prefixes.

    `source_nat`: what leaves by it leaves under its address. `acl_id` is the list of rules for what passes.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"vpc_id": "Vpc", "acl_id": "AclList"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("vpc_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("vlan",)

    vpc_id: str
    address: IPv4Address
    ipv4: IPv4Network
    gateway: IPv4Address
    vlan: int | None = None
    source_nat: bool = False
    acl_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute(Record):
    """A prefix that a VPC reaches by `next_hop`, which is behind a private gateway or in a tier."""

    REFERENCES: ClassVar[dict[str, str]] = {
        "vpc_id": "Vpc",
        "gateway_id": "PrivateGateway",
        "network_id": "Network",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("vpc_id", "network_id")

    vpc_id: str
    prefix: IPv4Network
    next_hop: IPv4Address
    gateway_id: str | None = None
    network_id: str | None = None
