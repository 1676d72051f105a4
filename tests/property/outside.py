"""What a random cloud has outside: gateways, public networks, addresses with rules, and peers who talk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from random import Random
from typing import Any

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import (
    Affinity,
    Algorithm,
    Balancer,
    HealthCheck,
    Member,
    Stickiness,
    own_address,
)
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import networks_of, principal, router_id
from sdn_orch.intent.health import Failing
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Attachment, Network, NetworkKind, Nic, Record, Switch, SwitchRole, Vpc
from sdn_orch.intent.outside import public_mac
from sdn_orch.intent.packet import ICMP, ICMPV6, IPV4, IPV6, SCTP, TAGGED, TCP, UDP, Packet
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway, PrivateHop, StaticRoute
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.traffic import Direction, Ports, Verdict
from sdn_orch.intent.validate import check
from tests.property.clouds import Cloud
from tests.unit.dataplane.worlds import public_range

#: The port of a gateway that leads outside.
PUBLIC_PORT = 70
UPSTREAM = "52:54:00:00:00:01"
_NAMES = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}
#: Few, so that the same words are said again.
PEERS = (0xC0000250, 0xC6336401, 0x08080808)
PORTS = (53, 80, 81, 1024, 8080)
PEERS6 = tuple(int(IPv6Address(peer)) for peer in ("2001:db8:ffff::80", "2620:0:ccc::2", "fe80::1"))
_PREFIX, _PREFIX6 = IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8:fffe::/64")
#: The network outside that private gateways are in, and what is behind it.
_PRIVATE, _BEHIND = IPv4Network("198.18.0.0/24"), IPv4Network("198.19.0.0/16")
_SOURCES: tuple[tuple[IPv4Network, ...], ...] = ((), (), (IPv4Network("192.0.2.0/24"),))
_SOURCES6: tuple[tuple[IPv6Network, ...], ...] = ((), (), (IPv6Network("2001:db8:ffff::/48"),))


def with_outside(random: Random, cloud: Cloud) -> Cloud:
    """The cloud with one or two gateways, and addresses for most of what can have any."""
    snapshot = cloud.snapshot
    edges = [switch for switch in snapshot.all(Switch) if switch.role is SwitchRole.EDGE]
    gateways = random.sample(edges, min(len(edges), random.choice((1, 1, 2))))
    records: list[Record] = [replace(switch, public_port=PUBLIC_PORT) for switch in gateways]
    vlan, has_ipv6 = random.choice((None, 7)), random.random() < 0.85
    records.append(public_range(_PREFIX, _PREFIX6 if has_ipv6 else None, vlan=vlan))
    for version in (4, 6):
        if random.random() < 0.9:
            records.append(NextHop(id=f"hop{version}", range_id="range", mac=UPSTREAM, version=version))
    owners: list[Network | Vpc] = [
        network
        for network in snapshot.all(Network)
        if network.vpc_id is None and network.kind is not NetworkKind.L2
    ]
    owners += snapshot.all(Vpc)
    routed = {owner.id for owner in owners if _can_be_routed(owner) and random.random() < 0.3}
    for owner in owners:
        if owner.id in routed:
            records += _routed_by(owner, sum(isinstance(r, PublicAddress) for r in records))
        elif random.random() < 0.8:
            records += _addresses(random, cloud, owner, sum(isinstance(r, PublicAddress) for r in records))
            for version in (4, 6):
                records += _inner(random, cloud, owner, len(records), version)
    for network in snapshot.all(Network):
        if network.kind is NetworkKind.L2:
            continue
        is_open, routed4 = network.vpc_id is None and random.random() < 0.5, network.id in routed
        cuts = random.random() < 0.5
        records.append(replace(network, egress_open=is_open, cuts_connections=cuts, routed4=routed4))
        if network.vpc_id is not None:
            continue
        if network.kind is NetworkKind.ISOLATED:
            if routed4:
                records += (_routed(random, network, 4, index) for index in range(random.choice((0, 1, 3))))
            else:
                records += (_egress(random, network, index) for index in range(random.choice((0, 1, 2))))
            if network.ipv6 is not None:
                records += (_routed(random, network, 6, index) for index in range(random.choice((0, 1, 3))))
    for number, vpc in enumerate(snapshot.all(Vpc)):
        if random.random() < 0.6:
            records += _private(random, vpc, number)
    changes = [Put(record) for record in records]
    check(snapshot, changes)
    return replace(cloud, snapshot=snapshot.change(changes))


def _private(random: Random, vpc: Vpc, number: int) -> Iterator[Record]:
    """A private gateway, with a route to what is behind it; VPCs may share the network outside."""
    gateway = PrivateGateway(
        id=f"{vpc.id}/private",
        vpc_id=vpc.id,
        address=_PRIVATE[2 + number],
        ipv4=_PRIVATE,
        gateway=_PRIVATE[1],
        vlan=random.choice((None, 8, 9)),
        source_nat=random.random() < 0.5,
        acl_id=random.choice((None, f"{vpc.id}/outside")),
    )
    if gateway.acl_id is not None:
        yield AclList(id=gateway.acl_id, name="outside", vpc_id=vpc.id)
        for position in range(1, random.choice((1, 2, 4))):
            direction, mine = (
                random.choice(list(Direction)),
                {"list_id": gateway.acl_id, "position": position},
            )
            verdict, far = random.choice(list(Verdict)), random.choice(((), (_BEHIND,), (_PRIVATE,)))
            side = {"sources" if direction is Direction.INGRESS else "destinations": far}
            more = {**mine, **side, **_packets(random)}
            yield AclItem(id=f"{gateway.id}/{position}", direction=direction, verdict=verdict, **more)
    yield gateway
    by = _PRIVATE[random.choice((1, 1, 5))]
    yield StaticRoute(
        id=f"{vpc.id}/behind", vpc_id=vpc.id, prefix=_BEHIND, next_hop=by, gateway_id=gateway.id
    )
    for hop in {gateway.gateway, by}:
        if random.random() < 0.9:
            mac = f"52:54:00:00:01:{int(hop) & 255:02x}"
            yield PrivateHop(id=f"{gateway.id}/{hop}", gateway_id=gateway.id, address=hop, mac=mac)


def _can_be_routed(owner: Network | Vpc) -> bool:
    return isinstance(owner, Network) and owner.kind is NetworkKind.ISOLATED and owner.ipv4 is not None


def _routed_by(owner: Network | Vpc, taken: int) -> Iterator[Record]:
    """The address of a router that translates nothing."""
    yield PublicAddress(
        id=f"{owner.id}/router",
        range_id="range",
        account_id=owner.account_id,
        address=_PREFIX[10 + taken],
        network_id=owner.id,
    )


def _addresses(random: Random, cloud: Cloud, owner: Network | Vpc, taken: int) -> list[Record]:
    snapshot, is_vpc = cloud.snapshot, isinstance(owner, Vpc)
    nics = [
        nic
        for network in networks_of(snapshot, owner.id)
        for nic in snapshot.where(Nic, "network_id", network.id)
        if nic.ipv4 is not None
    ]
    alone = random.sample(nics, min(len(nics), random.choice((0, 1))))
    kinds: list[Nic | bool] = [*alone, random.random() < 0.8, *([False] if random.random() < 0.3 else [])]
    records: list[Record] = []
    for index, kind in enumerate(kinds):
        guest = kind if isinstance(kind, Nic) else None
        # Who has an address alone has no forwarded ports as well: answers could be to either.
        others = [nic for nic in nics if nic not in alone]
        target = random.choice(others) if guest is None and others and random.random() < 0.7 else None
        address = PublicAddress(
            id=f"{owner.id}/{index}",
            range_id="range",
            account_id=owner.account_id,
            address=_PREFIX[10 + taken + index],
            network_id=owner.id if not is_vpc else None if target is None else target.network_id,
            vpc_id=owner.id if is_vpc else None,
            is_source_nat=kind is True,
            nic_id=None if guest is None else guest.id,
            guest=None if guest is None else guest.ipv4,
        )
        records.append(address)
        if target is not None:
            forwards = _forwards(random, address, target)
            records += forwards
            if forwards and not is_vpc and random.random() < 0.5:
                records.append(FirewallRule(id=f"{address.id}/forwarded", address_id=address.id))
            if random.random() < 0.6:
                members = [nic for nic in others if nic.network_id == target.network_id]
                edges = [edge.id for edge in snapshot.all(Switch) if edge.role is SwitchRole.EDGE]
                # A machine serves SCTP for one balancer.
                has_sctp = any(isinstance(one, Balancer) and one.protocol == SCTP for one in records)
                # At an address of source NAT it is refused.
                sctp = TCP if has_sctp or (kind is True and random.random() < 0.8) else SCTP
                protocol = random.choice((TCP, UDP, sctp) if kind is True else (TCP, sctp, sctp))
                records += _balancer(random, address, members, 20 + taken + index, edges, protocol)
                if not is_vpc and random.random() < 0.8:
                    records.append(FirewallRule(id=f"{address.id}/open", address_id=address.id))
        if not is_vpc:
            records += (_rule(random, address, number) for number in range(random.choice((0, 1, 2, 3))))
    return records


def _forwards(random: Random, address: PublicAddress, nic: Nic) -> list[Record]:
    found: list[Record] = []
    for index, (public, private) in enumerate(random.sample(_MAPPINGS, random.choice((0, 1, 2)))):
        found.append(
            Forward(
                id=f"{address.id}/{index}",
                address_id=address.id,
                nic_id=nic.id,
                guest=nic.ipv4 or IPv4Address(0),
                protocol=random.choice((TCP, UDP)),
                public=public,
                private=private,
                sources=random.choice(_SOURCES),
            )
        )
    return found


def _balancer(
    random: Random, address: PublicAddress, nics: list[Nic], number: int, edges: list[str], protocol: int
) -> Iterator[Record]:
    """At ports of its own, to ports that no other one of the cloud leads to."""
    public = random.choice(((81, 81), (8080, 8081)))
    guest = (number * 100, number * 100 + public[1] - public[0])
    record = Balancer(
        id=f"{address.id}/balancer",
        account_id=address.account_id,
        network_id=nics[0].network_id,
        address_id=address.id,
        name="balancer",
        protocol=protocol,
        ports=public,
        guest_ports=public if protocol == SCTP else guest,
        algorithm=random.choice(list(Algorithm)),
        sources=random.choice(_SOURCES),
        fails_open=random.random() < 0.5,
        seats=random.choice((0, 9)),
    )
    if record.protocol == TCP and random.random() < 0.3:
        record = replace(record, proxy_protocol=True)
        yield from _proxy(random, record, nics[0], edges)
    yield record
    for seat, nic in enumerate(random.sample(nics, random.randint(0, len(nics)))):
        guest4 = random.choice((None, *nic.secondary4))
        weight = random.choice((0, 1, 1, 3))
        id = f"{record.id}/{seat}"
        yield Member(id=id, balancer_id=record.id, nic_id=nic.id, guest=guest4, weight=weight, seat=seat * 2)
        if random.random() < 0.3:
            yield Failing(id=f"{id} fails", member_id=id)
    if random.random() < 0.7:
        yield HealthCheck(id=f"{record.id} check", balancer_id=record.id)
    yield from _sticky(random, record)


def _sticky(random: Random, balancer: Balancer) -> Iterator[Record]:
    """Some balancers remember clients."""
    if random.random() < 0.4:
        id = f"{balancer.id} sticky"
        yield Stickiness(
            id=id, balancer_id=balancer.id, name="sticky", affinity=Affinity.SOURCE, expire=60, clients=9
        )


def _proxy(random: Random, balancer: Balancer, member: Nic, edges: list[str]) -> Iterator[Record]:
    """The NIC of its proxy, most times at an edge."""
    number = balancer.guest_ports[0] // 100
    nic = Nic(
        id=f"{balancer.id}/proxy",
        network_id=balancer.network_id,
        balancer_id=balancer.id,
        mac=f"02:5d:00:00:00:{number:02x}",
        ipv4=IPv4Address(int(member.ipv4 or 0) | 0xFF) - number,
    )
    yield nic
    if random.random() < 0.8:
        port = PUBLIC_PORT + number
        yield Attachment(id=f"{nic.id} at", nic_id=nic.id, switch_id=random.choice(edges), port=port)


def _inner(random: Random, cloud: Cloud, owner: Network | Vpc, number: int, version: int) -> Iterator[Record]:
    """A balancer or two at an address inside of one of the networks, in front of machines of one of them."""
    networks = [each for each in networks_of(cloud.snapshot, owner.id) if _prefix(each, version) is not None]
    for at in range(random.choice((0, 1, 2))) if networks else ():
        home, behind = random.choice(networks), random.choice(networks)
        there = cloud.snapshot.where(Nic, "network_id", behind.id)
        nics = [nic for nic in there if own_address(nic, version) is not None]
        guest, prefix = 20_000 + 10 * number + at, _prefix(home, version)
        protocol = random.choice((TCP, TCP, UDP, SCTP if (version, at) == (6, 0) else TCP))
        record = Balancer(
            id=f"{owner.id}/inner{version}-{at}",
            account_id=owner.account_id,
            network_id=behind.id,
            inner_network_id=home.id,
            inner=None if prefix is None else prefix[200],
            name="inner",
            protocol=protocol,
            ports=(80 + at, 80 + at),
            guest_ports=(80, 80) if protocol == SCTP else (guest, guest),
            algorithm=random.choice(list(Algorithm)),
            sources=() if version == 4 else random.choice(_SOURCES6),
        )
        yield record
        for seat, nic in enumerate(random.sample(nics, random.randint(0, len(nics)))):
            yield Member(id=f"{record.id}/{seat}", balancer_id=record.id, nic_id=nic.id, seat=seat)
        yield from _sticky(random, record)


def _prefix(network: Network, version: int) -> IPv4Network | IPv6Network | None:
    return network.ipv4 if version == 4 else network.ipv6


_MAPPINGS: tuple[tuple[Ports, Ports], ...] = (
    ((80, 80), (8080, 8080)),
    ((1000, 1030), (1000, 1030)),
    ((50, 60), (150, 160)),
)


def _rule(random: Random, address: PublicAddress, number: int) -> FirewallRule:
    return FirewallRule(
        id=f"{address.id}/rule{number}",
        address_id=address.id,
        sources=random.choice(_SOURCES),
        **_packets(random),
    )


def _egress(random: Random, network: Network, number: int) -> EgressRule:
    return EgressRule(
        id=f"{network.id}/out{number}",
        network_id=network.id,
        destinations=random.choice(_SOURCES),
        **_packets(random),
    )


def _routed(random: Random, network: Network, version: int, number: int) -> RoutedRule:
    direction = random.choice(list(Direction))
    far = random.choice(_SOURCES6) if version == 6 else random.choice(_SOURCES)
    return RoutedRule(
        id=f"{network.id}/routed{version}-{number}",
        network_id=network.id,
        direction=direction,
        version=version,
        sources=far if direction is Direction.INGRESS else (),
        destinations=far if direction is Direction.EGRESS else (),
        **_packets(random, version),
    )


def _packets(random: Random, version: int = 4) -> dict[str, Any]:
    protocol = random.choice((None, ICMP if version == 4 else ICMPV6, TCP, UDP))
    if protocol in (TCP, UDP):
        return {"protocol": protocol, "ports": random.choice((None, (1, 65535), (79, 90), (1, 1024)))}
    if protocol in (ICMP, ICMPV6):
        echoes = (8, 0) if version == 4 else (128, 129)
        return {"protocol": protocol, "icmp_type": random.choice((None, *echoes))}
    return {"protocol": protocol}


#: Who is asked behind private gateways: in their own network, and behind their routes.
PRIVATE_PEERS = (int(_PRIVATE[1]), int(_PRIVATE[9]), int(_BEHIND[7]), int(_BEHIND[8]))


class Peers:
    """Packets from outside, and to outside."""

    def __init__(self, cloud: Cloud, random: Random) -> None:
        self._cloud, self._random = cloud, random
        self.addresses = [int(each.address) for each in cloud.snapshot.all(PublicAddress)]
        self.balanced = [
            (int(cloud.snapshot.need(PublicAddress, each.address_id).address), each.protocol, port)
            for each in cloud.snapshot.all(Balancer)
            if each.address_id is not None
            for port in each.ports
        ]
        self.forwarded = [
            (int(cloud.snapshot.need(PublicAddress, each.address_id).address), each.protocol, each.public[0])
            for each in cloud.snapshot.all(Forward)
        ]
        self._machines6 = [nic for nic in cloud.snapshot.all(Nic) if nic.ipv6 is not None]
        inner = [each for each in cloud.snapshot.all(Balancer) if each.inner is not None]
        self.inner, self.inner6 = ([each for each in inner if each.version == version] for version in (4, 6))
        self.routed = [
            nic
            for network in cloud.snapshot.all(Network)
            for nic in cloud.snapshot.where(Nic, "network_id", network.id)
            if network.routed4 and nic.ipv4 is not None
        ]
        self.vlan = next(iter(cloud.snapshot.all(PublicRange))).vlan
        self.private = list(cloud.snapshot.all(PrivateGateway))

    def outward(self, nic: Nic) -> Packet:
        """A machine's first word, or one more, to a peer, to a public address or to another machine."""
        snapshot = self._cloud.snapshot
        network = snapshot.need(Network, nic.network_id)
        others = [
            other
            for near in networks_of(snapshot, network.vpc_id or network.id)
            for other in snapshot.where(Nic, "network_id", near.id)
            if other.ipv4 is not None
        ]
        to, mac = self._random.choice((*PEERS, *PEERS, *self.addresses)), mac_number(network.gateway_mac)
        if self.private and network.vpc_id is not None and self._random.random() < 0.4:
            to = self._random.choice(PRIVATE_PEERS)
        if others and self._random.random() < 0.5:
            other = self._random.choice(others)
            to = int(other.ipv4 or 0)
            mac = mac_number(other.mac) if other.network_id == nic.network_id else mac
        near = [
            each for each in self.inner if each.inner_network_id in {other.network_id for other in others}
        ]
        if near and self._random.random() < 0.4:
            balancer, mac = self._random.choice(near), mac_number(network.gateway_mac)
            return self._asking(balancer, mac_number(nic.mac), mac, int(nic.ipv4 or 0))
        if (port := self._speaking(nic, 4)) is not None:
            out = mac_number(network.gateway_mac)
            said = self._packet(mac_number(nic.mac), out, int(nic.ipv4 or 0), PEERS[0], 4, SCTP)
            return said.replace(sctp_src=port)
        return self._packet(mac_number(nic.mac), mac, int(nic.ipv4 or 0), to)

    def inward(self) -> Packet:
        """A peer's first word, or one more, to a public address or to a machine that is routed to."""
        if self.routed and self._random.random() < 0.4:
            target = self._random.choice(self.routed)
            router = target.network_id
            if self._random.random() < 0.2:
                router = self._random.choice(list(self._cloud.snapshot.all(Network))).id
            first = principal(self._cloud.snapshot, router)
            source = self._random.choice((*PEERS, *PEERS, int(target.ipv4 or 0) ^ 1))
            mac = 0x0E5D02000001 if first is None else public_mac(first)
            upstream = int(UPSTREAM.replace(":", ""), 16)
            return self.tagged(self._packet(upstream, mac, source, int(target.ipv4 or 0)), self.vlan)
        packet = self._packet(
            int(UPSTREAM.replace(":", ""), 16),
            0x0E5D02000001,
            self._random.choice(PEERS),
            self._random.choice(self.addresses or [0xCB007163]),
        )
        return self.tagged(packet, self.vlan)

    def inward_privately(self, gateway: PrivateGateway) -> Packet:
        """A word from behind a private gateway to somebody in the VPC, or as if from somebody there."""
        snapshot = self._cloud.snapshot
        inside = [
            int(nic.ipv4 or 0)
            for tier in networks_of(snapshot, gateway.vpc_id)
            for nic in snapshot.where(Nic, "network_id", tier.id)
            if nic.ipv4 is not None
        ]
        to = self._random.choice((*inside, int(gateway.address), 0x0A0000FE))
        source = self._random.choice((*PRIVATE_PEERS, *PRIVATE_PEERS, *PRIVATE_PEERS, 0x0A00000A))
        packet = self._packet(0x525400000101, mac_number(gateway.router_mac), source, to)
        return self.tagged(packet, gateway.vlan)

    def tagged(self, packet: Packet, vlan: int | None) -> Packet:
        """As it is in a network outside."""
        return packet if vlan is None else packet.replace(vlan_vid=TAGGED | vlan, vlan_pcp=0)

    @property
    def has_machines6(self) -> bool:
        """Whether anybody has IPv6."""
        return bool(self._machines6)

    def outward6(self, nic: Nic) -> Packet:
        """A machine's word by IPv6 to a peer, or to a machine of anybody's."""
        network = self._cloud.snapshot.need(Network, nic.network_id)
        others = (int(each.ipv6 or 0) for each in self._machines6 if each.ipv6 != nic.ipv6)
        to = self._random.choice((*PEERS6, *PEERS6, *others))
        gateway = mac_number(network.gateway_mac)
        own = {other.id for other in networks_of(self._cloud.snapshot, router_id(network))}
        near = [each for each in self.inner6 if each.inner_network_id in own]
        if near and self._random.random() < 0.4:
            return self._asking(self._random.choice(near), mac_number(nic.mac), gateway, int(nic.ipv6 or 0))
        if (port := self._speaking(nic, 6)) is not None:
            inside = [
                int(each.ipv6 or 0) for each in self._machines6 if each.network_id in own and each != nic
            ]
            to = self._random.choice((*PEERS6[:2], *inside))
            said = self._packet(mac_number(nic.mac), gateway, int(nic.ipv6 or 0), to, 6, SCTP)
            return said.replace(sctp_src=port)
        return self._packet(mac_number(nic.mac), gateway, int(nic.ipv6 or 0), to, version=6)

    def _speaking(self, nic: Nic, version: int) -> int | None:
        """A port that the machine serves SCTP at, for a balancer, now and then."""
        members = self._cloud.snapshot.where(Member, "nic_id", nic.id)
        behind = (self._cloud.snapshot.need(Balancer, each.balancer_id) for each in members)
        ports = [each.ports[0] for each in behind if (each.protocol, each.version) == (SCTP, version)]
        return ports[0] if ports and self._random.random() < 0.5 else None

    def _asking(self, balancer: Balancer, eth_src: int, eth_dst: int, source: int) -> Packet:
        """A word to a balancer inside of a network, most times to its port."""
        packet = self._packet(
            eth_src,
            eth_dst,
            source,
            int(balancer.inner or 0),
            version=balancer.version,
            wanted=balancer.protocol,
        )
        name = f"{_NAMES[balancer.protocol]}_dst"
        often = 0.6 if balancer.protocol == SCTP else 0.9
        return packet.replace(**{name: balancer.ports[0]}) if self._random.random() < often else packet

    def inward6(self) -> Packet:
        """A peer's word to a machine, by the MAC address of its router, or of another one."""
        snapshot = self._cloud.snapshot
        target = self._random.choice(self._machines6)
        router = router_id(snapshot.need(Network, target.network_id))
        if self._random.random() < 0.2:
            router = self._random.choice(list(snapshot.all(Network))).id
        first = principal(snapshot, router)
        mac = 0x0E5D02000001 if first is None else public_mac(first)
        source = self._random.choice((*PEERS6, *PEERS6, int(target.ipv6 or 0) ^ 0xFFFF))
        upstream = int(UPSTREAM.replace(":", ""), 16)
        near = [each for each in self.inner6 if router == self._router_of(each)]
        if near and self._random.random() < 0.6:
            packet = self._asking(self._random.choice(near), upstream, mac, source)
            return self.tagged(packet, self.vlan)
        return self.tagged(self._packet(upstream, mac, source, int(target.ipv6 or 0), version=6), self.vlan)

    def _router_of(self, balancer: Balancer) -> str:
        return router_id(self._cloud.snapshot.need(Network, balancer.inner_network_id or ""))

    def _packet(
        self,
        eth_src: int,
        eth_dst: int,
        source: int,
        destination: int,
        version: int = 4,
        wanted: int | None = None,
    ) -> Packet:
        echoes = ICMP if version == 4 else ICMPV6
        protocol, port = wanted or self._random.choice((echoes, TCP, TCP, UDP)), self._random.choice(PORTS)
        # Who is inside gets no answer of SCTP from a public address, see docs/decisions/0033.
        is_inside = eth_src != int(UPSTREAM.replace(":", ""), 16)
        balanced = [each for each in self.balanced if not (is_inside and each[1] == SCTP)]
        if destination in self.addresses and balanced and self._random.random() < 0.6:
            destination, protocol, port = self._random.choice(balanced)
        elif destination in self.addresses and self.forwarded and self._random.random() < 0.4:
            destination, protocol, port = self._random.choice(self.forwarded)
        fields = {
            "eth_dst": eth_dst,
            "eth_src": eth_src,
            "eth_type": IPV4 if version == 4 else IPV6,
            "ip_dscp": 0,
            "ip_ecn": 0,
            "ip_frag": 0,
            "ip_ttl": self._random.choice((64, 64, 64, 2, 1)),
            "ip_proto": protocol,
            f"ipv{version}_src": source,
            f"ipv{version}_dst": destination,
        }
        if protocol in (ICMP, ICMPV6):
            payload = self._random.choice((b"\0\1", b"\0\2")) + bytes(6)
            kind = self._random.choice((8, 8, 8, 0, 3) if version == 4 else (128, 128, 128, 129, 1))
            code = {f"icmpv{version}_type": kind, f"icmpv{version}_code": 0}
            return Packet.from_fields(fields | code, payload)
        name = _NAMES[protocol]
        ports = {f"{name}_src": self._random.choice(PORTS), f"{name}_dst": port}
        return Packet.from_fields({**fields, **ports}, bytes(20))


def to_itself(snapshot: Snapshot, nic: Nic, packet: Packet) -> Packet:
    """What a machine says, said to its own address by way of its router."""
    gateway = mac_number(snapshot.need(Network, nic.network_id).gateway_mac)
    version = 4 if "ipv4_src" in packet else 6
    own = int(nic.ipv4 or 0) if version == 4 else int(nic.ipv6 or 0)
    return packet.replace(eth_dst=gateway, **{f"ipv{version}_src": own, f"ipv{version}_dst": own})


def answer(packet: Packet) -> Packet:
    """What whoever gets a packet says back."""
    version = 4 if "ipv4_src" in packet else 6
    changes = {
        "eth_src": packet["eth_dst"],
        "eth_dst": packet["eth_src"],
        f"ipv{version}_src": packet[f"ipv{version}_dst"],
        f"ipv{version}_dst": packet[f"ipv{version}_src"],
        "ip_ttl": 64,
    }
    for name in _NAMES.values():
        if f"{name}_src" in packet:
            changes |= {f"{name}_src": packet[f"{name}_dst"], f"{name}_dst": packet[f"{name}_src"]}
    if packet.get("icmpv4_type") == 8:
        changes["icmpv4_type"] = 0
    if packet.get("icmpv6_type") == 128:
        changes["icmpv6_type"] = 129
    return packet.replace(**changes)
