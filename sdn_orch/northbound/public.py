"""Public ranges, addresses taken from them, and where they lead: the use cases that all doors share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from sdn_orch.errors import Exhausted, InUse, Invalid
from sdn_orch.intent.address_use import is_used
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Account, Network, Nic, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import pool, proxies
from sdn_orch.northbound.service import Transaction


def create_range(transaction: Transaction, public_range: PublicRange) -> PublicRange:
    """Create the range; its addresses may be taken."""
    pool.provide(transaction, public_range.id, ((int(public_range.first), int(public_range.last)),))
    return transaction.put(public_range)


def resize_range(transaction: Transaction, public_range: PublicRange) -> PublicRange:
    """Give the range other ends; validation refuses those that leave out an address that is taken."""
    pool.provide(transaction, public_range.id, ((int(public_range.first), int(public_range.last)),))
    return transaction.put(public_range)


def delete_range(transaction: Transaction, public_range: PublicRange) -> None:
    """Delete the range; raises InUse while an address of it is taken."""
    taken = transaction.snapshot.count_where(PublicAddress, "range_id", public_range.id)
    if taken:
        raise InUse(f"{taken} addresses of public range {public_range.id} are in use")
    pool.drop(transaction, public_range.id)
    transaction.delete(public_range)


def open_to(ranges: Iterable[PublicRange], account: Account) -> list[PublicRange]:
    """The ranges that the account may take addresses from: its own first, its domain's, then anybody's."""
    ranges = tuple(ranges)
    own = [each for each in ranges if each.account_id == account.id]
    domain = [each for each in ranges if each.account_id is None and each.domain_id == account.domain_id]
    return own + domain + [each for each in ranges if each.account_id is None and each.domain_id is None]


def address_id(public_range: PublicRange, address: IPv4Address) -> str:
    """The id of an address, also while nobody has taken it: a UUID of our own (RFC 9562, 5.8)."""
    return str(UUID(int=public_range.number << 96 | 0x8000 << 64 | 0x8000 << 48 | int(address)))


def by_id(snapshot: Snapshot, id: str) -> tuple[PublicRange, IPv4Address] | None:
    """The range and the address that have this id, taken or not; None if there is no such address."""
    value = UUID(id).int
    public_range = snapshot.numbered(PublicRange, value >> 96)
    address = IPv4Address(value & 0xFFFFFFFF)
    if public_range is None or address_id(public_range, address) != id:
        return None
    return (public_range, address) if public_range.first <= address <= public_range.last else None


def free_addresses(snapshot: Snapshot, public_range: PublicRange) -> Iterator[PublicAddress]:
    """The addresses of the range that nobody has taken, as if they were nobody's."""
    for value in range(int(public_range.first), int(public_range.last) + 1):
        if not pool.is_taken(snapshot, public_range.id, value):
            address = IPv4Address(value)
            yield PublicAddress(
                id=address_id(public_range, address),
                range_id=public_range.id,
                account_id="",
                address=address,
            )


def take_address(
    transaction: Transaction,
    ranges: Iterable[PublicRange],
    account: Account,
    *,
    wanted: IPv4Address | None = None,
    network: Network | None = None,
    vpc: Vpc | None = None,
    is_source_nat: bool = False,
) -> PublicAddress:
    """Take the wanted or the next free address for an account, its network or its VPC.

    Raises Invalid for a wanted one that is not to be had, and Exhausted when nothing is left.
    """
    ranges = open_to(ranges, account)
    for public_range in ranges:
        if wanted is None:
            try:
                address = IPv4Address(pool.claim(transaction, public_range.id))
            except Exhausted:
                continue
        elif public_range.first <= wanted <= public_range.last:
            if pool.is_taken(transaction.snapshot, public_range.id, int(wanted)):
                raise Invalid(f"public address {wanted} is taken")
            pool.claim_this(transaction, public_range.id, int(wanted))
            address = wanted
        else:
            continue
        return transaction.put(
            PublicAddress(
                id=address_id(public_range, address),
                range_id=public_range.id,
                account_id=account.id,
                address=address,
                network_id=network.id if network else None,
                vpc_id=vpc.id if vpc else None,
                is_source_nat=is_source_nat,
            )
        )
    if wanted is not None:
        raise Invalid(f"{wanted} is not in a public range of account {account.name}")
    raise Exhausted(f"no public address is left for account {account.name}")


def release_address(transaction: Transaction, address: PublicAddress) -> None:
    """Give the address back, with the rules that stand on it."""
    pool.release(transaction, address.range_id, int(address.address))
    for balancer in transaction.snapshot.where(Balancer, "address_id", address.id):
        proxies.release(transaction, balancer)
    transaction.delete(address)


def release_addresses(transaction: Transaction, owner: Network | Vpc) -> None:
    """Give back every address of a network or a VPC that goes; those of a VPC stay when a tier goes."""
    field = "network_id" if isinstance(owner, Network) else "vpc_id"
    for address in transaction.snapshot.where(PublicAddress, field, owner.id):
        if isinstance(owner, Network) and address.vpc_id is not None:
            transaction.put(dataclasses.replace(address, network_id=None, nic_id=None, guest=None))
        else:
            release_address(transaction, address)


def source_nat_of(snapshot: Snapshot, owner: Network | Vpc) -> PublicAddress | None:
    """The address under which the network or the VPC goes out, if it has one."""
    found = snapshot.where(PublicAddress, "source_nat_of", owner.id)
    return found[0] if found else None


def go_out_by(transaction: Transaction, address: PublicAddress, owner: Network | Vpc) -> PublicAddress:
    """The network or the VPC goes out under this address of its own; the one before stays with it."""
    before = source_nat_of(transaction.snapshot, owner)
    if before is not None and before.id != address.id:
        transaction.put(dataclasses.replace(before, is_source_nat=False))
    if address.is_source_nat:
        return address
    return transaction.put(dataclasses.replace(address, is_source_nat=True))


def associate(transaction: Transaction, address: PublicAddress, network: Network) -> PublicAddress:
    """An address that leads nowhere leads into this network, or is for its VPC, from now on."""
    if network.vpc_id is not None:
        return transaction.put(dataclasses.replace(address, vpc_id=network.vpc_id))
    return transaction.put(dataclasses.replace(address, network_id=network.id))


def map_address(
    transaction: Transaction, address: PublicAddress, nic: Nic, guest: IPv4Address
) -> PublicAddress:
    """Make the address a NIC's, all of it."""
    address = lead_to(transaction, address, transaction.snapshot.need(Network, nic.network_id))
    return transaction.put(dataclasses.replace(address, nic_id=nic.id, guest=guest))


def unmap_address(transaction: Transaction, address: PublicAddress) -> None:
    """End static NAT; the rules about its ports go."""
    forwards = transaction.snapshot.where(Forward, "address_id", address.id)
    transaction.delete(*(forward for forward in forwards if forward.is_static))
    transaction.put(dataclasses.replace(address, nic_id=None, guest=None))
    leave_unused(transaction, address.id)


def lead_to(transaction: Transaction, address: PublicAddress, network: Network) -> PublicAddress:
    """The address, which now leads into this network: an address of a VPC into one tier at a time."""
    if address.network_id == network.id:
        return address
    if address.vpc_id is None or address.vpc_id != network.vpc_id or address.network_id is not None:
        raise Invalid(
            f"public address {address.address} ({address.id}) does not lead into network"
            f" {network.name} ({network.id})"
        )
    return transaction.put(dataclasses.replace(address, network_id=network.id))


def leave_unused(transaction: Transaction, address_id: str) -> None:
    """Let an address of a VPC lead into no tier once nothing uses it any more."""
    snapshot = transaction.snapshot
    address = snapshot.need(PublicAddress, address_id)
    if address.vpc_id and address.network_id and not address.nic_id and not is_used(snapshot, address_id):
        transaction.put(dataclasses.replace(address, network_id=None))


def create_forward(transaction: Transaction, forward: Forward) -> Forward:
    """Forward ports of an address to a NIC. Raises Invalid where the address leads elsewhere."""
    snapshot = transaction.snapshot
    nic = snapshot.need(Nic, forward.nic_id)
    address = snapshot.need(PublicAddress, forward.address_id)
    lead_to(transaction, address, snapshot.need(Network, nic.network_id))
    return transaction.put(forward)


def delete_forward(transaction: Transaction, forward: Forward) -> None:
    """Forward these ports no more."""
    transaction.delete(forward)
    leave_unused(transaction, forward.address_id)


def forget_nic(transaction: Transaction, nic: Nic) -> None:
    """A NIC goes: no public address leads to it any more."""
    for address in transaction.snapshot.where(PublicAddress, "nic_id", nic.id):
        unmap_address(transaction, address)
    for forward in transaction.snapshot.where(Forward, "nic_id", nic.id):
        delete_forward(transaction, forward)


def check_unused(snapshot: Snapshot, nic: Nic, guest: IPv4Address | IPv6Address) -> None:
    """Raises InUse if a public address or a balancer leads to this address of the NIC."""
    led_to: set[IPv4Address | IPv6Address | None]
    led_to = {each.guest for each in snapshot.where(PublicAddress, "nic_id", nic.id)}
    led_to |= {each.guest for each in snapshot.where(Forward, "nic_id", nic.id)}
    led_to |= {each.guest for each in snapshot.where(Member, "nic_id", nic.id)}
    if guest in led_to:
        raise InUse(f"{guest} of NIC {nic.id} is used by static NAT, port forwarding or load balancing")
