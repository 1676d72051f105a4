"""What the commands share: their options, the question to the daemon, and how answers are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sdn_orch import terminal
from sdn_orch.config import Config, load
from sdn_orch.errors import Invalid

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="SDN_ORCH_CONFIG",
        metavar="FILE",
        help="The configuration [default: /etc/sdn-orch/sdn-orch.toml if there is one]",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the daemon's answer as JSON.")]

#: Exit statuses besides 0: the request was refused, it or the configuration is wrong, no daemon answers.
REFUSED, WRONG, NOT_RUNNING = 1, 2, 3

_STYLES = {
    "realised": "green", "in-sync": "green", "right": "green", "up": "green", "delivered": "green",
    "learnt": "green",
    "pending": "yellow", "syncing": "yellow", "changed": "yellow", "missing": "yellow", "idle": "dim",
    "refused": "red", "failing": "red", "foreign": "red", "down": "red", "dropped": "red",
    "disconnected": "red",
}  # fmt: skip


def console() -> Console:
    """Standard output; as wide as the content needs where it is not a terminal, so that nothing is cut."""
    return terminal.console(width=1000)


def fail(code: int, *lines: str) -> NoReturn:
    """Say on standard error what is wrong, and leave."""
    errors = terminal.console(stderr=True, soft_wrap=True)
    for line in lines:
        errors.print(Text("sdn-orch: ", "bold red") + Text(line))
    raise typer.Exit(code)


def configuration(path: Path | None) -> Config:
    """The configuration; leaves with every fault of it named."""
    try:
        return load(path)
    except Invalid as invalid:
        fail(WRONG, *invalid.faults)


def ask(
    config: Path | None,
    path: str,
    parameters: Mapping[str, str | int | None] | None = None,
    *,
    method: str = "GET",
    body: object = None,
    patience: float = 60,
) -> Any:
    """The daemon's answer, None if it has no body; leaves with its reason when it refuses.

    `patience`: seconds that the answer may take.
    """
    import httpx  # only here, because it is slow to load

    place = configuration(config).socket
    # Without what only TLS needs, which takes longer than most questions.
    transport = httpx.HTTPTransport(uds=str(place), verify=False)
    given = {name: str(value) for name, value in (parameters or {}).items() if value is not None}
    try:
        with httpx.Client(transport=transport, base_url="http://sdn-orch", timeout=patience) as client:
            answer = client.request(method, path, params=given, json=body)
    except httpx.ConnectError as error:
        hint = "may not be opened by this user" if "ermission" in str(error) else "no daemon answers there"
        fail(
            NOT_RUNNING,
            f"{place}: {hint}",
            "start one with `sdn-orch controller`, or give the --config with which it was started",
        )
    except httpx.HTTPError as error:
        fail(NOT_RUNNING, f"{place}: the daemon broke off: {error}")
    if not answer.is_success:
        try:
            reason = answer.json()["detail"]
        except (ValueError, KeyError):
            reason = f"the daemon failed ({answer.status_code}); its log says why"
        fail(REFUSED, reason)
    return answer.json() if answer.content else None


def ask_all(config: Path | None, path: str) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = ask(config, path, {"limit": 1000, "cursor": cursor})
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def show_json(answer: Any) -> None:
    """The answer for programs."""
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def styled(word: str) -> Text:
    """A word of condition in its colour."""
    return Text(word, _STYLES.get(word, ""))


def table(*columns: str, title: str | None = None) -> Table:
    """A plain table: no frame, headings in bold."""
    result = Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in result.columns:
        column.overflow = "fold"
    return result


def cell(value: Any) -> str:
    """A value for a table: nothing for None, commas in a list."""
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
