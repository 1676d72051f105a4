"""Any single link or switch failure is survived without loops wherever the graph stays connected."""

from __future__ import annotations

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn_orch.dataplane.topology import Topology, Way
from sdn_orch.intent.model import Link, Switch, SwitchRole
from sdn_orch.intent.snapshot import Snapshot
from tests.effort import examples


@st.composite
def fabrics(draw: st.DrawFn) -> Snapshot:
    """Connected and unconnected graphs with parallel links; each link's ports are unique."""
    size = draw(st.integers(2, 9))
    pairs = draw(
        st.lists(
            st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda p: p[0] < p[1]),
            min_size=1,
            max_size=20,
        )
    )
    switches = [
        Switch(id=f"s{i}", dpid=i + 1, name=f"s{i}", role=draw(st.sampled_from(list(SwitchRole))))
        for i in range(size)
    ]
    links = [
        Link(id=f"l{i}", a_switch_id=f"s{a}", a_port=10 + i, b_switch_id=f"s{b}", b_port=10 + i)
        for i, (a, b) in enumerate(pairs)
    ]
    return Snapshot.of(*switches, *links)


def travel(
    topology: Topology, ends: dict[tuple[int, int], tuple[int, int]], start: int, destination: int
) -> bool:
    """Walk as a packet does, over all ECMP choices; `ends` holds the cables that live."""
    pending = [(start, 0)]
    seen: set[tuple[int, int]] = set()
    path: set[tuple[int, int]] = set()

    def arrives(node: int, colour: int) -> bool:
        if node == destination:
            return True
        assert (node, colour) not in path, "a loop"
        if (node, colour) in seen:
            return True
        way = topology.way(node, destination)
        assert way is not None
        choices = [
            (ends[node, port], at)
            for at in range(colour, 3)
            for port in ports(way, at)
            if (node, port) in ends
        ]
        if not choices:
            return False
        lowest = min(at for _, at in choices)
        candidates = [end for end, at in choices if at == lowest]
        if lowest > 0:
            candidates = candidates[:1]
        path.add((node, colour))
        result = all(arrives(end[0], lowest) for end in candidates)
        path.discard((node, colour))
        seen.add((node, colour))
        return result

    return all(arrives(*state) for state in pending)


def ports(way: Way, colour: int) -> tuple[int, ...]:
    return (tuple(port for port, _ in way.shortest), way.first_detour, way.second_detour)[colour]


@settings(max_examples=examples(300), deadline=None)
@given(fabrics(), st.data())
def test_single_failures(snapshot: Snapshot, data: st.DataObject) -> None:
    topology = Topology.of(snapshot)
    links = list(snapshot.all(Link))
    number = {switch.id: switch.number for switch in snapshot.all(Switch)}
    failure = data.draw(
        st.one_of(st.sampled_from(links), st.sampled_from(sorted(number.values())), st.none())
    )
    graph = networkx.MultiGraph()
    graph.add_nodes_from(number.values())
    ends: dict[tuple[int, int], tuple[int, int]] = {}
    for link in links:
        a, b = number[link.a_switch_id], number[link.b_switch_id]
        if link is failure or failure in (a, b):
            continue
        graph.add_edge(a, b)
        ends[a, link.a_port] = (b, link.b_port)
        ends[b, link.b_port] = (a, link.a_port)
    for destination in topology.destinations - {failure}:
        for start in set(graph) - {failure, destination}:
            if networkx.has_path(graph, start, destination):
                assert travel(topology, ends, start, destination), (start, destination, failure)


def test_parallel_links_share_the_load_by_capacity() -> None:
    snapshot = Snapshot.of(
        Switch(id="a", dpid=1, name="a"),
        Switch(id="b", dpid=2, name="b"),
        Link(id="1", a_switch_id="a", a_port=1, b_switch_id="b", b_port=1, capacity=10_000),
        Link(id="2", a_switch_id="a", a_port=2, b_switch_id="b", b_port=2, capacity=40_000),
        Link(id="3", a_switch_id="a", a_port=3, b_switch_id="b", b_port=3, up=False),
    )
    assert Topology.of(snapshot).way(1, 2) == Way(((1, 1), (2, 4)), (1, 2), (1, 2))
