"""sdn-orch as an application of os-ken or Ryu: the daemon, as SDN_ORCH_CONFIG names its configuration."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sdn_orch import daemon
from sdn_orch.config import load
from sdn_orch.southbound.osken import app_manager, mend


class Running(threading.Thread):
    """Lasts until `kill`, which the manager asks of what it waits for."""

    def __init__(self) -> None:
        super().__init__(name="sdn-orch", daemon=True)
        self._ended = threading.Event()

    def run(self) -> None:
        self._ended.wait()

    def kill(self) -> None:
        self._ended.set()


class SdnOrch(app_manager.OSKenApp):  # type: ignore[misc]
    """Starts the daemon with the application manager and stops it with it."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        mend()
        super().__init__(*arguments, **keywords)
        self._daemon = ExitStack()
        self._thread = Running()

    def start(self) -> Running:
        """Start. Raises SdnOrchError or OSError for what prevents it, with everything stopped again.

        The manager runs until the thread that it gets has ended.
        """
        path = os.environ.get("SDN_ORCH_CONFIG")
        with ExitStack() as started:
            daemon.start(load(Path(path) if path else None), (), started)
            self._daemon = started.pop_all()
        super().start()
        self._thread.start()
        return self._thread

    def stop(self) -> None:
        """Stop; the switches keep what they hold."""
        try:
            self._daemon.close()
        finally:
            self._thread.kill()
            super().stop()
