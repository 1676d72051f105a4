"""`controller` and `check`: the daemon itself, and its configuration."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from sdn_orch import log
from sdn_orch.commands.common import REFUSED, ConfigOption, configuration, console, fail
from sdn_orch.config import DEFAULT_PATH
from sdn_orch.errors import SdnOrchError
from sdn_orch.uncollected import kept

AppOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--app",
        metavar="FILE",
        help="A Ryu application to run beside ours; may be given again.",
        exists=True,
        dir_okay=False,
    ),
]
FileArgument = Annotated[Path | None, typer.Argument(metavar="[FILE]", show_default=False)]


def controller(config: ConfigOption = None, app: AppOption = None) -> None:
    """Run the controller in the foreground until SIGTERM or Ctrl-C. The switches keep their flows."""
    with kept():
        from sdn_orch import daemon  # only here: the other commands need none of it

        loaded = configuration(config)
    log.configure(loaded.log.level, loaded.log.format)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        daemon.run(loaded, app or [])
    except KeyboardInterrupt:
        return
    except (SdnOrchError, OSError) as error:
        fail(REFUSED, _reason(error))


def check(file: FileArgument = None, config: ConfigOption = None) -> None:
    """Check the configuration: every fault with its file, line and field."""
    path = file or config
    loaded = configuration(path)
    source = path or (DEFAULT_PATH if DEFAULT_PATH.exists() else "no file, only defaults")
    counts = f"{len(loaded.switches)} switches, {len(loaded.links)} links"
    console().print(
        f"right ({source}): {counts}, OpenFlow on {loaded.openflow.listen}, API on {loaded.api.listen}"
    )


def _reason(error: Exception) -> str:
    """What stands in the way; an error of the system without its number, with its file."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """The first signal ends the daemon in order; the second at once."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: os._exit(128 + number))
    raise KeyboardInterrupt
