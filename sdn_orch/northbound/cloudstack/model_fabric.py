"""What a physical network has besides: traffic types, service providers with their elements, kept VLANs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from sdn_orch.intent.model import Record


class Traffic(StrEnum):
    """What a physical network may carry."""

    GUEST = "Guest"
    PUBLIC = "Public"
    MANAGEMENT = "Management"
    STORAGE = "Storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficType(Record):
    """A sort of traffic that a physical network carries; labels name bridges of hypervisors."""

    REFERENCES: ClassVar[dict[str, str]] = {"physical_network_id": "PhysicalNetwork"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("physical_network_id",)

    physical_network_id: str
    traffic: Traffic
    kvm_label: str = ""
    vmware_label: str = ""
    xen_label: str = ""
    hyperv_label: str = ""
    ovm3_label: str = ""


class ProviderState(StrEnum):
    """Networks that need a provider can only be made while it is enabled."""

    DISABLED = "Disabled"
    ENABLED = "Enabled"
    SHUTDOWN = "Shutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProvider(Record):
    """Who serves networks on a physical network."""

    REFERENCES: ClassVar[dict[str, str]] = {"physical_network_id": "PhysicalNetwork"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("physical_network_id",)

    physical_network_id: str
    name: str
    services: tuple[str, ...] = ()
    state: ProviderState = ProviderState.DISABLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Element(Record):
    """The part of a provider that does the work; switched on and off on its own."""

    REFERENCES: ClassVar[dict[str, str]] = {"provider_id": "ServiceProvider"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("provider_id",)

    provider_id: str
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVlans(Record):
    """VLANs or VNIs, from `first` to `last`, that only networks of one account get."""

    REFERENCES: ClassVar[dict[str, str]] = {
        "physical_network_id": "PhysicalNetwork",
        "account_id": "Account",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("physical_network_id", "account_id")

    physical_network_id: str
    account_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRange(Record):
    """Addresses for the storage of a pod, from `first` to `last`; nothing of tenants."""

    REFERENCES: ClassVar[dict[str, str]] = {"pod_id": "Pod"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("pod_id",)

    pod_id: str
    ipv4: IPv4Network
    gateway: IPv4Address
    first: IPv4Address
    last: IPv4Address
    vlan: int | None = None
