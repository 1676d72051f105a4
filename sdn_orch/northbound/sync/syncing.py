"""All that follows a CloudStack, as one part of the daemon: the comparisons, and where events come from."""

from __future__ import annotations

from sdn_orch.northbound.sync.webhook import Webhook
from sdn_orch.northbound.sync.worker import Worker


class Syncing:
    """The worker, and what tells it of events."""

    def __init__(self, worker: Worker, webhook: Webhook | None = None) -> None:
        self.worker = worker
        self.webhook = webhook

    def start(self) -> None:
        """Begin."""
        self.worker.start()

    def stop(self) -> None:
        """End."""
        self.worker.stop()
