"""What only CloudStack knows: zones, offerings, users, jobs, events, and details of intent objects.

A detail record has the id of the object that it describes, and goes when that object goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import ClassVar

from sdn_orch.intent.model import NetworkKind, Record

#: Service name -> providers, as pairs, because records hold tuples.
Services = tuple[tuple[str, tuple[str, ...]], ...]
#: (service, capability, value).
Chosen = tuple[tuple[str, str, str], ...]


class Enabled(StrEnum):
    """State of things that an administrator switches on and off."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


class Standing(StrEnum):
    """Whether a user or an account may call; locked and disabled differ only in name, and in machines."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOCKED = "locked"


class BroadcastDomainRange(StrEnum):
    """How far a broadcast domain reaches."""

    ZONE = "ZONE"
    POD = "POD"


class Availability(StrEnum):
    """Whether every zone must have a network of the offering."""

    REQUIRED = "Required"
    OPTIONAL = "Optional"


class NetworkMode(StrEnum):
    """Whether the IPv4 addresses of networks are translated towards the outside, or routed as they are."""

    NATTED = "NATTED"
    ROUTED = "ROUTED"


class RoutingMode(StrEnum):
    """How who is outside learns of a routed network: routes are written there, or by BGP."""

    STATIC = "Static"
    DYNAMIC = "Dynamic"


class InternetProtocol(StrEnum):
    """Which IP versions networks have."""

    IPV4 = "ipv4"
    DUAL_STACK = "dualstack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone(Record):
    """An availability zone: what its networks take DNS servers, domain and prefix from."""

    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    dns: tuple[str, ...] = ()
    internal_dns: tuple[str, ...] = ()
    ip6_dns: tuple[str, ...] = ()
    domain_name: str = ""
    guest_cidr: str = "10.1.1.0/24"
    allocation_state: Enabled = Enabled.DISABLED
    local_storage: bool = False
    #: Its place in lists, the lowest first.
    sort_key: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalNetwork(Record):
    """A fabric of a zone. Networks take their VLAN or VNI from the pool with its id, if it has ranges."""

    REFERENCES: ClassVar[dict[str, str]] = {"zone_id": "Zone"}

    zone_id: str
    name: str
    isolation_methods: tuple[str, ...] = ("VLAN",)
    #: Ranges of VLANs or VNIs, both ends included.
    segments: tuple[tuple[int, int], ...] = ()
    broadcast_domain_range: BroadcastDomainRange = BroadcastDomainRange.ZONE
    state: Enabled = Enabled.DISABLED
    speed: str = ""
    tags: tuple[str, ...] = ()

    @property
    def is_vxlan(self) -> bool:
        """Whether segments are VNIs rather than VLANs."""
        return "VXLAN" in self.isolation_methods

    def deals(self, number: int) -> bool:
        """Whether networks may get this VLAN or VNI from the pool."""
        return any(low <= number <= high for low, high in self.segments)

    def deals_vlan(self, vlan: int | None) -> bool:
        """Whether networks may get this VLAN, so that it can be nothing else's."""
        return not self.is_vxlan and vlan is not None and self.deals(vlan)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOffering(Record):
    """A size of machines; system ones stand for what CloudStack would run routers on."""

    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    display_text: str
    created: datetime
    cpu_number: int = 1
    cpu_speed: int = 500
    memory: int = 512
    is_system: bool = False
    #: Megabits per second; None or 0: no limit.
    network_rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template(Record):
    """What a machine would be made from; here only a name that clients can refer to."""

    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    display_text: str
    created: datetime
    hypervisor: str = "KVM"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOffering(Record):
    """What networks of a sort have in common. Services are fixed when it is created."""

    REFERENCES: ClassVar[dict[str, str]] = {"service_offering_id": "ServiceOffering"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    display_text: str
    guest_type: NetworkKind
    service_offering_id: str
    created: datetime
    services: Services = ()
    capabilities: Chosen = ()
    state: Enabled = Enabled.DISABLED
    availability: Availability = Availability.OPTIONAL
    internet_protocol: InternetProtocol = InternetProtocol.IPV4
    #: Megabits per second; None or 0: no limit.
    network_rate: int | None = None
    max_connections: int | None = None
    #: Its place in lists, the lowest first.
    sort_key: int = 0
    tags: str = ""
    for_vpc: bool = False
    specify_vlan: bool = False
    specify_ip_ranges: bool = False
    is_persistent: bool = False
    is_default: bool = False
    conserve_mode: bool = True
    egress_default_allow: bool = False
    keep_alive: bool = False
    network_mode: NetworkMode = NetworkMode.NATTED

    @property
    def is_routed(self) -> bool:
        """Whether IPv4 of its networks is routed, not translated."""
        return self.network_mode is NetworkMode.ROUTED

    @property
    def routing_mode(self) -> RoutingMode | None:
        """How who is outside learns of its networks, if they are routed."""
        return RoutingMode.STATIC if self.is_routed else None

    @property
    def answers_names(self) -> bool:
        """Whether gateways of its networks answer DNS."""
        return "Dns" in dict(self.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcOffering(Record):
    """What VPCs of a sort have in common."""

    REFERENCES: ClassVar[dict[str, str]] = {"service_offering_id": "ServiceOffering"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    display_text: str
    service_offering_id: str
    created: datetime
    services: Services = ()
    capabilities: Chosen = ()
    state: Enabled = Enabled.DISABLED
    internet_protocol: InternetProtocol = InternetProtocol.IPV4
    #: Its place in lists, the lowest first.
    sort_key: int = 0
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Record):
    """Somebody who acts for an account, by password or by key pair."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    INDEXES: ClassVar[tuple[str, ...]] = ("username", "api_key")

    account_id: str
    username: str
    created: datetime
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    timezone: str = ""
    #: Salt and scrypt hash, hexadecimal, joined by `$`; empty: no password fits.
    password: str = field(default="", repr=False)
    api_key: str | None = None
    #: Sealed; see `user_keys`.
    secret_key: str | None = field(default=None, repr=False)
    standing: Standing = Standing.ENABLED


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainDetails(Record):
    """Of a domain."""

    REFERENCES: ClassVar[dict[str, str]] = {"id": "Domain"}

    created: datetime
    network_domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDetails(Record):
    """Of an account."""

    REFERENCES: ClassVar[dict[str, str]] = {"id": "Account"}

    created: datetime
    network_domain: str = ""
    is_default: bool = False
    standing: Standing = Standing.ENABLED


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcDetails(Record):
    """Of a VPC."""

    REFERENCES: ClassVar[dict[str, str]] = {"id": "Vpc", "zone_id": "Zone", "offering_id": "VpcOffering"}

    zone_id: str
    offering_id: str
    display_text: str
    created: datetime
    public_mtu: int = 1500
    for_display: bool = True


class AclType(StrEnum):
    """Who may use a network: its account, or every account of its domain."""

    ACCOUNT = "Account"
    DOMAIN = "Domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDetails(Record):
    """Of a network. `domain_id` and `subdomain_access` say who may use one with the ACL type Domain."""

    REFERENCES: ClassVar[dict[str, str]] = {
        "id": "Network",
        "zone_id": "Zone",
        "offering_id": "NetworkOffering",
        "physical_network_id": "PhysicalNetwork",
        "domain_id": "Domain",
    }
    INDEXES: ClassVar[tuple[str, ...]] = ("acl_type",)

    zone_id: str
    offering_id: str
    physical_network_id: str
    domain_id: str
    display_text: str
    created: datetime
    acl_type: AclType = AclType.ACCOUNT
    subdomain_access: bool = True
    display_network: bool = True
    external_id: str | None = None
    public_mtu: int = 1500
    #: The VLAN or VNI that it has from the physical network's pool.
    segment: int | None = None
    #: Since when it can carry packets, if it can.
    implemented: datetime | None = None
    #: Since when no machine runs in it, if it is implemented all the same.
    idle_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineDetails(Record):
    """Of a machine."""

    REFERENCES: ClassVar[dict[str, str]] = {
        "id": "Machine",
        "zone_id": "Zone",
        "service_offering_id": "ServiceOffering",
        "template_id": "Template",
    }

    zone_id: str
    service_offering_id: str
    template_id: str
    created: datetime
    username: str
    user_id: str
    hypervisor: str = "KVM"
    group: str = ""
    display_vm: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondaryAddress(Record):
    """The UUID that CloudStack's clients know a NIC's secondary address by."""

    REFERENCES: ClassVar[dict[str, str]] = {"nic_id": "Nic"}

    nic_id: str
    address: str


class JobStatus(IntEnum):
    """What came of a job; 0, pending, is never to be seen."""

    DONE = 1
    FAILED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Record):
    """An asynchronous call: who asked for it and what came of it.

    `result` is the JSON text of what queryAsyncJobResult shows. Accounts and users are named, not referred
    to: a job outlives them.
    """

    account_id: str
    user_id: str
    command: str
    created: datetime
    completed: datetime
    status: JobStatus
    result: str = field(repr=False)
    #: Instead of `result`, where that is secret.
    sealed_result: str = field(default="", repr=False)
    result_code: int = 0
    resource_type: str = ""
    resource_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Record):
    """Something that was done, or failed, by whom and to what; it outlives both."""

    type: str
    level: str
    description: str
    created: datetime
    account_id: str
    username: str
    resource_type: str = ""
    resource_id: str = ""
