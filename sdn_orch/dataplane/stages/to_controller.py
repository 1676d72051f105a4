"""PUNT: to the controller, each port behind its own meter, so that no tenant can crowd out another."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import PORT_PUNTS, Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.views import Dialect
from sdn_orch.openflow.values import CONTROLLER, NO_BUFFER, Match, Meter, Output, UseMeter


def port(port: int, dialect: Dialect) -> Iterator[Said]:
    """One port's packets, the whole of each."""
    send = Output(CONTROLLER, NO_BUFFER)
    here = Match.of(in_port=port)
    if not dialect.meters:
        yield flow(Table.PUNT, "port", here, (send,))
        return
    yield Meter(port, *PORT_PUNTS)
    yield flow(Table.PUNT, "port", here, (UseMeter(port), send))
