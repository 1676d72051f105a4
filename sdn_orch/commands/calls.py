"""`calls`: what there is of CloudStack's API, from the declarations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from sdn_orch.commands.common import JsonOption, console, show_json

NameArgument = Annotated[str, typer.Argument(help="A part of the names of calls; all by default.")]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print the page docs/cloudstack-api.md.")]


def calls(name: NameArgument = "", markdown: MarkdownOption = False, as_json: JsonOption = False) -> None:
    """The calls of CloudStack's API: how each answers, who may make it, and what it takes."""
    # Only this command needs the declarations, and they take a while to load.
    from sdn_orch.northbound.cloudstack import overview

    if markdown:
        return print(overview.page(), end="")
    found = [row for row in overview.rows() if name.lower() in row.name.lower()]
    if as_json:
        return show_json([asdict(row) for row in found])
    table = Table("call", "", "for", "what it does", "parameters", "refused", box=None, pad_edge=False)
    for row in found:
        given = Text(" ".join(row.required), "bold").append(Text(" " + " ".join(row.optional), "dim"))
        table.add_row(
            Text(row.name), row.mode, row.callers, Text(row.description), given, " ".join(row.refused)
        )
    console().print(table)
    return None
