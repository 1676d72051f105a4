"""migrateNetwork: to another offering, and so perhaps to another physical network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack import implementing, providers
from sdn_orch.northbound.cloudstack.answers.networks import NETWORK as SHAPE
from sdn_orch.northbound.cloudstack.answers.networks import details, offering
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.network_creation import physical_networks_for
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import Enabled, NetworkOffering, PhysicalNetwork, Zone
from sdn_orch.northbound.cloudstack.parameters import boolean, entity, required

NETWORK = entity("networkid", Network, "the network")
OFFERING = entity("networkofferingid", NetworkOffering, "the network offering", Access.ANY)
RESUME = boolean("resume", "true: go on with a migration that has failed; none is left half done here")


@changes(
    "migrateNetwork",
    SHAPE,
    "Moves a network to another offering, and to the physical network that this one is for",
    required(NETWORK),
    required(OFFERING),
    RESUME,
    roles=ROOT,
    mode=Mode.ASYNC,
    event="NETWORK.MIGRATE",
)
def migrate_network(call: Call) -> Network:
    """The network with its machines, addresses and rules; a VLAN or VNI of the pool is another one there."""
    network, new = call[NETWORK], call[OFFERING]
    _check(call.snapshot, network, new)
    known = details(call.snapshot, network)
    if new.id == known.offering_id:
        return network
    fitting = physical_networks_for(call.snapshot, call.snapshot.need(Zone, known.zone_id), new)
    present = call.snapshot.need(PhysicalNetwork, known.physical_network_id)
    physical = present if present in fitting else fitting[0]
    providers.check(call.snapshot, new, physical)
    if physical.id != present.id:
        if implementing.has_fixed_segment(call.snapshot, network):
            raise bad(
                f"Failed to migrate network as the specified network has a vlan of its own, which may not be"
                f" free on physical network {physical.name} ({physical.id})"
            )
        # Whether it is needed there is seen to like everywhere: it is implemented again.
        implementing.shut_down(call.transaction, network)
        known = details(call.snapshot, network)
    call.transaction.put(dataclasses.replace(known, offering_id=new.id, physical_network_id=physical.id))
    return network


def _check(snapshot: Snapshot, network: Network, new: NetworkOffering) -> None:
    """Raises a parameter fault if the network could not be of the offering, or would lose what it uses."""
    if network.vpc_id is not None:
        raise bad("Failed to migrate network as the specified network is a vpc tier. Use migrateVpc.")
    if new.for_vpc:
        raise bad("Failed to migrate network as the specified network offering is a VPC offering")
    old = offering(snapshot, network)
    if old.id == new.id:
        return
    missing = set(_used(snapshot, network)) - dict(new.services).keys()
    is_like_it = (old.guest_type, old.specify_vlan, old.specify_ip_ranges) == (
        new.guest_type,
        new.specify_vlan,
        new.specify_ip_ranges,
    )
    if missing or not is_like_it:
        raise bad(
            f"Can't upgrade from network offering {old.id} to {new.id}; check logs for more information"
            + (f": the network uses {', '.join(sorted(missing))}" if missing else "")
        )
    if new.state is not Enabled.ENABLED:
        raise bad("Failed to migrate network as the specified network offering is not enabled.")


def _used(snapshot: Snapshot, network: Network) -> Iterator[str]:
    """The services without which something that the network has could not be."""
    if snapshot.count_where(EgressRule, "network_id", network.id):
        yield "Firewall"
    if snapshot.count_where(Balancer, "network_id", network.id):
        yield "Lb"
    for address in snapshot.where(PublicAddress, "network_id", network.id):
        if address.is_source_nat:
            yield "SourceNat"
        if address.nic_id is not None:
            yield "StaticNat"
        if snapshot.count_where(FirewallRule, "address_id", address.id):
            yield "Firewall"
        if any(not each.is_static for each in snapshot.where(Forward, "address_id", address.id)):
            yield "PortForwarding"
