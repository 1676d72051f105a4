"""A random cloud of plain switches with what is outside, and what peers and members say to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from random import Random

from sdn_orch.intent.balancers import Algorithm, Balancer, Member
from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.gateways import networks_of
from sdn_orch.intent.health import Failing
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Network, NetworkKind, Nic, Record, Switch, SwitchRole, Transport, Vpc
from sdn_orch.intent.packet import ICMP, IPV4, TCP, UDP, Packet
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Put
from sdn_orch.intent.validate import check
from tests.property.clouds import PLAIN, Cloud, make_cloud
from tests.property.outside import PUBLIC_PORT, UPSTREAM, Peers
from tests.property.packets import REST_OF_TCP
from tests.unit.dataplane.worlds import public_range

_PREFIX = IPv4Network("203.0.113.0/24")
_PEERS = tuple(int(_PREFIX[0]) - 0x10000 + number * 37 for number in range(24))
_PORTS = (53, 80, 81, 82, 1024, 8080, 8081, 8082)
_SOURCES: tuple[tuple[IPv4Network, ...], ...] = (
    (),
    (),
    (IPv4Network("203.0.0.0/15"), IPv4Network("192.0.2.0/24")),
    (IPv4Network("203.0.112.0/20"),),
)


def plain_cloud(random: Random) -> Cloud:
    """With a gateway, and addresses for most routers: with static NAT, with balancers, with both."""
    cloud = make_cloud(random, transport=random.choice((Transport.LABEL, Transport.VLAN)), capabilities=PLAIN)
    snapshot = cloud.snapshot
    edges = [switch for switch in snapshot.all(Switch) if switch.role is SwitchRole.EDGE]
    records: list[Record] = [replace(random.choice(edges), public_port=PUBLIC_PORT)]
    records.append(public_range(_PREFIX, vlan=random.choice((None, 7))))
    records.append(NextHop(id="hop", range_id="range", mac=UPSTREAM))
    for network in snapshot.all(Network):
        records.append(replace(network, mtu=1500, egress_open=random.random() < 0.9))
    owners: list[Network | Vpc] = [
        network
        for network in snapshot.all(Network)
        if network.vpc_id is None and network.kind is not NetworkKind.L2
    ]
    owners += snapshot.all(Vpc)
    for owner in owners:
        records += _outside(random, cloud, owner, sum(isinstance(each, PublicAddress) for each in records))
    changes = [Put(record) for record in records]
    check(snapshot, changes)
    return replace(cloud, snapshot=snapshot.change(changes))


def _outside(random: Random, cloud: Cloud, owner: Network | Vpc, taken: int) -> Iterator[Record]:
    snapshot, is_vpc = cloud.snapshot, isinstance(owner, Vpc)
    homes = [each for each in networks_of(snapshot, owner.id) if each.ipv4 is not None]
    alone_already: set[str] = set()
    for index in range(random.choice((1, 2, 3)) if homes else 0):
        home = random.choice(homes)
        nics = [nic for nic in snapshot.where(Nic, "network_id", home.id) if nic.ipv4 is not None]
        free = [nic for nic in nics if nic.id not in alone_already]
        alone = random.choice(free) if free and index < 2 and random.random() < 0.2 else None
        alone_already |= set() if alone is None else {alone.id}
        address = PublicAddress(
            id=f"{owner.id}/{index}",
            range_id="range",
            account_id=owner.account_id,
            address=_PREFIX[10 + taken + index],
            network_id=home.id,
            vpc_id=owner.id if is_vpc else None,
            is_source_nat=index == 2,
            nic_id=None if alone is None else alone.id,
            guest=None if alone is None else alone.ipv4,
        )
        yield address
        if not is_vpc and random.random() < 0.9:
            yield FirewallRule(id=f"{address.id}/all", address_id=address.id)
        for number in range(random.choice((0, 1, 1, 2)) if alone is None else 0):
            yield from _balancer(random, address, nics, number)


def _balancer(random: Random, address: PublicAddress, nics: list[Nic], number: int) -> Iterator[Record]:
    first, width = 80 + 8000 * number, random.choice((0, 0, 2))
    record = Balancer(
        id=f"{address.id}/balancer{number}",
        account_id=address.account_id,
        network_id=address.network_id or "",
        address_id=address.id,
        name="balancer",
        protocol=random.choice((TCP, TCP, UDP)),
        ports=(first, first + width),
        guest_ports=random.choice(((first, first + width), (8080, 8080 + width), (53, 53))),
        algorithm=random.choice((*[Algorithm.SOURCE] * 6, *Algorithm)),
        sources=random.choice(_SOURCES),
        fails_open=random.random() < 0.5,
    )
    yield record
    for seat, nic in enumerate(random.sample(nics, random.randint(0, len(nics)))):
        id, weight = f"{record.id}/{seat}", random.choice((0, 1, 1, 3))
        yield Member(id=id, balancer_id=record.id, nic_id=nic.id, weight=weight, seat=seat * 2)
        if random.random() < 0.2:
            yield Failing(id=f"{id} fails", member_id=id)


class Speakers:
    """Random packets between peers and the cloud's public addresses, many of them to its balancers."""

    def __init__(self, cloud: Cloud, random: Random) -> None:
        snapshot = cloud.snapshot
        self._snapshot, self._random = snapshot, random
        self._vlan = next(iter(snapshot.all(PublicRange))).vlan
        self._addresses = [int(address.address) for address in snapshot.all(PublicAddress)] or [0xCB007163]
        self._balancers = list(snapshot.all(Balancer))
        self._peers = Peers(cloud, random)
        self.members = [nic for nic in cloud.nics if nic.ipv4 is not None]

    def inward(self) -> Packet:
        """From a peer to a public address, mostly to a balancer's port."""
        to, protocol, port = self._random.choice(self._addresses), None, None
        if self._balancers and self._random.random() < 0.8:
            balancer = self._random.choice(self._balancers)
            to = int(self._snapshot.need(PublicAddress, balancer.address_id or "").address)
            protocol, port = balancer.protocol, self._random.randint(*balancer.ports)
        mac = mac_number(UPSTREAM)
        packet = self._packet(mac, 0x0E5D02000001, self._random.choice(_PEERS), to, protocol, port)
        return self._peers.tagged(packet, self._vlan)

    def outward(self, nic: Nic) -> Packet:
        """From a machine to a peer or to a public address, often from the port of a member."""
        network = self._snapshot.need(Network, nic.network_id)
        to = self._random.choice((*_PEERS, *self._addresses))
        packet = self._packet(mac_number(nic.mac), mac_number(network.gateway_mac), int(nic.ipv4 or 0), to)
        of = [each for each in self._balancers if each.network_id == nic.network_id]
        if of and self._random.random() < 0.7:
            balancer = self._random.choice(of)
            port = self._random.randint(*balancer.guest_ports)
            name = "tcp" if balancer.protocol == TCP else "udp"
            if f"{name}_src" in packet:
                packet = packet.replace(**{f"{name}_src": port})
        return packet

    def _packet(
        self,
        eth_src: int,
        eth_dst: int,
        source: int,
        to: int,
        protocol: int | None = None,
        port: int | None = None,
    ) -> Packet:
        protocol = protocol or self._random.choice((ICMP, TCP, TCP, UDP))
        fields = {
            "eth_dst": eth_dst,
            "eth_src": eth_src,
            "eth_type": IPV4,
            "ip_dscp": 0,
            "ip_ecn": 0,
            "ip_frag": 0,
            "ip_ttl": self._random.choice((64, 2)),
            "ip_proto": protocol,
            "ipv4_src": source,
            "ipv4_dst": to,
        }
        if protocol == ICMP:
            kind = {"icmpv4_type": self._random.choice((8, 0, 3)), "icmpv4_code": 0}
            return Packet.from_fields(fields | kind, bytes(8))
        name = "tcp" if protocol == TCP else "udp"
        ports = {
            f"{name}_src": self._random.choice(_PORTS),
            f"{name}_dst": port or self._random.choice(_PORTS),
        }
        rest = REST_OF_TCP if protocol == TCP else bytes(4)
        return Packet.from_fields(fields | ports, rest)
