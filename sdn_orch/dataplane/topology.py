"""The fabric of label switches as a graph, and the ways through it.

Nodes are switch numbers: fabric switches and edges with the `label` transport. Edges of the graph are the
links that are up; parallel links between two switches share one edge. A topology never changes, so what it
works out it keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd

import networkx

from sdn_orch.dataplane.detours import Blocks, Parents
from sdn_orch.intent.model import Link, Record, Switch, SwitchRole, Transport
from sdn_orch.intent.snapshot import Difference, Snapshot


@dataclass(frozen=True, slots=True)
class Way:
    """How one switch sends to another: ports of the shortest paths with weights, and of the two detours."""

    shortest: tuple[tuple[int, int], ...]
    first_detour: tuple[int, ...]
    second_detour: tuple[int, ...]


class Topology:
    """See the module. Switches are named by their numbers."""

    def __init__(self, graph: networkx.Graph, destinations: frozenset[int]) -> None:
        self.graph = graph
        #: The edges among the nodes: what labels can lead to.
        self.destinations = destinations
        #: Node -> neighbour -> the ports to it with their capacities, all of them in order.
        self._ports: dict[int, dict[int, list[tuple[int, int]]]] = {
            node: {other: sorted(edge["ports"][node]) for other, edge in sorted(edges.items())}
            for node, edges in graph.adjacency()
        }
        self._blocks: Blocks | None = None
        self._ways: dict[int, dict[int, Way]] = {}

    @classmethod
    def of(cls, snapshot: Snapshot) -> Topology:
        """The topology of these records."""
        graph = networkx.Graph()
        switches = {switch.id: switch for switch in snapshot.all(Switch) if is_node(switch)}
        graph.add_nodes_from(switch.number for switch in switches.values())
        for link in snapshot.all(Link):
            a, b = switches.get(link.a_switch_id), switches.get(link.b_switch_id)
            if not link.up or a is None or b is None or a is b:
                continue
            if not graph.has_edge(a.number, b.number):
                graph.add_edge(a.number, b.number, ports={a.number: [], b.number: []})
            ports = graph.edges[a.number, b.number]["ports"]
            ports[a.number].append((link.a_port, link.capacity))
            ports[b.number].append((link.b_port, link.capacity))
        edges = (switch.number for switch in switches.values() if switch.role is SwitchRole.EDGE)
        return cls(graph, frozenset(edges))

    def advance(self, differences: Iterable[Difference], snapshot: Snapshot) -> Topology:
        """The topology after these changes: this one where they do not concern it."""
        if any(_concerns(before, after) for before, after in differences):
            return Topology.of(snapshot)
        return self

    def way(self, switch: int, destination: int) -> Way | None:
        """How `switch` sends to `destination`; None where it cannot, or is there."""
        if destination not in self.destinations:
            return None
        ways = self._ways.get(destination)
        if ways is None:
            ways = self._ways[destination] = self._ways_to(destination)
        return ways.get(switch)

    def differing(self, other: Topology) -> set[tuple[int, int]]:
        """The pairs (switch, destination) between which the two topologies have different ways."""
        if other is self:
            return set()
        return {
            (switch, destination)
            for destination in self.destinations | other.destinations
            for switch in {*self.graph, *other.graph}
            if self.way(switch, destination) != other.way(switch, destination)
        }

    def _ways_to(self, destination: int) -> dict[int, Way]:
        distance: dict[int, int] = networkx.single_source_shortest_path_length(self.graph, destination)
        if self._blocks is None:
            self._blocks = Blocks(self.graph)
        trees: Parents = self._blocks.trees(destination, distance)
        return {
            node: Way(
                self._shortest(node, distance),
                tuple(port for port, _ in self._ports[node][trees[node][0]]),
                tuple(port for port, _ in self._ports[node][trees[node][1]]),
            )
            for node in distance
            if node != destination
        }

    def _shortest(self, node: int, distance: dict[int, int]) -> tuple[tuple[int, int], ...]:
        own = distance[node]
        ports = [
            port for other, ports in self._ports[node].items() if distance[other] < own for port in ports
        ]
        unit = gcd(*(capacity for _, capacity in ports))
        # Weights are 16 bits wide on the wire.
        return tuple((port, min(capacity // unit, 0xFFFF)) for port, capacity in ports)


def is_node(switch: Switch) -> bool:
    """Whether labels pass through or end at a switch."""
    return switch.role is SwitchRole.FABRIC or switch.transport is Transport.LABEL


def _concerns(before: Record | None, after: Record | None) -> bool:
    record = before or after
    if isinstance(record, Switch):
        return _node(before) != _node(after)
    return isinstance(record, Link) and _edge(before) != _edge(after)


def _node(record: Record | None) -> object:
    return isinstance(record, Switch) and (record.number, record.role, is_node(record))


def _edge(record: Record | None) -> object:
    return isinstance(record, Link) and (record.number, record.ports, record.capacity, record.up)
