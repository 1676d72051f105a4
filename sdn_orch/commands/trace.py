"""`trace`: the way of a packet through tables and switches, and why it ends where it ends."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from sdn_orch.commands.common import (
    REFUSED,
    WRONG,
    ConfigOption,
    JsonOption,
    ask,
    console,
    fail,
    show_json,
    styled,
)

FromOption = Annotated[
    str, typer.Option("--from", metavar="NIC", help="Its MAC, UUID, or its machine's name.")
]
ToOption = Annotated[str, typer.Option("--to", metavar="ADDRESS", help="An IPv4 or IPv6 address.")]
TcpOption = Annotated[int | None, typer.Option("--tcp", metavar="PORT", help="A TCP segment to this port.")]
UdpOption = Annotated[int | None, typer.Option("--udp", metavar="PORT", help="A UDP datagram to this port.")]


def trace(
    source: FromOption,
    target: ToOption,
    tcp: TcpOption = None,
    udp: UdpOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a packet (an echo request, unless told otherwise). Ends with 1 when it is not delivered."""
    if tcp is not None and udp is not None:
        fail(WRONG, "say either --tcp or --udp")
    ports = [f"{name}/{port}" for name, port in (("tcp", tcp), ("udp", udp)) if port is not None]
    given: dict[str, str | int | None] = {"from": source, "to": target, "port": ports[0] if ports else None}
    answer = ask(config, "/v1/trace", given)
    if as_json:
        show_json(answer)
    else:
        out = console()
        for hop in answer["hops"]:
            out.print(to_tree(hop))
        out.print(styled(answer["verdict"]), Text(answer["reason"]))
        if answer["meant"] != {"controller": "answered"}.get(answer["verdict"], answer["verdict"]):
            out.print(Text(f"but the intent says: {answer['meant']}, {answer['meant_reason']}", "bold red"))
    if answer["verdict"] not in ("delivered", "answered"):
        raise typer.Exit(REFUSED)


def to_tree(hop: dict[str, Any]) -> Tree:
    """One switch: the flows that matched, table by table, and what came of it."""
    tree = Tree(Text(f"{hop['switch']}, in at port {hop['port']}  ", "bold") + Text(hop["packet"], "dim"))
    for step in hop["steps"]:
        if "group" in step:
            taken = ", ".join(map(str, step["buckets"])) or "none"
            kind = step["type"].replace("_", " ")
            tree.add(
                Text(f"   group {step['group']}", "cyan") + Text(f"  {kind}: bucket {taken} of {step['of']}")
            )
            continue
        name = Text(f"{step['table']:2} {step['table_name']:16} ", "cyan")
        if step["match"] is None:
            tree.add(name + Text("nothing matches", "red"))
            continue
        owner = Text(f"  {step['owner'] or 'not ours'}  {step['cookie']}", "dim")
        tree.add(name + Text(f"{step['match'] or 'everything'} → {step['actions']}") + owner)
    for end in hop["ends"]:
        tree.add(Text(end, "red" if end.startswith("dropped") else "green"))
    return tree
