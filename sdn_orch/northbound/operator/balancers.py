"""Load balancers and what CloudStack has no words for: the weights of their members."""

from __future__ import annotations

import dataclasses

from sdn_orch.errors import NotFound
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.model import Account, Machine, Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.operator.declare import Asked
from sdn_orch.northbound.operator.lists import JSON
from sdn_orch.northbound.operator.models import MemberAnswer, ObjectKind
from sdn_orch.northbound.operator.objects import standing
from sdn_orch.northbound.operator.view import View
from sdn_orch.northbound.service import Transaction


def find_balancer(snapshot: Snapshot, id: str) -> Balancer:
    """By its id. Raises NotFound."""
    found = snapshot.get(Balancer, id)
    if found is None:
        raise NotFound(f"there is no balancer {id}")
    return found


def balancer_row(view: View, snapshot: Snapshot, balancer: Balancer) -> JSON:
    """A balancer with its address and how far it has come."""
    address = (
        snapshot.need(PublicAddress, balancer.address_id).address if balancer.address_id else balancer.inner
    )
    return {
        "id": balancer.id,
        "name": balancer.name,
        "account": snapshot.need(Account, balancer.account_id).name,
        "network": snapshot.need(Network, balancer.network_id).name,
        "address": str(address),
        "protocol": balancer.protocol,
        "ports": list(balancer.ports),
        "guest_ports": list(balancer.guest_ports),
        "algorithm": str(balancer.algorithm),
        "proxy_protocol": balancer.proxy_protocol,
        "tls": balancer.tls,
        "sources": [str(prefix) for prefix in balancer.sources],
        "members": snapshot.count_where(Member, "balancer_id", balancer.id),
        **standing(view, ObjectKind.BALANCER, balancer),
    }


def member_row(snapshot: Snapshot, member: Member) -> MemberAnswer:
    """A member of a balancer."""
    nic = snapshot.need(Nic, member.nic_id)
    machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
    address = member.address(nic)
    return MemberAnswer(
        id=member.id,
        balancer=member.balancer_id,
        nic=nic.id,
        machine=machine.name if machine else None,
        address=str(address) if address else None,
        weight=member.weight,
    )


def find_member(snapshot: Snapshot, balancer_id: str, id: str) -> Member:
    """By its id and its balancer's. Raises NotFound."""
    balancer = find_balancer(snapshot, balancer_id)
    found = snapshot.get(Member, id)
    if found is None or found.balancer_id != balancer.id:
        raise NotFound(f"balancer {balancer.id} has no member {id}")
    return found


def set_weight(asked: Asked) -> MemberAnswer:
    """Give a member another weight, if it is still what the client saw."""

    def use_case(transaction: Transaction) -> MemberAnswer:
        member = find_member(transaction.snapshot, asked.path["balancer"], asked.path["member"])
        asked.check_match(member_row(transaction.snapshot, member))
        changed = transaction.put(dataclasses.replace(member, weight=asked.body.weight))
        return member_row(transaction.snapshot, changed)

    return asked.service.write(use_case)
