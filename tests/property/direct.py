"""Balancers of a random cloud whose members answer from its address, and what is said from there unasked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from random import Random

from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.direct import front
from sdn_orch.intent.gateways import realm_of
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Attachment, Network, NetworkKind, Nic, Record
from sdn_orch.intent.packet import ARP, BROADCAST, IPV4, IPV6, TCP, UDP, Packet
from sdn_orch.intent.proxies import needs_proxy
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.validate import check
from tests.property.clouds import Cloud
from tests.property.outside import PEERS, PEERS6, PORTS, PRIVATE_PEERS

_NAMES = {TCP: "tcp", UDP: "udp"}


def with_direct_return(random: Random, cloud: Cloud) -> Cloud:
    """The cloud with members of half of its balancers of TCP and UDP that answer themselves."""
    snapshot, records = cloud.snapshot, list[Record]()
    for balancer in snapshot.all(Balancer):
        if balancer.protocol in _NAMES and not needs_proxy(snapshot, balancer) and random.random() < 0.5:
            records.append(replace(balancer, direct_return=True, guest_ports=balancer.ports))
            members = snapshot.where(Member, "balancer_id", balancer.id)
            records += [replace(member, guest=None) for member in members]
    changes = [Put(record) for record in records]
    check(snapshot, changes)
    return replace(cloud, snapshot=snapshot.change(changes))


def said_unasked(random: Random, snapshot: Snapshot) -> tuple[Nic, Packet] | None:
    """What a member says from a balancer's address, or somebody else does, to anybody; None if nobody can."""
    balancers = [each for each in snapshot.all(Balancer) if each.direct_return]
    if not balancers:
        return None
    balancer = random.choice(balancers)
    members = [each.nic_id for each in snapshot.where(Member, "balancer_id", balancer.id)]
    nics = [each for each in snapshot.all(Nic) if snapshot.where(Attachment, "nic_id", each.id)]
    nics = [each for each in nics if snapshot.need(Network, each.network_id).kind is not NetworkKind.L2]
    own = [each for each in nics if each.id in members]
    if not nics:
        return None
    nic = random.choice(own if own and random.random() < 0.8 else nics)
    return nic, _said(random, snapshot, balancer, nic)


def _said(random: Random, snapshot: Snapshot, balancer: Balancer, nic: Nic) -> Packet:
    network, address = snapshot.need(Network, nic.network_id), front(snapshot, balancer)
    near = [
        each for home in realm_of(snapshot, network) for each in snapshot.where(Nic, "network_id", home.id)
    ]
    stations = [mac_number(each.mac) for each in near if each.network_id == network.id]
    eth_dst = random.choice((*[mac_number(network.gateway_mac)] * 5, BROADCAST, 0x01005E000005, *stations))
    ethernet = {"eth_dst": eth_dst, "eth_src": mac_number(nic.mac)}
    # To itself it would speak as two at one place, whose rules cannot tell them apart.
    targets = [each for other in near if other.id != nic.id for each in other.addresses]
    targets += [each for each in (network.gateway4, network.gateway6) if each is not None]
    targets += [front(snapshot, each) for each in snapshot.all(Balancer)]
    to = [int(each) for each in targets if each.version == balancer.version]
    if balancer.version == 4 and random.random() < 0.2:
        arp = {"arp_op": random.choice((1, 1, 2)), "arp_sha": mac_number(nic.mac), "arp_spa": int(address)}
        to.append(int(network.gateway4 or IPv4Address(0)))
        asked = {"arp_tha": 0, "arp_tpa": random.choice(to)}
        return Packet.from_fields({**ethernet, "eth_type": ARP, **arp, **asked})
    to += [*PEERS, *PRIVATE_PEERS] if balancer.version == 4 else PEERS6[:2]
    protocol = balancer.protocol if random.random() < 0.9 else random.choice((TCP, UDP))
    port = random.choice(balancer.ports if random.random() < 0.8 else PORTS)
    ip = {"ip_dscp": 0, "ip_ecn": 0, "ip_frag": 0, "ip_ttl": random.choice((64, 64, 1)), "ip_proto": protocol}
    ends = {f"ipv{balancer.version}_src": int(address), f"ipv{balancer.version}_dst": random.choice(to)}
    ports = {f"{_NAMES[protocol]}_src": port, f"{_NAMES[protocol]}_dst": random.choice(PORTS)}
    eth_type = IPV4 if balancer.version == 4 else IPV6
    return Packet.from_fields({**ethernet, "eth_type": eth_type, **ip, **ends, **ports}, bytes(20))


def asked_outside(random: Random, snapshot: Snapshot, packet: Packet) -> Packet:
    """What a peer sends to a public address, for one of these balancers instead, if there is any."""
    balancers = [each for each in snapshot.all(Balancer) if each.direct_return and each.inner is None]
    if not balancers or "ipv4_dst" not in packet:
        return packet
    balancer = random.choice(balancers)
    ways = {name: packet[name] for name in ("eth_dst", "eth_src", "eth_type") if name in packet}
    ways |= {name: packet[name] for name in ("vlan_vid", "vlan_pcp") if name in packet}
    ip = {"ip_dscp": 0, "ip_ecn": 0, "ip_frag": 0, "ip_ttl": 64, "ip_proto": balancer.protocol}
    ends = {"ipv4_src": random.choice(PEERS), "ipv4_dst": int(front(snapshot, balancer))}
    name = _NAMES[balancer.protocol]
    ports = {f"{name}_src": random.choice(PORTS), f"{name}_dst": random.choice(balancer.ports)}
    return Packet.from_fields({**ways, **ip, **ends, **ports}, bytes(20))
