"""The address under which a network or a VPC goes out, or its router has: taken when it is first needed.

Networks need it when they are implemented (see `implementing`), VPCs at once. Where a zone has no public
addresses at all, networks work without.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from sdn_orch.intent.model import Account, Network, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import public
from sdn_orch.northbound.cloudstack import portable
from sdn_orch.northbound.cloudstack.model import (
    NetworkDetails,
    NetworkOffering,
    Services,
    VpcDetails,
    VpcOffering,
)
from sdn_orch.northbound.cloudstack.model_public import PublicAddressDetails, PublicRangeDetails
from sdn_orch.northbound.service import Transaction

SOURCE_NAT = "SourceNat"


def ranges_of(snapshot: Snapshot, zone_id: str) -> Iterator[PublicRange]:
    """The public ranges of a zone."""
    for known in snapshot.where(PublicRangeDetails, "zone_id", zone_id):
        yield snapshot.need(PublicRange, known.id)


def all_ranges(snapshot: Snapshot) -> Iterator[PublicRange]:
    """The public ranges of all zones: neither portable ones nor those of another door."""
    for known in snapshot.all(PublicRangeDetails):
        yield snapshot.need(PublicRange, known.id)


def zone_and_services(snapshot: Snapshot, owner: Network | Vpc) -> tuple[str, Services]:
    """Where a network or VPC is, and what its offering serves."""
    if isinstance(owner, Network):
        details = snapshot.need(NetworkDetails, owner.id)
        return details.zone_id, snapshot.need(NetworkOffering, details.offering_id).services
    known = snapshot.need(VpcDetails, owner.id)
    return known.zone_id, snapshot.need(VpcOffering, known.offering_id).services


def serves(snapshot: Snapshot, owner: Network | Vpc, *names: str) -> bool:
    """Whether the offering of a network or VPC has all of these services."""
    _, services = zone_and_services(snapshot, owner)
    return dict(services).keys() >= set(names)


def take(
    transaction: Transaction,
    zone_id: str,
    account: Account,
    *,
    wanted: IPv4Address | None = None,
    network: Network | None = None,
    vpc: Vpc | None = None,
    is_source_nat: bool = False,
    is_reserved: bool = False,
    is_portable: bool = False,
) -> PublicAddress:
    """Take an address of a zone, or a portable one for it. Raises like `public.take_address`."""
    snapshot = transaction.snapshot
    address = public.take_address(
        transaction,
        portable.ranges(snapshot) if is_portable else ranges_of(snapshot, zone_id),
        account,
        wanted=wanted,
        network=network,
        vpc=vpc,
        is_source_nat=is_source_nat,
    )
    transaction.put(
        PublicAddressDetails(
            id=address.id,
            created=transaction.now,
            is_reserved=is_reserved,
            zone_id=zone_id if is_portable else None,
        )
    )
    return address


def lacks_source_nat(snapshot: Snapshot, owner: Network | Vpc) -> bool:
    """Whether its offering serves source NAT and it has no address for it; tiers go out by their VPC's."""
    if isinstance(owner, Network) and owner.vpc_id is not None:
        return False
    return serves(snapshot, owner, SOURCE_NAT) and public.source_nat_of(snapshot, owner) is None


def ensure(transaction: Transaction, owner: Network | Vpc, wanted: IPv4Address | None = None) -> None:
    """Take the address if it is lacking and the zone has any. Raises Exhausted when all are taken."""
    snapshot = transaction.snapshot
    is_source_nat = lacks_source_nat(snapshot, owner)
    if not is_source_nat and not _lacks_router(snapshot, owner):
        return
    zone_id, _ = zone_and_services(snapshot, owner)
    if wanted is None and not any(ranges_of(snapshot, zone_id)):
        return
    take(
        transaction,
        zone_id,
        snapshot.need(Account, owner.account_id),
        wanted=wanted,
        network=owner if isinstance(owner, Network) else None,
        vpc=owner if isinstance(owner, Vpc) else None,
        is_source_nat=is_source_nat,
    )


def _lacks_router(snapshot: Snapshot, owner: Network | Vpc) -> bool:
    """Whether a network is routed, and its router has no address outside by which it could be."""
    is_routed = isinstance(owner, Network) and owner.routed4
    return is_routed and not snapshot.count_where(PublicAddress, "router_id", owner.id)
