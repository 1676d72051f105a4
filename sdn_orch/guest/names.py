"""The names of a router's machines, as a guest on it sees them; of other routers it sees none.

As dnsmasq has them on CloudStack's virtual router: machines are known by host name, alone and in their
network's domain, and by address; nobody else is asked for names in these domains, for such without a
domain, or for whom a private address belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from sdn_orch.guest.guest import domain_name
from sdn_orch.intent.gateways import realm_of
from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.snapshot import Snapshot

Address = IPv4Address | IPv6Address
#: The labels of a name from left to right, in lower case, without the root's.
Labels = tuple[str, ...]

#: By this name machines find their metadata: their gateway.
DATA_SERVER: Final = "data-server"


@dataclass(frozen=True, slots=True)
class Known:
    """What a name stands for: addresses, or names in reverse; nothing at all if it does not exist."""

    exists: bool
    addresses: tuple[Address, ...] = ()
    names: tuple[str, ...] = ()


_UNKNOWN: Final = Known(exists=False)
_NIBBLES: Final = frozenset("0123456789abcdef")


def look_up(snapshot: Snapshot, network: Network, labels: Labels) -> Known | None:
    """What a name stands for, asked from this network; None where it is for resolvers to say."""
    address = _reversed(labels)
    if address is not None:
        return _who_has(snapshot, network, address)
    if not labels:
        return None
    hosts = list(_hosts(snapshot, network, labels))
    if not hosts:
        return None
    found: list[Address] = []
    exists = False
    for tier, host in hosts:
        nics = snapshot.where(Nic, "names", (tier.id, host))
        exists |= bool(nics) or not host
        found += [address for nic in nics for address in (nic.ipv4, nic.ipv6) if address is not None]
        if host == DATA_SERVER and tier.id == network.id:
            exists = True
            found += [gateway for gateway in (tier.gateway4, tier.gateway6) if gateway is not None]
    return Known(exists, tuple(dict.fromkeys(found)))


def _hosts(snapshot: Snapshot, network: Network, labels: Labels) -> Iterator[tuple[Network, str]]:
    """In which networks of the router the name is one of a host, which is empty for the domain itself."""
    for tier in sorted(realm_of(snapshot, network), key=lambda tier: tier.id != network.id):
        domain = tuple(domain_name(snapshot, tier).lower().split("."))
        if domain != ("",) and labels[-len(domain) :] == domain:
            yield tier, ".".join(labels[: -len(domain)])
        elif len(labels) == 1:
            yield tier, labels[0]


def _who_has(snapshot: Snapshot, network: Network, address: Address) -> Known | None:
    """The names of an address; None where others may know it."""
    on_router = realm_of(snapshot, network)
    for tier in on_router:
        for nic in snapshot.where(Nic, "claims", (tier.id, address)):
            domain = domain_name(snapshot, tier)
            name = f"{nic.hostname}.{domain}" if domain else nic.hostname
            return Known(exists=True, names=(name,)) if nic.hostname else _UNKNOWN
    if any(
        prefix is not None and address in prefix for tier in on_router for prefix in (tier.ipv4, tier.ipv6)
    ):
        return _UNKNOWN
    vpc = snapshot.get(Vpc, network.vpc_id) if network.vpc_id is not None else None
    is_ours = vpc is not None and address in vpc.ipv4
    return _UNKNOWN if is_ours or address.is_private else None


def _reversed(labels: Labels) -> Address | None:
    """The address that a name is the reverse of (RFC 1035, section 3.5; RFC 3596, section 2.5)."""
    try:
        if len(labels) == 6 and labels[4:] == ("in-addr", "arpa"):
            return IPv4Address(".".join(labels[3::-1]))
        if len(labels) == 34 and labels[32:] == ("ip6", "arpa") and _NIBBLES.issuperset(labels[:32]):
            return IPv6Address(int("".join(labels[31::-1]), 16))
    except ValueError:
        return None
    return None
