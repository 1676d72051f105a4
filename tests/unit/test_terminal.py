"""One place makes consoles, so that no text is shown as anything but itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.table import Table

from sdn_orch import terminal

ROOT = Path(__file__).parents[2]
HOSTILE = "02:ab:93:c0:39:0e [red]x [/] :smile: 10.1.1.10"


@pytest.mark.parametrize("stderr", [False, True])
def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], stderr: bool) -> None:
    table = Table(HOSTILE, title=HOSTILE, box=None)
    table.add_row(HOSTILE)
    out = terminal.console(stderr=stderr, width=100)
    out.print(HOSTILE)
    out.print(table)
    said = capsys.readouterr()
    shown, other = (said.err, said.out) if stderr else (said.out, said.err)
    assert [line.strip() for line in shown.splitlines()] == [HOSTILE] * 4
    assert other == ""


def test_nobody_else_makes_a_console() -> None:
    sources = [
        path for part in ("sdn_orch", "topologies", "bench", "apps") for path in (ROOT / part).rglob("*.py")
    ]
    makers = {
        path.name for path in sources if re.search(r"\bConsole\(|from_markup|markup=", path.read_text())
    }
    assert makers == {"terminal.py"}
