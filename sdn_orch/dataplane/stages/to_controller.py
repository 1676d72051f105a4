"""PUNT: to the controller, each port behind its own meter, so that no tenant can crowd out another."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import PORT_PUNTS, REASON, SPENT_METER, Punt, Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.views import Dialect
from sdn_orch.openflow.values import CONTROLLER, NO_BUFFER, Match, Meter, Output, UseMeter


def port(port: int, dialect: Dialect) -> Iterator[Said]:
    """One port's packets, the whole of each."""
    yield from _metered("port", Match.of(in_port=port), port, dialect)


def spent(port: int, dialect: Dialect) -> Iterator[Said]:
    """What comes by the port to the outside and has no hops left."""
    match = Match.of(in_port=port, metadata=REASON.of(Punt.TTL_EXCEEDED))
    yield from _metered("spent", match, SPENT_METER, dialect)


def _metered(priority: str, match: Match, meter: int, dialect: Dialect) -> Iterator[Said]:
    send = Output(CONTROLLER, NO_BUFFER)
    if not dialect.meters:
        yield flow(Table.PUNT, priority, match, (send,))
        return
    yield Meter(meter, *PORT_PUNTS)
    yield flow(Table.PUNT, priority, match, (UseMeter(meter), send))
