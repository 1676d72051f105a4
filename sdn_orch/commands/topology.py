"""`topology`: switches, cables and NICs as a tree, or as a graph for Graphviz."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from sdn_orch.commands.common import ConfigOption, JsonOption, ask, console, show_json, styled

DotOption = Annotated[bool, typer.Option("--dot", help="Print a graph for Graphviz: … --dot | dot -Tsvg.")]


def topology(config: ConfigOption = None, dot: DotOption = False, as_json: JsonOption = False) -> None:
    """The switches, what each port leads to, and the capacity of every cable."""
    answer = ask(config, "/v1/topology")
    if as_json:
        return show_json(answer)
    if dot:
        return print(to_dot(answer))
    out = console()
    if not answer["switches"]:
        return out.print("no switch is known yet")
    for switch in answer["switches"]:
        out.print(to_tree(switch, answer["links"]))
    return None


def to_tree(switch: dict[str, Any], links: list[dict[str, Any]]) -> Tree:
    """One switch with what its ports lead to, in the order of ports."""
    branches: list[tuple[int, str, Text]] = []
    for link in links:
        for near, far in ((link["a"], link["b"]), (link["b"], link["a"])):
            name, _, port = near.rpartition(":")
            if name == switch["name"]:
                text = Text(f"{port}: {far}  {speed(link['capacity'])}  ")
                text += styled("up" if link["up"] else "down") + Text(f"  {link['source']}", "dim")
                branches.append((int(port), "", text))
    for nic in switch["nics"]:
        place = nic["place"].rpartition(":")[2]
        port, _, vlan = place.partition(",")
        text = Text(f"{port}: {nic['machine'] or 'NIC'} {nic['mac']}" + (f" in VLAN {vlan}" if vlan else ""))
        text += Text(f"  {nic['network']}", "dim")
        branches.append((int(port), nic["mac"], text))
    title = Text(switch["name"], "bold") + Text(f"  {switch['role']}, dpid {switch['dpid']}  ", "dim")
    tree = Tree(title + styled(switch["phase"]))
    for _, _, text in sorted(branches, key=lambda branch: branch[:2]):
        tree.add(text)
    return tree


def to_dot(answer: dict[str, Any]) -> str:
    """The same as an undirected graph in Graphviz's language."""
    lines = ["graph topology {", "  node [shape=box];"]
    for switch in answer["switches"]:
        style = "" if switch["connected"] else ", style=dashed"
        lines.append(f'  "{switch["name"]}" [label="{switch["name"]}\\n{switch["role"]}"{style}];')
        for nic in switch["nics"]:
            lines.append(f'  "{nic["mac"]}" [shape=ellipse];')
            port = nic["place"].rpartition(":")[2]
            lines.append(f'  "{nic["mac"]}" -- "{switch["name"]}" [headlabel="{port}"];')
    for link in answer["links"]:
        (a, _, a_port), (b, _, b_port) = link["a"].rpartition(":"), link["b"].rpartition(":")
        style = "" if link["up"] else ", style=dashed, color=red"
        ends = f'taillabel="{a_port}", headlabel="{b_port}", label="{speed(link["capacity"])}"'
        lines.append(f'  "{a}" -- "{b}" [{ends}{style}];')
    return "\n".join([*lines, "}"])


def speed(megabits: int) -> str:
    """Megabits per second as people say it."""
    return f"{megabits / 1000:g} Gbit/s" if megabits >= 1000 else f"{megabits} Mbit/s"
