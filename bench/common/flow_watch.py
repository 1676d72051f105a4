"""When a switch's flow tables changed, as the switch itself tells everyone who asks (ovs-ofctl monitor).

An observer of its own: neither our controller nor a peer has a part in what it says.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Iterable
from types import TracebackType


class FlowWatch:
    """Watches the flow tables of bridges while the `with` block lasts."""

    def __init__(self, bridges: Iterable[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self._processes: list[subprocess.Popen[bytes]] = []
        for bridge in bridges:
            process = subprocess.Popen(
                ["ovs-ofctl", "-O", "OpenFlow13", "monitor", bridge, "watch:!initial"],
                stdout=subprocess.DEVNULL,
                # That is where it prints what it is told.
                stderr=subprocess.PIPE,
            )
            self._processes.append(process)
            if process.stderr is None:
                raise RuntimeError("a pipe was asked for")
            os.set_blocking(process.stderr.fileno(), False)
            self._selector.register(process.stderr, selectors.EVENT_READ)

    def __enter__(self) -> FlowWatch:
        self.count(1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def count(self, quiet: float) -> int:
        """How many changes are told until none is for `quiet` seconds."""
        changes = 0
        while more := self._read(quiet):
            changes += more
        return changes

    def last_change(self, quiet: float, patience: float = 120.0) -> tuple[float, int]:
        """When the last change was told (`time.perf_counter`), and how many, once `quiet` seconds passed.

        Raises TimeoutError when no change comes within `patience` seconds.
        """
        changes = self._read(patience)
        if not changes:
            raise TimeoutError(f"no flow changed within {patience:g} s")
        last = time.perf_counter()
        while more := self._read(quiet):
            last = time.perf_counter()
            changes += more
        return last, changes

    def _read(self, timeout: float) -> int:
        """Wait for changes; how many there were, 0 after `timeout` seconds without."""
        deadline = time.perf_counter() + timeout
        while (left := deadline - time.perf_counter()) > 0:
            found = 0
            for key, _ in self._selector.select(left):
                found += os.read(key.fd, 1 << 20).count(b" event=")
            if found:
                return found
        return 0
