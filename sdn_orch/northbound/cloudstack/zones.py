"""What zones say to all that is in them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.model import Zone


def resolvers(snapshot: Snapshot) -> frozenset[IPv4Address | IPv6Address]:
    """The DNS servers that the operator gives to guests."""
    return frozenset(
        ip_address(server) for zone in snapshot.all(Zone) for server in (*zone.dns, *zone.ip6_dns)
    )
