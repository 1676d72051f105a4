"""What CloudStack says of its networks, as groups: a VPC with its tiers, or a network by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from sdn_orch.northbound.extension import payload
from sdn_orch.northbound.sync import fields as said
from sdn_orch.northbound.sync import rows
from sdn_orch.northbound.sync.faults import Fault


@dataclass(frozen=True, slots=True)
class NicSaid:
    """A NIC; `rate` is its machine's, in megabits per second, `user_data` too; `groups` are by id."""

    nic: payload.NicOf
    active: bool
    rate: int | None
    groups: tuple[str, ...]
    user_data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BalancerSaid:
    """A balancer with its policies."""

    rule: payload.BalancerFields
    stickiness: rows.Stickiness | None
    check: rows.HealthCheck | None


@dataclass(frozen=True, slots=True)
class SecurityGroupSaid:
    """A security group with its rules; the name is its own among all accounts."""

    id: str
    name: str
    rules: tuple[said.SecurityRule, ...]


@dataclass(frozen=True, slots=True)
class GatewaySaid:
    """A private gateway with its list of rules."""

    gateway: said.PrivateGateway
    acl: tuple[payload.AclRuleFields, ...]


@dataclass(frozen=True, slots=True)
class NetworkSaid:
    """A network; `addresses` are its own, those of a tier are its VPC's."""

    name: str
    fields: payload.NetworkFields
    names: payload.NameFields
    answers_names: bool
    mtu: int
    rate: int | None
    routed4: bool
    nics: tuple[NicSaid, ...]
    addresses: tuple[payload.PublicFields, ...]
    mapped: tuple[payload.StaticNat, ...]
    forwards: tuple[payload.PortForward, ...]
    firewall: payload.FirewallRules
    acl: tuple[payload.AclRuleFields, ...]
    balancers: tuple[BalancerSaid, ...]
    inner_balancers: tuple[said.InnerBalancer, ...]
    routed: tuple[said.RoutedRule, ...]


@dataclass(frozen=True, slots=True)
class VpcSaid:
    """A VPC."""

    name: str
    fields: payload.VpcFields
    addresses: tuple[payload.PublicFields, ...]
    gateways: tuple[GatewaySaid, ...]
    routes: tuple[said.StaticRoute, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A VPC with its tiers, or else one network; the id is CloudStack's.

    `security_groups` are those that its NICs are in, and those that rules of these name, and so on.
    """

    id: str
    name: str
    vpc: VpcSaid | None
    networks: tuple[NetworkSaid, ...]
    security_groups: tuple[SecurityGroupSaid, ...]


@dataclass(slots=True)
class Said:
    """Everything that was listed: groups and what is wrong with others, both by id, and whose all is."""

    groups: dict[str, Group] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    #: The groups that a UUID has to do with.
    homes: dict[str, set[str]] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        """All that CloudStack lists, understood or not."""
        return {*self.groups, *self.faults}
