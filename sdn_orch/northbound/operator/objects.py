"""Every object of the intent with how far it has come, also those that no switch acts on yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.errors import NotFound
from sdn_orch.intent import routed
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Balancer, HealthCheck, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import GatewayRule
from sdn_orch.intent.model import Account, Machine, Network, Nic, Record, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.operator.find import describe_nic
from sdn_orch.northbound.operator.lists import JSON, network_status, status_row
from sdn_orch.northbound.operator.models import ObjectKind, ObjectsQuery
from sdn_orch.northbound.operator.view import View
from sdn_orch.status import Condition, ObjectStatus

#: What a kind waits for that the compiler makes no rules of.
NOT_YET = "the data plane has no tables for this kind yet"
_WAITING = ObjectStatus(Condition.PENDING)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of object: what it is called, whose it is, and how far it has come, or what it waits for."""

    record: type[Record]
    name: Callable[[Snapshot, Any], str]
    account_id: Callable[[Snapshot, Any], str | None]
    status: Callable[[View, Any], ObjectStatus | str] = lambda _view, _record: NOT_YET


def _own(_snapshot: Snapshot, record: Any) -> str:
    account_id: str = record.account_id
    return account_id


def _named(_snapshot: Snapshot, record: Any) -> str:
    name: str = record.name
    return name


def _of_nic(snapshot: Snapshot, nic: Nic) -> str | None:
    machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
    return machine.account_id if machine else None


def _of_address(snapshot: Snapshot, rule: Any) -> str:
    return snapshot.need(PublicAddress, rule.address_id).account_id


def _of_network(snapshot: Snapshot, rule: Any) -> str:
    return snapshot.need(Network, rule.network_id).account_id


def _at_address(snapshot: Snapshot, rule: Any) -> str:
    return f"{rule.id} of {snapshot.need(PublicAddress, rule.address_id).address}"


def _in_network(snapshot: Snapshot, rule: Any) -> str:
    return f"{rule.id} of {snapshot.need(Network, rule.network_id).name}"


def _in_list(snapshot: Snapshot, item: AclItem) -> str:
    return f"{item.position} of {snapshot.need(AclList, item.list_id).name}"


def _of_list(snapshot: Snapshot, item: AclItem) -> str | None:
    vpc_id = snapshot.need(AclList, item.list_id).vpc_id
    return snapshot.need(Vpc, vpc_id).account_id if vpc_id else None


def _in_group(snapshot: Snapshot, rule: SecurityRule) -> str:
    return f"{rule.id} of {snapshot.need(SecurityGroup, rule.group_id).name}"


def _of_group(snapshot: Snapshot, rule: SecurityRule) -> str:
    return snapshot.need(SecurityGroup, rule.group_id).account_id


def _of_vpc(snapshot: Snapshot, each: PrivateGateway | StaticRoute) -> str:
    return snapshot.need(Vpc, each.vpc_id).account_id


def _at_balancer(snapshot: Snapshot, policy: HealthCheck) -> str:
    return f"{policy.path or 'health check'} of {snapshot.need(Balancer, policy.balancer_id).name}"


def _of_balancer(snapshot: Snapshot, policy: Stickiness | HealthCheck) -> str:
    return snapshot.need(Balancer, policy.balancer_id).account_id


def _machine_status(view: View, machine: Machine) -> ObjectStatus:
    """That of its NICs together."""
    found = ObjectStatus(Condition.IDLE)
    for nic in view.world().snapshot.where(Nic, "machine_id", machine.id):
        found = found.along_with(view.status(Owner(OwnerKind.NIC, nic.id)))
    return found


def _rule_status(view: View, rule: GatewayRule) -> ObjectStatus:
    """Its own, with that of the address or network which it stands on."""
    if isinstance(rule, EgressRule | RoutedRule):
        home = Owner(OwnerKind.NETWORK, rule.network_id)
    else:
        home = Owner(OwnerKind.ADDRESS, rule.address_id or "")
    return view.status(Owner(OwnerKind.RULE, rule.id)).along_with(view.status(home))


def _route_status(view: View, route: StaticRoute) -> ObjectStatus:
    """Its own, with that of the private gateway which it leads over."""
    own = view.status(Owner(OwnerKind.ROUTE, route.id))
    return own if route.gateway_id is None else own.along_with(_gateway_status(view, route.gateway_id))


def _gateway_status(view: View, id: str) -> ObjectStatus:
    return view.status(Owner(OwnerKind.PRIVATE, id))


def _routed_status(view: View, rule: RoutedRule) -> ObjectStatus | str:
    return routed.obstacle(view.world().snapshot, rule) or _rule_status(view, rule)


def _balancer_status(view: View, balancer: Balancer) -> ObjectStatus:
    """That of a rule at a gateway, or at all edges that a network reaches."""
    if balancer.address_id is None:
        return view.status(Owner(OwnerKind.RULE, balancer.id))
    return _rule_status(view, balancer)


def _policy_status(view: View, policy: Stickiness | HealthCheck) -> ObjectStatus:
    return _balancer_status(view, view.world().snapshot.need(Balancer, policy.balancer_id))


KINDS: dict[ObjectKind, _Kind] = {
    ObjectKind.NETWORK: _Kind(Network, _named, _own, network_status),
    ObjectKind.VPC: _Kind(Vpc, _named, _own, lambda view, vpc: view.status(Owner(OwnerKind.ROUTER, vpc.id))),
    ObjectKind.MACHINE: _Kind(Machine, _named, _own, _machine_status),
    ObjectKind.NIC: _Kind(
        Nic, describe_nic, _of_nic, lambda view, nic: view.status(Owner(OwnerKind.NIC, nic.id))
    ),
    ObjectKind.PUBLIC_ADDRESS: _Kind(
        PublicAddress,
        lambda _, each: str(each.address),
        _own,
        lambda view, each: view.status(Owner(OwnerKind.ADDRESS, each.id)),
    ),
    ObjectKind.FORWARD: _Kind(Forward, _at_address, _of_address, _rule_status),
    ObjectKind.FIREWALL_RULE: _Kind(FirewallRule, _at_address, _of_address, _rule_status),
    ObjectKind.EGRESS_RULE: _Kind(
        EgressRule,
        _in_network,
        _of_network,
        _rule_status,
    ),
    ObjectKind.ROUTED_RULE: _Kind(RoutedRule, _in_network, _of_network, _routed_status),
    ObjectKind.ACL_ITEM: _Kind(
        AclItem, _in_list, _of_list, lambda view, item: view.status(Owner(OwnerKind.ITEM, item.id))
    ),
    ObjectKind.SECURITY_RULE: _Kind(
        SecurityRule,
        _in_group,
        _of_group,
        lambda view, rule: view.status(Owner(OwnerKind.GROUP, rule.group_id)),
    ),
    ObjectKind.PRIVATE_GATEWAY: _Kind(
        PrivateGateway,
        lambda _, each: str(each.address),
        _of_vpc,
        lambda view, each: _gateway_status(view, each.id),
    ),
    ObjectKind.STATIC_ROUTE: _Kind(StaticRoute, lambda _, each: str(each.prefix), _of_vpc, _route_status),
    ObjectKind.BALANCER: _Kind(Balancer, _named, _own, _balancer_status),
    ObjectKind.STICKINESS: _Kind(Stickiness, _named, _of_balancer, _policy_status),
    ObjectKind.HEALTH_CHECK: _Kind(HealthCheck, _at_balancer, _of_balancer, _policy_status),
}
#: Cursors count kinds above this, numbers below.
_STRIDE = 2**31


def objects(view: View, asked: ObjectsQuery) -> Iterator[tuple[int, Callable[[], JSON]]]:
    """Objects behind the cursor by kind and number, each with its place for the next cursor."""
    snapshot, after = view.world().snapshot, int(asked.cursor or 0)
    for position, kind in enumerate(ObjectKind):
        if asked.kind not in (None, kind):
            continue
        for record in snapshot.all(KINDS[kind].record):
            place = position * _STRIDE + record.number
            if place <= after:
                continue
            row = partial(_row, view, snapshot, kind, record)
            if asked.condition is None or asked.condition == row()["condition"]:
                yield place, row


def one_object(view: View, kind: str, id: str) -> JSON:
    """One object. Raises NotFound."""
    snapshot = view.world().snapshot
    if kind not in list(ObjectKind):
        raise NotFound(f"there is no kind of object {kind}")
    record = snapshot.get(KINDS[ObjectKind(kind)].record, id)
    if record is None:
        raise NotFound(f"there is no {kind} {id}")
    return _row(view, snapshot, ObjectKind(kind), record)


def standing(view: View, kind: ObjectKind, record: Record) -> JSON:
    """How far a record of this kind has come, and a note where nothing is done for the kind."""
    found = KINDS[kind].status(view, record)
    note = found if isinstance(found, str) else None
    return status_row(view.world().snapshot, _WAITING if isinstance(found, str) else found) | {"note": note}


def _row(view: View, snapshot: Snapshot, kind: ObjectKind, record: Record) -> JSON:
    known = KINDS[kind]
    account_id = known.account_id(snapshot, record)
    return {
        "kind": kind,
        "id": record.id,
        "name": known.name(snapshot, record),
        "account": snapshot.need(Account, account_id).name if account_id else None,
        **standing(view, kind, record),
    }
