"""What must hold of each record that tenants own. Every rule yields `field: reason` per fault."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.balancers import Balancer, inner_place
from sdn_orch.intent.model import Account, Domain, Machine, Network, NetworkKind, Nic, Vpc
from sdn_orch.intent.rates import LARGEST_RATE
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.intent.snapshot import Snapshot

Prefix = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

#: IPv6 needs links of 1280 bytes (RFC 8200, 5), IPv4 hosts reassemble 576 (RFC 1122, 3.3.2).
_SMALLEST_MTU6, _SMALLEST_MTU4, _LARGEST_MTU = 1280, 576, 9216
#: What no tenant's prefix may touch: loopback, link-local (the metadata service too), multicast, reserved.
_SPECIAL4 = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
_SPECIAL6 = tuple(map(IPv6Network, ("::/8", "fe80::/10", "ff00::/8")))

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def domain(after: Snapshot, record: Domain) -> Iterator[str]:
    """A name, and a path of its own, which lies below the parent's."""
    yield from named(record.name)
    if len(after.where(Domain, "path", record.path)) > 1:
        yield f"path: {record.path} is that of another domain"
    if record.parent_id is None:
        if record.path != "/":
            yield f"path: {record.path} needs a parent; only the root, /, has none"
    else:
        parent = after.need(Domain, record.parent_id)
        expected = f"{parent.path.rstrip('/')}/{record.name}"
        if record.path != expected:
            yield f"path: {record.path} should be {expected}, below its parent"


def account(after: Snapshot, record: Account) -> Iterator[str]:
    """A name that no other account of its domain has."""
    yield from named(record.name)
    same = [other for other in after.where(Account, "name", record.name) if other.id != record.id]
    if any(other.domain_id == record.domain_id for other in same):
        yield f"name: another account of domain {record.domain_id} is named {record.name}"


def machine(_after: Snapshot, record: Machine) -> Iterator[str]:
    """A name, and a rate that can be."""
    yield from named(record.name)
    yield from _rate(record.rate)


def vpc(_after: Snapshot, record: Vpc) -> Iterator[str]:
    """A name and a prefix that tenants may have."""
    yield from named(record.name)
    yield from _served(record.domain_name, record.dns)
    yield from special("ipv4", record.ipv4)


def network(after: Snapshot, record: Network) -> Iterator[str]:
    """Addresses as its kind has them, gateways that hosts can reach, VLAN and VNI of its own."""
    yield from named(record.name)
    yield from _served(record.domain_name, record.dns)
    yield from _transports(after, record)
    yield from _rate(record.rate)
    if record.routed4 and (record.kind is not NetworkKind.ISOLATED or record.vpc_id or record.ipv4 is None):
        yield "routed4: only isolated networks outside of VPCs with an IPv4 prefix can be"
    if record.cuts_connections and record.kind is NetworkKind.L2:
        yield "cuts_connections: L2 networks have no rules that could let them begin"
    smallest = _SMALLEST_MTU6 if record.ipv6 is not None else _SMALLEST_MTU4
    if not smallest <= record.mtu <= _LARGEST_MTU:
        yield f"mtu: {record.mtu} is not in {smallest}..{_LARGEST_MTU}"
    if record.kind is NetworkKind.L2:
        for field in ("ipv4", "gateway4", "ipv6", "gateway6", "vpc_id"):
            if getattr(record, field) is not None:
                yield f"{field}: an L2 network has none"
        return
    if record.ipv4 is None and record.ipv6 is None:
        yield f"ipv4: a network of kind {record.kind} needs an IPv4 or IPv6 prefix"
    yield from _gateway("4", record.ipv4, record.gateway4)
    yield from _gateway("6", record.ipv6, record.gateway6)
    if record.vpc_id is not None:
        yield from _tier(after, record, after.need(Vpc, record.vpc_id))
    if record.acl_id is not None and after.need(AclList, record.acl_id).vpc_id not in (None, record.vpc_id):
        yield f"acl_id: list {record.acl_id} belongs to another VPC"


def nic(after: Snapshot, record: Nic) -> Iterator[str]:
    """A MAC and addresses that belong to its network, and to no other NIC there."""
    home = after.need(Network, record.network_id)
    if not _MAC.fullmatch(record.mac) or record.mac == "00:00:00:00:00:00":
        yield f"mac: {record.mac} is not six lower-case octets joined by colons"
    elif int(record.mac[:2], 16) & 1:
        yield f"mac: {record.mac} is a multicast address"
    elif home.kind is not NetworkKind.L2 and record.mac == home.gateway_mac:
        yield f"mac: {record.mac} is that of the gateway of network {home.name} ({home.id})"
    if record.hostname and not _HOST_LABEL.fullmatch(record.hostname):
        yield f"hostname: {record.hostname} is not letters, digits and inner hyphens, 63 at most"
    yield from _addresses(record, home)
    yield from _groups(after, record)
    if record.balancer_id is not None:
        yield from _of_proxy(after, record, after.need(Balancer, record.balancer_id))
    for claim in record.claims:
        for other in after.where(Nic, "claims", claim):
            if other.id != record.id:
                field = "mac" if claim[1] == record.mac else _field(record, claim[1])
                yield f"{field}: {claim[1]} is that of NIC {other.id} in network {home.name} ({home.id})"
    for address in record.addresses:
        for balancer in after.where(Balancer, "place", inner_place(home.id, address))[:1]:
            yield f"{_field(record, address)}: {address} is that of balancer {balancer.name} ({balancer.id})"
    for prefix, next_hop in record.routes4:
        if home.ipv4 is None or next_hop not in home.ipv4:
            yield f"routes4: {prefix} via {next_hop}: the next hop is not inside {home.ipv4 or 'a prefix'}"


def _rate(rate: int | None) -> Iterator[str]:
    if rate is not None and not 1 <= rate <= LARGEST_RATE:
        yield f"rate: {rate} is not in 1..{LARGEST_RATE} megabits per second"


def named(name: str, field: str = "name") -> Iterator[str]:
    """A name that can be shown: not empty, 255 characters at most, all printable."""
    if not name.strip():
        yield f"{field}: it is empty"
    elif len(name) > 255 or not name.isprintable():
        yield f"{field}: it must be 255 printable characters at most"


def _served(domain_name: str, dns: tuple[str, ...]) -> Iterator[str]:
    labels = domain_name.split(".") if domain_name else []
    if len(domain_name) > 253 or not all(map(_HOST_LABEL.fullmatch, labels)):
        yield f"domain_name: {domain_name} is not labels of letters, digits and hyphens joined by dots"
    for server in dns:
        try:
            ip_address(server)
        except ValueError:
            yield f"dns: {server} is not an IP address"


def _transports(after: Snapshot, record: Network) -> Iterator[str]:
    for field, largest in (("vlan", 4094), ("vni", 2**23 - 1)):
        number = getattr(record, field)
        if number is None:
            continue
        if not 1 <= number <= largest:
            yield f"{field}: {number} is not in 1..{largest}"
        for other in after.where(Network, field, number):
            if other.id != record.id:
                yield f"{field}: {number} is that of network {other.name} ({other.id})"
    if record.vlan is not None:
        for gateway in after.where(PrivateGateway, "vlan", record.vlan):
            yield f"vlan: {record.vlan} is that of private gateway {gateway.id}"


def special(field: str, prefix: Prefix) -> Iterator[str]:
    """A prefix that tenants may have: no loopback, link-local, multicast or reserved addresses."""
    for special in _SPECIAL4 if isinstance(prefix, IPv4Network) else _SPECIAL6:
        if prefix.overlaps(special):
            yield f"{field}: {prefix} overlaps {special}, which is not for tenants"


def _gateway(version: str, prefix: Prefix | None, gateway: Address | None) -> Iterator[str]:
    if prefix is None:
        if gateway is not None:
            yield f"gateway{version}: {gateway} needs a prefix in ipv{version}"
        return
    yield from special(f"ipv{version}", prefix)
    if prefix.max_prefixlen - prefix.prefixlen < 2:
        yield f"ipv{version}: {prefix} has no room for a gateway and a host"
    elif gateway is None:
        yield f"gateway{version}: a network with the prefix {prefix} needs one"
    else:
        yield from host_in(f"gateway{version}", gateway, prefix)


def host_in(field: str, address: Address, prefix: Prefix) -> Iterator[str]:
    """An address that a host or gateway in the prefix can have."""
    if address not in prefix:
        yield f"{field}: {address} is not inside {prefix}"
    elif address == prefix.network_address:
        yield f"{field}: {address} is the network address of {prefix}"
    elif isinstance(prefix, IPv4Network) and address == prefix.broadcast_address:
        yield f"{field}: {address} is the broadcast address of {prefix}"


def _tier(after: Snapshot, record: Network, parent: Vpc) -> Iterator[str]:
    if record.kind is not NetworkKind.ISOLATED:
        yield f"kind: a tier of a VPC is an isolated network, not {record.kind}"
    if record.account_id != parent.account_id:
        yield f"account_id: VPC {parent.name} ({parent.id}) belongs to another account"
    if record.ipv4 is not None and not record.ipv4.subnet_of(parent.ipv4):
        yield f"ipv4: {record.ipv4} is not inside {parent.ipv4} of VPC {parent.name} ({parent.id})"
    for sibling in after.where(Network, "vpc_id", parent.id):
        if sibling.id == record.id:
            continue
        for field in ("ipv4", "ipv6"):
            mine, theirs = getattr(record, field), getattr(sibling, field)
            if mine is not None and theirs is not None and mine.overlaps(theirs):
                yield f"{field}: {mine} overlaps {theirs} of tier {sibling.name} ({sibling.id})"
    for gateway in after.where(PrivateGateway, "vpc_id", parent.id):
        if record.ipv4 is not None and record.ipv4.overlaps(gateway.ipv4):
            yield f"ipv4: {record.ipv4} overlaps {gateway.ipv4} of private gateway {gateway.id}"


def _addresses(record: Nic, home: Network) -> Iterator[str]:
    if len(set(record.addresses)) < len(record.addresses):
        yield "secondary4, secondary6: an address stands there twice"
    for address in record.addresses:
        field = _field(record, address)
        prefix, gateway = (
            (home.ipv4, home.gateway4) if isinstance(address, IPv4Address) else (home.ipv6, home.gateway6)
        )
        if prefix is None:
            kind = "L2 " if home.kind is NetworkKind.L2 else ""
            yield f"{field}: {kind}network {home.name} ({home.id}) has no IPv{address.version} addresses"
        elif address == gateway:
            yield f"{field}: {address} is the gateway of network {home.name} ({home.id})"
        else:
            yield from host_in(field, address, prefix)


def _of_proxy(after: Snapshot, record: Nic, balancer: Balancer) -> Iterator[str]:
    """A proxy has one NIC, where the members are."""
    who = f"balancer {balancer.name} ({balancer.id})"
    if record.machine_id is not None:
        yield "machine_id: the NIC of a proxy has no machine"
    if record.ipv4 is None or record.network_id != balancer.network_id:
        yield f"network_id, ipv4: the proxy of {who} needs an IPv4 address in network {balancer.network_id}"
    for other in after.where(Nic, "balancer_id", balancer.id):
        if other.id != record.id:
            yield f"balancer_id: the proxy of {who} has NIC {other.id}"


def _groups(after: Snapshot, record: Nic) -> Iterator[str]:
    if len(set(record.group_ids)) < len(record.group_ids):
        yield "group_ids: a group stands there twice"
    machine = after.get(Machine, record.machine_id) if record.machine_id else None
    for group in (after.need(SecurityGroup, id) for id in record.group_ids):
        if machine is not None and group.account_id != machine.account_id:
            yield f"group_ids: group {group.name} ({group.id}) belongs to another account"


def _field(record: Nic, address: object) -> str:
    """The field in which a NIC has this address."""
    fields = ("ipv4", "ipv6", "secondary4", "secondary6")
    return next(
        f for f in fields if (v := getattr(record, f)) == address or (type(v) is tuple and address in v)
    )
