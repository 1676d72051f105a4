"""A comparison with CloudStack that an operator asks for."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from sdn_orch.northbound.operator.declare import Asked
from sdn_orch.northbound.operator.models import SyncAnswer, SyncChange
from sdn_orch.northbound.operator.problems import Refusal


def run(asked: Asked) -> SyncAnswer:
    """Compare. Raises a refusal where the configuration names no CloudStack, and ReadFailed."""
    if asked.sync is None:
        raise Refusal(HTTPStatus.CONFLICT, "no-cloudstack", "the daemon's configuration has no [cloudstack]")
    outcome = asked.sync.sync.compare(plan=asked.body.plan, deletes=asked.body.deletes)
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
