"""What the operator's door takes and answers, as its documentation says it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)

from sdn_orch.intent.balancers import DRAIN, LARGEST_WEIGHT, LONGEST_DRAIN
from sdn_orch.northbound.operator.tokens import Scope

T = TypeVar("T")

#: A name that can be shown.
Name = Annotated[str, StringConstraints(pattern=r"^[ -~]*[!-~][ -~]*$", max_length=64)]


def _number(value: object) -> object:
    """JSON has one sort of numbers: 5.0 is an integer, and neither "5" nor true is."""
    if isinstance(value, str | bytes | bool):
        raise ValueError("it must be a number")  # noqa: TRY004 (pydantic tells of ValueErrors)
    return value


WHOLE = BeforeValidator(_number)


class Model(BaseModel):
    """Nothing but what is declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Fault(Model):
    """One thing that is wrong."""

    object: str
    """What it is wrong with: `request`, or kind, name and id of a record."""
    field: str
    """The field or parameter; empty where it is the object as a whole."""
    reason: str


class Problem(Model):
    """Why a request was refused (RFC 9457). A refused request has changed nothing."""

    type: str
    """A URN that names the sort of problem."""
    title: str
    status: int
    detail: str
    faults: list[Fault]
    """Every fault at once, where the request or what it asks for is wrong."""


class Nothing(Model):
    """No parameters."""


class Paged(Model):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Entries at most."""
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")] | None = None
    """Where to go on: `next` of the page before."""


class Page(Model, Generic[T]):
    """Part of a list."""

    # For each type of items the source would be looked for again, in vain.
    model_config = ConfigDict(use_attribute_docstrings=False)

    items: list[T]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class Refused(Model):
    """A switch that cannot or would not hold something."""

    switch: str
    reason: str


class Standing(Model):
    """How far an object has become rules in switches."""

    condition: str
    """realised, pending, refused, or idle: nothing is to be done for it."""
    realised: list[str]
    """Switches that have confirmed its rules."""
    pending: list[str]
    """Switches that have not yet."""
    refusals: list[Refused]


class NetworkAnswer(Standing):
    """A tenant's network."""

    id: str
    number: int
    name: str
    account: str
    kind: str
    vpc: str | None
    ipv4: str | None
    gateway4: str | None
    ipv6: str | None
    gateway6: str | None
    mtu: int
    cuts_connections: bool
    """Whether connections end as soon as nothing would let them begin."""
    nics: int


class NetworkChange(Model):
    """What CloudStack has no words for."""

    cuts_connections: StrictBool
    """Whether connections end with what lets them begin: a firewall or egress rule, a forwarded port, an item
    of a list, also of a private gateway's, a rule of a security group; else they go on, as through
    CloudStack's virtual router. Not for L2 networks."""


class NicAnswer(Standing):
    """A NIC and where it is. While its machine migrates also where it is `awaited`, and whether the switch
    there is `prepared` for it; if not, it is only listened for."""

    id: str
    number: int
    mac: str
    machine: str | None
    network: str
    network_id: str
    account: str
    addresses: list[str]
    active: bool
    place: str | None
    awaited: str | None
    prepared: bool
    source: str | None


class ObjectKind(StrEnum):
    """What tenants ask for."""

    NETWORK = "network"
    VPC = "vpc"
    MACHINE = "machine"
    NIC = "nic"
    PUBLIC_ADDRESS = "public-address"
    FORWARD = "forward"
    FIREWALL_RULE = "firewall-rule"
    EGRESS_RULE = "egress-rule"
    ROUTED_RULE = "routed-rule"
    ACL_ITEM = "acl-item"
    SECURITY_RULE = "security-rule"
    PRIVATE_GATEWAY = "private-gateway"
    STATIC_ROUTE = "static-route"
    BALANCER = "balancer"
    STICKINESS = "stickiness"
    HEALTH_CHECK = "health-check"


class ObjectCondition(StrEnum):
    """How far it has come."""

    REALISED = "realised"
    PENDING = "pending"
    REFUSED = "refused"
    IDLE = "idle"


class ObjectsQuery(Paged):
    """Which objects."""

    kind: ObjectKind | None = None
    condition: ObjectCondition | None = None


class ObjectAnswer(Standing):
    """An object of the intent and how far it has come."""

    kind: ObjectKind
    id: str
    name: str
    account: str | None
    note: str | None
    """Why it is pending though no switch is: the data plane does not act on its kind yet."""


class BalancerAnswer(Standing):
    """A load balancer."""

    id: str
    name: str
    account: str
    network: str
    address: str
    protocol: int
    """IANA's number."""
    ports: list[int]
    """First and last."""
    guest_ports: list[int]
    algorithm: str
    direct_return: bool
    """Whether members answer from the balancer's address themselves."""
    proxy_protocol: bool
    tls: bool
    sources: list[str]
    drain: int
    """Seconds for which a member that is taken away, or gets weight 0, keeps its connections."""
    fails_open: bool
    """Whether all members are tried where none answers its checks; else nobody gets connections then."""
    members: int
    note: str | None
    """Why it is pending though no switch is."""


class MemberAnswer(Model):
    """A NIC behind a load balancer."""

    id: str
    balancer: str
    nic: str
    machine: str | None
    address: str | None
    weight: int
    """Its parts of all new connections."""


class Counters(Model):
    """What belonged to connections, as switches count it."""

    since: datetime | None
    """Connections that began since then are counted; null where no switch has counted yet."""
    connections: int
    """How many began."""
    packets_in: int
    """From clients to members."""
    bytes_in: int
    packets_out: int
    """From members to clients."""
    bytes_out: int


class MemberCounters(Counters):
    """What a member had, or one that is a member no more and keeps its connections for a while."""

    id: str
    machine: str | None
    address: str | None
    weight: int
    open: int | None
    """Connections that have not ended yet, as far as switches can tell; null unless the algorithm asks."""
    until: datetime | None
    """When its connections are cut: it gets no new ones. Null where it may keep them."""


class BalancerCounters(Counters):
    """What all members had, and those that are members no more."""

    id: str
    name: str
    account: str
    address: str
    protocol: int
    """IANA's number."""
    ports: list[int]
    """First and last."""
    members: list[MemberCounters]


class BalancerOptions(Model):
    """What CloudStack has no words for."""

    drain: Annotated[int, Field(ge=0, le=LONGEST_DRAIN), WHOLE] = DRAIN
    """Seconds for which a member that is taken away, or gets weight 0, keeps its connections. For those that
    have gone already it stays what it was."""
    fails_open: StrictBool = True
    """Whether all members are tried where none answers its checks; else nobody gets connections then."""
    protocol: Literal["tcp", "udp"] | None = None
    """What a load balancer inside of a network spreads, TCP where nothing is said; None: it stays."""


class Weight(Model):
    """How much a member gets."""

    weight: Annotated[int, Field(ge=0, le=LARGEST_WEIGHT), WHOLE]
    """Parts of all new connections; with 0 it gets none, and keeps those that it has for a while."""


class ExtensionCommand(Model):
    """What CloudStack's management server says with a command of its extension."""

    cloud: Name = "cloudstack"
    """Whose objects they are, where several CloudStacks share the switches; the owner has this name."""
    chooses_segments: StrictBool = False
    """Whether the extension says how networks are told apart: its isolation method is NetworkExtension."""
    payload: dict[str, Any]
    """The command's payload, as CloudStack wrote it."""


class ExtensionAnswer(Model):
    """What CloudStack is to be told."""

    output: str
    """For the command's standard output; empty: nothing."""


class TokenWanted(Model):
    """A new token."""

    name: Name
    scope: Scope
    days: Annotated[int, Field(ge=1, le=3650), WHOLE] | None = None
    """How long it is good; for ever without."""


class TokenAnswer(Model):
    """A token, without what opens the door."""

    id: str
    name: str
    scope: Scope
    created: datetime
    expires: datetime | None


class TokenMade(TokenAnswer):
    """A new token, with what opens the door: it is shown once."""

    token: str
    """For the header `Authorization: Bearer …`."""
