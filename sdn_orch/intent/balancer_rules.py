"""What must hold of balancers and what belongs to them. Every rule yields `field: reason` per fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sdn_orch.intent.address_use import conflicts, uses
from sdn_orch.intent.balancers import (
    LARGEST_WEIGHT,
    LONGEST_DRAIN,
    SEATS,
    Affinity,
    Balancer,
    Certificate,
    HealthCheck,
    Member,
    Stickiness,
    others_of,
    own_address,
)
from sdn_orch.intent.model import Machine, Network, NetworkKind, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.tenant_rules import host_in, named
from sdn_orch.intent.traffic import SCTP, TCP, UDP, WITH_PORTS, Prefix
from sdn_orch.intent.traffic_rules import port_range

#: Seconds, counts.
_TIMEOUT, _INTERVAL, _THRESHOLD = (2, 60), (1, 300), (1, 100)
#: What a proxy is told of cookies: their names, their domains, and how many characters count.
_OPTIONS = {
    "cookie-name": re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII),
    "domain": re.compile(r"[A-Za-z0-9.-]{1,255}", re.ASCII),
    "length": re.compile(r"[1-9][0-9]{0,2}|10[01][0-9]|102[0-4]", re.ASCII),
}
#: Switches tell SCTP's apart by both ends' addresses alone.
_ONE_ASSOCIATION = "associations of SCTP are known by addresses, not by ports:"
_PATH = re.compile(r"/[\x21-\x7e]*", re.ASCII)


def certificate(_after: Snapshot, record: Certificate) -> Iterator[str]:
    """A name; what its texts say is looked at where they come in."""
    yield from named(record.name)


def balancer(after: Snapshot, record: Balancer) -> Iterator[str]:
    """Ports of its own at an address of its owner, which leads to the members' network."""
    yield from named(record.name)
    if record.protocol not in WITH_PORTS:
        yield f"protocol: {record.protocol} has no ports"
    for field in ("proxy_protocol", "tls"):
        if getattr(record, field) and record.protocol != TCP:
            yield f"{field}: only TCP can carry it"
        if getattr(record, field) and record.version != 4:
            yield f"{field}: a proxy serves IPv4 addresses alone"
    yield from _guest_ports(record)
    if record.direct_return:
        yield from _direct(record)
    for other in conflicts(after, record):
        yield f"ports: {record.ports[0]}..{record.ports[1]} meets {type(other).__name__} {other.id}"
    if record.protocol == SCTP:
        for use in uses(after, record.place):
            if use.protocol == SCTP and use.id != record.id:
                yield f"protocol: {_ONE_ASSOCIATION} {type(use).__name__} {use.id} has those of the address"
    if any(prefix.version != record.version for prefix in record.sources):
        kind = f"IPv{record.version}"
        yield f"sources: only {kind} prefixes can come to an {kind} address"
    if not 0 <= record.drain <= LONGEST_DRAIN:
        yield f"drain: {record.drain} is not in 0..{LONGEST_DRAIN}"
    network = after.need(Network, record.network_id)
    if network.kind is NetworkKind.L2 or _prefix(network, record.version) is None:
        yield f"network_id: network {network.name} ({network.id}) has no IPv{record.version} addresses"
    if network.kind is NetworkKind.ISOLATED and network.account_id != record.account_id:
        yield f"network_id: network {network.name} ({network.id}) belongs to another account"
    yield from _address(after, record, network)
    if record.certificate_id is not None:
        if not record.tls:
            yield "certificate_id: only a balancer that speaks TLS has one"
        if after.need(Certificate, record.certificate_id).account_id != record.account_id:
            yield f"certificate_id: certificate {record.certificate_id} belongs to another account"


def _guest_ports(record: Balancer) -> Iterator[str]:
    faults = [*port_range("ports", record.ports), *port_range("guest_ports", record.guest_ports)]
    yield from faults
    count = record.guest_ports[1] - record.guest_ports[0]
    if not faults and count not in (0, record.ports[1] - record.ports[0]):
        yield "guest_ports: they must be as many as ports, or one"
    if record.protocol == SCTP and record.guest_ports != record.ports:
        yield "guest_ports: SCTP's checksum covers its ports: they cannot be other ones than ports"


def _direct(record: Balancer) -> Iterator[str]:
    """Nothing changes a packet on its way to a member, nor an answer."""
    if record.protocol not in (TCP, UDP):
        yield "direct_return: only members of TCP and UDP can answer from the balancer's address"
    if record.guest_ports != record.ports:
        yield "guest_ports: with direct_return packets stay as they are: they cannot be other ones than ports"
    for field in ("proxy_protocol", "tls"):
        if getattr(record, field):
            yield f"{field}: a proxy answers clients itself: there is no direct_return"


def _address(after: Snapshot, record: Balancer, network: Network) -> Iterator[str]:
    if (record.address_id is None) == (record.inner is None) or (
        (record.inner is None) != (record.inner_network_id is None)
    ):
        yield "address_id, inner, inner_network_id: it has either a public address or an inner one"
    elif record.address_id is not None:
        yield from _public(after.need(PublicAddress, record.address_id), record, network)
    elif record.inner is not None and record.inner_network_id is not None:
        yield from _inner(after, record, network)


def _prefix(network: Network, version: int) -> Prefix | None:
    return network.ipv4 if version == 4 else network.ipv6


def _public(address: PublicAddress, record: Balancer, network: Network) -> Iterator[str]:
    who = f"public address {address.address} ({address.id})"
    if address.account_id != record.account_id:
        yield f"address_id: {who} belongs to another account"
    if address.network_id != network.id or address.vpc_id not in (None, network.vpc_id):
        yield f"address_id: {who} does not lead into network {network.name} ({network.id})"
    if address.nic_id is not None:
        yield f"address_id: {who} has static NAT"


def _inner(after: Snapshot, record: Balancer, network: Network) -> Iterator[str]:
    home, address = after.need(Network, record.inner_network_id or ""), record.inner
    if home.id != network.id and (home.vpc_id is None or home.vpc_id != network.vpc_id):
        yield f"inner_network_id: network {home.name} ({home.id}) is not a tier of the members' VPC"
    prefix = _prefix(home, record.version)
    if prefix is None or address is None:
        yield f"inner_network_id: network {home.name} ({home.id}) has no IPv{record.version} addresses"
        return
    yield from host_in("inner", address, prefix)
    if address in (home.gateway4, home.gateway6):
        yield f"inner: {address} is the gateway of network {home.name} ({home.id})"
    for nic in after.where(Nic, "claims", (home.id, address)):
        yield f"inner: {address} is that of NIC {nic.id} in network {home.name} ({home.id})"


def member(after: Snapshot, record: Member) -> Iterator[str]:
    """A NIC of the balancer's network and owner, once with each of its addresses."""
    home, nic = after.need(Balancer, record.balancer_id), after.need(Nic, record.nic_id)
    if not 0 <= record.weight <= LARGEST_WEIGHT:
        yield f"weight: {record.weight} is not in 0..{LARGEST_WEIGHT}"
    if nic.network_id != home.network_id:
        yield f"nic_id: NIC {nic.id} is not in network {home.network_id}"
    machine = after.get(Machine, nic.machine_id) if nic.machine_id else None
    if machine is not None and machine.account_id != home.account_id:
        yield f"nic_id: machine {machine.name} ({machine.id}) belongs to another account"
    if record.guest is None and own_address(nic, home.version) is None:
        yield f"nic_id: NIC {nic.id} has no IPv{home.version} address"
    if record.guest is not None and record.guest not in others_of(nic, home.version):
        yield f"guest: {record.guest} is not a secondary address of NIC {nic.id}"
    if record.guest is not None and home.direct_return:
        yield "guest: with direct_return members get what is for the balancer's address"
    for other in after.where(Member, "nic_id", nic.id):
        if (other.balancer_id, other.guest) == (home.id, record.guest) and other.id != record.id:
            yield f"nic_id: NIC {nic.id} is a member of balancer {home.name} ({home.id}) already"
    for other in after.where(Member, "nic_id", nic.id) if home.protocol == SCTP else ():
        there = after.need(Balancer, other.balancer_id)
        at = other.address(nic, there.version)
        if there.protocol == SCTP and there.id != home.id and at == record.address(nic, home.version):
            yield f"nic_id: {_ONE_ASSOCIATION} NIC {nic.id} has those of balancer {there.name} ({there.id})"
    if not 0 <= record.seat < SEATS:
        yield f"seat: {record.seat} is not in 0..{SEATS - 1}: a balancer has {SEATS} members at most"
    for other in after.where(Member, "places", record.places[0]):
        if other.id != record.id:
            yield f"seat: {record.seat} is that of member {other.id}"


def stickiness(after: Snapshot, record: Stickiness) -> Iterator[str]:
    """The only one of its balancer, with numbers that can be kept."""
    yield from named(record.name)
    if after.count_where(Stickiness, "balancer_id", record.balancer_id) > 1:
        yield f"balancer_id: balancer {record.balancer_id} has a stickiness already"
    balancer = after.need(Balancer, record.balancer_id)
    if record.affinity is not Affinity.SOURCE and balancer.version != 4:
        yield "affinity: a proxy serves IPv4 addresses alone"
    if record.affinity is not Affinity.SOURCE and balancer.direct_return:
        yield "affinity: cookies are a proxy's, which answers clients itself: there is no direct_return"
    for field in ("expire", "clients"):
        value = getattr(record, field)
        if value is not None and not 1 <= value < 2**31:
            yield f"{field}: {value} is not in 1..{2**31 - 1}"
    if record.affinity is Affinity.SOURCE and record.expire is None:
        yield "expire: what is remembered of clients must end"
    for name, value in record.options:
        pattern = _OPTIONS.get(name)
        if pattern is not None and not pattern.fullmatch(value):
            yield f"options: {name}: {value!r} is not one"
    if "indirect" in dict(record.options) and dict(record.options).get("mode") == "rewrite":
        yield "options: indirect: in mode rewrite the cookie is the members' own, which they have to see"


def health_check(after: Snapshot, record: HealthCheck) -> Iterator[str]:
    """The only one of its balancer, with times that leave room for an answer."""
    if after.count_where(HealthCheck, "balancer_id", record.balancer_id) > 1:
        yield f"balancer_id: balancer {record.balancer_id} has a health check already"
    if record.path and (len(record.path) > 255 or not _PATH.fullmatch(record.path)):
        yield "path: it must begin with / and be 255 printable characters without spaces at most"
    bounds = {"timeout": _TIMEOUT, "interval": _INTERVAL, "healthy": _THRESHOLD, "unhealthy": _THRESHOLD}
    for field, (low, high) in bounds.items():
        if not low <= getattr(record, field) <= high:
            yield f"{field}: {getattr(record, field)} is not in {low}..{high}"
    if record.interval < record.timeout:
        yield f"interval: {record.interval} is below {record.timeout}, the timeout"
