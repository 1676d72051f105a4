"""Load balancers come and go, and their members, also where CloudStack has no words for them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from uuid import uuid4

from sdn_orch.errors import Invalid
from sdn_orch.intent.address_use import uses
from sdn_orch.intent.balancers import Balancer, Member, inner_place
from sdn_orch.intent.model import Network
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import SCTP, TCP, UDP, Prefix
from sdn_orch.northbound import balancers
from sdn_orch.northbound.networks import free_ipv6, give_ipv4
from sdn_orch.northbound.operator.balancers import balancer_answer, find_balancer, find_member, member_row
from sdn_orch.northbound.operator.declare import Asked
from sdn_orch.northbound.operator.find import find_network, find_nic
from sdn_orch.northbound.operator.models import BalancerAnswer, MemberAnswer
from sdn_orch.northbound.operator.models_balancers import BalancedProtocol, BalancerWanted, MemberWanted
from sdn_orch.northbound.service import Transaction

_PROTOCOLS = {BalancedProtocol.TCP: TCP, BalancedProtocol.UDP: UDP, BalancedProtocol.SCTP: SCTP}


def create(asked: Asked) -> BalancerAnswer:
    """A load balancer without members. Raises NotFound, Invalid, Exhausted, RuleConflict."""
    wanted: BalancerWanted = asked.body

    def use_case(transaction: Transaction) -> Balancer:
        snapshot = transaction.snapshot
        network = find_network(snapshot, wanted.network)
        home = find_network(snapshot, wanted.address_network or network.id)
        address = None if wanted.address is None else _address("address", wanted.address)
        public = _public(snapshot, network, address) if wanted.address_network is None else None
        first, last = wanted.ports
        guest_first, guest_last = wanted.guest_ports or wanted.ports
        return balancers.create_balancer(
            transaction,
            Balancer(
                id=str(uuid4()),
                account_id=network.account_id,
                network_id=network.id,
                address_id=None if public is None else public.id,
                inner_network_id=home.id if public is None else None,
                inner=None if public else _inner(transaction, home, address, wanted.version),
                name=wanted.name,
                protocol=_PROTOCOLS[wanted.protocol],
                ports=(first, last),
                guest_ports=(guest_first, guest_last),
                algorithm=wanted.algorithm,
                direct_return=wanted.direct_return,
                sources=tuple(dict.fromkeys(map(_prefix, wanted.sources))),
                drain=wanted.drain,
                fails_open=wanted.fails_open,
            ),
        )

    made = asked.service.write(use_case)
    return balancer_answer(asked.view, asked.service.snapshot, made)


def delete(asked: Asked) -> None:
    """With its members, if it is still what the client saw; an address inside that is not shared is free."""

    def use_case(transaction: Transaction) -> None:
        found = find_balancer(transaction.snapshot, asked.path["balancer"])
        asked.check_match(balancer_answer(asked.view, transaction.snapshot, found))
        balancers.delete_balancer(transaction, found)

    asked.service.write(use_case)


def add_member(asked: Asked) -> MemberAnswer:
    """One that was a member not long ago has again what it has kept. Raises NotFound, Invalid."""
    wanted: MemberWanted = asked.body

    def use_case(transaction: Transaction) -> MemberAnswer:
        balancer = find_balancer(transaction.snapshot, asked.path["balancer"])
        nic = find_nic(transaction.snapshot, wanted.nic)
        guest = None if wanted.address is None else _address("address", wanted.address)
        member = balancers.add_member(transaction, balancer, nic, guest)
        return member_row(transaction.snapshot, member)

    return asked.service.write(use_case)


def remove_member(asked: Asked) -> None:
    """It is drained, if it is still what the client saw."""

    def use_case(transaction: Transaction) -> None:
        member: Member = find_member(transaction.snapshot, asked.path["balancer"], asked.path["member"])
        asked.check_match(member_row(transaction.snapshot, member))
        balancers.remove_member(transaction, member)

    asked.service.write(use_case)


def _address(field: str, text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise Invalid(f"request: {field}: {text!r} is not an IP address") from None


def _prefix(text: str) -> Prefix:
    try:
        return ip_network(text)
    except ValueError:
        raise Invalid(f"request: sources: {text!r} is not a prefix") from None


def _public(snapshot: Snapshot, network: Network, address: object) -> PublicAddress | None:
    """The public address of the network's owner that this is, if it is one."""
    found = snapshot.where(PublicAddress, "address", address) if isinstance(address, IPv4Address) else ()
    own = (each for each in found if each.account_id == network.account_id)
    return next((each for each in own if each.router_id in (network.id, network.vpc_id)), None)


def _inner(
    transaction: Transaction, home: Network, address: IPv4Address | IPv6Address | None, version: int
) -> IPv4Address | IPv6Address:
    """The address inside, or a free one."""
    if address is None:
        return give_ipv4(transaction, home, None) if version == 4 else free_ipv6(transaction, home)
    is_shared = any(uses(transaction.snapshot, inner_place(home.id, address)))
    return address if is_shared or address.version == 6 else give_ipv4(transaction, home, address)
