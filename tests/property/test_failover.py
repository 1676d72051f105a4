"""Links and switches fail: with the tables as they are, frames arrive if any way is left, and never loop."""

from __future__ import annotations

from random import Random

import networkx
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.dataplane.simulate import explore
from sdn_orch.dataplane.wires import End, Wires
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Link, Network, Nic, Switch, Transport
from sdn_orch.intent.packet import BROADCAST, Packet
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.verdict import place_of
from tests.property.clouds import Cloud, make_cloud
from tests.property.compiled import compile_all, graph_of, received, send
from tests.property.packets import Packets

SEEDS = st.integers(0, 2**48)
SHAPES = ("two", "two cables", "line", "ring", "leaf-spine", "full", "mesh")


def ethernet(nic: Nic, eth_dst: int) -> Packet:
    """A frame that any network passes on: of an L2 network, anything; of others IPv4 or IPv6."""
    fields = {"eth_dst": eth_dst, "eth_src": mac_number(nic.mac)}
    transport = {"ip_dscp": 0, "ip_ecn": 0, "ip_frag": 0, "ip_ttl": 64, "ip_proto": 89}
    if nic.ipv4 is not None:
        fields |= {"eth_type": 0x0800, "ipv4_src": int(nic.ipv4), "ipv4_dst": 0x0A0000FF, **transport}
    elif nic.ipv6 is not None:
        fields |= {
            "eth_type": 0x86DD,
            "ipv6_src": int(nic.ipv6),
            "ipv6_dst": 0x20010DB8 << 96 | 0xFF,
            **transport,
        }
    else:
        fields["eth_type"] = 0x88B5
    return Packet.from_fields(fields, bytes(46))


def check(
    cloud: Cloud, broken: tuple[tuple[End, End], ...], lost_switches: frozenset[str] = frozenset()
) -> None:
    """Every pair of NICs of one network, one way and the other, and a broadcast of each NIC."""
    snapshot, tables = cloud.snapshot, compile_all(cloud.snapshot)
    wires = Wires.of(snapshot).without(*broken)
    graph = graph_of(snapshot)
    for a, b in broken:
        graph.remove_edge(a[0], b[0], key=_link_between(snapshot, a, b))
    for network in snapshot.all(Network):
        nics = [nic for nic in snapshot.where(Nic, "network_id", network.id) if place_of(snapshot, nic)]
        nics = [nic for nic in nics if _switch(snapshot, nic) not in lost_switches]
        for sender in nics:
            reachable = {
                nic.id
                for nic in nics
                if _port(snapshot, nic) != _port(snapshot, sender)
                and networkx.has_path(graph, _switch(snapshot, sender), _switch(snapshot, nic))
            }
            for trace in send(snapshot, tables, wires, sender, ethernet(sender, BROADCAST), limit=16):
                assert not trace.looped
                got = sorted(nic_id for nic_id, _ in received(snapshot, trace))
                assert got == sorted(reachable), f"broadcast of {sender.id} without {broken}: {trace.drops}"
                assert len(trace.exits) == len(set(trace.exits))
            for nic in nics:
                packet = ethernet(sender, mac_number(nic.mac))
                for trace in send(snapshot, tables, wires, sender, packet, limit=16):
                    assert not trace.looped
                    expected = {(nic.id, packet)} & {(id, packet) for id in reachable}
                    said = f"{sender.id} to {nic.id} without {broken}: {trace.drops}"
                    assert received(snapshot, trace) == expected, said


def _switch(snapshot: Snapshot, nic: Nic) -> str:
    return _port(snapshot, nic)[0]


def _port(snapshot: Snapshot, nic: Nic) -> tuple[str, int]:
    place = place_of(snapshot, nic)
    assert place is not None
    return place.switch_id, place.port


def _link_between(snapshot: Snapshot, a: End, b: End) -> str:
    return next(link.id for link in snapshot.where(Link, "ports", a) if set(link.ports) == {a, b})


@given(SEEDS, st.sampled_from(SHAPES))
def test_any_one_link_may_fail(seed: int, shape: str) -> None:
    random = Random(seed)
    cloud = make_cloud(random, transport=Transport.LABEL, shape=shape)
    link = random.choice(list(cloud.snapshot.all(Link)))
    check(cloud, (link.ports,))


@given(SEEDS, st.sampled_from(("ring", "leaf-spine", "full", "mesh")))
def test_any_one_switch_may_fail(seed: int, shape: str) -> None:
    random = Random(seed)
    cloud = make_cloud(random, transport=Transport.LABEL, shape=shape)
    lost = random.choice(list(cloud.snapshot.all(Switch))).id
    links = tuple(
        link.ports for link in cloud.snapshot.all(Link) if lost in (link.a_switch_id, link.b_switch_id)
    )
    check(cloud, links, frozenset({lost}))


@given(SEEDS, st.sampled_from(("ring", "leaf-spine", "full", "mesh")))
def test_nothing_loops_whatever_fails(seed: int, shape: str) -> None:
    """Beyond what failover promises: any set of dead links, any frame."""
    random = Random(seed)
    cloud = make_cloud(random, transport=Transport.LABEL, shape=shape)
    links = list(cloud.snapshot.all(Link))
    dead = random.sample(links, random.randint(0, len(links)))
    tables, wires = (
        compile_all(cloud.snapshot),
        Wires.of(cloud.snapshot).without(*(link.ports for link in dead)),
    )
    packets = Packets(cloud, random, forgery=0.05)
    for _ in range(20):
        nic = random.choice(cloud.nics)
        for trace in send(cloud.snapshot, tables, wires, nic, packets.make(nic)):
            assert not trace.looped
            assert len(trace.exits) == len(set(trace.exits))


@given(SEEDS, st.sampled_from(SHAPES))
def test_any_labelled_frame_on_any_fabric_port_ends(seed: int, shape: str) -> None:
    """A fabric port carries labels only; whatever comes in there, from whichever fault, never loops."""
    random = Random(seed)
    cloud = make_cloud(random, transport=Transport.LABEL, shape=shape)
    tables, wires = compile_all(cloud.snapshot), Wires.of(cloud.snapshot)
    dead = random.sample(sorted(wires.cables), random.randint(0, 2))
    wires = wires.without(*((end, wires.cables[end]) for end in dead))
    nic = random.choice(cloud.nics)
    for _ in range(20):
        path, switch = random.choice((0, 1, 2, 3, 63)), random.randint(1, 6)
        label = 2 << 40 | path << 42 | switch << 24 | random.choice((1, 2, 3, 0x800001, 0x800002))
        start = random.choice(sorted(wires.cables))
        for trace in explore(tables, wires, start, ethernet(nic, label), limit=24):
            assert not trace.looped
