"""PUNT: to the controller, each port behind its own meter, so that no tenant can crowd out another."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import (
    NO_PORT,
    PORT_PUNTS,
    REASON,
    SPENT_METER,
    TOO_BIG_METER,
    Punt,
    Table,
    flow,
)
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.views import Dialect
from sdn_orch.openflow.values import CONTROLLER, NO_BUFFER, Match, Meter, Output, UseMeter


def port(port: int, dialect: Dialect) -> Iterator[Said]:
    """One port's packets, the whole of each."""
    yield from _metered("port", port, dialect, Match.of(in_port=port))


def spent(port: int, dialect: Dialect) -> Iterator[Said]:
    """What comes by the port to the outside and has no hops left."""
    match = Match.of(in_port=port, metadata=REASON.of(Punt.TTL_EXCEEDED))
    yield from _metered("spent", SPENT_METER, dialect, match)


def too_big(port: int, dialect: Dialect) -> Iterator[Said]:
    """What is too large for where it goes, from the outside or by a public address from inside."""
    reason = REASON.of(Punt.TOO_BIG)
    from_either = (Match.of(in_port=here, metadata=reason) for here in (port, NO_PORT))
    yield from _metered("too big", TOO_BIG_METER, dialect, *from_either)


def _metered(priority: str, meter: int, dialect: Dialect, *matches: Match) -> Iterator[Said]:
    send = Output(CONTROLLER, NO_BUFFER)
    if dialect.meters:
        yield Meter(meter, *PORT_PUNTS)
    for match in matches:
        yield flow(Table.PUNT, priority, match, (UseMeter(meter), send) if dialect.meters else (send,))
