"""Rows of CloudStack's lists, as far as sync reads them; fields that are not known here are passed over.

Values are texts here: what they mean, and whether they can, is found out for each group by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

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
        return f"{self.domainpath or ''}/{self.owner_name}".strip("/")

    @property
    def owner_name(self) -> str:
        """The name of its account or project."""
        return self.project or self.account or ""


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

    def has(self, service: str) -> bool:
        """Whether the network has the service."""
        return any(each.name == service for each in self.service)


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


class Membership(Row):
    """A security group that a machine is in."""

    id: str


class Machine(Row):
    """A virtual machine; its user data are in Base64."""

    id: str
    name: str
    state: str
    serviceofferingid: Text = None
    nic: list[Nic] = []
    securitygroup: list[Membership] = []
    userdata: Text = Field(None, repr=False)


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


class Lasting(Row):
    """Base of what may be being taken away; then it is none any more."""

    state: str = ""

    @property
    def is_there(self) -> bool:
        """Whether it is to be obeyed."""
        return self.state not in ("Revoke", "Deleting")


class Rule(Lasting):
    """Base of rules."""

    id: str
    networkid: Text = None
    protocol: str = ""
    cidrlist: Text = None


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
    """A rule about packets; some lists have other names for ports."""

    startport: Text = Field(None, validation_alias=AliasChoices("startport", "publicport"))
    endport: Text = Field(None, validation_alias=AliasChoices("endport", "publicendport"))
    icmptype: int | None = None
    icmpcode: int | None = None

    @property
    def packets(self) -> dict[str, Any]:
        """Which packets, in the words of commands."""
        return {
            "protocol": self.protocol,
            "portStart": self.startport,
            "portEnd": self.endport,
            "icmpType": self.icmptype,
            "icmpCode": self.icmpcode,
            "sourceCidrs": prefixes(self.cidrlist),
        }


class Firewall(Packets):
    """A firewall rule of an address, or of what leaves a network."""

    ipaddress: Text = None
    destcidrlist: Text = None


class RoutedRule(Firewall):
    """A rule of what passes between a network and the outside without translation."""

    traffictype: str = "Ingress"


class SecurityRule(Packets):
    """A rule of a security group: about addresses, or a group of an account."""

    id: str = Field(validation_alias=AliasChoices("ruleid", "id"))
    cidrlist: Text = Field(None, validation_alias=AliasChoices("cidr", "cidrlist"))
    securitygroupname: Text = None
    account: Text = None


class SecurityGroup(Owned):
    """A security group."""

    ingressrule: list[SecurityRule] = []
    egressrule: list[SecurityRule] = []


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


class InnerRule(Lasting):
    """What a balancer inside of a network does."""

    sourceport: str
    instanceport: str


class InnerMember(Row):
    """A machine behind a balancer inside of a network."""

    id: str
    ipaddress: Text = None


class InnerBalancer(Row):
    """A balancer at an address inside of a network."""

    id: str
    name: str = ""
    algorithm: str = "roundrobin"
    networkid: Text = None
    sourceipaddress: Text = None
    sourceipaddressnetworkid: Text = None
    loadbalancerrule: list[InnerRule] = []
    loadbalancerinstance: list[InnerMember] = []


class PrivateGateway(Lasting):
    """An address of a VPC in a network outside."""

    id: str
    vpcid: Text = None
    ipaddress: Text = None
    gateway: Text = None
    netmask: Text = None
    vlan: Text = None
    sourcenatsupported: bool = False
    aclid: Text = None
    aclname: Text = None


class StaticRoute(Lasting):
    """A prefix that a VPC reaches by `nexthop`; older servers only say by which private gateway."""

    id: str
    vpcid: Text = None
    cidr: Text = None
    nexthop: Text = None
    vpcgatewayid: Text = Field(None, validation_alias=AliasChoices("vpcgatewayid", "gatewayid"))


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
    networkmode: Text = None


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
    #: Rules of what passes without translation, by the version of IP.
    routed: dict[int, list[RoutedRule]] = field(default_factory=dict)
    security_groups: list[SecurityGroup] = field(default_factory=list)
    inner_balancers: list[InnerBalancer] = field(default_factory=list)
    gateways: list[PrivateGateway] = field(default_factory=list)
    routes: list[StaticRoute] = field(default_factory=list)


def prefixes(text: str | None) -> list[str]:
    """What stands between commas."""
    return [each.strip() for each in (text or "").split(",") if each.strip()]
