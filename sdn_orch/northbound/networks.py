"""Networks and the addresses that they give: the use cases that all doors share."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from sdn_orch.errors import Exhausted, InUse, Invalid
from sdn_orch.intent.balancers import Balancer, inner_place
from sdn_orch.intent.mac import interface_identifier, mac_number
from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import balancers, pool, public
from sdn_orch.northbound.service import Transaction


def create_network(
    transaction: Transaction, network: Network, hosts: tuple[IPv4Address, IPv4Address] | None = None
) -> Network:
    """Create the network; IPv4 addresses are given from `hosts` (first, last), by default from its prefix."""
    transaction.put(network)
    if network.ipv4 is not None:
        first, last = hosts or (network.ipv4[1], network.ipv4[-2])
        for address in (first, last):
            if address not in network.ipv4:
                raise Invalid(f"{address} is not inside {network.ipv4}")
        if last < first:
            raise Invalid(f"{last}, the last address, is below {first}, the first")
        pool.provide(transaction, network.id, ((int(first), int(last)),))
        if network.gateway4 is not None:
            pool.claim_this(transaction, network.id, int(network.gateway4))
    return network


def delete_network(transaction: Transaction, network: Network) -> None:
    """Delete the network with what it gave away; raises InUse while it has NICs, but for those of proxies."""
    check_empty(transaction.snapshot, network)
    balancers.forget_network(transaction, network)
    public.release_addresses(transaction, network)
    pool.drop(transaction, network.id)
    transaction.delete(network)


def check_empty(snapshot: Snapshot, network: Network) -> None:
    """Raises InUse while the network has NICs that do not go with it."""
    nics = [nic for nic in snapshot.where(Nic, "network_id", network.id) if nic.balancer_id is None]
    if nics:
        raise InUse(f"network {network.name} ({network.id}) has {len(nics)} NICs")


def delete_vpc(transaction: Transaction, vpc: Vpc) -> None:
    """Delete the VPC; raises InUse while it has tiers."""
    tiers = transaction.snapshot.where(Network, "vpc_id", vpc.id)
    if tiers:
        raise InUse(f"VPC {vpc.name} ({vpc.id}) is used by {len(tiers)} networks")
    public.release_addresses(transaction, vpc)
    transaction.delete(vpc)


def give_ipv4(transaction: Transaction, network: Network, wanted: IPv4Address | None) -> IPv4Address:
    """Take the wanted or the next free address; raises Invalid, or Exhausted when the range is empty."""
    if network.ipv4 is None:
        raise Invalid(f"network {network.name} ({network.id}) has no IPv4 addresses")
    if wanted is None:
        try:
            return IPv4Address(pool.claim(transaction, network.id))
        except Exhausted:
            raise Exhausted(f"network {network.name} ({network.id}) has no free IPv4 address left") from None
    ranges = transaction.snapshot.need(pool.Pool, network.id).ranges
    if not any(low <= int(wanted) <= high for low, high in ranges):
        raise Invalid(f"{wanted} is not in the range of network {network.name} ({network.id})")
    if pool.is_taken(transaction.snapshot, network.id, int(wanted)):
        raise Invalid(f"{wanted} is taken in network {network.name} ({network.id})")
    pool.claim_this(transaction, network.id, int(wanted))
    return wanted


def give_ipv6(
    transaction: Transaction, network: Network, mac: str, wanted: IPv6Address | None
) -> IPv6Address:
    """The wanted address, or the one that the MAC forms in a /64 (RFC 4291, appendix A); raises Invalid."""
    if network.ipv6 is None:
        raise Invalid(f"network {network.name} ({network.id}) has no IPv6 addresses")
    if wanted is None and network.ipv6.prefixlen != 64:
        raise Invalid(f"network {network.name} ({network.id}) has no /64: an IPv6 address must be given")
    address = wanted if wanted is not None else eui64(network.ipv6.network_address, mac)
    if address not in network.ipv6:
        raise Invalid(f"{address} is not inside {network.ipv6} of network {network.name} ({network.id})")
    if is_claimed(transaction.snapshot, network.id, address) or address == network.gateway6:
        raise Invalid(f"{address} is taken in network {network.name} ({network.id})")
    return address


def free_ipv6(transaction: Transaction, network: Network) -> IPv6Address:
    """The lowest address of the network's prefix that nobody has; raises Invalid, or Exhausted."""
    if network.ipv6 is None:
        raise Invalid(f"network {network.name} ({network.id}) has no IPv6 addresses")
    snapshot = transaction.snapshot
    for host in range(1, network.ipv6.num_addresses):
        address = network.ipv6[host]
        is_taken = is_claimed(snapshot, network.id, address) or address == network.gateway6
        if not is_taken and not snapshot.count_where(Balancer, "place", inner_place(network.id, address)):
            return address
    raise Exhausted(f"network {network.name} ({network.id}) has no free IPv6 address left")


def take_back(transaction: Transaction, network_id: str, address: IPv4Address | IPv6Address) -> None:
    """Make an IPv4 address free again; IPv6 addresses are free as soon as no NIC has them."""
    if isinstance(address, IPv4Address):
        pool.release(transaction, network_id, int(address))


def is_claimed(snapshot: Snapshot, network_id: str, claim: str | IPv4Address | IPv6Address) -> bool:
    """Whether a NIC of the network has this MAC or address."""
    return bool(snapshot.where(Nic, "claims", (network_id, claim)))


def eui64(prefix: IPv6Address, mac: str) -> IPv6Address:
    """The address in a /64 that a MAC forms."""
    return IPv6Address(int(prefix) | interface_identifier(mac_number(mac)))
