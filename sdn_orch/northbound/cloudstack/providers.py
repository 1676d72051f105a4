"""Who serves networks on a physical network: providers that are there from the start, their elements."""

from __future__ import annotations

from uuid import uuid4

from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import NetworkOffering, PhysicalNetwork
from sdn_orch.northbound.cloudstack.model_fabric import Element, ProviderState, ServiceProvider
from sdn_orch.northbound.cloudstack.services import CATALOGUE, ROUTER, VPC_ROUTER
from sdn_orch.northbound.service import Transaction

BALANCER, OVS = "InternalLbVm", "Ovs"
#: What the switches do, whatever the provider is called; so they are enabled from the start.
_FROM_THE_START = (ROUTER, VPC_ROUTER, BALANCER, "SecurityGroupProvider", OVS)
#: The providers that have an element.
WITH_ELEMENT = (ROUTER, VPC_ROUTER, BALANCER, OVS)


def served_by(provider: str) -> tuple[str, ...]:
    """The services that a provider can serve."""
    return tuple(service.name for service in CATALOGUE.values() if provider in service.providers)


def provide(transaction: Transaction, physical: PhysicalNetwork) -> None:
    """Make the providers that a physical network has from the start."""
    for name in _FROM_THE_START:
        add(transaction, physical.id, name, served_by(name), ProviderState.ENABLED)


def add(
    transaction: Transaction,
    physical_network_id: str,
    name: str,
    services: tuple[str, ...],
    state: ProviderState = ProviderState.DISABLED,
) -> ServiceProvider:
    """Make a provider, with its element if it has one."""
    provider = ServiceProvider(
        id=str(uuid4()),
        physical_network_id=physical_network_id,
        name=name,
        services=services,
        state=state,
    )
    transaction.put(provider)
    if name in WITH_ELEMENT:
        transaction.put(Element(id=str(uuid4()), provider_id=provider.id))
    return provider


def check(snapshot: Snapshot, offering: NetworkOffering, physical: PhysicalNetwork) -> None:
    """Raises a parameter fault if a provider of the offering is not enabled on the physical network."""
    found = snapshot.where(ServiceProvider, "physical_network_id", physical.id)
    enabled = {provider.name for provider in found if provider.state is ProviderState.ENABLED}
    for service, names in offering.services:
        for name in names:
            if name not in enabled:
                raise bad(
                    f"Provider {name}, which serves {service} in network offering {offering.name}, is not"
                    f" enabled on physical network {physical.name} ({physical.id})"
                )
