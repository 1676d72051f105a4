"""Network services: which there are, who provides them, and what of each can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdn_orch.northbound.cloudstack import stickiness
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import Chosen, Services
from sdn_orch.northbound.cloudstack.parameters import Entry
from sdn_orch.northbound.cloudstack.shapes import Field, always, flag, items, string

ROUTER = "VirtualRouter"
VPC_ROUTER = "VpcVirtualRouter"
#: Everybody who may serve networks.
PROVIDERS = (
    ROUTER,
    VPC_ROUTER,
    "InternalLbVm",
    "SecurityGroupProvider",
    "ConfigDrive",
    "Ovs",
    "Netscaler",
    "F5BigIp",
    "JuniperSRX",
)
_ROUTERS = (ROUTER, VPC_ROUTER)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a service can do: `value` says how, `can_choose` whether an offering may say otherwise."""

    name: str
    value: str
    can_choose: bool = False


@dataclass(frozen=True, slots=True)
class NetworkService:
    """One service with its capabilities and the providers that may serve it."""

    name: str
    capabilities: tuple[Capability, ...] = ()
    providers: tuple[str, ...] = _ROUTERS


CATALOGUE: dict[str, NetworkService] = {
    service.name: service
    for service in (
        NetworkService(
            "Dhcp", (Capability("DhcpAccrossMultipleSubnets", "true"), Capability("ExtraDhcpOptions", "true"))
        ),
        NetworkService("Dns", (Capability("AllowDnsSuffixModification", "true"),)),
        NetworkService("UserData", (), (*_ROUTERS, "ConfigDrive")),
        NetworkService(
            "SourceNat",
            (
                Capability("SupportedSourceNatTypes", "peraccount", can_choose=True),
                Capability("RedundantRouter", "true", can_choose=True),
            ),
            (*_ROUTERS, "JuniperSRX"),
        ),
        NetworkService(
            "StaticNat",
            (Capability("ElasticIp", "false", can_choose=True),),
            (*_ROUTERS, "JuniperSRX", "Ovs"),
        ),
        NetworkService(
            "PortForwarding",
            (Capability("SupportedProtocols", "tcp,udp"),),
            (*_ROUTERS, "JuniperSRX", "Ovs"),
        ),
        NetworkService(
            "Firewall",
            (
                Capability("SupportedProtocols", "tcp,udp,icmp"),
                Capability("SupportedEgressProtocols", "tcp,udp,icmp,all"),
                Capability("SupportedTrafficDirection", "ingress, egress"),
                Capability("TrafficStatistics", "per public ip"),
                Capability("MultipleIps", "true"),
            ),
            (ROUTER, "JuniperSRX"),
        ),
        NetworkService("NetworkACL", (Capability("SupportedProtocols", "tcp,udp,icmp"),), (VPC_ROUTER,)),
        NetworkService("Vpn", (Capability("SupportedVpnProtocols", "pptp,l2tp,ipsec"),)),
        NetworkService(
            "Lb",
            (
                Capability("SupportedLbAlgorithms", "roundrobin,leastconn,source"),
                Capability("SupportedLbIsolation", "dedicated,shared", can_choose=True),
                Capability("SupportedProtocols", "tcp, udp, tcp-proxy, ssl"),
                Capability("SupportedStickinessMethods", stickiness.capability()),
                Capability("LbSchemes", "Public", can_choose=True),
                Capability("ElasticLb", "false", can_choose=True),
            ),
            (*_ROUTERS, "InternalLbVm", "Netscaler", "F5BigIp", "Ovs"),
        ),
        NetworkService("SecurityGroup", (), ("SecurityGroupProvider",)),
        NetworkService(
            "Connectivity",
            (
                Capability("DistributedRouter", "true", can_choose=True),
                Capability("StretchedL2Subnet", "true", can_choose=True),
                Capability("RegionLevelVpc", "false", can_choose=True),
            ),
            ("Ovs",),
        ),
        NetworkService("Gateway", ()),
    )
}
_BY_LOWER_NAME = {name.lower(): service for name, service in CATALOGUE.items()}


def read_services(names: Sequence[str], providers: Sequence[Entry], default_provider: str) -> Services:
    """The services of an offering with their providers; raises parameter faults."""
    chosen: dict[str, list[str]] = {service(name).name: [] for name in names}
    for entry in providers:
        name = service(entry.get("service", "")).name
        provider = entry.get("provider", "")
        if name not in chosen:
            raise bad(f"Service {name} is not among the supported services")
        if provider not in PROVIDERS:
            raise bad(f"Invalid service provider: {provider[:255]}")
        if provider not in CATALOGUE[name].providers:
            raise bad(f"Provider {provider} doesn't support service {name}")
        if provider not in chosen[name]:
            chosen[name].append(provider)
    return tuple(
        (name, tuple(found) or (_default(name, default_provider),)) for name, found in chosen.items()
    )


def read_capabilities(entries: Sequence[Entry], services: Services) -> Chosen:
    """What an offering chooses of its services' capabilities; raises parameter faults."""
    offered = {name for name, _ in services}
    chosen = []
    for entry in entries:
        name = service(entry.get("service", "")).name
        kind, value = entry.get("capabilitytype", ""), entry.get("capabilityvalue", "")
        if name not in offered:
            raise bad(f"Service {name} is not among the supported services")
        known = {each.name.lower(): each for each in CATALOGUE[name].capabilities}.get(kind.lower())
        if known is None:
            raise bad(f"Service {name} has no capability {kind[:255]}")
        if not known.can_choose:
            raise bad(f"Capability {known.name} of service {name} cannot be chosen")
        chosen.append((name, known.name, value[:255]))
    return tuple(chosen)


def service(name: str) -> NetworkService:
    """The service of this name, in any case; raises a parameter fault."""
    found = _BY_LOWER_NAME.get(name.lower())
    if found is None:
        raise bad(f"Invalid network service name: {name[:255]}")
    return found


def offered(services: Services, capabilities: Chosen = ()) -> list[NetworkService]:
    """The services of an offering, with the capabilities as it chose them."""
    values = {(name, kind): value for name, kind, value in capabilities}
    return [
        NetworkService(
            name,
            tuple(
                Capability(each.name, values.get((name, each.name), each.value), each.can_choose)
                for each in CATALOGUE[name].capabilities
            ),
            providers,
        )
        for name, providers in services
    ]


def _default(name: str, default_provider: str) -> str:
    providers = CATALOGUE[name].providers
    return default_provider if default_provider in providers else providers[0]


SERVICE_FIELDS: tuple[Field[NetworkService], ...] = (
    string("name", "the service name", lambda _, each: each.name),
    items(
        "capability",
        "what the service can do",
        lambda _, each: list(each.capabilities),
        (
            string("name", "the capability name", lambda _, each: each.name),
            string("value", "the capability value", lambda _, each: each.value),
            flag(
                "canchooseservicecapability",
                "whether an offering may choose the value",
                lambda _, each: each.can_choose,
            ),
        ),
    ),
    items(
        "provider",
        "who serves it",
        lambda _, each: list(each.providers),
        (
            string("name", "the provider name", lambda _, each: each),
            string("state", "the state of the provider", always("Enabled")),
            flag(
                "canenableindividualservice",
                "whether services can be enabled one by one",
                always(True),
            ),
        ),
    ),
)


def services(description: str) -> Field[Any]:
    """The services of a network or VPC offering, as a field of it."""
    return items(
        "service",
        description,
        lambda _, offering: offered(offering.services, offering.capabilities),
        SERVICE_FIELDS,
    )
