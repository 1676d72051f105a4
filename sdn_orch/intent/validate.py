"""What must hold of the intent, and every fault of a change at once.

Only what the changes touch is looked at: the records put, and the neighbours whose rules depend on what
changed in them. The cost does not grow with the cloud. Each fault reads `Kind name (id): field: reason`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sdn_orch.errors import Invalid
from sdn_orch.intent import (
    acl_rules,
    balancer_rules,
    fabric_rules,
    firewall_rules,
    forward_rules,
    public_rules,
    routing_rules,
    security_rules,
    tenant_rules,
)
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.address_use import uses
from sdn_orch.intent.balancers import Balancer, Certificate, HealthCheck, Member, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import (
    Account,
    Arrival,
    Attachment,
    Domain,
    Link,
    Machine,
    Network,
    Nic,
    Record,
    Switch,
    Vpc,
)
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Change, Put, Snapshot, target

#: What must hold of one record of a kind in a snapshot; yields `field: reason`.
Rule = Callable[[Snapshot, Any], Iterator[str]]

RULES: dict[type[Record], Rule] = {
    Domain: tenant_rules.domain,
    Account: tenant_rules.account,
    Vpc: tenant_rules.vpc,
    Network: tenant_rules.network,
    Nic: tenant_rules.nic,
    Machine: tenant_rules.machine,
    PublicRange: public_rules.public_range,
    PublicAddress: public_rules.public_address,
    Forward: forward_rules.forward,
    Certificate: balancer_rules.certificate,
    Balancer: balancer_rules.balancer,
    Member: balancer_rules.member,
    Stickiness: balancer_rules.stickiness,
    HealthCheck: balancer_rules.health_check,
    FirewallRule: firewall_rules.firewall_rule,
    EgressRule: firewall_rules.egress_rule,
    RoutedRule: firewall_rules.routed_rule,
    AclList: acl_rules.acl_list,
    AclItem: acl_rules.acl_item,
    PrivateGateway: routing_rules.private_gateway,
    StaticRoute: routing_rules.static_route,
    SecurityGroup: security_rules.security_group,
    SecurityRule: security_rules.security_rule,
    Switch: fabric_rules.switch,
    Link: fabric_rules.link,
    Attachment: fabric_rules.attachment,
    Arrival: fabric_rules.arrival,
}


def check(snapshot: Snapshot, changes: Sequence[Change]) -> None:
    """Raises Invalid with all `faults`; otherwise like `Snapshot.change`."""
    found = faults(snapshot, changes)
    if found:
        raise Invalid(*found)


def faults(snapshot: Snapshot, changes: Sequence[Change]) -> tuple[str, ...]:
    """Everything that would be wrong if the changes were made to the snapshot; empty if nothing.

    Where a reference names nothing or an id is taken, those faults stand alone: the rest cannot be judged.
    Raises NotFound, InUse and Exhausted like `Snapshot.change`.
    """
    try:
        after = snapshot.change(changes)
    except Invalid as error:
        return error.faults
    return tuple(
        f"{_label(record)}: {fault}"
        for record in _concerned(snapshot, after, changes)
        if type(record) in RULES
        for fault in RULES[type(record)](after, record)
    )


def _concerned(before: Snapshot, after: Snapshot, changes: Sequence[Change]) -> list[Record]:
    """The records put, then the neighbours, once each."""
    found: dict[tuple[type[Record], str], Record] = {}
    puts = [target(change) for change in changes if isinstance(change, Put)]
    pairs = [(before.get(kind, id), new) for kind, id in puts if (new := after.get(kind, id)) is not None]
    for _, new in pairs:
        found[type(new), new.id] = new
    for old, new in pairs:
        if old is not None:
            for neighbour in _neighbours(after, old, new):
                found.setdefault((type(neighbour), neighbour.id), neighbour)
    return list(found.values())


def _neighbours(after: Snapshot, old: Record, new: Record) -> Iterator[Record]:
    """Those whose rules read what changed between two states of a record."""
    match old, new:
        case Domain(), Domain() if old.path != new.path:
            yield from after.where(Domain, "parent_id", new.id)
        case Vpc(), Vpc() if (old.ipv4, old.account_id) != (new.ipv4, new.account_id):
            yield from after.where(Network, "vpc_id", new.id)
            yield from after.where(StaticRoute, "vpc_id", new.id)
        case Network(), Network() if _addressing(old) != _addressing(new):
            yield from after.where(Nic, "network_id", new.id)
            yield from after.where(StaticRoute, "network_id", new.id)
        case PrivateGateway(), PrivateGateway():
            yield from after.where(StaticRoute, "gateway_id", new.id)
        case PublicRange(), PublicRange() if (old.first, old.last) != (new.first, new.last):
            yield from after.where(PublicAddress, "range_id", new.id)
        case Nic(), Nic():
            if (old.network_id, old.active) != (new.network_id, new.active):
                yield from after.where(Attachment, "nic_id", new.id)
            if (old.network_id, old.addresses) != (new.network_id, new.addresses):
                yield from after.where(PublicAddress, "nic_id", new.id)
                yield from after.where(Forward, "nic_id", new.id)
                yield from after.where(Member, "nic_id", new.id)
        case Balancer(), Balancer() if old.direct_return != new.direct_return:
            yield from after.where(Member, "balancer_id", new.id)
            yield from after.where(Stickiness, "balancer_id", new.id)
        case PublicAddress(), PublicAddress() if _leads_to(old) != _leads_to(new):
            yield from uses(after, new.id)
        case Switch(), Switch() if _ports(old) != _ports(new):
            yield from after.where(Attachment, "switch_id", new.id)
            yield from after.where(Arrival, "switch_id", new.id)


def _ports(switch: Switch) -> tuple[object, ...]:
    return switch.role, switch.underlay, switch.public_port


def _leads_to(address: PublicAddress) -> tuple[object, ...]:
    return address.network_id, address.vpc_id, address.nic_id


def _addressing(network: Network) -> tuple[object, ...]:
    return network.kind, network.ipv4, network.gateway4, network.ipv6, network.gateway6


def _label(record: Record) -> str:
    name = getattr(record, "name", None) or getattr(record, "mac", None)
    kind = type(record).__name__
    return f"{kind} {name} ({record.id})" if name else f"{kind} {record.id}"
