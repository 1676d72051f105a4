"""What a random cloud has outside: gateways, public networks, addresses with rules, and peers who talk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from random import Random
from typing import Any

from sdn_orch.intent.balancers import Algorithm, Balancer, Member
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import networks_of
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Network, NetworkKind, Nic, Record, Switch, SwitchRole, Vpc
from sdn_orch.intent.packet import ICMP, IPV4, TCP, UDP, Packet
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Put
from sdn_orch.intent.traffic import Ports
from sdn_orch.intent.validate import check
from tests.property.clouds import Cloud

#: The port of a gateway that leads outside.
PUBLIC_PORT = 70
UPSTREAM = "52:54:00:00:00:01"
#: Few, so that the same words are said again.
PEERS = (0xC0000250, 0xC6336401, 0x08080808)
PORTS = (53, 80, 81, 1024, 8080)
_PREFIX = IPv4Network("203.0.113.0/24")
_SOURCES: tuple[tuple[IPv4Network, ...], ...] = ((), (), (IPv4Network("192.0.2.0/24"),))


def with_outside(random: Random, cloud: Cloud) -> Cloud:
    """The cloud with one or two gateways, and addresses for most of what can have any."""
    snapshot = cloud.snapshot
    edges = [switch for switch in snapshot.all(Switch) if switch.role is SwitchRole.EDGE]
    gateways = random.sample(edges, min(len(edges), random.choice((1, 1, 2))))
    records: list[Record] = [replace(switch, public_port=PUBLIC_PORT) for switch in gateways]
    vlan = random.choice((None, 7))
    records.append(
        PublicRange(
            id="range", ipv4=_PREFIX, gateway=_PREFIX[1], first=_PREFIX[10], last=_PREFIX[99], vlan=vlan
        )
    )
    if random.random() < 0.9:
        records.append(NextHop(id="hop", range_id="range", mac=UPSTREAM))
    owners: list[Network | Vpc] = [
        network
        for network in snapshot.all(Network)
        if network.vpc_id is None and network.kind is not NetworkKind.L2
    ]
    owners += snapshot.all(Vpc)
    for owner in owners:
        if random.random() < 0.8:
            records += _addresses(random, cloud, owner, sum(isinstance(r, PublicAddress) for r in records))
    for network in snapshot.all(Network):
        if network.kind is NetworkKind.L2 or network.vpc_id is not None:
            continue
        records.append(replace(network, egress_open=random.random() < 0.5))
        if network.kind is NetworkKind.ISOLATED:
            records += (_egress(random, network, index) for index in range(random.choice((0, 1, 2))))
    changes = [Put(record) for record in records]
    check(snapshot, changes)
    return replace(cloud, snapshot=snapshot.change(changes))


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
            records += _forwards(random, address, target)
            if random.random() < 0.6:
                members = [nic for nic in others if nic.network_id == target.network_id]
                records += _balancer(random, address, members, 20 + taken + index)
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


def _balancer(random: Random, address: PublicAddress, nics: list[Nic], number: int) -> Iterator[Record]:
    """At ports of its own, to ports that no other one of the cloud leads to."""
    public = random.choice(((81, 81), (8080, 8081)))
    guest = (number * 100, number * 100 + public[1] - public[0])
    record = Balancer(
        id=f"{address.id}/balancer",
        account_id=address.account_id,
        network_id=nics[0].network_id,
        address_id=address.id,
        name="balancer",
        protocol=random.choice((TCP, TCP, UDP)),
        ports=public,
        guest_ports=guest,
        algorithm=random.choice(list(Algorithm)),
        sources=random.choice(_SOURCES),
    )
    yield record
    for seat, nic in enumerate(random.sample(nics, random.randint(0, len(nics)))):
        guest4 = random.choice((None, *nic.secondary4))
        weight = random.choice((0, 1, 1, 3))
        id = f"{record.id}/{seat}"
        yield Member(id=id, balancer_id=record.id, nic_id=nic.id, guest=guest4, weight=weight, seat=seat * 2)


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


def _packets(random: Random) -> dict[str, Any]:
    protocol = random.choice((None, ICMP, TCP, UDP))
    if protocol in (TCP, UDP):
        return {"protocol": protocol, "ports": random.choice((None, (1, 65535), (79, 90), (1, 1024)))}
    if protocol == ICMP:
        return {"protocol": protocol, "icmp_type": random.choice((None, 8, 0))}
    return {"protocol": protocol}


class Peers:
    """Packets from outside, and to outside."""

    def __init__(self, cloud: Cloud, random: Random) -> None:
        self._cloud, self._random = cloud, random
        self.addresses = [int(each.address) for each in cloud.snapshot.all(PublicAddress)]
        self.balanced = [
            (int(cloud.snapshot.need(PublicAddress, each.address_id or "").address), each.protocol, port)
            for each in cloud.snapshot.all(Balancer)
            for port in each.ports
        ]
        self.vlan = next(iter(cloud.snapshot.all(PublicRange))).vlan

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
        if others and self._random.random() < 0.5:
            other = self._random.choice(others)
            to = int(other.ipv4 or 0)
            mac = mac_number(other.mac) if other.network_id == nic.network_id else mac
        return self._packet(mac_number(nic.mac), mac, int(nic.ipv4 or 0), to)

    def inward(self) -> Packet:
        """A peer's first word, or one more, to a public address."""
        packet = self._packet(
            int(UPSTREAM.replace(":", ""), 16),
            0x0E5D02000001,
            self._random.choice(PEERS),
            self._random.choice(self.addresses or [0xCB007163]),
        )
        return self.tagged(packet)

    def tagged(self, packet: Packet) -> Packet:
        """As it is in the public network."""
        return packet if self.vlan is None else packet.replace(vlan_vid=0x1000 | self.vlan, vlan_pcp=0)

    def _packet(self, eth_src: int, eth_dst: int, source: int, destination: int) -> Packet:
        protocol, port = self._random.choice((ICMP, TCP, TCP, UDP)), self._random.choice(PORTS)
        if destination in self.addresses and self.balanced and self._random.random() < 0.6:
            destination, protocol, port = self._random.choice(self.balanced)
        fields = {
            "eth_dst": eth_dst,
            "eth_src": eth_src,
            "eth_type": IPV4,
            "ip_dscp": 0,
            "ip_ecn": 0,
            "ip_frag": 0,
            "ip_ttl": self._random.choice((64, 64, 64, 2, 1)),
            "ip_proto": protocol,
            "ipv4_src": source,
            "ipv4_dst": destination,
        }
        if protocol == ICMP:
            payload = self._random.choice((b"\0\1", b"\0\2")) + bytes(6)
            kind = self._random.choice((8, 8, 8, 0, 3))
            return Packet.from_fields({**fields, "icmpv4_type": kind, "icmpv4_code": 0}, payload)
        name = "tcp" if protocol == TCP else "udp"
        ports = {f"{name}_src": self._random.choice(PORTS), f"{name}_dst": port}
        return Packet.from_fields({**fields, **ports}, bytes(20))


def answer(packet: Packet) -> Packet:
    """What whoever gets a packet says back."""
    changes = {
        "eth_src": packet["eth_dst"],
        "eth_dst": packet["eth_src"],
        "ipv4_src": packet["ipv4_dst"],
        "ipv4_dst": packet["ipv4_src"],
        "ip_ttl": 64,
    }
    for name in ("tcp", "udp"):
        if f"{name}_src" in packet:
            changes |= {f"{name}_src": packet[f"{name}_dst"], f"{name}_dst": packet[f"{name}_src"]}
    if packet.get("icmpv4_type") == 8:
        changes["icmpv4_type"] = 0
    return packet.replace(**changes)
