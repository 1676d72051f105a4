"""Two independent trees towards one switch, for failover without loops.

For every switch the two tree paths to the root share no link and no switch between, except where the graph
itself forces them to (bridges and cut switches). So whichever single link or switch fails, one of the two
still arrives, and a packet that meets the failure on the first tree arrives on the second.

Trees are made per biconnected component from an st-numbering of it (Itai and Rodeh, 1988): the first tree
goes to lower numbers, the second to higher ones and from the highest, a neighbour of the root, to the root.
The numbering is Tarjan's ("Two streamlined depth-first search algorithms", 1986).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx

#: Node -> its next node towards the root, on the first and on the second tree.
Parents = dict[int, tuple[int, int]]


class Blocks:
    """The biconnected components of a graph, from which the trees towards any root are made."""

    def __init__(self, graph: networkx.Graph) -> None:
        self._blocks: list[frozenset[int]] = sorted(
            (frozenset(block) for block in networkx.biconnected_components(graph)), key=sorted
        )
        self._of: dict[int, list[int]] = {}
        for index, block in enumerate(self._blocks):
            for node in block:
                self._of.setdefault(node, []).append(index)
        self._neighbours: list[dict[int, list[int]]] = [
            {node: sorted(other for other in graph.adj[node] if other in block) for node in block}
            for block in self._blocks
        ]

    def trees(self, root: int, distance: Mapping[int, int]) -> Parents:
        """The parents of every node that reaches `root`; `distance` counts hops to it."""
        parents: Parents = {}
        pending = [(root, index) for index in self._of.get(root, ())]
        while pending:
            entry, index = pending.pop()
            parents.update(_block_trees(self._neighbours[index], entry, distance))
            pending += [
                (node, other)
                for node in self._blocks[index]
                if node != entry
                for other in self._of[node]
                if other != index
            ]
        return parents


def _block_trees(neighbours: Mapping[int, list[int]], root: int, distance: Mapping[int, int]) -> Parents:
    if len(neighbours) == 2:
        return {node: (root, root) for node in neighbours if node != root}
    rank = {node: position for position, node in enumerate(st_order(neighbours, root))}
    last = len(rank) - 1
    parents: Parents = {}
    for node, position in rank.items():
        if node == root:
            continue
        lower = [other for other in neighbours[node] if rank[other] < position]
        higher = [other for other in neighbours[node] if rank[other] > position]
        if position == last:
            # The last node's second path is its link to the root: its first must be another one.
            lower.remove(root)
            higher = [root]
        parents[node] = _nearest(lower, distance), _nearest(higher, distance)
    return parents


def _nearest(nodes: Iterable[int], distance: Mapping[int, int]) -> int:
    return min(nodes, key=lambda node: (distance[node], node))


def st_order(neighbours: Mapping[int, list[int]], start: int) -> list[int]:
    """The nodes of a biconnected graph from `start` to one of its neighbours.

    Each node between has a neighbour before it and one behind it.
    """
    preorder, parent, low = _search(neighbours, start)
    first, second = preorder[0], preorder[1]
    before: dict[int, int | None] = {first: None, second: first}
    behind: dict[int, int | None] = {first: second, second: None}
    is_minus = {first: True}
    for node in preorder[2:]:
        above = parent[node]
        left, right = (before[above], above) if is_minus.get(low[node]) else (above, behind[above])
        before[node], behind[node] = left, right
        if left is not None:
            behind[left] = node
        if right is not None:
            before[right] = node
        is_minus[above] = right != above
    order: list[int] = []
    at: int | None = first
    while at is not None:
        order.append(at)
        at = behind[at]
    return order


def _search(
    neighbours: Mapping[int, list[int]], start: int
) -> tuple[list[int], dict[int, int], dict[int, int]]:
    """Depth first: the preorder, the parents, and the earliest node that each subtree has a link to."""
    number = {start: 0}
    parent: dict[int, int] = {}
    preorder = [start]
    stack = [(start, iter(neighbours[start]))]
    lowest = {start: 0}
    while stack:
        node, rest = stack[-1]
        for other in rest:
            if other not in number:
                number[other] = lowest[other] = len(preorder)
                parent[other] = node
                preorder.append(other)
                stack.append((other, iter(neighbours[other])))
                break
            if other != parent.get(node):
                lowest[node] = min(lowest[node], number[other])
        else:
            stack.pop()
            if stack:
                above = stack[-1][0]
                lowest[above] = min(lowest[above], lowest[node])
    return preorder, parent, {node: preorder[value] for node, value in lowest.items()}
