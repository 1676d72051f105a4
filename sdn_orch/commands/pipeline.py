"""`pipeline`: the tables of an edge switch, from the one file that declares them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from sdn_orch.commands.common import JsonOption, console, show_json
from sdn_orch.dataplane.pipeline import STAGES, Stage
from sdn_orch.dataplane.pipeline_page import describe

MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print the page docs/pipeline.md.")]


def pipeline(markdown: MarkdownOption = False, as_json: JsonOption = False) -> None:
    """The tables that a packet meets, what each is for, where it may go next, and the priorities."""
    if markdown:
        return print(describe(), end="")
    if as_json:
        return show_json([_row(stage) for stage in STAGES.values()])
    out = console()
    for stage in STAGES.values():
        onward = ", ".join(table.name.lower() for table in stage.next) or "nowhere"
        out.print(Text(f"{int(stage.table):3} {stage.table.name.lower()}", "bold"), f"→ {onward}")
        out.print(Text(f"    {stage.purpose}"))
        for name, priority in sorted(stage.priorities.items(), key=lambda item: -item[1]):
            out.print(Text(f"    {priority:6} {name}", "dim"))
        if stage.numbered:
            out.print(Text(f"    {stage.numbered[0]}-{stage.numbered[-1]} rules, one each", "dim"))
    return None


def _row(stage: Stage) -> dict[str, Any]:
    ends = [stage.numbered[0], stage.numbered[-1]] if stage.numbered else []
    return {**asdict(stage), "name": stage.table.name.lower(), "numbered": ends}
