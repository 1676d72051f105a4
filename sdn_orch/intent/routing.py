"""What is behind a VPC besides its tiers and the Internet: private gateways, and routes to prefixes."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from sdn_orch.intent.model import Record

#: The zone of a private gateway is its number above this one.
ZONES = 0xD000


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateGateway(Record):
    """An address of a VPC's router in a network outside, where `gateway` leads on to other prefixes.

    `source_nat`: what leaves by it leaves under its address. `acl_id` is the list of rules for what passes.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"vpc_id": "Vpc", "acl_id": "AclList"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("vpc_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("vlan",)
    #: Its connections are tracked in a zone of its own, above those of ports and VLANs.
    LARGEST_NUMBER: ClassVar[int] = 2**16 - 1 - ZONES

    vpc_id: str
    address: IPv4Address
    ipv4: IPv4Network
    gateway: IPv4Address
    vlan: int | None = None
    source_nat: bool = False
    acl_id: str | None = None

    @property
    def router_mac(self) -> str:
        """The MAC address of the router there, whichever switch it is at, from its number."""
        zone = ZONES + self.number
        return f"0e:5d:02:00:{zone >> 8:02x}:{zone & 255:02x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateHop(Record):
    """A fact: the MAC address of a next hop behind a private gateway, as it last answered."""

    REFERENCES: ClassVar[dict[str, str]] = {"gateway_id": "PrivateGateway"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("gateway_id",)

    gateway_id: str
    address: IPv4Address
    mac: str


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
