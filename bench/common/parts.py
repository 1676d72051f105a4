"""Parts of a benchmark, each in a process and sandbox of its own, that tell what they find as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

Found = dict[str, Any]


def run_part(*words: str) -> Found:
    """The last object that `python -m` of these words tells. Raises CalledProcessError when it fails."""
    found, _ = run_for(None, *words)
    return found[-1]


def run_for(seconds: float | None, *words: str) -> tuple[list[Found], bool]:
    """All objects that it tells within so many seconds (None: however long), and whether it was cut off."""
    command = [sys.executable, "-m", *words]
    was_cut = threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:

        def cut() -> None:
            was_cut.set()
            # The sandbox ends with its first process, and with it all that was started there.
            process.kill()

        timer = threading.Timer(seconds, cut) if seconds else None
        if timer:
            timer.start()
        try:
            lines = list(process.stdout or ())
        finally:
            if timer:
                timer.cancel()
    if process.returncode and not was_cut.is_set():
        raise subprocess.CalledProcessError(process.returncode, command)
    # The last line of one that was cut off may be half a line.
    whole = [line for line in lines if line.startswith("{") and line.endswith("}\n")]
    return [json.loads(line) for line in whole], was_cut.is_set()


def tell(found: Found) -> None:
    """Called in a part: tell one object, at once."""
    print(json.dumps(found), flush=True)
