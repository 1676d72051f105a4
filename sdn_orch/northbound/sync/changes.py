"""What differs, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.balancers import Balancer, HealthCheck, Member, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Machine, Network, Nic, Record, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Difference

Action = Literal["create", "change", "delete"]

_WORDS: dict[type[Record], str] = {
    Vpc: "VPC",
    Network: "network",
    Machine: "machine",
    Nic: "NIC",
    PublicRange: "public range",
    PublicAddress: "public address",
    Forward: "forwarded port",
    FirewallRule: "firewall rule",
    EgressRule: "egress rule",
    AclItem: "list item",
    Balancer: "balancer",
    Member: "member",
    Stickiness: "stickiness",
    HealthCheck: "health check",
    RoutedRule: "routed rule",
    MachineData: "user data",
    SecurityGroup: "security group",
    SecurityRule: "security rule",
    PrivateGateway: "private gateway",
    StaticRoute: "static route",
}
#: What tenants miss when it goes.
_MISSED = (Vpc, Network, Nic, PrivateGateway)


@dataclass(frozen=True, slots=True)
class Change:
    """One record that is created, changed or deleted; `fields` are those that change."""

    action: Action
    kind: str
    name: str
    fields: tuple[str, ...] = ()


def described(differences: Iterable[Difference]) -> list[Change]:
    """Those of what tenants know of."""
    return [
        Change(_action(before, after), _WORDS[type(record)], _name(record), _changed(before, after))
        for before, after in differences
        if (record := after or before) is not None and type(record) in _WORDS
    ]


def count_missed(differences: Iterable[Difference]) -> int:
    """How many networks, VPCs, private gateways and NICs of machines go."""
    return sum(
        after is None
        and isinstance(before, _MISSED)
        and not (isinstance(before, Nic) and before.machine_id is None)
        for before, after in differences
    )


def _action(before: Record | None, after: Record | None) -> Action:
    return "create" if before is None else "delete" if after is None else "change"


def _changed(before: Record | None, after: Record | None) -> tuple[str, ...]:
    if before is None or after is None:
        return ()
    names = (field.name for field in fields(after))
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _name(record: Record) -> str:
    if isinstance(record, Nic):
        return f"{record.ipv4 or record.ipv6 or record.mac}"
    if isinstance(record, PublicAddress | PrivateGateway):
        return str(record.address)
    if isinstance(record, PublicRange):
        return f"{record.first}-{record.last}"
    if isinstance(record, Forward):
        return f"{record.public[0]} to {record.guest}:{record.private[0]}"
    if isinstance(record, StaticRoute):
        return f"{record.prefix} by {record.next_hop}"
    if isinstance(record, AclItem):
        return f"{record.position}"
    return str(getattr(record, "name", record.id))
