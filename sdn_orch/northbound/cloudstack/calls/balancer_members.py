"""assignToLoadBalancerRule, removeFromLoadBalancerRule, listLoadBalancerRuleInstances."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Any

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.model import Machine, Nic
from sdn_orch.northbound import balancers
from sdn_orch.northbound.cloudstack.answers.balancers import ASSIGNED, INSTANCE, Assigned, assigned
from sdn_orch.northbound.cloudstack.calls.balancers import ID
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, missing_parameter
from sdn_orch.northbound.cloudstack.parameters import boolean, entities, entity, ipv4, mapping, required
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Shape

MACHINES = entities("virtualmachineids", Machine, "the machines, by their primary addresses")
ADDRESSES = mapping("vmidipmap", "machines with their secondary addresses: vmid and vmip of each")
VM_ID = entity("vmid", Machine, "the id of the machine")
VM_IP = ipv4("vmip", "its address")
APPLIED = boolean("applied", "false: the machines that could be assigned; true by default")
WITH_ADDRESSES = boolean("lbvmips", "true: with the addresses that are assigned")


@changes(
    "assignToLoadBalancerRule",
    SUCCESS,
    "Puts machines behind a load balancer rule",
    required(ID),
    MACHINES,
    ADDRESSES,
    mode=Mode.ASYNC,
    event="LB.ASSIGN.TO.RULE",
)
def assign_to_load_balancer_rule(call: Call) -> None:
    """The machines get their share of new connections; none given is none assigned, which clients do."""
    balancer = call[ID]
    wanted: list[tuple[Machine, IPv4Address | None]] = [(each, None) for each in call.get(MACHINES) or ()]
    for machine, guest in wanted + _named(call):
        nic = _nic(call, machine, balancer)
        if guest is not None and guest not in (nic.ipv4, *nic.secondary4):
            raise bad(f"VM IP {guest} specified does not belong to NIC {nic.id} of VM {machine.id}")
        if balancers.member_of(call.snapshot, balancer, nic, guest) is not None:
            raise bad(f"VM {machine.id} is already mapped to load balancer.")
        balancers.add_member(call.transaction, balancer, nic, guest)


@changes(
    "removeFromLoadBalancerRule",
    SUCCESS,
    "Takes machines from a load balancer rule",
    required(ID),
    MACHINES,
    ADDRESSES,
    mode=Mode.ASYNC,
    event="LB.REMOVE.FROM.RULE",
)
def remove_from_load_balancer_rule(call: Call) -> None:
    """The machines get no connections any more: with all their addresses, or with those that are named."""
    balancer, machines = call[ID], call.get(MACHINES) or ()
    named = _named(call)
    if not machines and not named:
        raise missing_parameter(call.command.name, "virtualmachineids")
    for machine in machines:
        nic = _nic(call, machine, balancer)
        found = [member for member, their in balancers.members(call.snapshot, balancer) if their.id == nic.id]
        if not found:
            raise bad(f"VM {machine.id} is not mapped to load balancer rule {balancer.id}")
        for each in found:
            balancers.remove_member(call.transaction, each)
    for machine, guest in named:
        member = balancers.member_of(call.snapshot, balancer, _nic(call, machine, balancer), guest)
        if member is None:
            raise bad(f"VM {machine.id} with IP {guest} is not mapped to load balancer rule {balancer.id}")
        balancers.remove_member(call.transaction, member)


def _variant(call: Call) -> tuple[str, Shape[Any]] | None:
    return (ASSIGNED.key, ASSIGNED) if call.get(WITH_ADDRESSES) else None


@lists(
    "listLoadBalancerRuleInstances",
    INSTANCE,
    "Lists the machines behind a load balancer rule",
    required(ID),
    APPLIED,
    WITH_ADDRESSES,
    key="loadbalancerruleinstance",
    variant=_variant,
)
def list_load_balancer_rule_instances(call: Call) -> Iterable[Assigned]:
    """The machines, or those that could be behind the rule and are not."""
    balancer = call[ID]
    found = assigned(call.snapshot, balancer)
    if call.get(APPLIED) is False:
        taken = {each.machine.id for each in found}
        return [Assigned(each) for each in _able(call, balancer) if each.id not in taken]
    return found


def _able(call: Call, balancer: Balancer) -> list[Machine]:
    """The owner's machines in the rule's network."""
    nics = call.snapshot.where(Nic, "network_id", balancer.network_id)
    machines = (call.snapshot.need(Machine, nic.machine_id) for nic in nics if nic.machine_id is not None)
    return [machine for machine in machines if machine.account_id == balancer.account_id]


def _named(call: Call) -> list[tuple[Machine, IPv4Address | None]]:
    """Machines and addresses of the map; raises a fault where one of them is missing."""
    found: list[tuple[Machine, IPv4Address | None]] = []
    for entry in call.get(ADDRESSES) or ():
        machine, guest = call.within(entry, VM_ID), call.within(entry, VM_IP)
        if machine is None or guest is None:
            raise bad("Invalid parameter vmidipmap: every entry needs vmid and vmip")
        found.append((machine, guest))
    return found


def _nic(call: Call, machine: Machine, balancer: Balancer) -> Nic:
    nic = balancers.nic_in(call.snapshot, machine, balancer.network_id)
    if nic is None:
        raise bad(f"VM {machine.id} cannot be added because it doesn't belong in the same network.")
    return nic
