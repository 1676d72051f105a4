"""Text as it is on a terminal: every console of ours is made here.

What we show is full of other people's words. Left to itself rich takes `:ab:` in a MAC address for an emoji
and `[red]` in a tenant's name for a colour; colours of ours are said by `rich.text.Text` instead.
"""

from __future__ import annotations

import sys

from rich.console import Console


def console(*, stderr: bool = False, width: int | None = None, soft_wrap: bool = False) -> Console:
    """Standard output, or standard error; `width` is in columns and holds where that is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr,
        width=None if stream.isatty() else width,
        soft_wrap=soft_wrap,
        markup=False,
        emoji=False,
        highlight=False,
    )
