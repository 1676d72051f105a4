"""Rows of CloudStack's lists, as far as sync reads them; fields that are not known here are passed over.

Values are texts here: what they mean, and whether they can, is found out for each group by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

Text = str | None


class Row(BaseModel):
    """Base of all rows."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Owned(Row):
    """What belongs to somebody."""

    id: str
    name: str = ""
    account: Text = None
    project: Text = None
    domainpath: Text = None

    @property
    def owner(self) -> str:
        """Its owner's place among all, as `ROOT/sales/alice`."""
        return f"{self.domainpath or ''}/{self.project or self.account or ''}".strip("/")


class Named(Owned):
    """Networks and VPCs."""

    cidr: Text = None
    networkdomain: Text = None
    dns1: Text = None
    dns2: Text = None
    ip6dns1: Text = None
    ip6dns2: Text = None

    @property
    def servers(self) -> tuple[str, ...]:
        """The name servers."""
        return tuple(filter(None, (self.dns1, self.dns2, self.ip6dns1, self.ip6dns2)))


class Service(Row):
    """A service of a network."""

    name: str = ""


class Vpc(Named):
    """A VPC."""

    zoneid: Text = None


class Network(Named):
    """A network; `cidr` is what guests have of `networkcidr` where that is told."""

    type: str = ""
    traffictype: str = "Guest"
    issystem: bool = False
    state: str = ""
    zoneid: Text = None
    networkcidr: Text = None
    gateway: Text = None
    ip6cidr: Text = None
    ip6gateway: Text = None
    broadcasturi: Text = None
    vlan: Text = None
    privatemtu: int | None = None
    networkofferingid: str = ""
    egressdefaultpolicy: bool | None = None
    vpcid: Text = None
    aclid: Text = None
    aclname: Text = None
    service: list[Service] = []

    @property
    def is_guests(self) -> bool:
        """Whether machines of tenants are in it."""
        return self.traffictype == "Guest" and not self.issystem


class Secondary(Row):
    """A further address of a NIC."""

    ipaddress: str


class Nic(Row):
    """A NIC."""

    id: str
    networkid: str
    macaddress: str
    ipaddress: Text = None
    ip6address: Text = None
    isdefault: bool = False
    secondaryip: list[Secondary] = []


class Machine(Row):
    """A virtual machine."""

    id: str
    name: str
    state: str
    serviceofferingid: Text = None
    nic: list[Nic] = []


class Address(Row):
    """A public address."""

    id: str
    ipaddress: str
    associatednetworkid: Text = None
    vpcid: Text = None
    issourcenat: bool = False
    isstaticnat: bool = False
    issystem: bool = False
    virtualmachineid: Text = None
    vmipaddress: Text = None
    vlanid: Text = None


class Range(Row):
    """A range of public addresses."""

    id: str
    vlan: Text = None
    gateway: Text = None
    netmask: Text = None


class Rule(Row):
    """Base of rules; one that is being taken away is none any more."""

    id: str
    state: str = ""
    networkid: Text = None
    protocol: str = ""
    cidrlist: Text = None

    @property
    def is_there(self) -> bool:
        """Whether it is to be obeyed."""
        return self.state not in ("Revoke", "Deleting")


class Forward(Rule):
    """Ports that lead to a machine."""

    ipaddress: str
    publicport: str
    publicendport: Text = None
    privateport: str
    privateendport: Text = None
    virtualmachineid: Text = None
    vmguestip: Text = None


class Packets(Rule):
    """A rule about packets."""

    startport: Text = None
    endport: Text = None
    icmptype: int | None = None
    icmpcode: int | None = None


class Firewall(Packets):
    """A firewall rule of an address, or of what leaves a network."""

    ipaddress: Text = None
    destcidrlist: Text = None


class AclItem(Packets):
    """An item of a list of rules."""

    aclid: str = ""
    number: int
    action: str
    traffictype: str


class Balancer(Rule):
    """A rule of a load balancer."""

    name: str = ""
    publicip: str
    publicport: str
    privateport: str
    algorithm: str = "roundrobin"


class MemberMachine(Row):
    """Who is behind a balancer."""

    id: str


class Member(Row):
    """A machine behind a balancer, at these of its addresses."""

    loadbalancerruleinstance: MemberMachine
    lbvmipaddresses: list[str] = []


class Stickiness(Row):
    """What makes clients get the machine that they had."""

    id: str
    name: str = ""
    methodname: str
    params: dict[str, str] = {}


class HealthCheck(Row):
    """How it is found out which machines live."""

    id: str
    pingpath: Text = None
    responsetime: int | None = None
    healthcheckinterval: int | None = None
    healthcheckthresshold: int | None = None
    unhealthcheckthresshold: int | None = None


class Policies(Row):
    """The policies of a balancer."""

    stickinesspolicy: list[Stickiness] = []
    healthcheckpolicy: list[HealthCheck] = []


class Offering(Row):
    """An offering of networks or of machines; the rate is in megabits per second, 0 or less: none."""

    id: str
    networkrate: int | None = None


class Zone(Named):
    """A zone, whose name servers are those of networks that have none of their own."""


@dataclass(slots=True)
class Rows:
    """What was read, of everything or of one group."""

    zones: list[Zone] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    vpcs: list[Vpc] = field(default_factory=list)
    machines: list[Machine] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    firewall: list[Firewall] = field(default_factory=list)
    egress: list[Firewall] = field(default_factory=list)
    acl_items: list[AclItem] = field(default_factory=list)
    balancers: list[Balancer] = field(default_factory=list)
    #: By the balancer's id.
    members: dict[str, list[Member]] = field(default_factory=dict)
    policies: dict[str, list[Policies]] = field(default_factory=dict)
    offerings: list[Offering] = field(default_factory=list)

    def rules(self) -> Iterable[Rule]:
        """Every rule that has a network."""
        return (*self.forwards, *self.firewall, *self.egress, *self.balancers)
