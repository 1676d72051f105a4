"""What is kept right at switches through their databases: bridges that stay closed, come back soon, and watch
their cables (see `heartbeats`).

Everything runs on the facts' thread; databases are written by threads of their own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from sdn_orch.guest.worker import Allowance
from sdn_orch.heartbeats import Heartbeats
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.southbound.base import Datapath, Port
from sdn_orch.southbound.bridges import Bridge, Edit, faults, pointing, securing, tuning

log = logging.getLogger(__name__)

#: Seconds until a bridge is closed again that is still open: its database may take it by then.
_AGAIN = 10.0

#: Where a switch's notes go: what is wrong with its bridge, and how to mend it.
Noted = Callable[[int, tuple[str, ...]], None]


class Upkeep:
    """See the module. Bridges with datapath ids that are not `ours` are left alone.

    `write(endpoint, edits, remind)` is `Database.write`; `openflow_port` is the TCP port at which we listen;
    of the switches in `plain` nothing beyond OpenFlow 1.3 is asked.
    """

    def __init__(
        self,
        write: Callable[[str, Sequence[Edit], bool], None],
        noted: Noted,
        *,
        endpoints: Iterable[str],
        ours: Iterable[int],
        plain: Iterable[int],
        openflow_port: int,
    ) -> None:
        self._write = write
        self._noted = noted
        self._endpoints = frozenset(endpoints)
        self._heartbeats = Heartbeats(lambda endpoint, edits: write(endpoint, edits, False))
        self._ours = frozenset(ours)
        self._plain = frozenset(plain)
        self._openflow_port = openflow_port
        self._bridges: dict[str, tuple[Bridge, ...]] = {}
        self._notes: Mapping[int, tuple[str, ...]] = {}
        #: Sessions that stand, and the rows of controllers that were tuned during them.
        self._sessions: dict[int, Datapath] = {}
        self._tuned: dict[int, set[object]] = {}
        self._close_at = 0.0
        self._warnings = Allowance(60, 60.0)

    def connected(self, datapath: Datapath) -> None:
        """A session with one of our switches stands."""
        self._sessions[datapath.dpid] = datapath
        self._tuned[datapath.dpid] = set()
        for endpoint, bridges in self._bridges.items():
            self._tune(endpoint, bridges)

    def disconnected(self, datapath: Datapath) -> None:
        """The session has ended."""
        if self._sessions.get(datapath.dpid) is datapath:
            del self._sessions[datapath.dpid], self._tuned[datapath.dpid]

    def bridges_changed(self, endpoint: str, bridges: Iterable[Bridge]) -> None:
        """A database tells of all its bridges, as they are now."""
        bridges = tuple(bridge for bridge in bridges if bridge.dpid in self._ours)
        self._bridges[endpoint] = bridges
        self._note()
        for bridge in bridges:
            if bridge.is_open and self._warnings.take(time.monotonic()):
                log.info("switch %016x: setting fail_mode=secure on bridge %s", bridge.dpid, bridge.name)
        self._close(endpoint, bridges)
        self._tune(endpoint, bridges)

    def understood(self, dpid: int, port: Port) -> Port:
        """A port as it is to be taken, of which a switch tells that it has changed."""
        return self._heartbeats.understood(dpid, port)

    def tick(self, now: float, snapshot: Snapshot) -> None:
        """To be called every now and then, with the monotonic time."""
        bridges = {
            bridge.dpid: (endpoint, bridge) for endpoint, found in self._bridges.items() for bridge in found
        }
        sessions = {dpid: datapath.capabilities for dpid, datapath in self._sessions.items()}
        self._heartbeats.tick(now, snapshot, bridges, sessions, self._bridges.keys() >= self._endpoints)
        if now >= self._close_at:
            self._close_at = now + _AGAIN
            for endpoint, known in self._bridges.items():
                self._close(endpoint, known)

    def _close(self, endpoint: str, bridges: Iterable[Bridge]) -> None:
        if edits := [securing(bridge) for bridge in bridges if bridge.is_open]:
            self._write(endpoint, edits, False)

    def _note(self) -> None:
        notes: dict[int, tuple[str, ...]] = {}
        for bridge in (bridge for bridges in self._bridges.values() for bridge in bridges):
            found = tuple(faults(bridge, plain=bridge.dpid in self._plain))
            notes[bridge.dpid] = (*notes.get(bridge.dpid, ()), *found)
        before, self._notes = self._notes, notes
        for dpid in before.keys() | notes.keys():
            old, new = before.get(dpid, ()), notes.get(dpid, ())
            if old == new:
                continue
            for fault in new:
                if fault not in old and self._warnings.take(time.monotonic()):
                    log.warning("switch %016x: %s", dpid, fault)
            self._noted(dpid, new)

    def _tune(self, endpoint: str, bridges: Iterable[Bridge]) -> None:
        """Controllers that point to us, once in each session."""
        edits: list[Edit] = []
        is_new = False
        for bridge in bridges:
            tuned = self._tuned.get(bridge.dpid)
            if tuned is None:
                continue
            for controller in pointing(bridge, self._openflow_port):
                if controller.row not in tuned:
                    tuned.add(controller.row)
                    edits += tuning(controller)
                    is_new = True
        if is_new:
            self._write(endpoint, edits, True)
