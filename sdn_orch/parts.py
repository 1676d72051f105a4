"""Parts of the daemon: they are started one after the other, and stopped the other way round."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol


class Part(Protocol):
    """What runs between `start` and `stop`."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End."""
        ...


def begin(running: ExitStack, *parts: Part) -> None:
    """Start these, and have each of them stopped when all ends."""
    for part in parts:
        part.start()
        running.callback(part.stop)
