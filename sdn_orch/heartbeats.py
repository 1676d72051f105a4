"""Cables whose ends watch each other: a switch that dies with its cables up is noticed in 0.3 s.

Watching is Open vSwitch's (BFD, RFC 5880), switched on through the databases at both ends of a cable. Groups
then leave a dead port alone by themselves, and the switch tells that it is not live. From when it is switched
on until both ends have heard each other, up to two seconds, the port counts as dead: so it is switched on
for one cable at a time, and only where there is another way; meanwhile the tables keep the cable. Where the
ends do not find each other it is switched off again. Two bridges of one Open vSwitch die together, so they do
not watch each other. Pure decisions: time is passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx

from sdn_orch.intent.model import Capabilities, Link, Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import OPENFLOW_13
from sdn_orch.southbound.base import Port
from sdn_orch.southbound.bridges import Bridge, Edit, Watch, unwatching, watching
from sdn_orch.southbound.discovery import End

log = logging.getLogger(__name__)

#: Seconds between two looks, that two ends have to find each other, and until they may try again.
_LOOK, _TRIAL, _AGAIN = 0.5, 10.0, 600.0

#: Where bridges are described, by datapath id: the database's endpoint, and the bridge.
Bridges = Mapping[int, tuple[str, Bridge]]


@dataclass(slots=True)
class _Trial:
    """A cable whose ends have been told to watch each other."""

    mark: str
    ends: tuple[End, End]
    until: float
    #: Ends that have not heard the other yet, and those that have said so.
    waiting: set[End] = field(default_factory=set)
    silent: set[End] = field(default_factory=set)


class Heartbeats:
    """See the module. `write(endpoint, edits)` writes to a database."""

    def __init__(self, write: Callable[[str, Sequence[Edit]], None]) -> None:
        self._write = write
        self._trial: _Trial | None = None
        self._not_before: dict[str, float] = {}
        self._look_at = 0.0

    def understood(self, dpid: int, port: Port) -> Port:
        """A port as it is to be taken: one that has only begun to be watched is not dead."""
        end, trial = (dpid, port.number), self._trial
        if trial is None or end not in trial.waiting:
            return port
        if not port.live:
            trial.silent.add(end)
        elif end in trial.silent:
            trial.waiting.discard(end)
        return replace(port, live=True)

    def tick(
        self,
        now: float,
        snapshot: Snapshot,
        bridges: Bridges,
        sessions: Mapping[int, Capabilities],
        all_told: bool,
    ) -> None:
        """Switch on and off what is due.

        `sessions` are what connected switches can, by datapath id; `all_told`: every database has said which
        bridges it has.
        """
        if now < self._look_at:
            return
        self._look_at = now + _LOOK
        links = {_mark(ends): (link, ends) for link in snapshot.all(Link) if (ends := _ends(snapshot, link))}
        self._end_trial(now, bridges)
        self._switch_off(links, bridges, all_told)
        if self._trial is None:
            self._begin_trial(now, links, bridges, sessions)

    def _end_trial(self, now: float, bridges: Bridges) -> None:
        trial = self._trial
        if trial is None:
            return
        if not trial.waiting:
            log.info("cable %s: its ends watch each other", trial.mark)
            self._trial = None
        elif now >= trial.until:
            log.warning("cable %s: its ends do not hear each other's BFD; it goes on without", trial.mark)
            self._not_before[trial.mark] = now + _AGAIN
            for dpid, port in trial.ends:
                if dpid in bridges:
                    endpoint, bridge = bridges[dpid]
                    self._write(endpoint, unwatching(bridge, port))
            self._trial = None

    def _switch_off(
        self, links: Mapping[str, tuple[Link, tuple[End, End]]], bridges: Bridges, all_told: bool
    ) -> None:
        """Where the cable has gone, or its other end has no database any more."""
        for dpid, (endpoint, bridge) in bridges.items():
            edits: list[Edit] = []
            for watch in bridge.watches:
                _, ends = links.get(watch.mark, (None, ()))
                here = (dpid, watch.port) in ends
                if watch.mark and not (here and all(end[0] in bridges or not all_told for end in ends)):
                    edits += unwatching(bridge, watch.port)
            if edits:
                self._write(endpoint, edits)

    def _begin_trial(
        self,
        now: float,
        links: Mapping[str, tuple[Link, tuple[End, End]]],
        bridges: Bridges,
        sessions: Mapping[int, Capabilities],
    ) -> None:
        graph: networkx.MultiGraph | None = None
        for mark, (link, ends) in links.items():
            if now < self._not_before.get(mark, 0.0) or not _can_watch(ends, bridges, sessions):
                continue
            watched = [watch for end in ends for watch in _watches(bridges, end)]
            if len(watched) == 2 or any(watch.mark != mark for watch in watched):
                continue
            if not watched:
                if graph is None:
                    graph = networkx.MultiGraph(
                        [(a[0], b[0], key) for key, (each, (a, b)) in links.items() if each.up]
                    )
                if not link.up or _is_only_way(graph, mark, ends):
                    continue
            if watched:
                # It is dead since its other end has lost its settings: it can only win.
                self._not_before[mark] = now + _TRIAL
            else:
                self._trial = _Trial(mark, ends, now + _TRIAL, set(ends))
            for dpid, port in ends:
                endpoint, bridge = bridges[dpid]
                self._write(endpoint, watching(bridge, port, mark))
            return


def _ends(snapshot: Snapshot, link: Link) -> tuple[End, End] | None:
    a, b = (snapshot.get(Switch, switch_id) for switch_id, _ in link.ports)
    if a is None or b is None or a is b:
        return None
    return (a.dpid, link.a_port), (b.dpid, link.b_port)


def _mark(ends: tuple[End, End]) -> str:
    """The name of a cable, which stands in the databases at both its ends."""
    return "-".join(f"{dpid:016x}:{port}" for dpid, port in ends)


def _can_watch(ends: tuple[End, End], bridges: Bridges, sessions: Mapping[int, Capabilities]) -> bool:
    """Whether both ends are in databases, of two Open vSwitches that tell us when a port is dead."""
    for dpid, _ in ends:
        can = sessions.get(dpid)
        if dpid not in bridges or can is None or not can.open_vswitch or can.version == OPENFLOW_13:
            return False
    return len({bridges[dpid][0] for dpid, _ in ends}) == 2


def _watches(bridges: Bridges, end: End) -> list[Watch]:
    dpid, port = end
    return [watch for watch in bridges[dpid][1].watches if watch.port == port]


def _is_only_way(graph: networkx.MultiGraph, mark: str, ends: tuple[End, End]) -> bool:
    (a, _), (b, _) = ends
    others = networkx.restricted_view(graph, [], [(a, b, mark)])
    return not networkx.has_path(others, a, b)
