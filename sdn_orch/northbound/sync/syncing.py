"""All that follows a CloudStack, as one part of the daemon: the comparisons, and where events come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdn_orch.northbound.sync.webhook import Webhook
from sdn_orch.northbound.sync.worker import Worker

if TYPE_CHECKING:
    # Its library is imported only where there is a bus.
    from sdn_orch.northbound.sync.bus import Bus


class Syncing:
    """The worker, and what tells it of events."""

    def __init__(self, worker: Worker, webhook: Webhook | None = None, bus: Bus | None = None) -> None:
        self.worker = worker
        self.webhook = webhook
        self.bus = bus

    def start(self) -> None:
        """Begin."""
        self.worker.start()
        if self.bus is not None:
            self.bus.start()

    def stop(self) -> None:
        """End."""
        if self.bus is not None:
            self.bus.stop()
        self.worker.stop()
