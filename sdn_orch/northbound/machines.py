"""Machines and their NICs: the use cases that all doors share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from uuid import uuid4

from sdn_orch.errors import Invalid
from sdn_orch.intent.model import Machine, Network, NetworkKind, Nic
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.northbound import public
from sdn_orch.northbound.macs import new_mac
from sdn_orch.northbound.networks import give_ipv4, give_ipv6, is_claimed, take_back
from sdn_orch.northbound.service import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a new NIC should have; what is None is chosen."""

    network: Network
    mac: str | None = None
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    groups: tuple[SecurityGroup, ...] = ()


def create_machine(transaction: Transaction, machine: Machine, wishes: list[Wish]) -> Machine:
    """Register the machine with its NICs, the first of them being its default one."""
    transaction.put(machine)
    for position, wish in enumerate(wishes):
        add_nic(transaction, machine, wish, is_default=position == 0)
    return machine


def add_nic(transaction: Transaction, machine: Machine, wish: Wish, *, is_default: bool) -> Nic:
    """Give the machine another NIC; it is active while the machine runs. Raises Invalid and Exhausted."""
    network = wish.network
    mac = wish.mac or new_mac(transaction.snapshot)
    if is_claimed(transaction.snapshot, network.id, mac):
        raise Invalid(f"MAC {mac} is taken in network {network.name} ({network.id})")
    has_ipv4, has_ipv6 = network.ipv4 is not None, network.ipv6 is not None
    return transaction.put(
        Nic(
            id=str(uuid4()),
            network_id=network.id,
            machine_id=machine.id,
            mac=mac,
            ipv4=give_ipv4(transaction, network, wish.ipv4) if has_ipv4 or wish.ipv4 else None,
            ipv6=give_ipv6(transaction, network, mac, wish.ipv6) if has_ipv6 or wish.ipv6 else None,
            hostname="" if network.kind is NetworkKind.L2 else machine.name,
            is_default=is_default,
            active=machine.running,
            group_ids=tuple(group.id for group in wish.groups),
        )
    )


def remove_nic(transaction: Transaction, nic: Nic) -> None:
    """Take the NIC away; its addresses are free again, and nothing leads to it any more."""
    public.forget_nic(transaction, nic)
    transaction.delete(nic)
    for address in nic.addresses:
        take_back(transaction, nic.network_id, address)


def make_default(transaction: Transaction, nic: Nic) -> None:
    """Make the NIC its machine's default one, and no other."""
    for each in transaction.snapshot.where(Nic, "machine_id", nic.machine_id):
        if each.is_default is not (each.id == nic.id):
            transaction.put(dataclasses.replace(each, is_default=each.id == nic.id))


def change_ipv4(transaction: Transaction, nic: Nic, wanted: IPv4Address | None) -> Nic:
    """Give the NIC the wanted or another free IPv4 address. Raises Invalid, InUse and Exhausted."""
    network = transaction.snapshot.need(Network, nic.network_id)
    if wanted is not None and wanted == nic.ipv4:
        return nic
    if nic.ipv4 is not None:
        public.check_unused(transaction.snapshot, nic, nic.ipv4)
    address = give_ipv4(transaction, network, wanted)
    if nic.ipv4 is not None:
        take_back(transaction, network.id, nic.ipv4)
    return transaction.put(dataclasses.replace(nic, ipv4=address))


def add_address(
    transaction: Transaction, nic: Nic, wanted: IPv4Address | IPv6Address | None
) -> IPv4Address | IPv6Address:
    """Give the NIC a secondary address, by default the next free IPv4 one. Raises Invalid and Exhausted."""
    network = transaction.snapshot.need(Network, nic.network_id)
    if isinstance(wanted, IPv6Address):
        address6 = give_ipv6(transaction, network, nic.mac, wanted)
        transaction.put(dataclasses.replace(nic, secondary6=(*nic.secondary6, address6)))
        return address6
    address4 = give_ipv4(transaction, network, wanted)
    transaction.put(dataclasses.replace(nic, secondary4=(*nic.secondary4, address4)))
    return address4


def remove_address(transaction: Transaction, nic: Nic, address: IPv4Address | IPv6Address) -> Nic:
    """Take a secondary address away from the NIC. Raises InUse while a public address leads to it."""
    public.check_unused(transaction.snapshot, nic, address)
    take_back(transaction, nic.network_id, address)
    return transaction.put(
        dataclasses.replace(
            nic,
            secondary4=tuple(other for other in nic.secondary4 if other != address),
            secondary6=tuple(other for other in nic.secondary6 if other != address),
        )
    )


def set_running(transaction: Transaction, machine: Machine, running: bool) -> Machine:
    """Start or stop the machine: its NICs are programmed only while it runs."""
    for nic in transaction.snapshot.where(Nic, "machine_id", machine.id):
        transaction.put(dataclasses.replace(nic, active=running))
    return transaction.put(dataclasses.replace(machine, running=running))


def destroy_machine(transaction: Transaction, machine: Machine) -> None:
    """Delete the machine and its NICs."""
    for nic in transaction.snapshot.where(Nic, "machine_id", machine.id):
        remove_nic(transaction, nic)
    transaction.delete(machine)
