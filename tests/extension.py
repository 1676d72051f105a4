"""Runs CloudStack's extension as its management server does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from tests.management_server import CommandFailed

EXECUTABLE = Path(__file__).parents[1] / "apps" / "cloudstack_extension.py"


def ran(directory: Path, command: str, document: Any, *words: str) -> subprocess.CompletedProcess[str]:
    """What came of a command. Nothing is written to its standard input, which stays open."""
    with NamedTemporaryFile("wb", dir=directory, prefix="cs-extnet-", suffix=".payload") as file:
        file.write(document if isinstance(document, bytes) else _gson(document))
        file.flush()
        return subprocess.run(
            [EXECUTABLE, command, file.name, *(words or ("60",))],
            stdin=subprocess.PIPE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def run(directory: Path, command: str, document: Any) -> str:
    """What a command printed, judged as CloudStack does. Raises CommandFailed."""
    done = ran(directory, command, document)
    try:
        said = json.loads(done.stdout)
    except ValueError:
        said = None
    status = said.get("status", "success") if isinstance(said, dict) else "success"
    if done.returncode or status.lower() != "success":
        raise CommandFailed(f"{command}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def _gson(document: Any) -> bytes:
    """JSON as CloudStack's library writes it: these characters are escaped."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for character in "=<>&'":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()
