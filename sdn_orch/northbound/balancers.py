"""Balancers, their members and policies: the use cases that all doors share."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from ipaddress import IPv4Address
from uuid import uuid4

from sdn_orch.errors import Invalid, RuleConflict
from sdn_orch.intent.address_use import conflicts, uses
from sdn_orch.intent.balancers import Address, Balancer, Draining, Member, own_address
from sdn_orch.intent.model import Machine, Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import SCTP
from sdn_orch.northbound import pool, proxies, public
from sdn_orch.northbound.service import Service, Transaction


def create_balancer(transaction: Transaction, balancer: Balancer) -> Balancer:
    """Create a balancer without members, at a public address or at an inner one that the caller claimed.

    Raises RuleConflict where ports of the address are taken, Invalid where the address leads elsewhere.
    """
    snapshot = transaction.snapshot
    _check_ports(snapshot, balancer)
    if balancer.address_id is not None:
        address = snapshot.need(PublicAddress, balancer.address_id)
        if address.nic_id is not None:
            raise RuleConflict(f"There is already static NAT on the IP address {address.id}")
        public.lead_to(transaction, address, snapshot.need(Network, balancer.network_id))
    return transaction.put(balancer)


def change_balancer(transaction: Transaction, balancer: Balancer) -> Balancer:
    """Give the balancer other properties. Raises RuleConflict where ports of the address are taken."""
    _check_ports(transaction.snapshot, balancer)
    return transaction.put(balancer)


def delete_balancer(transaction: Transaction, balancer: Balancer) -> None:
    """Delete the balancer with its members and policies; an inner address that nothing else uses is free."""
    proxies.release(transaction, balancer)
    transaction.delete(balancer)
    if balancer.address_id is not None:
        public.leave_unused(transaction, balancer.address_id)
        return
    # IPv6 addresses are free as soon as nobody has them.
    is_given = isinstance(balancer.inner, IPv4Address) and not any(uses(transaction.snapshot, balancer.place))
    if is_given and balancer.inner_network_id:
        pool.release(transaction, balancer.inner_network_id, int(balancer.inner or 0))


def is_native(balancer: Balancer) -> bool:
    """Whether CloudStack has no words for it: only the native API makes such."""
    return balancer.version == 6 or balancer.protocol == SCTP or balancer.direct_return


def forget_network(transaction: Transaction, network: Network) -> None:
    """A network goes: with it the balancers for its machines and those at its addresses."""
    snapshot = transaction.snapshot
    found = (*snapshot.where(Balancer, "network_id", network.id),)
    found += snapshot.where(Balancer, "inner_network_id", network.id)
    for balancer in dict.fromkeys(found):
        delete_balancer(transaction, balancer)


def add_member(
    transaction: Transaction, balancer: Balancer, nic: Nic, guest: Address | None = None
) -> Member:
    """Have the balancer give connections to the NIC, at its own or a secondary address. Raises Invalid.

    One that was a member not long ago has the connections again that it has kept.
    """
    guest = None if guest == own_address(nic, balancer.version) else guest
    if member_of(transaction.snapshot, balancer, nic, guest) is not None:
        raise Invalid(f"NIC {nic.id} is a member of balancer {balancer.name} ({balancer.id}) already")
    taken = {member.seat for member in transaction.snapshot.where(Member, "balancer_id", balancer.id)}
    seat = next(seat for seat in range(len(taken) + 1) if seat not in taken)
    known = transaction.snapshot.need(Balancer, balancer.id)
    if seat >= known.seats:
        transaction.put(dataclasses.replace(known, seats=seat + 1))
    member = Member(id=str(uuid4()), balancer_id=balancer.id, nic_id=nic.id, guest=guest, seat=seat)
    for kept in transaction.snapshot.where(Draining, "nic_id", nic.id):
        if (kept.balancer_id, kept.guest) == (balancer.id, guest):
            member = dataclasses.replace(member, former_mark=kept.mark)
            transaction.delete(kept)
    return transaction.put(member)


def remove_member(transaction: Transaction, member: Member) -> None:
    """Have the balancer give it no more connections; those that it has stand for as long as they may."""
    _drain(transaction, member)
    transaction.delete(member)


def weigh_member(transaction: Transaction, member: Member, weight: int) -> Member:
    """Give it another weight; with 0 it gets no new connections, as if it were removed."""
    if weight == 0:
        _drain(transaction, member)
    else:
        transaction.delete(*transaction.snapshot.where(Draining, "mark", member.mark))
    return transaction.put(dataclasses.replace(member, weight=weight))


def end_drained(service: Service) -> None:
    """Cut what is left of connections whose time is over."""

    def over(snapshot: Snapshot, now: datetime) -> list[Draining]:
        return [each for each in snapshot.all(Draining) if each.until <= now.timestamp()]

    if over(service.snapshot, service.now):
        service.write(lambda transaction: transaction.delete(*over(transaction.snapshot, transaction.now)))


def _drain(transaction: Transaction, member: Member) -> None:
    snapshot = transaction.snapshot
    balancer = snapshot.need(Balancer, member.balancer_id)
    if member.weight and balancer.drain:
        draining = Draining(
            id=str(uuid4()),
            balancer_id=balancer.id,
            nic_id=member.nic_id,
            guest=member.guest,
            mark=member.mark,
            until=int(transaction.now.timestamp()) + balancer.drain,
        )
        transaction.put(draining)


def member_of(
    snapshot: Snapshot, balancer: Balancer, nic: Nic, guest: Address | None = None
) -> Member | None:
    """The member of the balancer with this address of the NIC, if there is one."""
    guest = None if guest == own_address(nic, balancer.version) else guest
    found = snapshot.where(Member, "nic_id", nic.id)
    return next((each for each in found if (each.balancer_id, each.guest) == (balancer.id, guest)), None)


def members(snapshot: Snapshot, balancer: Balancer) -> list[tuple[Member, Nic]]:
    """The members with their NICs, in the order in which they came."""
    found = snapshot.where(Member, "balancer_id", balancer.id)
    return [(member, snapshot.need(Nic, member.nic_id)) for member in found]


def nic_in(snapshot: Snapshot, machine: Machine, network_id: str) -> Nic | None:
    """The machine's NIC in the network."""
    found = snapshot.where(Nic, "machine_id", machine.id)
    return next((nic for nic in found if nic.network_id == network_id), None)


def _check_ports(snapshot: Snapshot, balancer: Balancer) -> None:
    for other in conflicts(snapshot, balancer):
        raise RuleConflict(
            f"The range specified, {_range(balancer.ports)}, conflicts with rule {other.id}"
            f" which has {_range(other.taken)}"
        )


def _range(ports: tuple[int, int]) -> str:
    return f"{ports[0]}-{ports[1]}"
