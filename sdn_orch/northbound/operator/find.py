"""From what people type to records, and back to what people read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

from sdn_orch.dataplane.rules import Owner, OwnerKind, port_of
from sdn_orch.errors import Invalid, NotFound
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import rule_of
from sdn_orch.intent.model import Arrival, Attachment, Machine, Network, Nic, Record, Switch, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.intent.snapshot import Snapshot

R = TypeVar("R", bound=Record)


def find_switch(snapshot: Snapshot, text: str) -> Switch:
    """By name, UUID or dpid (0x1f, or 16 hexadecimal digits). Raises NotFound, Invalid when ambiguous."""
    return _one(text, "switch", _switches(snapshot, text))


def find_network(snapshot: Snapshot, text: str) -> Network:
    """By UUID or name. Raises NotFound, Invalid when more than one fits."""
    return _one(text, "network", _named(snapshot, Network, text))


def find_nic(snapshot: Snapshot, text: str) -> Nic:
    """By UUID, MAC, or its machine's name. Raises NotFound, Invalid when more than one fits."""
    return _one(text, "NIC", _nics(snapshot, text))


def find_owner(snapshot: Snapshot, text: str) -> Owner:
    """The NIC, network, VPC or switch that is meant, by UUID or name. Raises NotFound, Invalid."""
    owners = [Owner(OwnerKind.NIC, nic.id) for nic in _nics(snapshot, text)]
    owners += [Owner(OwnerKind.NETWORK, network.id) for network in _named(snapshot, Network, text)]
    owners += [Owner(OwnerKind.ROUTER, vpc.id) for vpc in _named(snapshot, Vpc, text)]
    owners += [Owner(OwnerKind.SWITCH, switch.id) for switch in _switches(snapshot, text)]
    return _one(text, "NIC, network, VPC or switch", iter(owners))


def find_port(snapshot: Snapshot, text: str) -> tuple[Switch, int, int | None] | None:
    """Switch, port and VLAN of `switch:port` or `switch:port,vlan`; None where that names no switch."""
    parts = re.fullmatch(r"(.+):(\d{1,10})(?:,(\d{1,4}))?", text, re.ASCII)
    switch = next(_switches(snapshot, parts[1]), None) if parts else None
    if parts is None or switch is None:
        return None
    return switch, int(parts[2]), int(parts[3]) if parts[3] else None


def describe(snapshot: Snapshot, owner: Owner) -> str:
    """An owner in words: `nic 02:00:00:00:00:01 of web1`, `network red`, `router of VPC shop`."""
    if owner.kind is OwnerKind.PORT:
        switch = snapshot.get(Switch, owner.id.rpartition(":")[0])
        return f"port {switch.name}:{port_of(owner.id)}" if switch else str(owner)
    match record_of(snapshot, owner):
        case Nic() as nic:
            return describe_nic(snapshot, nic)
        case EgressRule(network_id=network_id):
            return f"egress rule of network {snapshot.need(Network, network_id).name}"
        case Forward(address_id=address_id):
            return f"forwarded port of {snapshot.need(PublicAddress, address_id).address}"
        case FirewallRule(address_id=address_id):
            return f"firewall rule of {snapshot.need(PublicAddress, address_id).address}"
        case PublicAddress(address=address):
            return f"public address {address}"
        case Vpc(name=name):
            return f"router of VPC {name}"
        case Network(name=name) if owner.kind is OwnerKind.ROUTER:
            return f"router of network {name}"
        case Network(name=name) | Switch(name=name):
            return f"{owner.kind} {name}"
        case AclItem(list_id=list_id, position=position):
            return f"item {position} of list of rules {snapshot.need(AclList, list_id).name}"
        case PrivateGateway(address=address, vpc_id=vpc_id):
            return f"private gateway {address} of VPC {snapshot.need(Vpc, vpc_id).name}"
        case StaticRoute(prefix=prefix, vpc_id=vpc_id):
            return f"static route to {prefix} of VPC {snapshot.need(Vpc, vpc_id).name}"
        case AclList(name=name):
            return f"list of rules {name}"
        case SecurityGroup(name=name):
            return f"security group {name}"
    return str(owner)


def record_of(snapshot: Snapshot, owner: Owner) -> Record | None:
    """The record behind an owner; none behind a port, or when it is gone."""
    match owner.kind:
        case OwnerKind.NIC:
            return snapshot.get(Nic, owner.id)
        case OwnerKind.NETWORK:
            return snapshot.get(Network, owner.id)
        case OwnerKind.ROUTER:
            return snapshot.get(Vpc, owner.id) or snapshot.get(Network, owner.id)
        case OwnerKind.SWITCH:
            return snapshot.get(Switch, owner.id)
        case OwnerKind.ADDRESS:
            return snapshot.get(PublicAddress, owner.id)
        case OwnerKind.RULE:
            return rule_of(snapshot, owner.id)
        case OwnerKind.PRIVATE:
            return snapshot.get(PrivateGateway, owner.id)
        case OwnerKind.ROUTE:
            return snapshot.get(StaticRoute, owner.id)
        case OwnerKind.ITEM:
            return snapshot.get(AclItem, owner.id)
        case OwnerKind.LIST:
            return snapshot.get(AclList, owner.id)
        case OwnerKind.GROUP:
            return snapshot.get(SecurityGroup, owner.id)
        case OwnerKind.PORT:
            return None


def describe_nic(snapshot: Snapshot, nic: Nic) -> str:
    """A NIC by its MAC and its machine's name, or the balancer's whose proxy has it."""
    if nic.balancer_id is not None:
        return f"nic {nic.mac} of the proxy of {snapshot.need(Balancer, nic.balancer_id).name}"
    machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
    return f"nic {nic.mac}" + (f" of {machine.name}" if machine else "")


def port_at(snapshot: Snapshot, switch_id: str, port: int) -> str:
    """A port as `switch:port`."""
    return f"{snapshot.need(Switch, switch_id).name}:{port}"


def place(snapshot: Snapshot, nic: Nic) -> str | None:
    """Where a NIC is attached, as `switch:port` or `switch:port,vlan`."""
    for attachment in snapshot.where(Attachment, "nic_id", nic.id):
        port = port_at(snapshot, attachment.switch_id, attachment.port)
        return port + (f",{attachment.vlan}" if attachment.vlan else "")
    return None


def awaited(snapshot: Snapshot, nic: Nic) -> str | None:
    """Where a NIC is awaited beside its place, as `switch:port`."""
    for arrival in snapshot.where(Arrival, "nic_id", nic.id):
        return port_at(snapshot, arrival.switch_id, arrival.port)
    return None


T = TypeVar("T")


def _one(text: str, what: str, found: Iterator[T]) -> T:
    fitting = list(dict.fromkeys(found))
    if not fitting:
        raise NotFound(f"there is no {what} {text}")
    if len(fitting) > 1:
        raise Invalid(f"{len(fitting)} fit {text}; give the UUID of the {what}")
    return fitting[0]


def _named(snapshot: Snapshot, kind: type[R], text: str) -> Iterator[R]:
    if record := snapshot.get(kind, text):
        yield record
    yield from snapshot.where(kind, "name", text)


def _nics(snapshot: Snapshot, text: str) -> Iterator[Nic]:
    if nic := snapshot.get(Nic, text):
        yield nic
    yield from snapshot.where(Nic, "mac", text.lower().replace("-", ":"))
    for machine in snapshot.where(Machine, "name", text):
        yield from snapshot.where(Nic, "machine_id", machine.id)


def _switches(snapshot: Snapshot, text: str) -> Iterator[Switch]:
    yield from _named(snapshot, Switch, text)
    digits = text.replace(":", "").removeprefix("0x")
    if text.startswith("0x") or len(digits) == 16:
        try:
            yield from snapshot.where(Switch, "dpid", int(digits, 16))
        except ValueError:
            return
