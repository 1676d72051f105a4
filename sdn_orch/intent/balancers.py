"""Load balancers: which connections they take, and between whom they divide them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

from sdn_orch.intent.address_use import PortUse
from sdn_orch.intent.model import Nic, Record
from sdn_orch.intent.traffic import Ports, Prefix

LARGEST_WEIGHT = 256
#: Members of one balancer.
SEATS = 256
#: Seconds for which members that get no new connections keep those they have, where nothing else is said.
DRAIN, LONGEST_DRAIN = 300, 86_400


class Algorithm(StrEnum):
    """How a member is chosen for a new connection."""

    ROUND_ROBIN = "round-robin"
    LEAST_CONNECTIONS = "least-connections"
    #: The same member for the same client, as long as the members are the same.
    SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Record):
    """What a balancer shows to clients that speak TLS, PEM; `private_key` is sealed with the daemon's key."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    account_id: str
    name: str
    certificate: str
    fingerprint: str
    chain: str = ""
    private_key: str = field(repr=False)


Address = IPv4Address | IPv6Address


def own_address(nic: Nic, version: int) -> Address | None:
    """The first address of a version of IP that a NIC has."""
    return nic.ipv4 if version == 4 else nic.ipv6


def others_of(nic: Nic, version: int) -> tuple[Address, ...]:
    """Its secondary ones of that version."""
    return nic.secondary4 if version == 4 else nic.secondary6


def inner_place(network_id: str | None, address: Address | None) -> str:
    """What names an address inside of a network, whose ports balancers share."""
    return f"{network_id}/{address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancer(PortUse):
    """Takes what comes to `ports` of an address, and divides it between the members' `guest_ports`.

    The address is a public one, or `inner`, one inside the network `inner_network_id`, for machines there
    and in the other tiers of its VPC. IPv6 is routed: an inner IPv6 address is reached from outside too,
    where the network's rules let that in. Members are NICs of `network_id`, at addresses of the same version
    of IP. `guest_ports` are as many as `ports`, or one for all of them. `sources`: who may connect; empty:
    anybody. `direct_return`: members get packets as clients sent them, and answer from that address.
    """

    REFERENCES: ClassVar[dict[str, str]] = {
        "account_id": "Account",
        "network_id": "Network",
        "address_id": "PublicAddress",
        "inner_network_id": "Network",
        "certificate_id": "Certificate",
    }
    GOES_WITH: ClassVar[tuple[str, ...]] = ("address_id",)
    INDEXES: ClassVar[tuple[str, ...]] = ("place", "claims", "name")
    #: The register that says which balancer a packet is for has 22 bits for it.
    LARGEST_NUMBER: ClassVar[int] = 2**22 - 1

    account_id: str
    network_id: str
    name: str
    ports: Ports
    guest_ports: Ports
    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    address_id: str | None = None
    inner_network_id: str | None = None
    inner: Address | None = None
    sources: tuple[Prefix, ...] = ()
    direct_return: bool = False
    #: Members are told the client's address by the PROXY protocol.
    proxy_protocol: bool = False
    #: Clients speak TLS, members do not; nothing can be served until there is a certificate.
    tls: bool = False
    certificate_id: str | None = None
    #: Seconds for which a member that is taken away, or gets weight 0, keeps its connections.
    drain: int = DRAIN
    #: Where no member answers its checks all are tried, as if there were none; else nobody gets connections.
    fails_open: bool = True
    #: The most seats that members have had: what follows from them never becomes less (docs/decisions/0019).
    seats: int = 0

    @property
    def place(self) -> str:
        """See PortUse."""
        return self.address_id or inner_place(self.inner_network_id, self.inner)

    @property
    def taken(self) -> Ports:
        """See PortUse."""
        return self.ports

    @property
    def version(self) -> int:
        """The version of IP that it balances."""
        return 4 if self.inner is None else self.inner.version

    @property
    def is_by_source(self) -> bool:
        """Whether members are chosen by the client's address alone."""
        return self.algorithm is Algorithm.SOURCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Record):
    """A NIC that connections are given to, at `guest`, one of its secondary addresses, or at its own.

    A member has `weight` parts of all new connections; one with weight 0 gets none, see `Draining`.
    `seat` is the lowest that no other member of the balancer had when it came: who gets what follows from it.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"balancer_id": "Balancer", "nic_id": "Nic"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("balancer_id", "nic_id")
    INDEXES: ClassVar[tuple[str, ...]] = ("places", "mark")

    balancer_id: str
    nic_id: str
    guest: Address | None = None
    weight: int = 1
    seat: int = 0
    #: The mark that it had when it was a member before, and has again; 0: it has a new one.
    former_mark: int = 0

    @property
    def mark(self) -> int:
        """What its connections are known by; never another one's."""
        return self.former_mark or self.number

    def address(self, nic: Nic, version: int) -> Address | None:
        """Where its NIC is reached by a version of IP; None if that has no address of it."""
        return self.guest or own_address(nic, version)

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """Its seat, as (balancer, seat); one entry, so that whoever has it can be looked up."""
        return ((self.balancer_id, self.seat),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining(Record):
    """Connections of a member that gets no new ones: they stand `until` then, in seconds since the epoch.

    The member is one no more, or its weight is 0; `nic_id`, `guest` and `mark` are or were its own.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"balancer_id": "Balancer", "nic_id": "Nic"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("balancer_id", "nic_id")
    INDEXES: ClassVar[tuple[str, ...]] = ("mark",)

    balancer_id: str
    nic_id: str
    mark: int
    until: int
    guest: Address | None = None

    def address(self, nic: Nic, version: int) -> Address | None:
        """Where its NIC is reached by a version of IP; None if it has the address no more."""
        if self.guest is None:
            return own_address(nic, version)
        return self.guest if self.guest in others_of(nic, version) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief(Record):
    """A fact: slots of a `leastconn` balancer that lead to another member than by weights alone.

    `moves` are slots with the marks of the members; one for a member that is no more, or dead, means nothing.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"balancer_id": "Balancer"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("balancer_id",)

    balancer_id: str
    moves: tuple[tuple[int, int], ...]


class Affinity(StrEnum):
    """By what a client is known again."""

    SOURCE = "source"
    COOKIE = "cookie"
    APPLICATION_COOKIE = "application-cookie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stickiness(Record):
    """Clients that come again get the member that they had. One a balancer.

    `options` are what the affinity has besides: (name, value), the value empty where there is none.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"balancer_id": "Balancer"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("balancer_id",)

    balancer_id: str
    name: str
    affinity: Affinity
    #: Seconds for which a client that stays away is remembered; None: as long as it brings the cookie.
    expire: int | None = None
    #: How many clients are remembered at most; None: any number.
    clients: int | None = None
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck(Record):
    """How it is found out which members live. One a balancer; times in seconds.

    Members of a TCP balancer are asked by HTTP for `path`, or where that is empty just for a connection,
    at the first of its `guest_ports`; others are pinged. A member counts as dead after `unhealthy` checks of
    which none was answered in time, as live again after `healthy` answered ones.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"balancer_id": "Balancer"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("balancer_id",)

    balancer_id: str
    path: str = ""
    timeout: int = 5
    interval: int = 5
    healthy: int = 2
    unhealthy: int = 10
