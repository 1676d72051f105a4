"""What must hold of private gateways and static routes. Every rule yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.intent.public import PublicRange
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.tenant_rules import host_in, special


def private_gateway(after: Snapshot, record: PrivateGateway) -> Iterator[str]:
    """An address of its own in a prefix that meets no other of its VPC, in a VLAN that is no tenant's."""
    yield from special("ipv4", record.ipv4)
    for field in ("address", "gateway"):
        yield from host_in(field, getattr(record, field), record.ipv4)
    if record.address == record.gateway:
        yield f"address: {record.address} is the gateway"
    yield from _vlan(after, record)
    for tier in after.where(Network, "vpc_id", record.vpc_id):
        if tier.ipv4 is not None and tier.ipv4.overlaps(record.ipv4):
            yield f"ipv4: {record.ipv4} overlaps {tier.ipv4} of tier {tier.name} ({tier.id})"
    for other in after.where(PrivateGateway, "vpc_id", record.vpc_id):
        if other.id != record.id and other.ipv4.overlaps(record.ipv4):
            yield f"ipv4: {record.ipv4} overlaps {other.ipv4} of private gateway {other.id}"
    if record.acl_id is not None and after.need(AclList, record.acl_id).vpc_id not in (None, record.vpc_id):
        yield f"acl_id: list {record.acl_id} belongs to another VPC"


def _vlan(after: Snapshot, record: PrivateGateway) -> Iterator[str]:
    for other in after.where(PrivateGateway, "vlan", record.vlan):
        if other.id != record.id and other.address == record.address:
            yield f"address: {record.address} is that of private gateway {other.id} in the same VLAN"
    for public in after.where(PublicRange, "vlan", record.vlan):
        if record.vlan is None and public.ipv4.overlaps(record.ipv4):
            yield f"ipv4: {record.ipv4} overlaps {public.ipv4} of public range {public.id}, untagged too"
    if record.vlan is None:
        return
    if not 1 <= record.vlan <= 4094:
        yield f"vlan: {record.vlan} is not in 1..4094"
    for network in after.where(Network, "vlan", record.vlan):
        yield f"vlan: {record.vlan} is that of network {network.name} ({network.id})"
    for public in after.where(PublicRange, "vlan", record.vlan):
        yield f"vlan: {record.vlan} is that of public range {public.id}"


def static_route(after: Snapshot, record: StaticRoute) -> Iterator[str]:
    """A prefix outside of its VPC that no other route meets, by a neighbour of the VPC's router."""
    yield from special("prefix", record.prefix)
    vpc = after.need(Vpc, record.vpc_id)
    if record.prefix.overlaps(vpc.ipv4):
        yield f"prefix: {record.prefix} overlaps {vpc.ipv4} of VPC {vpc.name} ({vpc.id})"
    for other in after.where(StaticRoute, "vpc_id", record.vpc_id):
        if other.id != record.id and other.prefix.overlaps(record.prefix):
            yield f"prefix: {record.prefix} overlaps {other.prefix} of static route {other.id}"
    if (record.gateway_id is None) == (record.network_id is None):
        yield "gateway_id, network_id: the next hop is either behind a gateway or in a tier"
    if record.gateway_id is not None:
        gateway = after.need(PrivateGateway, record.gateway_id)
        if gateway.vpc_id != record.vpc_id:
            yield f"gateway_id: private gateway {gateway.id} is of another VPC"
        yield from host_in("next_hop", record.next_hop, gateway.ipv4)
        if record.next_hop == gateway.address:
            yield f"next_hop: {record.next_hop} is the address of private gateway {gateway.id}"
    if record.network_id is not None:
        yield from _in_tier(record, after.need(Network, record.network_id))


def _in_tier(record: StaticRoute, tier: Network) -> Iterator[str]:
    if tier.vpc_id != record.vpc_id or tier.ipv4 is None:
        yield f"network_id: {tier.name} ({tier.id}) is no IPv4 tier of VPC {record.vpc_id}"
        return
    yield from host_in("next_hop", record.next_hop, tier.ipv4)
    if record.next_hop == tier.gateway4:
        yield f"next_hop: {record.next_hop} is the gateway of tier {tier.name} ({tier.id})"
