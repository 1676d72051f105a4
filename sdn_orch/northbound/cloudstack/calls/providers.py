"""add, update, delete and listNetworkServiceProvider(s), and the elements of providers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from sdn_orch.errors import InUse
from sdn_orch.northbound.cloudstack import providers
from sdn_orch.northbound.cloudstack.answers.fabric import (
    BALANCER_ELEMENT,
    OVS_ELEMENT,
    PROVIDER,
    ROUTER_ELEMENT,
)
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.declare import ADMINS, ROOT, Call, Command, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import NetworkDetails, NetworkOffering, PhysicalNetwork
from sdn_orch.northbound.cloudstack.model_fabric import Element, ProviderState, ServiceProvider
from sdn_orch.northbound.cloudstack.parameters import boolean, choice, entity, required, words
from sdn_orch.northbound.cloudstack.providers import BALANCER, OVS, served_by
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.services import PROVIDERS, ROUTER, VPC_ROUTER
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Shape

ID = entity("id", ServiceProvider, "the id of the provider", Access.ANY)
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "the physical network", Access.ANY)
PROVIDER_STATE = choice("state", "Disabled, Enabled or Shutdown", ProviderState)
SERVICES = words("servicelist", "the services that it shall serve; all that it can by default")
ELEMENT = entity("id", Element, "the id of the element", Access.ANY)
NSP = entity("nspid", ServiceProvider, "the provider", Access.ANY)
ENABLED = boolean("enabled", "whether it is enabled")


@lists(
    "listNetworkServiceProviders",
    PROVIDER,
    "Lists who serves networks",
    NAME,
    PHYSICAL,
    PROVIDER_STATE,
    roles=ROOT,
)
def list_network_service_providers(call: Call) -> Iterable[ServiceProvider]:
    """Providers by name, state and physical network."""
    physical, name = call.get(PHYSICAL), call.get(NAME)
    return chosen(
        call.snapshot.where(ServiceProvider, "physical_network_id", physical.id)
        if physical
        else call.snapshot.all(ServiceProvider),
        (name.lower() if name else None, lambda provider: provider.name.lower()),
        (call.get(PROVIDER_STATE), lambda provider: provider.state),
    )


@changes(
    "addNetworkServiceProvider",
    PROVIDER,
    "Adds a provider to a physical network",
    required(NAME),
    required(PHYSICAL),
    SERVICES,
    roles=ROOT,
    mode=Mode.ASYNC_CREATE,
    event="SERVICE.PROVIDER.CREATE",
)
def add_network_service_provider(call: Call) -> ServiceProvider:
    """A provider, disabled at first."""
    name, physical = call[NAME], call[PHYSICAL]
    if name not in PROVIDERS:
        raise bad(f"Invalid Network Service Provider: {name}")
    present = call.snapshot.where(ServiceProvider, "physical_network_id", physical.id)
    if any(provider.name == name for provider in present):
        raise bad(f"The '{name}' provider already exists on physical network : {physical.id}")
    return providers.add(call.transaction, physical.id, name, _services(call, name))


def _services(call: Call, provider: str) -> tuple[str, ...]:
    known = served_by(provider)
    given = call.get(SERVICES)
    for service in given or ():
        if service not in known:
            raise bad(f"Provider {provider} doesn't support service {service[:255]}")
    return given or known


@changes(
    "updateNetworkServiceProvider",
    PROVIDER,
    "Enables, disables or shuts down a provider, or changes what it serves",
    required(ID),
    PROVIDER_STATE,
    SERVICES,
    roles=ROOT,
    mode=Mode.ASYNC,
    event="SERVICE.PROVIDER.UPDATE",
)
def update_network_service_provider(call: Call) -> ServiceProvider:
    """The provider changed; one that networks use cannot be shut down."""
    old, state = call[ID], call.get(PROVIDER_STATE)
    if state is ProviderState.SHUTDOWN:
        _check_unused(call, old)
    services = _services(call, old.name) if call.get(SERVICES) is not None else old.services
    return call.transaction.put(dataclasses.replace(old, state=state or old.state, services=services))


def _check_unused(call: Call, provider: ServiceProvider) -> None:
    for details in call.snapshot.where(NetworkDetails, "physical_network_id", provider.physical_network_id):
        offering = call.snapshot.need(NetworkOffering, details.offering_id)
        if any(provider.name in names for _, names in offering.services):
            raise InUse(f"Provider {provider.name} is used by network {details.id}")


@changes(
    "deleteNetworkServiceProvider",
    SUCCESS,
    "Deletes a provider",
    required(ID),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="SERVICE.PROVIDER.DELETE",
)
def delete_network_service_provider(call: Call) -> None:
    """Only a provider that no network uses; its element goes with it."""
    _check_unused(call, call[ID])
    call.transaction.delete(call[ID])


def _lists(name: str, shape: Shape[Element], what: str, *of: str) -> Command:
    @lists(name, shape, f"Lists {what}", ELEMENT, NSP, ENABLED, roles=ADMINS)
    def listed(call: Call) -> Iterable[Element]:
        nsp = call.get(NSP)
        return chosen(
            one_or(call, ELEMENT, lambda: call.snapshot.all(Element)),
            (True, lambda each: call.snapshot.need(ServiceProvider, each.provider_id).name in of),
            (nsp.id if nsp else None, lambda each: each.provider_id),
            (call.get(ENABLED), lambda each: each.enabled),
        )

    return listed


def _configures(name: str, shape: Shape[Element], what: str, *of: str) -> Command:
    @changes(
        name,
        shape,
        f"Enables or disables {what}",
        required(ELEMENT),
        required(ENABLED),
        roles=ADMINS,
        mode=Mode.ASYNC,
        event="NETWORK.ELEMENT.CONFIGURE",
    )
    def configured(call: Call) -> Element:
        element = call[ELEMENT]
        if call.snapshot.need(ServiceProvider, element.provider_id).name not in of:
            raise bad(f"Element {element.id} is not {what}")
        return call.transaction.put(dataclasses.replace(element, enabled=call[ENABLED]))

    return configured


_ROUTERS = (ROUTER, VPC_ROUTER)
LIST_ROUTER_ELEMENTS = _lists(
    "listVirtualRouterElements", ROUTER_ELEMENT, "elements of virtual routers", *_ROUTERS
)
CONFIGURE_ROUTER_ELEMENT = _configures(
    "configureVirtualRouterElement", ROUTER_ELEMENT, "an element of virtual routers", *_ROUTERS
)
LIST_BALANCER_ELEMENTS = _lists(
    "listInternalLoadBalancerElements", BALANCER_ELEMENT, "elements of internal load balancers", BALANCER
)
CONFIGURE_BALANCER_ELEMENT = _configures(
    "configureInternalLoadBalancerElement",
    BALANCER_ELEMENT,
    "an element of internal load balancers",
    BALANCER,
)
LIST_OVS_ELEMENTS = _lists("listOvsElements", OVS_ELEMENT, "elements of Open vSwitch", OVS)
CONFIGURE_OVS_ELEMENT = _configures("configureOvsElement", OVS_ELEMENT, "an element of Open vSwitch", OVS)


@changes(
    "createVirtualRouterElement",
    ROUTER_ELEMENT,
    "Creates an element of virtual routers",
    required(NSP),
    roles=ADMINS,
    mode=Mode.ASYNC_CREATE,
    event="SERVICE.PROVIDER.CREATE",
)
def create_virtual_router_element(call: Call) -> Element:
    """Refused: a provider has its element from the start, and one alone."""
    raise bad(f"Provider {call[NSP].name} ({call[NSP].id}) has its element already")
