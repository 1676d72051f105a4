"""Ports of public addresses that lead to machines."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from sdn_orch.intent.address_use import PortUse
from sdn_orch.intent.traffic import Ports

#: As many ports may be other ones on the other side: each is a flow.
MOST_SHIFTED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward(PortUse):
    """Ports of a public address and of one of a NIC's addresses, as many here as there.

    `sources` may use it; empty: everybody. `is_static`: a part of static NAT, which says which ports of the
    address may be used; the ports are the same on both sides then.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"address_id": "PublicAddress", "nic_id": "Nic"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("address_id", "nic_id")

    address_id: str
    nic_id: str
    guest: IPv4Address
    public: Ports
    private: Ports
    sources: tuple[IPv4Network, ...] = ()
    is_static: bool = False

    @property
    def place(self) -> str:
        """See PortUse."""
        return self.address_id

    @property
    def taken(self) -> Ports:
        """See PortUse."""
        return self.public
