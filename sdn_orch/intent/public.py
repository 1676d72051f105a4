"""Addresses of public networks, which lie outside the gateways, and who has them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import ClassVar

from sdn_orch.intent.model import Record

#: Bytes of the longest IP packets that public networks carry: Ethernet's.
PUBLIC_MTU = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRange(Record):
    """Public IPv4 addresses from `first` to `last`, behind `gateway`, in a VLAN or untagged.

    With `ipv6`, in which `gateway6` leads on, routers have an address there too: whoever is outside reaches
    the IPv6 prefixes of tenants by it. These are routed, not translated.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account", "domain_id": "Domain"}
    INDEXES: ClassVar[tuple[str, ...]] = ("vlan",)

    ipv4: IPv4Network
    gateway: IPv4Address
    first: IPv4Address
    last: IPv4Address
    vlan: int | None = None
    ipv6: IPv6Network | None = None
    gateway6: IPv6Address | None = None
    #: Whom it is kept for: an account, or every account of a domain; None: anybody.
    account_id: str | None = None
    domain_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAddress(Record):
    """An address that an account has taken, for a network, for a VPC, or for nothing yet.

    An address of a VPC has the network too while rules of one tier use it.

    `is_source_nat`: what leaves the network or the VPC leaves under it. `nic_id` and `guest` are set while
    static NAT maps it, all of it, to an address of a NIC.
    """

    REFERENCES: ClassVar[dict[str, str]] = {
        "range_id": "PublicRange",
        "account_id": "Account",
        "network_id": "Network",
        "vpc_id": "Vpc",
        "nic_id": "Nic",
    }
    INDEXES: ClassVar[tuple[str, ...]] = ("address", "source_nat_of", "router_id")
    #: A router's connections are tracked in the zone with the number of one of its addresses: 15 bits.
    LARGEST_NUMBER: ClassVar[int] = 2**15 - 1

    range_id: str
    account_id: str
    address: IPv4Address
    network_id: str | None = None
    vpc_id: str | None = None
    is_source_nat: bool = False
    nic_id: str | None = None
    guest: IPv4Address | None = None

    @property
    def router_id(self) -> str | None:
        """The VPC or the network whose router has it."""
        return self.vpc_id or self.network_id

    @property
    def source_nat_of(self) -> str | None:
        """The network or VPC that goes out under it."""
        return self.router_id if self.is_source_nat else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHop(Record):
    """A fact: the MAC address of a public range's gateway of an IP version, as it last answered."""

    REFERENCES: ClassVar[dict[str, str]] = {"range_id": "PublicRange"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("range_id",)

    range_id: str
    mac: str
    version: int = 4
