"""Load balancers and what CloudStack has no words for: the weights of their members."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from http import HTTPStatus

from sdn_orch.errors import NotFound
from sdn_orch.intent.balancers import Balancer, Draining, Member
from sdn_orch.intent.balancing import counts_open
from sdn_orch.intent.model import Account, Machine, Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import TCP, UDP
from sdn_orch.northbound.balancers import change_balancer, weigh_member
from sdn_orch.northbound.operator.declare import Asked
from sdn_orch.northbound.operator.lists import JSON
from sdn_orch.northbound.operator.models import BalancerAnswer, MemberAnswer, ObjectKind
from sdn_orch.northbound.operator.objects import standing
from sdn_orch.northbound.operator.problems import Refusal
from sdn_orch.northbound.operator.view import View
from sdn_orch.northbound.service import Transaction
from sdn_orch.tally import Counted

_PROTOCOLS = {"tcp": TCP, "udp": UDP}


def find_balancer(snapshot: Snapshot, id: str) -> Balancer:
    """By its id. Raises NotFound."""
    found = snapshot.get(Balancer, id)
    if found is None:
        raise NotFound(f"there is no balancer {id}")
    return found


def balancer_row(view: View, snapshot: Snapshot, balancer: Balancer) -> JSON:
    """A balancer with its address and how far it has come."""
    return {
        **_known_by(snapshot, balancer),
        "network": snapshot.need(Network, balancer.network_id).name,
        "guest_ports": list(balancer.guest_ports),
        "algorithm": str(balancer.algorithm),
        "direct_return": balancer.direct_return,
        "proxy_protocol": balancer.proxy_protocol,
        "tls": balancer.tls,
        "sources": [str(prefix) for prefix in balancer.sources],
        "drain": balancer.drain,
        "fails_open": balancer.fails_open,
        "members": snapshot.count_where(Member, "balancer_id", balancer.id),
        **standing(view, ObjectKind.BALANCER, balancer),
    }


def _known_by(snapshot: Snapshot, balancer: Balancer) -> JSON:
    """What people know a balancer by."""
    address = (
        snapshot.need(PublicAddress, balancer.address_id).address if balancer.address_id else balancer.inner
    )
    return {
        "id": balancer.id,
        "name": balancer.name,
        "account": snapshot.need(Account, balancer.account_id).name,
        "address": str(address),
        "protocol": balancer.protocol,
        "ports": list(balancer.ports),
    }


def counters_row(view: View, snapshot: Snapshot, balancer: Balancer) -> JSON:
    """What a balancer and its members had, read not long ago."""
    view.tally.read()
    members = []
    draining = {each.mark: each for each in snapshot.where(Draining, "balancer_id", balancer.id)}
    for member in snapshot.where(Member, "balancer_id", balancer.id):
        row = _counters_of(view, snapshot, member, draining.pop(member.mark, None))
        members.append({**row, "weight": member.weight})
    members += [{**_counters_of(view, snapshot, each, each), "weight": 0} for each in draining.values()]
    return {
        **_known_by(snapshot, balancer),
        **_counted(view.tally.balancer(balancer)),
        "members": members,
    }


def _counters_of(view: View, snapshot: Snapshot, of: Member | Draining, draining: Draining | None) -> JSON:
    nic = snapshot.need(Nic, of.nic_id)
    balancer = snapshot.need(Balancer, of.balancer_id)
    machine, address = _machine(snapshot, nic), of.address(nic, balancer.version)
    is_counted = counts_open(snapshot, balancer)
    return {
        "id": of.id,
        "machine": machine.name if machine else None,
        "address": str(address) if address else None,
        "until": datetime.fromtimestamp(draining.until, UTC) if draining else None,
        "open": round(view.tally.open(of.mark)) if is_counted else None,
        **_counted(view.tally.member(of.mark)),
    }


def _counted(counted: Counted) -> JSON:
    since = None if counted.since is None else datetime.fromtimestamp(counted.since, UTC)
    return {**dataclasses.asdict(counted), "since": since}


def member_row(snapshot: Snapshot, member: Member) -> MemberAnswer:
    """A member of a balancer."""
    nic = snapshot.need(Nic, member.nic_id)
    version = snapshot.need(Balancer, member.balancer_id).version
    machine, address = _machine(snapshot, nic), member.address(nic, version)
    return MemberAnswer(
        id=member.id,
        balancer=member.balancer_id,
        nic=nic.id,
        machine=machine.name if machine else None,
        address=str(address) if address else None,
        weight=member.weight,
    )


def _machine(snapshot: Snapshot, nic: Nic) -> Machine | None:
    return snapshot.get(Machine, nic.machine_id) if nic.machine_id else None


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
        changed = weigh_member(transaction, member, asked.body.weight)
        return member_row(transaction.snapshot, changed)

    return asked.service.write(use_case)


def set_options(asked: Asked) -> BalancerAnswer:
    """Give a balancer what CloudStack has no words for, if it is still what the client saw."""

    def use_case(transaction: Transaction) -> Balancer:
        balancer = find_balancer(transaction.snapshot, asked.path["balancer"])
        asked.check_match(balancer_answer(asked.view, transaction.snapshot, balancer))
        options = dict(asked.body)
        if (protocol := options.pop("protocol")) is not None:
            if balancer.inner is None:
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "malformed",
                    f"balancer {balancer.id} has a public address: CloudStack says its protocol",
                    (("request", "body.protocol", "it is that of a load balancer inside of a network"),),
                )
            options["protocol"] = _PROTOCOLS[protocol]
        return change_balancer(transaction, dataclasses.replace(balancer, **options))

    changed = asked.service.write(use_case)
    return balancer_answer(asked.view, asked.service.snapshot, changed)


def balancer_answer(view: View, snapshot: Snapshot, balancer: Balancer) -> BalancerAnswer:
    """The same as `balancer_row`, as a client sees it."""
    return BalancerAnswer.model_validate(balancer_row(view, snapshot, balancer))
