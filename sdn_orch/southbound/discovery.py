"""Which switch ports are joined by cables, found out with LLDP frames; and which ports are up.

Pure decisions: time is passed in, frames to send and observations are handed back. `links.py` makes
changes of the observations.

A link is believed when each end has heard the other, in frames that carry our keyed hash and the newest or
last but one sequence number of the port that they left. A frame is worth nothing on a port that is closed
(a tenant's), when its sequence number has been heard at another port already, or while its port has a
living link to somebody else. So a tenant can neither forge a link nor replay one. What remains: who holds
two ports that are not known to be tenants' can pass fresh frames between them in both directions, which is
a cable; and who gets a frame on such a port reads the switch's and the port's number in it.

Frames are few: a port that has just come up says so at once and then ever more rarely; ports with links
speak every `interval`, silent ports ten times more rarely; and in the steady state all ports together send
at most `STEADY_RATE` frames a second: with many ports everything, patience too, is stretched. A port that
goes down takes its link down at once, and so does one at which the switch itself has found the other end
dead; a switch whose session ends says nothing about its links.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sdn_orch.southbound import lldp
from sdn_orch.southbound.base import Port
from sdn_orch.southbound.pacing import Schedule

#: (dpid, port).
End = tuple[int, int]

#: Frames per second: in the steady state, and of ports that have just come up or were just heard of.
STEADY_RATE: Final = 100.0
URGENT_RATE: Final = 1000.0
#: Pauses in seconds after the first frames of a port that comes up.
_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)
#: The part of the steady rate that is for ports with links.
_CABLED_SHARE = 0.8
#: Seconds between two looks for silent links, and between two accounts of everything.
_LOOK, _RETELL = 0.5, 30.0
#: OpenFlow's reserved ports, the switch's own one among them, start here.
_RESERVED_PORTS = 0xFFFFFF00


@dataclass(frozen=True, slots=True)
class PortSeen:
    """A port can be used, or not: it is down, dead or gone."""

    end: End
    up: bool


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """Two ports are joined, or no longer; the smaller end first, capacity in Mbit/s (0: not known).

    A link that is up but not `live` cannot be used: LLDP gets through, but the switches' own watch says no.
    """

    ends: tuple[End, End]
    up: bool
    capacity: int = 0
    live: bool = True


Seen = PortSeen | LinkSeen
#: What to send: (dpid, port, frame).
Transmission = tuple[int, int, bytes]


@dataclass(slots=True)
class _Port:
    """What is known of a port of a connected switch."""

    up: bool
    live: bool
    speed: int
    head: bytes
    #: Sequence numbers of the last two frames sent, newest first, and where each was heard.
    sent: dict[int, End | None] = field(default_factory=dict)
    #: Frames since it came up.
    frames: int = 0
    #: Whom it heard last, and when.
    heard_of: End | None = None
    heard_at: float = 0.0
    link: End | None = None
    #: It has had a link since it came up.
    is_cabled: bool = False

    @property
    def usable(self) -> bool:
        return self.up and self.live


class Discovery:
    """See the module. `interval` and `lost_after` are in seconds; `closed` says which ports are tenants'.

    `ignored` counts frames by the reason why they were not believed. Where not `enabled`, only the state
    of ports is told.
    """

    def __init__(
        self,
        interval: float,
        lost_after: float,
        closed: Callable[[int, int], bool],
        *,
        enabled: bool = True,
    ) -> None:
        self._interval = interval
        self._lost_after = lost_after
        self._closed = closed
        self._enabled = enabled
        self._key = secrets.token_bytes(32)
        self._sequence = 0
        self._ports: dict[End, _Port] = {}
        self._by_switch: dict[int, set[int]] = {}
        #: Links that stood before we came, until both their switches are here; both ways round.
        self._expected: dict[End, End] = {}
        self._cabled = 0
        self._urgent: Schedule[End] = Schedule(URGENT_RATE)
        self._steady: Schedule[End] = Schedule(STEADY_RATE)
        self._next_look = 0.0
        self._next_retell = 0.0
        self.ignored: Counter[str] = Counter()

    def expect(self, links: Iterable[tuple[End, End]]) -> None:
        """Links that are taken as standing until they prove silent: those of an earlier run."""
        for a, b in links:
            self._expected[a], self._expected[b] = b, a

    def port_up(self, end: End) -> bool:
        """Whether a port can be used; of a switch that is not connected nothing is known, so it may be."""
        port = self._ports.get(end)
        return port.usable if port is not None else end[0] not in self._by_switch

    def switch_up(self, dpid: int, ports: Iterable[Port], now: float) -> list[Seen]:
        """A switch's session has begun; its ports as it describes them."""
        # A new session may come before the end of the old one is told.
        self.switch_down(dpid)
        self._by_switch[dpid] = set()
        seen: list[Seen] = []
        for port in ports:
            seen += self._add(dpid, port, now)
        for end, peer in [item for item in self._expected.items() if item[0][0] == dpid]:
            if end not in self._ports:
                self._forget(end)
                seen.append(LinkSeen(_ordered(end, peer), False))
        return seen

    def switch_down(self, dpid: int) -> None:
        """A switch's session has ended. Its links stay what they were: the switch goes on forwarding."""
        for number in self._by_switch.pop(dpid, ()):
            end = (dpid, number)
            port = self._ports[end]
            if port.link is not None:
                self.expect([(end, port.link)])
                self._unlink(port)
            self._drop(end)

    def port_changed(self, dpid: int, port: Port, removed: bool, now: float) -> list[Seen]:
        """A port was added, changed or removed."""
        end = (dpid, port.number)
        if dpid not in self._by_switch:
            return []
        known = self._ports.get(end)
        if known is not None and (known.up, removed) == (port.up, False):
            known.speed = port.speed
            return self._note_live(end, known, port.live, now)
        seen: list[Seen] = []
        if known is not None:
            seen += self._take_down(end)
            self._drop(end)
        return [*seen, PortSeen(end, False)] if removed else seen + self._add(dpid, port, now)

    def _note_live(self, end: End, port: _Port, live: bool, now: float) -> list[Seen]:
        if port.live == live:
            return []
        port.live = live
        if port.link is not None:
            return [PortSeen(end, port.usable), self._seen(end, port.link)]
        if live and port.up and self._enabled:
            self._hurry(end, now)
        return [PortSeen(end, port.usable)]

    def lldp_received(self, dpid: int, number: int, frame: bytes, now: float) -> list[Seen]:
        """An LLDP frame came in at a port."""
        here = (dpid, number)
        said = lldp.read(frame)
        if said is None or not self._enabled:
            return self._ignore("not ours")
        there = (said.dpid, said.port)
        if not lldp.is_genuine(self._key, said):
            return self._ignore("forged")
        port, origin = self._ports.get(here), self._ports.get(there)
        if port is None or origin is None or not port.up or not origin.up:
            return self._ignore("port down")
        if self._closed(*here) or self._closed(*there):
            return self._ignore("tenant's port")
        if here[0] == there[0]:
            return self._ignore("own switch")
        if said.sequence not in origin.sent:
            return self._ignore("out of date")
        if origin.sent[said.sequence] not in (None, here):
            return self._ignore("heard elsewhere")
        if port.link not in (None, there) or origin.link not in (None, here):
            return self._ignore("port has another link")
        origin.sent[said.sequence] = here
        port.heard_of, port.heard_at = there, now
        if origin.heard_of != here or now - origin.heard_at > self.patience:
            # The other end has not heard us yet: let it, now.
            self._hurry(here, now)
            return []
        if port.link is None:
            self._link(here, there)
        return [self._seen(here, there)]

    def tick(self, now: float) -> tuple[list[Transmission], list[Seen]]:
        """What is to be sent now, and what has become silent; to be called about ten times a second."""
        seen: list[Seen] = []
        if now >= self._next_look:
            self._next_look = now + _LOOK
            seen += self._lost(now)
        if now >= self._next_retell:
            # An observation whose commit failed must not be lost for ever.
            self._next_retell = now + _RETELL
            seen += self._everything()
        frames: list[Transmission] = []
        for schedule in (self._urgent, self._steady):
            for end in schedule.due(now):
                port = self._ports[end]
                if not self._closed(*end):
                    schedule.take_turn()
                    frames.append((*end, self._frame(end, port)))
                self._plan(end, port, now)
        return frames, seen

    @property
    def patience(self) -> float:
        """Seconds of silence after which a link is lost."""
        return max(self._lost_after, 4 * self._cabled_interval)

    @property
    def _cabled_interval(self) -> float:
        return max(self._interval, self._cabled / (STEADY_RATE * _CABLED_SHARE))

    @property
    def _idle_interval(self) -> float:
        idle = len(self._ports) - self._cabled
        return max(10 * self._interval, idle / (STEADY_RATE * (1 - _CABLED_SHARE)))

    def _ignore(self, reason: str) -> list[Seen]:
        self.ignored[reason] += 1
        return []

    def _add(self, dpid: int, port: Port, now: float) -> list[Seen]:
        if port.number >= _RESERVED_PORTS:
            return []
        end = (dpid, port.number)
        self._ports[end] = _Port(port.up, port.live, port.speed, lldp.head(dpid, port.number, port.mac))
        self._by_switch[dpid].add(port.number)
        peer = self._expected.get(end)
        if peer is not None and not port.up:
            self._forget(end)
            return [PortSeen(end, False), LinkSeen(_ordered(end, peer), False)]
        if peer is not None and peer in self._ports:
            self._resume(end, peer, now)
        if port.up and self._enabled:
            self._hurry(end, now)
        return [PortSeen(end, self._ports[end].usable)]

    def _resume(self, end: End, peer: End, now: float) -> None:
        """Both ends of a link of old are here: it has until its patience ends to be heard again."""
        for here, there in ((end, peer), (peer, end)):
            self._ports[here].heard_of = there
            self._ports[here].heard_at = now
        self._link(end, peer)

    def _forget(self, end: End) -> None:
        peer = self._expected.pop(end, None)
        if peer is not None:
            self._expected.pop(peer, None)

    def _link(self, here: End, there: End) -> None:
        self._forget(here)
        self._forget(there)
        for end, peer in ((here, there), (there, here)):
            port = self._ports[end]
            port.link = peer
            self._cabled += not port.is_cabled
            port.is_cabled = True

    def _unlink(self, port: _Port) -> None:
        """Both ends are free, and remember nothing of each other."""
        peer = self._ports.get(port.link) if port.link is not None else None
        for side in (port, peer):
            if side is not None:
                side.link, side.heard_of, side.sent = None, None, {}

    def _drop(self, end: End) -> None:
        """The port is gone, or begins anew."""
        self._cabled -= self._ports.pop(end).is_cabled
        self._by_switch.get(end[0], set()).discard(end[1])
        self._urgent.drop(end)
        self._steady.drop(end)

    def _take_down(self, end: End) -> list[Seen]:
        port = self._ports[end]
        peer = port.link or self._expected.get(end)
        self._forget(end)
        if port.link is not None:
            self._unlink(port)
        return [] if peer is None else [LinkSeen(_ordered(end, peer), False)]

    def _lost(self, now: float) -> list[Seen]:
        """Links of which an end has not heard the other for too long. Nobody listens at closed ports."""
        if not self._enabled:
            return []
        since = now - self.patience
        silent = [
            end
            for end, port in self._ports.items()
            if port.link is not None and (port.heard_at < since or self._closed(*end))
        ]
        seen: list[Seen] = []
        for end in silent:
            seen += self._take_down(end)
        return seen

    def _everything(self) -> list[Seen]:
        seen: list[Seen] = [PortSeen(end, port.usable) for end, port in self._ports.items()]
        for end, port in self._ports.items():
            if port.link is not None and end < port.link and self._enabled:
                seen.append(self._seen(end, port.link))
        return seen

    def _seen(self, a: End, b: End) -> LinkSeen:
        speeds = [self._ports[end].speed for end in (a, b) if self._ports[end].speed > 0]
        live = self._ports[a].live and self._ports[b].live
        return LinkSeen(_ordered(a, b), True, min(speeds, default=0), live)

    def _frame(self, end: End, port: _Port) -> bytes:
        self._sequence += 1
        port.sent = {self._sequence: None, **dict(list(port.sent.items())[:1])}
        port.frames += 1
        return lldp.write(port.head, self._key, *end, self._sequence)

    def _plan(self, end: End, port: _Port, now: float) -> None:
        """When the port is to speak next."""
        if port.link is None and 0 < port.frames <= len(_PAUSES):
            self._urgent.put(end, now + _PAUSES[port.frames - 1])
        else:
            self._steady.put(end, now + (self._cabled_interval if port.is_cabled else self._idle_interval))

    def _hurry(self, end: End, now: float) -> None:
        self._steady.drop(end)
        self._urgent.put(end, now)


def _ordered(a: End, b: End) -> tuple[End, End]:
    return (a, b) if a < b else (b, a)
