"""migrateNetwork: to another offering, and so perhaps to another physical network."""

from __future__ import annotations

import dataclasses

from sdn_orch.intent.model import Network
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack import implementing, providers, upgrades
from sdn_orch.northbound.cloudstack.answers.networks import NETWORK as SHAPE
from sdn_orch.northbound.cloudstack.answers.networks import details
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
        network = call.snapshot.need(Network, network.id)
    call.transaction.put(dataclasses.replace(known, offering_id=new.id, physical_network_id=physical.id))
    return call.transaction.put(
        dataclasses.replace(network, answers_names=new.answers_names, rate=new.network_rate or None)
    )


def _check(snapshot: Snapshot, network: Network, new: NetworkOffering) -> None:
    """Raises a parameter fault if the network cannot be moved to the offering."""
    if network.vpc_id is not None:
        raise bad("Failed to migrate network as the specified network is a vpc tier. Use migrateVpc.")
    if new.for_vpc:
        raise bad("Failed to migrate network as the specified network offering is a VPC offering")
    upgrades.check(snapshot, network, new)
    if new.state is not Enabled.ENABLED and new.id != details(snapshot, network).offering_id:
        raise bad("Failed to migrate network as the specified network offering is not enabled.")
