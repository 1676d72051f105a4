"""What discovery has seen, as changes of the store's links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from uuid import uuid4

from sdn_orch.intent.model import Arrival, Attachment, Link, Source, Switch
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.southbound.discovery import End, LinkSeen, PortSeen, Seen

_UNKNOWN_CAPACITY = 10_000


def is_tenants(snapshot: Snapshot, dpid: int, port: int) -> bool:
    """Whether a port is no place for a link: tenants are at it, may come to it, or it leads elsewhere.

    So it is as well at switches that are not known.
    """
    switch = snapshot.first(Switch, "dpid", dpid)
    if switch is None or port in (switch.underlay, switch.public_port) or port in switch.learn_ports:
        return True
    end = (switch.id, port)
    return bool(snapshot.where(Attachment, "ports", end) or snapshot.where(Arrival, "ports", end))


def discovered(snapshot: Snapshot) -> Iterator[tuple[End, End]]:
    """The ends of all links that were discovered and are up, as `Discovery.expect` wants them."""
    for link in snapshot.all(Link):
        if link.source is Source.DISCOVERY and link.up:
            a, b = snapshot.need(Switch, link.a_switch_id), snapshot.need(Switch, link.b_switch_id)
            yield (a.dpid, link.a_port), (b.dpid, link.b_port)


def link_changes(snapshot: Snapshot, seen: Iterable[Seen], port_up: Callable[[End], bool]) -> list[Change]:
    """What follows for the store; nothing where it says so already.

    Links that the configuration states are never made, moved or removed, whatever is heard: they are up
    when both their ports are. `port_up` is `Discovery.port_up`.
    """
    links = _Links(snapshot, port_up)
    for observation in seen:
        if isinstance(observation, PortSeen):
            links.take_port(observation)
        elif observation.up:
            links.join(observation)
        else:
            links.separate(observation)
    return links.changes()


class _Links:
    """The links that several observations touch, as they become one after the other."""

    def __init__(self, snapshot: Snapshot, port_up: Callable[[End], bool]) -> None:
        self._snapshot = snapshot
        self._port_up = port_up
        self._now: dict[str, Link | None] = {}

    def changes(self) -> list[Change]:
        """Removals first, so that a port is free before another link takes it."""
        changes: list[Change] = []
        for id, link in self._now.items():
            before = self._snapshot.get(Link, id)
            if link is None and before is not None:
                changes.insert(0, Delete(Link, id))
            elif link is not None and link != before:
                changes.append(Put(link))
        return changes

    def take_port(self, seen: PortSeen) -> None:
        for link in self._at(seen.end):
            if not seen.up:
                self._now[link.id] = replace(link, up=False)
            elif link.source is Source.CONFIGURATION:
                self._now[link.id] = replace(link, up=all(map(self._port_up, self._ends(link))))

    def join(self, seen: LinkSeen) -> None:
        switches = [self._snapshot.first(Switch, "dpid", dpid) for dpid, _ in seen.ends]
        if None in switches or any(is_tenants(self._snapshot, *end) for end in seen.ends):
            return
        there = {link.id: link for end in seen.ends for link in self._at(end)}
        if any(link.source is Source.CONFIGURATION for link in there.values()):
            return
        a, b = sorted(
            (switch.id, port) for switch, (_, port) in zip(switches, seen.ends, strict=True) if switch
        )
        capacity = seen.capacity or _UNKNOWN_CAPACITY
        kept = next((link for link in there.values() if link.ports == (a, b)), None)
        for link in there.values():
            if link is not kept:
                self._now[link.id] = None
        new = kept or Link(id=str(uuid4()), a_switch_id=a[0], a_port=a[1], b_switch_id=b[0], b_port=b[1])
        self._now[new.id] = replace(new, up=seen.live, capacity=capacity, source=Source.DISCOVERY)

    def separate(self, seen: LinkSeen) -> None:
        for link in self._at(seen.ends[0]):
            if link.source is Source.DISCOVERY and set(self._ends(link)) == set(seen.ends):
                self._now[link.id] = replace(link, up=False)

    def _at(self, end: End) -> list[Link]:
        """The links at a port, as they are by now."""
        switch = self._snapshot.first(Switch, "dpid", end[0])
        if switch is None:
            return []
        place = (switch.id, end[1])
        stored = [link for link in self._snapshot.where(Link, "ports", place) if link.id not in self._now]
        return stored + [link for link in self._now.values() if link is not None and place in link.ports]

    def _ends(self, link: Link) -> tuple[End, ...]:
        return tuple((self._snapshot.need(Switch, id).dpid, port) for id, port in link.ports)
