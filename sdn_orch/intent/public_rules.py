"""What must hold of public ranges and addresses. Every rule yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.tenant_rules import host_in, special


def public_range(after: Snapshot, record: PublicRange) -> Iterator[str]:
    """Addresses that hosts can have, its own alone, and a VLAN that no tenant's network has."""
    for field in ("gateway", "first", "last"):
        yield from host_in(field, getattr(record, field), record.ipv4)
    if record.last < record.first:
        yield f"last: {record.last} is below {record.first}, the first"
    if record.first <= record.gateway <= record.last:
        yield f"gateway: {record.gateway} is in the range itself"
    if record.vlan is not None and not 1 <= record.vlan <= 4094:
        yield f"vlan: {record.vlan} is not in 1..4094"
    if record.vlan is not None:
        for network in after.where(Network, "vlan", record.vlan):
            yield f"vlan: {record.vlan} is that of network {network.name} ({network.id})"
        for gateway in after.where(PrivateGateway, "vlan", record.vlan):
            yield f"vlan: {record.vlan} is that of private gateway {gateway.id}"
    yield from _ipv6(record)
    for other in after.all(PublicRange):
        if other.id != record.id and other.first <= record.last and record.first <= other.last:
            yield f"first, last: {record.first}..{record.last} overlaps public range {other.id}"


def _ipv6(record: PublicRange) -> Iterator[str]:
    """A prefix in which routers can give themselves addresses, with a gateway."""
    if record.ipv6 is None or record.gateway6 is None:
        if record.ipv6 is not None or record.gateway6 is not None:
            yield "ipv6, gateway6: a range has both or neither"
        return
    yield from special("ipv6", record.ipv6)
    if record.ipv6.prefixlen > 64:
        yield f"ipv6: {record.ipv6} is longer than a /64"
    yield from host_in("gateway6", record.gateway6, record.ipv6)


def public_address(after: Snapshot, record: PublicAddress) -> Iterator[str]:
    """In its range and nobody else's; for one network or one VPC; mapped to a NIC of the same."""
    home = after.need(PublicRange, record.range_id)
    if not home.first <= record.address <= home.last:
        yield f"address: {record.address} is not in {home.first}..{home.last}"
    for other in after.where(PublicAddress, "address", record.address):
        if other.id != record.id:
            yield f"address: {record.address} is that of public address {other.id}"
    if record.is_source_nat and record.router_id is None:
        yield "is_source_nat: it is for no network and no VPC"
    elif record.is_source_nat:
        for other in after.where(PublicAddress, "source_nat_of", record.router_id):
            if other.id != record.id:
                yield f"is_source_nat: that is {other.address} for {record.router_id} already"
    network = after.get(Network, record.network_id) if record.network_id else None
    if network is not None and network.account_id != record.account_id:
        yield f"network_id: network {network.name} ({network.id}) belongs to another account"
    if network is not None and network.routed4 and (record.is_source_nat or record.nic_id is not None):
        yield f"network_id: {network.name} ({network.id}) is routed without translation"
    vpc = after.get(Vpc, record.vpc_id) if record.vpc_id else None
    if vpc is not None and vpc.account_id != record.account_id:
        yield f"vpc_id: VPC {vpc.name} ({vpc.id}) belongs to another account"
    if (record.nic_id is None) != (record.guest is None):
        yield "nic_id, guest: static NAT needs both"
    elif record.nic_id is not None:
        yield from _mapped(after, record, after.need(Nic, record.nic_id))


def _mapped(after: Snapshot, record: PublicAddress, nic: Nic) -> Iterator[str]:
    if record.is_source_nat:
        yield "nic_id: an address of source NAT cannot be mapped to one NIC"
    if record.guest not in nic.addresses:
        yield f"guest: {record.guest} is not an address of NIC {nic.id}"
    for other in after.where(PublicAddress, "nic_id", nic.id):
        if other.id != record.id and other.guest == record.guest:
            yield f"guest: {record.guest} of NIC {nic.id} has public address {other.address} already"
    network = after.need(Network, nic.network_id)
    if record.vpc_id is not None:
        if network.vpc_id != record.vpc_id:
            yield f"nic_id: NIC {nic.id} is not in a tier of VPC {record.vpc_id}"
    elif record.network_id != network.id:
        yield f"nic_id: NIC {nic.id} is not in network {record.network_id}"
