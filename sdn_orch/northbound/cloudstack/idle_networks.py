"""Idle networks are shut down, every now and then, so that others can have their VLANs and VNIs."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

from sdn_orch.intent.model import Network
from sdn_orch.northbound.cloudstack import settings
from sdn_orch.northbound.cloudstack.implementing import is_due, shut_down
from sdn_orch.northbound.cloudstack.model import NetworkDetails
from sdn_orch.northbound.service import Service, Transaction
from sdn_orch.periodic import Periodic

log = logging.getLogger(__name__)


class IdleNetworks(Periodic):
    """Shuts down the networks of a service that are idle for too long, on a thread of its own.

    It looks at the service's clock every `look` seconds: so soon another interval is heeded.
    """

    def __init__(self, service: Service, look: float = 1.0) -> None:
        complaint = "idle networks were not shut down; they will be with the next sweep"
        super().__init__("idle-networks", look, self.tick, complaint)
        self._service = service
        self._swept = service.now

    def tick(self) -> None:
        """To be called every now and then: sweep if it is time."""
        now = self._service.now
        if now - self._swept >= timedelta(seconds=settings.COLLECT_INTERVAL.number(self._service.snapshot)):
            self._swept = now
            self.sweep()

    def sweep(self) -> None:
        """Shut down what has been idle long enough, each network by itself."""
        snapshot, now = self._service.snapshot, self._service.now
        for known in snapshot.all(NetworkDetails):
            if known.idle_since is not None and is_due(snapshot, snapshot.need(Network, known.id), now):
                network = self._service.write(partial(_collect, known.id))
                if network is not None:
                    log.info("network %s (%s) was idle and is shut down", network.name, network.id)


def _collect(id: str, transaction: Transaction) -> Network | None:
    """Shut the network down and answer it, or None if a machine has started in it meanwhile."""
    network = transaction.snapshot.get(Network, id)
    if network is None or not is_due(transaction.snapshot, network, transaction.now):
        return None
    shut_down(transaction, network)
    return network
