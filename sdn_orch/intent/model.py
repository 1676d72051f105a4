"""The records that the data plane is compiled from: what tenants asked for, and where things are.

Every record is a frozen value with a UUID for people (`id`) and a small stable number for the data
plane (`number`), given once by the store, never changed, and kept over restarts. Records refer to each
other by `id`; `REFERENCES` says which field names which kind, `INDEXES` which fields the snapshot can
look up by. Doors add record kinds of their own (offerings, users, jobs…) with the same two lists.

MAC addresses are lower-case colon strings, addresses and prefixes those of the `ipaddress` module.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of everything stored."""

    #: Field name -> the kind that it refers to (the class name). A None or missing value refers to nothing,
    #: a tuple of ids to each of them.
    REFERENCES: ClassVar[dict[str, str]] = {}
    #: Fields and properties that `Snapshot.where` can look up by; reference fields always can. Of a tuple,
    #: by each of its members.
    INDEXES: ClassVar[tuple[str, ...]] = ()
    #: Reference fields with whose records this one goes, where others would keep them from going.
    GOES_WITH: ClassVar[tuple[str, ...]] = ()
    #: Numbers of this kind are given from 1 up to this one, as far as the data plane has bits for them.
    LARGEST_NUMBER: ClassVar[int] = 2**31 - 1

    id: str
    #: 0 until the store gives one; unique within the kind, from 1 up.
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower(Record):
    """Base of what is said about any record, of whichever kind: it goes when that goes."""

    INDEXES: ClassVar[tuple[str, ...]] = ("subject_id",)

    #: The kind (the class name) and id of the record that it is about.
    subject_kind: str
    subject_id: str


class NetworkKind(StrEnum):
    """CloudStack's guest types. A VPC tier is an isolated network with a `vpc_id`."""

    ISOLATED = "isolated"
    SHARED = "shared"
    L2 = "l2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain(Record):
    """A node of the tree that accounts hang in; the root has no parent and the path `/`."""

    REFERENCES: ClassVar[dict[str, str]] = {"parent_id": "Domain"}
    INDEXES: ClassVar[tuple[str, ...]] = ("path",)

    name: str
    path: str
    parent_id: str | None = None


class Role(StrEnum):
    """What an account may do. Nobody logs in as a project: it only owns what several accounts share."""

    ROOT_ADMIN = "root-admin"
    DOMAIN_ADMIN = "domain-admin"
    USER = "user"
    PROJECT = "project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Record):
    """A tenant: the owner of networks, VPCs and machines."""

    REFERENCES: ClassVar[dict[str, str]] = {"domain_id": "Domain"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    domain_id: str
    role: Role = Role.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc(Record):
    """A router that joins its tiers; tiers' prefixes lie inside `ipv4`."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)
    LARGEST_NUMBER: ClassVar[int] = 2**23 - 1

    account_id: str
    name: str
    ipv4: IPv4Network
    domain_name: str = ""
    dns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Record):
    """One broadcast domain.

    An L2 network has no addresses (`ipv4`, `ipv6` None): the tenant's own. Others have at least one
    prefix and its gateway; the gateway answers from every edge. `mtu` is that of the guests' IP packets
    in bytes. `vlan` and `vni` identify the network on `vlan` and `vxlan` transports. Isolated networks
    and tiers are routed by their own or their VPC's router; shared networks have one router each as well.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account", "vpc_id": "Vpc", "acl_id": "AclList"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name", "vlan", "vni")
    LARGEST_NUMBER: ClassVar[int] = 2**22 - 1

    account_id: str
    name: str
    kind: NetworkKind
    vpc_id: str | None = None
    ipv4: IPv4Network | None = None
    gateway4: IPv4Address | None = None
    ipv6: IPv6Network | None = None
    gateway6: IPv6Address | None = None
    domain_name: str = ""
    dns: tuple[str, ...] = ()
    mtu: int = 1500
    vlan: int | None = None
    vni: int | None = None
    #: The list of rules of a tier.
    acl_id: str | None = None
    #: Whether what no egress rule is about may leave towards the outside; then the rules say what may not.
    egress_open: bool = False
    #: Whether its IPv4 goes outside as it is, as IPv6 does, under `RoutedRule`s and without translation.
    routed4: bool = False
    #: Whether connections end as soon as nothing would let them begin; else they may go on.
    cuts_connections: bool = False
    #: Whether its gateway answers DNS.
    answers_names: bool = False
    #: Megabits per second that each of its NICs may send, and as many that it may receive; None: no limit.
    rate: int | None = None

    @property
    def gateway_mac(self) -> str:
        """The MAC address of its gateway, the same at every edge: locally administered, from its number."""
        return f"0e:5d:00:{self.number >> 16:02x}:{self.number >> 8 & 255:02x}:{self.number & 255:02x}"

    @property
    def effective_vni(self) -> int:
        """Its own VNI (below 2**23), else one above that, derived from its number: the two never meet."""
        return self.vni if self.vni is not None else 2**23 + self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Nic(Record):
    """A machine's attachment to a network: who may speak with which addresses.

    `active` is False while its machine is stopped: then nothing is programmed for it. `routes4` are
    extra classless routes (prefix, next hop) told by DHCP. `hostname` is told by DHCP too.
    """

    REFERENCES: ClassVar[dict[str, str]] = {
        "network_id": "Network",
        "machine_id": "Machine",
        "group_ids": "SecurityGroup",
        "balancer_id": "Balancer",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("balancer_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("mac", "claims", "names", "active_in")
    LARGEST_NUMBER: ClassVar[int] = 2**23 - 1

    network_id: str
    mac: str
    machine_id: str | None = None
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    secondary4: tuple[IPv4Address, ...] = ()
    secondary6: tuple[IPv6Address, ...] = ()
    hostname: str = ""
    is_default: bool = True
    active: bool = True
    routes4: tuple[tuple[IPv4Network, IPv4Address], ...] = ()
    #: The security groups that say what it may receive and send; none: it may all.
    group_ids: tuple[str, ...] = ()
    #: The balancer whose proxy it is the NIC of; it has no machine then.
    balancer_id: str | None = None

    @property
    def addresses(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """All its addresses, the primary ones first."""
        primary = [address for address in (self.ipv4, self.ipv6) if address is not None]
        return (*primary, *self.secondary4, *self.secondary6)

    @property
    def active_in(self) -> str | None:
        """The network in which it takes part, while it does; a proxy only serves those who do."""
        return self.network_id if self.active and self.balancer_id is None else None

    @property
    def claims(self) -> tuple[tuple[str, str | IPv4Address | IPv6Address], ...]:
        """What no other NIC of its network may have: (network id, its MAC or one of its addresses)."""
        return tuple((self.network_id, claim) for claim in (self.mac, *self.addresses))

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What it is called in DNS: (network id, its host name in lower case); one entry or none."""
        return ((self.network_id, self.hostname.lower()),) if self.hostname else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Record):
    """A virtual machine as a record: the owner of NICs."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    account_id: str
    name: str
    display_name: str = ""
    running: bool = True
    #: Megabits per second that its default NIC may send, and as many that it may receive; None: no limit.
    rate: int | None = None


class SwitchRole(StrEnum):
    """Edge switches hold tenant logic; fabric switches only forward labels."""

    EDGE = "edge"
    FABRIC = "fabric"


class Transport(StrEnum):
    """How edges of one fabric reach each other."""

    LABEL = "label"
    VXLAN = "vxlan"
    VLAN = "vlan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a switch said of itself at its last connect; None of it is assumed."""

    open_vswitch: bool = False
    version: int = 0x04
    tables: int = 254
    group_select: bool = True
    group_fast_failover: bool = True
    group_chaining: bool = False
    meters: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Record):
    """A datapath that may take part.

    `underlay` is the OpenFlow port towards a VLAN or VXLAN underlay (a flow-based tunnel port for
    vxlan), `tunnel_address` its own end of VXLAN tunnels. `learn_ports` are ports on which the first
    packet of a registered MAC binds its NIC. An edge with a `public_port`, which leads to the public
    networks, is a gateway; of two the one with twice the `gateway_weight` gets twice the routers.
    """

    INDEXES: ClassVar[tuple[str, ...]] = (
        "dpid", "name", "tunnel_address", "is_gateway", "is_plain_edge",
    )  # fmt: skip
    LARGEST_NUMBER: ClassVar[int] = 2**16 - 1

    dpid: int
    name: str
    role: SwitchRole = SwitchRole.EDGE
    transport: Transport = Transport.LABEL
    underlay: int | None = None
    tunnel_address: IPv4Address | None = None
    learn_ports: tuple[int, ...] = ()
    public_port: int | None = None
    gateway_weight: int = 1
    capabilities: Capabilities = Capabilities()
    #: Facts: that its public port has no link, and that its session is over for a while.
    outside_down: bool = False
    lost: bool = False

    @property
    def is_gateway(self) -> bool:
        """Whether tenants' networks reach the outside by it."""
        return self.role is SwitchRole.EDGE and self.public_port is not None

    @property
    def is_plain_edge(self) -> bool:
        """Whether tenants' machines are behind it, and it tracks no connections."""
        return self.role is SwitchRole.EDGE and not self.capabilities.open_vswitch

    @property
    def is_known(self) -> bool:
        """Whether it has connected before, and said what it can."""
        return self.capabilities != Capabilities()


class Source(StrEnum):
    """How we came to know a link or an attachment; earlier ones win over later ones."""

    CONFIGURATION = "configuration"
    OVSDB = "ovsdb"
    DISCOVERY = "discovery"
    FIRST_PACKET = "first-packet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Record):
    """A cable between two switch ports, both directions; `capacity` in megabits per second.

    The end with the smaller (switch, port) stands first. `up` is False while either end says so: a down
    link is kept, so that it is used again when it returns.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"a_switch_id": "Switch", "b_switch_id": "Switch"}
    INDEXES: ClassVar[tuple[str, ...]] = ("ports",)

    a_switch_id: str
    a_port: int
    b_switch_id: str
    b_port: int
    capacity: int = 10_000
    up: bool = True
    source: Source = Source.DISCOVERY

    @property
    def ports(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Both ends as (switch id, port)."""
        return ((self.a_switch_id, self.a_port), (self.b_switch_id, self.b_port))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Record):
    """Where a NIC is plugged in: a switch port, behind `vlan` on a trunk port. One per NIC."""

    REFERENCES: ClassVar[dict[str, str]] = {"nic_id": "Nic", "switch_id": "Switch"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("nic_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("ports", "trunks")

    nic_id: str
    switch_id: str
    port: int
    vlan: int | None = None
    source: Source = Source.CONFIGURATION

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """Where it is, as (switch id, port); one entry, so that it can be looked up like a link's."""
        return ((self.switch_id, self.port),)

    @property
    def trunks(self) -> tuple[tuple[str, int], ...]:
        """The VLAN that it is behind, as (switch id, VLAN), on whichever port; none on an access port."""
        return () if self.vlan is None else ((self.switch_id, self.vlan),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival(Record):
    """Where a NIC that is elsewhere is awaited: its first frame there says that it has come. One per NIC.

    Where it is `admitted` it may send from its first frame on; not where it has left, and may come back to.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"nic_id": "Nic", "switch_id": "Switch"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("nic_id", "switch_id")
    INDEXES: ClassVar[tuple[str, ...]] = ("ports",)

    nic_id: str
    switch_id: str
    port: int
    admitted: bool = True

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The place, as (switch id, port); one entry."""
        return ((self.switch_id, self.port),)
