"""`token`: what programs ask the daemon with over TCP."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

import typer

from sdn_orch.commands.common import ConfigOption, JsonOption, ask, ask_all, cell, console, show_json, table

app = typer.Typer(help="Tokens, with which programs ask the daemon over TCP.", no_args_is_help=True)


class TokenScope(StrEnum):
    """As the daemon has them."""

    READ = "read"
    OPERATE = "operate"
    PROXY = "proxy"
    ADMIN = "admin"


NameArgument = Annotated[str, typer.Argument(help="Whose it is, so that it is known when it must go.")]
ScopeOption = Annotated[
    TokenScope,
    typer.Option("--scope", help="Each is good for those before it, too; proxy only for `sdn-orch proxy`."),
]
DaysOption = Annotated[int | None, typer.Option("--days", help="How long it is good [default: for ever]")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `token list` shows it.")]


@app.command()
def create(
    name: NameArgument,
    scope: ScopeOption = TokenScope.READ,
    days: DaysOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token, and print it; it is never shown again."""
    wanted = {"name": name, "scope": scope, "days": days}
    answer = ask(config, "/v1/tokens", method="POST", body=wanted)
    return show_json(answer) if as_json else print(answer["token"])


@app.command("list")
def list_tokens(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every token, without what opens the door."""
    answer = ask_all(config, "/v1/tokens")
    if as_json:
        return show_json(answer)
    rows = table("id", "name", "scope", "created", "expires")
    for row in answer:
        rows.add_row(*(cell(row[key]) for key in ("id", "name", "scope", "created", "expires")))
    return console().print(rows if answer else "no tokens yet")


@app.command()
def revoke(id: IdArgument, config: ConfigOption = None) -> None:
    """From now on the token opens no door."""
    ask(config, f"/v1/tokens/{quote(id, safe='')}", method="DELETE")
