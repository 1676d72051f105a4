"""Rate limits: a meter for what a NIC sends and one for what it receives: neither starves the other."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import nic_meters
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.views import NicView
from sdn_orch.openflow.values import Action, Meter, UseMeter

#: Meters count kilobits.
_KILO = 1000


def nic(nic: NicView) -> Iterator[Said]:
    """Both meters of a NIC that is limited.

    The burst is what passes in one second: with less, TCP does not come near the limit.
    """
    if nic.limit is not None:
        for number in nic_meters(nic.record.number):
            yield Meter(number, nic.limit * _KILO, nic.limit * _KILO, packets=False)


def sent(nic: NicView) -> tuple[Action, ...]:
    """What begins the actions on what the NIC sends."""
    return () if nic.limit is None else (UseMeter(nic_meters(nic.record.number)[0]),)


def received(nic: NicView) -> tuple[Action, ...]:
    """What begins the actions on what the NIC receives."""
    return () if nic.limit is None else (UseMeter(nic_meters(nic.record.number)[1]),)
