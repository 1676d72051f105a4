"""Portable addresses: public ones of the region that move between its zones with what they lead to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from ipaddress import IPv4Address

from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.model_public import PortableRange, PublicAddressDetails
from sdn_orch.northbound.service import Transaction

#: The one that there is.
REGION = 1


def ranges(snapshot: Snapshot) -> Iterator[PublicRange]:
    """The ranges whose addresses are portable."""
    for known in snapshot.all(PortableRange):
        yield snapshot.need(PublicRange, known.range_id)


def is_portable(snapshot: Snapshot, range_id: str) -> bool:
    """Whether the addresses of the public range are portable."""
    return snapshot.count_where(PortableRange, "range_id", range_id) > 0


def overlapping(snapshot: Snapshot, first: IPv4Address, last: IPv4Address) -> PublicRange | None:
    """A portable range that has one of the addresses."""
    for each in ranges(snapshot):
        if each.first <= last and first <= each.last:
            return each
    return None


def move(transaction: Transaction, address: PublicAddress, zone_id: str) -> None:
    """A portable address is in this zone now."""
    known = transaction.snapshot.need(PublicAddressDetails, address.id)
    transaction.put(dataclasses.replace(known, zone_id=zone_id))
