"""The compiled tables do what the intent means, packet by packet."""

from __future__ import annotations

from ipaddress import IPv4Address
from random import Random

import networkx
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.dataplane.simulate import Trace, explore
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.meaning import Connected, delivers
from sdn_orch.intent.model import Arrival, Attachment, Capabilities, Network, Nic, Transport
from sdn_orch.intent.packet import LLDP
from sdn_orch.intent.routes import carried_by
from sdn_orch.intent.snapshot import Snapshot
from tests.property.clouds import FIRST_ARRIVAL, OPEN_VSWITCH, PLAIN, Cloud, make_cloud, with_arrivals
from tests.property.compiled import compile_all, disagreement, graph_of, reasons, received, send, speaker
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
    cloud = with_arrivals(random, make_cloud(random))
    snapshot, tables, connected = cloud.snapshot, compile_all(cloud.snapshot), connected_in(cloud)
    packets, wires = Packets(cloud, random), Wires.of(snapshot)
    for _ in range(PACKETS_PER_CLOUD):
        nic = random.choice(cloud.nics)
        place = random.choice(cloud.places(nic))
        packet = packets.make(nic)
        taken_for = speaker(snapshot, nic, packet, place)
        meant = delivers(snapshot, taken_for, packet, connected, place=place)
        is_awaited = place.port >= FIRST_ARRIVAL
        for trace in send(snapshot, tables, wires, nic, packet, place=place):
            fault = disagreement(snapshot, taken_for, meant, trace, is_awaited=is_awaited)
            fault = fault or astray(cloud, trace, place)
            where = f"{cloud.shape} {cloud.transport}"
            assert not fault, (
                f"{where}:\n{nic}\nat {place} sends {packet}\nmeant {meant}\n{fault}\n{trace.drops}"
            )


def astray(cloud: Cloud, trace: Trace, place: Attachment) -> str:
    """What comes out where somebody is awaited, but for answers to him there, and what underlays flood."""
    ends = {end for end, _ in trace.exits if end[1] >= FIRST_ARRIVAL} - {(place.switch_id, place.port)}
    return f"it comes out at {ends}" if ends and cloud.transport != Transport.VLAN else ""


@given(SEEDS)
def test_where_a_nic_is_only_awaited_nothing_but_the_controller_hears_it(seed: int) -> None:
    """At a switch where it is already, where it has left, and on switches that cannot hold it there too."""
    random = Random(seed)
    capabilities = random.choice((OPEN_VSWITCH, PLAIN))
    cloud = with_arrivals(random, make_cloud(random, capabilities=capabilities), share=0.7)
    tables, packets = compile_all(cloud.snapshot), Packets(cloud, random, forgery=0.1)
    for arrival in cloud.snapshot.all(Arrival):
        nic, start = cloud.snapshot.need(Nic, arrival.nic_id), (arrival.switch_id, arrival.port)
        if start in {(place.switch_id, place.port) for place in cloud.places(nic)}:
            continue
        packet = packets.make(nic)
        for trace in explore(tables, Wires.of(cloud.snapshot), start, packet, 8):
            assert not trace.exits
            is_lldp = packet["eth_type"] == LLDP
            assert reasons(trace) == {Punt.DISCOVERY if is_lldp else Punt.FIRST_PACKET}


@given(SEEDS, st.sampled_from((OPEN_VSWITCH, PLAIN)))
def test_nothing_crosses_between_networks_but_by_their_router(seed: int, capabilities: Capabilities) -> None:
    """Without asking `delivers`: whatever is forged, on whatever switches."""
    random = Random(seed)
    cloud = with_arrivals(random, make_cloud(random, capabilities=capabilities))
    snapshot, tables, wires = cloud.snapshot, compile_all(cloud.snapshot), Wires.of(cloud.snapshot)
    packets = Packets(cloud, random, forgery=0.4)
    for _ in range(PACKETS_PER_CLOUD):
        nic = random.choice(cloud.nics)
        packet = packets.make(nic)
        home, place = snapshot.need(Network, nic.network_id), random.choice(cloud.places(nic))
        for trace in send(snapshot, tables, wires, nic, packet, place=place):
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
