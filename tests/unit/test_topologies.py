"""The topologies have the switches, cables and port numbers that their descriptions promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import pytest

pytest.importorskip("mininet", reason="./dev installs Mininet into .venv")

from mininet.topo import Topo
from mininet.util import buildTopo

from topologies import fat_tree, leaf_spine, linear, single, wan

MODULES = (single, linear, leaf_spine, fat_tree, wan)
ALL: dict[str, type[Topo]] = {name: topo for module in MODULES for name, topo in module.topos.items()}


def graph(topo: Topo) -> nx.Graph[str]:
    """The switches and the cables between them."""
    result: nx.Graph[str] = nx.Graph()
    result.add_nodes_from(topo.switches())
    result.add_edges_from((a, b) for a, b in topo.links() if topo.isSwitch(a) and topo.isSwitch(b))
    return result


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_holds_for_all(name: str) -> None:
    topo = ALL[name](prefix="n1-")
    infos = {switch: topo.nodeInfo(switch) for switch in topo.switches()}
    assert nx.is_connected(graph(topo))
    assert all(switch.startswith("n1-") for switch in infos)
    dpids = [int(info["dpid"], 16) for info in infos.values()]
    assert len(set(dpids)) == len(dpids) and 0 not in dpids
    assert {info["role"] for info in infos.values()} <= {"edge", "fabric"}
    for host in topo.hosts():
        (switch, _port) = topo.ports[host][0]
        assert infos[switch]["role"] == "edge"
    # Interface names of Linux have at most 15 letters.
    assert max(len(f"{switch}-eth{port}") for switch in infos for port in topo.ports[switch]) <= 15
    for a, b in graph(topo).edges:
        assert topo.linkInfo(a, b)["capacity"] > 0


@pytest.mark.parametrize(
    ("words", "switches", "hosts"),
    [
        ("single,4", 1, 4),
        ("linear,3,2", 3, 6),
        ("leaf_spine,2,4,3", 6, 12),
        ("fat_tree,4", 20, 16),
        ("wan,1", 11, 11),
    ],
)
def test_mn_custom_takes_them(words: str, switches: int, hosts: int) -> None:
    """`mn --custom FILE --topo WORDS` executes the file alone and looks for `topos` in it."""
    name = words.partition(",")[0]
    file = Path(single.__file__).with_name(f"{name}.py")
    assert f"--topo {words} " in file.read_text()
    customs: dict[str, Any] = {}
    exec(compile(file.read_text(), file, "exec"), customs, customs)
    topo = buildTopo(customs["topos"], words)
    assert (len(topo.switches()), len(topo.hosts())) == (switches, hosts)


def test_leaf_spine() -> None:
    topo = leaf_spine.LeafSpine(spines=2, leaves=4, hosts=3)
    assert len(topo.switches()) == 6 and len(topo.hosts()) == 12
    assert topo.ports["leaf2"] == {
        1: ("h4", 0), 2: ("h5", 0), 3: ("h6", 0), 4: ("spine1", 2), 5: ("spine2", 2),
    }  # fmt: skip
    assert len(list(nx.all_shortest_paths(graph(topo), "leaf1", "leaf4"))) == 2


def test_linear_has_one_path() -> None:
    cables = graph(linear.Linear(switches=4, hosts=1))
    assert list(nx.bridges(cables)) and len(cables.edges) == 3


@pytest.mark.parametrize("k", [2, 4, 6])
def test_fat_tree_uses_every_port(k: int) -> None:
    topo = fat_tree.FatTree(k=k)
    assert len(topo.switches()) == 5 * k * k // 4
    assert len(topo.hosts()) == k**3 // 4
    assert all(set(topo.ports[switch]) == set(range(1, k + 1)) for switch in topo.switches())
    paths = list(nx.all_shortest_paths(graph(topo), "leaf1", f"leaf{k * k // 2}"))
    assert len(paths) == (k // 2) ** 2


def test_fat_tree_refuses_odd_ports() -> None:
    with pytest.raises(ValueError, match="even number of ports of at least 2, not 3"):
        fat_tree.FatTree(k=3)


def test_any_one_cable_or_site_of_the_wan_may_fail() -> None:
    cables = graph(wan.Wan())
    assert not list(nx.bridges(cables))
    assert nx.is_biconnected(cables)
