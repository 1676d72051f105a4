"""The compiled tables do what the intent means, packet by packet."""

from __future__ import annotations

from ipaddress import IPv4Address
from random import Random

import networkx
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.meaning import Connected, delivers
from sdn_orch.intent.model import Capabilities, Network, Nic, Transport
from sdn_orch.intent.routes import carried_by
from sdn_orch.intent.snapshot import Snapshot
from tests.property.clouds import OPEN_VSWITCH, PLAIN, Cloud, make_cloud
from tests.property.compiled import compile_all, disagreement, graph_of, received, send, speaker
from tests.property.packets import Packets

SEEDS = st.integers(0, 2**48)
PACKETS_PER_CLOUD = 60


def connected_in(cloud: Cloud) -> Connected | None:
    """Labels need links; underlays are taken to reach everywhere."""
    if cloud.transport != Transport.LABEL:
        return None
    graph = graph_of(cloud.snapshot)
    return lambda here, there: networkx.has_path(graph, here, there)


def realm(snapshot: Snapshot, network_id: str) -> str:
    """What a network is routed with."""
    return snapshot.need(Network, network_id).vpc_id or network_id


@given(SEEDS)
def test_tables_do_what_is_meant(seed: int) -> None:
    random = Random(seed)
    cloud = make_cloud(random)
    snapshot, tables, connected = cloud.snapshot, compile_all(cloud.snapshot), connected_in(cloud)
    packets, wires = Packets(cloud, random), Wires.of(snapshot)
    for _ in range(PACKETS_PER_CLOUD):
        nic = random.choice(cloud.nics)
        packet = packets.make(nic)
        taken_for = speaker(snapshot, nic, packet)
        meant = delivers(snapshot, taken_for, packet, connected)
        for trace in send(snapshot, tables, wires, nic, packet):
            fault = disagreement(snapshot, taken_for, meant, trace)
            where = f"{cloud.shape} {cloud.transport}"
            assert not fault, f"{where}:\n{nic}\nsends {packet}\nmeant {meant}\n{fault}\n{trace.drops}"


@given(SEEDS, st.sampled_from((OPEN_VSWITCH, PLAIN)))
def test_nothing_crosses_between_networks_but_by_their_router(seed: int, capabilities: Capabilities) -> None:
    """Without asking `delivers`: whatever is forged, on whatever switches."""
    random = Random(seed)
    cloud = make_cloud(random, capabilities=capabilities)
    snapshot, tables, wires = cloud.snapshot, compile_all(cloud.snapshot), Wires.of(cloud.snapshot)
    packets = Packets(cloud, random, forgery=0.4)
    for _ in range(PACKETS_PER_CLOUD):
        nic = random.choice(cloud.nics)
        packet = packets.make(nic)
        home = snapshot.need(Network, nic.network_id)
        for trace in send(snapshot, tables, wires, nic, packet):
            assert not trace.looped
            for receiver_id, frame in received(snapshot, trace):
                receiver = snapshot.need(Nic, receiver_id)
                if receiver.network_id == home.id:
                    continue
                assert realm(snapshot, receiver.network_id) == realm(snapshot, home.id), f"{nic}\n{packet}"
                assert packet["eth_dst"] == mac_number(home.gateway_mac)
                target = snapshot.need(Network, receiver.network_id)
                assert frame["eth_src"] == mac_number(target.gateway_mac)
                assert frame["ip_ttl"] == packet["ip_ttl"] - 1
                destination = frame.get("ipv4_dst") or frame["ipv6_dst"]
                behind = (
                    [
                        prefix
                        for prefix in carried_by(snapshot, receiver)
                        if IPv4Address(destination) in prefix
                    ]
                    if "ipv4_dst" in frame
                    else []
                )
                assert behind or destination in {int(address) for address in receiver.addresses}


@given(SEEDS)
def test_plain_switches_never_do_more_than_is_meant(seed: int) -> None:
    """What they cannot do is refused; the rest goes to the right receivers or to the controller."""
    random = Random(seed)
    transport = random.choice((Transport.LABEL, Transport.LABEL, Transport.VLAN))
    cloud = make_cloud(random, transport=transport, capabilities=PLAIN)
    snapshot, tables, connected = cloud.snapshot, compile_all(cloud.snapshot), connected_in(cloud)
    packets, wires = Packets(cloud, random, forgery=0.05), Wires.of(snapshot)
    mtus = {network.mtu for network in snapshot.all(Network)}
    for _ in range(PACKETS_PER_CLOUD):
        nic = random.choice(cloud.nics)
        packet = packets.make(nic)
        if packet.get("ip_frag") == 1:
            continue  # they see no more of it than of a later one, and refuse nothing in it
        meant = delivers(snapshot, speaker(snapshot, nic, packet), packet, connected)
        for trace in send(snapshot, tables, wires, nic, packet):
            got = received(snapshot, trace)
            assert got <= meant.received, f"{nic}\nsends {packet}\nmeant {meant}\n{trace.exits}"
            # They see no option that is missing, so they drop neighbour discovery without one.
            is_said = packet.get("ipv6_nd_options_type") != 0 and not packet.is_multicast
            if meant.received and is_said and len(mtus) == 1:
                assert got == meant.received, f"{nic}\nsends {packet}\nmeant {meant}\n{trace.drops}"
            # Whom a question is for, the controller must find out.
            if trace.punts and "arp_op" not in packet and "ipv6_nd_target" not in packet:
                assert meant.answer is not None, f"{nic}\nsends {packet}\nmeant {meant}\n{trace.punts}"
