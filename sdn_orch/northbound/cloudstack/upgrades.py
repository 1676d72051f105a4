"""Which offering a network can have instead of its own: one that serves all that the network uses."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.answers.networks import offering
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import NetworkOffering


def check(snapshot: Snapshot, network: Network, new: NetworkOffering) -> None:
    """Raises a parameter fault if the network could not be of the offering, or would lose what it uses."""
    old = offering(snapshot, network)
    if old.id == new.id:
        return
    missing = set(_used(snapshot, network)) - dict(new.services).keys()
    if missing or _sort(old) != _sort(new):
        raise bad(
            f"Can't upgrade from network offering {old.id} to {new.id}; check logs for more information"
            + (f": the network uses {', '.join(sorted(missing))}" if missing else "")
        )


def _sort(offering: NetworkOffering) -> tuple[object, ...]:
    """What networks are made by, and so cannot become otherwise."""
    given = (offering.specify_vlan, offering.specify_ip_ranges)
    return (offering.guest_type, offering.for_vpc, offering.network_mode, *given)


def _used(snapshot: Snapshot, network: Network) -> Iterator[str]:
    """The services without which something that the network has could not be."""
    if network.acl_id is not None:
        yield "NetworkACL"
    if any(nic.group_ids for nic in snapshot.where(Nic, "network_id", network.id)):
        yield "SecurityGroup"
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
