"""`balancers`: what load balancers and their members have had."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from sdn_orch.commands.common import (
    REFUSED,
    ConfigOption,
    JsonOption,
    ask_all,
    cell,
    console,
    fail,
    show_json,
    table,
)
from sdn_orch.intent.traffic import SCTP, TCP, UDP

_COUNTERS = ("connections", "packets in", "bytes in", "packets out", "bytes out", "since")
_PROTOCOLS = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}


def balancers(
    which: Annotated[
        str | None, typer.Argument(help="Only this one, by name or id, with its members", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every load balancer, and what its members have had: connections, packets and bytes."""
    answer = ask_all(config, "/v1/counters")
    if which is not None:
        answer = [row for row in answer if which in (row["id"], row["name"])]
        if not answer:
            fail(REFUSED, f"there is no load balancer {which}")
    if as_json:
        return show_json(answer)
    if not answer:
        return console().print("no load balancers yet")
    for row in answer if which is not None else ():
        console().print(_members(row))
    if which is None:
        console().print(_balancers(answer))
    return None


def _balancers(answer: list[Any]) -> Table:
    rows = table("balancer", "account", "address", "members", *_COUNTERS)
    for row in answer:
        present = sum(member["until"] is None for member in row["members"])
        rows.add_row(row["name"], row["account"], _place(row), cell(present), *_counted(row))
    return _aligned(rows)


def _members(row: Any) -> Table:
    is_open_counted = any(member["open"] is not None for member in row["members"])
    columns = ("machine", "address", "weight", *(("open",) if is_open_counted else ()))
    rows = table(*columns, *_COUNTERS, "drained until", title=f"{row['name']} at {_place(row)}")
    for member in row["members"]:
        known_by = (cell(member[key]) for key in columns)
        rows.add_row(*known_by, *_counted(member), _time(member["until"]) if member["until"] else "")
    rows.add_row("all", *[""] * (len(columns) - 1), *_counted(row), "", style="bold")
    return _aligned(rows)


def _aligned(rows: Table) -> Table:
    for column in rows.columns:
        if column.header in _COUNTERS[:-1]:
            column.justify = "right"
    return rows


def _place(row: Any) -> str:
    first, last = row["ports"]
    ports = f"{first}" if first == last else f"{first}-{last}"
    address = f"[{row['address']}]" if ":" in row["address"] else row["address"]
    return f"{address}:{ports}/{_PROTOCOLS.get(row['protocol'], row['protocol'])}"


def _counted(row: Any) -> tuple[str | Text, ...]:
    if row["since"] is None:
        return (*[""] * (len(_COUNTERS) - 1), Text("no switch has counted yet", "yellow"))
    names = [name.replace(" ", "_") for name in _COUNTERS[:-1]]
    return (*(cell(row[name]) for name in names), _time(row["since"]))


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
