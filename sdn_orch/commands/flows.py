"""`flows`, `plan` and `explain`: what switches hold, what they would be sent, and why."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.text import Text

from sdn_orch.commands.common import ConfigOption, JsonOption, ask, cell, console, show_json, styled, table

SwitchArgument = Annotated[str, typer.Argument(metavar="SWITCH", help="Its name, UUID or dpid (0x1f).")]
WhatArgument = Annotated[
    str,
    typer.Argument(
        metavar="COOKIE|PORT|NETWORK",
        help="A cookie (0x…); a port as switch:port, or its NIC by MAC, UUID or machine; "
        "a network, VPC or switch by name or UUID.",
    ),
]
TableOption = Annotated[str | None, typer.Option("--table", "-t", help="Only this table, by name or number.")]


def flows(
    switch: SwitchArgument,
    only: TableOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a switch holds by table: each flow with its owner, counters, and whether it is right."""
    answer = ask(config, f"/v1/switches/{quote(switch, safe='')}/flows")
    if as_json:
        return show_json(answer)
    out = console()
    if not answer["connected"]:
        out.print(Text(f"{answer['switch']} is not connected; this is what it should hold", "yellow"))
    rows = [
        row
        for row in answer["flows"]
        if only is None or only.lower() in (row["table_name"], str(row["table"]))
    ]
    for number, name in sorted({(row["table"], row["table_name"]) for row in rows}):
        _show_table(out, f"{number} {name}", [row for row in rows if row["table"] == number])
    if only is None:
        for kind in ("groups", "meters"):
            if answer[kind]:
                out.print(Text(kind, "bold"))
                out.print("\n".join(answer[kind]))
    return None


def plan(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What every switch would be sent to hold what it should, without sending it."""
    answer = ask(config, "/v1/plan")
    if as_json:
        return show_json(answer)
    out = console()
    for switch in answer:
        operations = switch["operations"]
        state = f"{len(operations)} changes" if operations else "nothing to change"
        out.print(Text(switch["switch"], "bold"), state if switch["connected"] else styled("disconnected"))
        for operation in operations:
            colour = {"add": "green", "delete": "red"}.get(operation["verb"], "yellow")
            out.print(Text(f"  {operation['verb']:6} ", colour) + Text(operation["what"]))
    return None


def explain(what: WhatArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Which object is behind a cookie, or what a port or a network has become on which switches."""
    answer = ask(config, f"/v1/explain/{quote(what)}")
    if as_json:
        return show_json(answer)
    out = console()
    if "cookie" in answer:
        rows = table("switch", "table", "priority", "match", "actions", "owner")
        for row in answer["flows"]:
            owner = row["owner"] or Text("nobody", "red")
            rows.add_row(
                row["switch"], row["table_name"], str(row["priority"]), row["match"], row["actions"], owner
            )
        return out.print(rows)
    if "port" not in answer:
        return _show_object(out, answer)
    to = [f"a cable to {end}" for end in answer["leads_to"]]
    to += ["NICs are learnt here"] if answer["learns"] else []
    to += [] if to or answer["nics"] else ["nothing is attached here"]
    out.print(Text(f"port {answer['port']}  ", "bold") + Text(", ".join(to)))
    for nic in answer["nics"]:
        _show_object(out, nic)
    return None


def _show_object(out: Console, answer: dict[str, Any]) -> None:
    out.print(Text(answer["what"] + "  ", "bold") + styled(answer["condition"]))
    rows = table("", "")
    for name, value in answer["record"].items():
        if value not in (None, "", []):
            rows.add_row(Text(name, "dim"), cell(value))
    for name in ("place", "pending"):
        if answer[name]:
            rows.add_row(Text(name, "dim"), cell(answer[name]))
    out.print(rows)
    for refusal in answer["refusals"]:
        out.print(Text(f"{refusal['switch']}: refused: {refusal['reason']}", "red"))
    for rules in answer["rules"]:
        counts = ", ".join(f"{count} in {name}" for name, count in rules["by_table"].items())
        _show_flows(out, f"{rules['switch']}: {counts}", rules["flows"])


def _show_table(out: Console, title: str, rows: list[dict[str, Any]]) -> None:
    shown = table("", "priority", "match", "actions", "owner", "packets", "bytes", "cookie", title=title)
    for row in rows:
        right = row["state"] == "right"
        shown.add_row(
            "" if right else styled(row["state"]),
            str(row["priority"]),
            row["match"] or Text("everything", "dim"),
            row["actions"],
            row["owner"] or "",
            str(row["packets"]),
            str(row["bytes"]),
            Text(row["cookie"], "dim"),
        )
    out.print(shown)


def _show_flows(out: Console, title: str, rows: list[dict[str, Any]]) -> None:
    shown = table("table", "priority", "match", "actions", title=title)
    for row in rows:
        shown.add_row(row["table_name"], str(row["priority"]), row["match"], row["actions"])
    out.print(shown)
