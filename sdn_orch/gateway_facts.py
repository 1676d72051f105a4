"""What is seen of switches as gateways: whether they have their link to the outside, and their session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sdn_orch.intent.model import Capabilities, Switch
from sdn_orch.intent.snapshot import Change, Put, Snapshot
from sdn_orch.southbound.base import Datapath, Port

#: Seconds without a session after which a switch counts as lost; and after our own start, before its first.
PATIENCE: Final = 5.0
FIRST_PATIENCE: Final = 15.0


class Absences:
    """Since when switches have no session. Not for several threads."""

    def __init__(self, dpids: Sequence[int], now: float) -> None:
        """All of these are awaited, at `now` in monotonic seconds."""
        self._lost_at = dict.fromkeys(dpids, now + FIRST_PATIENCE)

    def connected(self, dpid: int) -> None:
        """It has a session."""
        self._lost_at.pop(dpid, None)

    def disconnected(self, dpid: int, now: float) -> None:
        """Its session is over."""
        self._lost_at[dpid] = now + PATIENCE

    def lost(self, now: float) -> list[int]:
        """Those that count as lost since the last time that was asked."""
        found = [dpid for dpid, at in self._lost_at.items() if at <= now]
        for dpid in found:
            del self._lost_at[dpid]
        return found


def present(snapshot: Snapshot, switch_id: str, datapath: Datapath) -> Sequence[Change]:
    """A switch has a session: what it can, and whether it has its link to the outside."""
    switch = snapshot.get(Switch, switch_id)
    if switch is None:
        return ()
    down = switch.outside_down
    for port in datapath.ports():
        if port.number == switch.public_port:
            down = not port.up
    return _changed(switch, datapath.capabilities, lost=False, outside_down=down)


def absent(snapshot: Snapshot, dpid: int) -> Sequence[Change]:
    """A switch has had no session for too long."""
    switch = snapshot.first(Switch, "dpid", dpid)
    if switch is None or not switch.is_gateway:
        return ()
    return _changed(switch, switch.capabilities, lost=True, outside_down=switch.outside_down)


def port_changed(snapshot: Snapshot, dpid: int, port: Port, removed: bool) -> Sequence[Change]:
    """A port is not what it was: it may be the one to the outside."""
    switch = snapshot.first(Switch, "dpid", dpid)
    if switch is None or port.number != switch.public_port:
        return ()
    down = removed or not port.up
    return _changed(switch, switch.capabilities, lost=switch.lost, outside_down=down)


def _changed(
    switch: Switch, capabilities: Capabilities, *, lost: bool, outside_down: bool
) -> Sequence[Change]:
    after = replace(switch, capabilities=capabilities, lost=lost, outside_down=outside_down)
    return () if after == switch else (Put(after),)
