"""Comparisons with CloudStack: one that an operator asks for, and how far the daemon's own have come."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING

from sdn_orch.northbound.operator.declare import Asked
from sdn_orch.northbound.operator.models_cloudstack import (
    BusState,
    SyncAnswer,
    SyncChange,
    SyncState,
    WebhookState,
)
from sdn_orch.northbound.operator.problems import Refusal

if TYPE_CHECKING:
    # It is imported only where there is a CloudStack to sync with.
    from sdn_orch.northbound.sync.syncing import Syncing


def run(asked: Asked) -> SyncAnswer:
    """Compare. Raises a refusal where the configuration names no CloudStack, and ReadFailed."""
    outcome = _syncing(asked).worker.compare(plan=asked.body.plan, deletes=asked.body.deletes)
    return SyncAnswer(
        changes=[
            SyncChange(group=group, **asdict(change) | {"fields": list(change.fields)})
            for group, change in outcome.changes
        ],
        faults=outcome.faults,
        held=outcome.held,
        groups=outcome.groups,
        calls=outcome.calls,
        seconds=outcome.seconds,
    )


def state(asked: Asked) -> SyncState:
    """How far comparisons have come. Raises a refusal where the configuration names no CloudStack."""
    syncing = _syncing(asked)
    worker, now, bus = syncing.worker, asked.service.now, syncing.bus
    return SyncState(
        url=worker.sync.url,
        cloud=worker.sync.cloud,
        pulls=worker.sync.pulls,
        interval=worker.interval,
        now=now,
        **asdict(worker.state),
        webhook=WebhookState(**asdict(syncing.webhook.hearing)) if syncing.webhook else None,
        bus=BusState(broker=str(bus.broker), **asdict(bus.state)) if bus else None,
    )


def _syncing(asked: Asked) -> Syncing:
    if asked.sync is None:
        raise Refusal(HTTPStatus.CONFLICT, "no-cloudstack", "the daemon's configuration has no [cloudstack]")
    return asked.sync
