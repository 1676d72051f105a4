"""How a benchmark tells its result: a table for people, and one JSON object as the last line."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from sdn_orch import terminal

console = terminal.console(width=120)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Iterable[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column holds names, the others figures."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 100 else _whole(value)


def _whole(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def note(text: str) -> None:
    """A line of progress or explanation."""
    console.print(text)


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found: `ratio` above 1 means that we are ahead of the peer, `holds` is the bar."""

    bench: str
    ours: float | None
    peer: float | None
    ratio: float | None
    holds: bool
    unit: str = "s"
    more: dict[str, object] = field(default_factory=dict)

    def tell(self) -> None:
        """Print the JSON line; nothing may be printed after it."""
        told = {
            "bench": self.bench,
            "ours": _round(self.ours),
            "peer": _round(self.peer),
            "ratio": _round(self.ratio),
            "holds": self.holds,
            "unit": self.unit,
            **{name: _round(value) for name, value in self.more.items()},
        }
        print(json.dumps(told), flush=True)


def _round(value: object) -> object:
    """Four digits are more than any measurement here is good for."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _round(item) for name, item in value.items()}
    return value
