"""What balancers' members have had of connections, and have, added up from the flows that count them.

A switch counts for each member the connections that began (MEMBER), and the packets of its connections to it
and back. A flow's counters end with the flow: it is added anew when the member's address or the balancer's
gateway is another one. So all are read every now and then and added up. What a flow counted between the last
reading and its end is lost.

Of `leastconn` balancers it also counts the connections that members agreed to, and those that ended; what is
open is the one less the other. Who goes without a word leaves connections that seem to be open for ever: they
are forgotten in the course of time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sdn_orch.dataplane.pipeline import BALANCED, STAGES, Table
from sdn_orch.dataplane.stages.balance import FROM_CLIENTS, FROM_MEMBERS
from sdn_orch.dataplane.world import World
from sdn_orch.errors import Disconnected
from sdn_orch.intent.balancers import Balancer, Draining, Member
from sdn_orch.intent.model import Nic
from sdn_orch.intent.proxies import PROXY_MARK
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import SCTP
from sdn_orch.openflow.codec import decode_match
from sdn_orch.openflow.values import FlowKey
from sdn_orch.southbound.base import Datapath, FlowCounters

#: Seconds between two readings; and how old one may be that is shown.
INTERVAL, FRESH = 10.0, 1.0
#: Seconds by which two readings of a flow's age may differ that is the same flow.
_SLACK = 0.5
#: Seconds in which half of the connections that seem to be open are forgotten.
_HALF_LIFE = 3600.0
_NOTHING = FlowCounters(0, 0, 0)
_TABLES = (Table.MEMBER, *FROM_CLIENTS, *FROM_MEMBERS)


@dataclass(slots=True)
class Counted:
    """What belonged to connections that began after `since`, seconds since the epoch; None: nothing is known.

    `in` is from clients to members. Bytes are those of frames.
    """

    since: float | None = None
    connections: int = 0
    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0

    def see(self, since: float) -> None:
        """A flow counts that has done so since then."""
        self.since = since if self.since is None else min(since, self.since)

    def add(self, table: int, packets: int, octets: int, *, begins: bool) -> None:
        """What a flow of this table has counted besides; whether in MEMBER it is what begins connections."""
        if table in FROM_MEMBERS:
            self.packets_out += packets
            self.bytes_out += octets
            return
        self.connections += packets if table == Table.MEMBER and begins else 0
        self.packets_in += packets
        self.bytes_in += octets


@dataclass(slots=True)
class _Reading:
    """A switch's flows at the last reading, which ended at `ended`, by the monotonic clock.

    `open` are connections by the marks of members, where they are counted. Beginnings and ends are told of at
    different times: it may be below 0 for a moment.
    """

    ended: float
    flows: dict[FlowKey, FlowCounters]
    open: dict[int, float]


class Tally:
    """See the module. Any thread may ask it and have it read."""

    def __init__(self, world: Callable[[], World], datapath_of: Callable[[str], Datapath | None]) -> None:
        self._world = world
        self._datapath_of = datapath_of
        self._lock = threading.Lock()
        self._read_at = -FRESH
        self._readings: dict[str, _Reading] = {}
        self._members: dict[int, Counted] = {}
        self._balancers: dict[int, Counted] = {}

    def member(self, mark: int) -> Counted:
        """What the member with this mark has had."""
        return self._members.get(mark, Counted())

    def open(self, mark: int) -> float:
        """How many connections the member with this mark has, on switches that are there and count them."""
        readings = [reading for id, reading in [*self._readings.items()] if self._datapath_of(id) is not None]
        return max(0.0, sum(reading.open.get(mark, 0.0) for reading in readings))

    def balancer(self, balancer: Balancer) -> Counted:
        """What all its members have had, and those that it had."""
        return self._balancers.get(balancer.number, Counted())

    def read(self, fresh: float = FRESH) -> None:
        """Read what switches have counted, unless the last reading is younger than `fresh`, in seconds."""
        with self._lock:
            if time.monotonic() - self._read_at < fresh:
                return
            world = self._world()
            for switch_id in _counting(world):
                datapath = self._datapath_of(switch_id)
                if datapath is not None:
                    self._read(world, switch_id, datapath)
            snapshot = world.snapshot
            for mark in [each for each in self._members if _home(snapshot, each) is None]:
                del self._members[mark]
            for number in [each for each in self._balancers if snapshot.numbered(Balancer, each) is None]:
                del self._balancers[number]
            self._read_at = time.monotonic()

    def _read(self, world: World, switch_id: str, datapath: Datapath) -> None:
        begun = time.monotonic()
        try:
            found = datapath.counters(_TABLES)
        except Disconnected:
            return
        before = self._readings.get(switch_id, _Reading(begun, {}, {}))
        kept = 0.5 ** ((begun - before.ended) / _HALF_LIFE)
        opened: dict[int, float] = {}
        for key, now in found.items():
            last = before.flows.get(key, _NOTHING)
            is_younger = now.seconds < last.seconds + (begun - before.ended) - _SLACK
            if is_younger or now.packets < last.packets:
                last = _NOTHING
            mark = _mark_of(key)
            balancer = None if mark is None else _home(world.snapshot, mark)
            if mark is None or balancer is None:
                continue
            for known, owner in ((self._members, mark), (self._balancers, balancer.number)):
                counted = known.setdefault(owner, Counted())
                if last is _NOTHING:
                    counted.see(time.time() - now.seconds)
                more = now.packets - last.packets, now.bytes - last.bytes
                # Each packet of SCTP asks for its member.
                counted.add(key[0], *more, begins=balancer.protocol != SCTP)
            if turn := _turn(key):
                known_open = opened.get(mark, kept * before.open.get(mark, 0.0))
                opened[mark] = known_open + turn * (now.packets - last.packets)
        self._readings[switch_id] = _Reading(time.monotonic(), found, opened)


def _counting(world: World) -> set[str]:
    """The switches that may have flows of members."""
    balancers = list(world.snapshot.all(Balancer))
    found = {switch.id for switch in world.gateways() if balancers}
    for network_id in {each.inner_network_id for each in balancers} - {None}:
        found |= world.realm_members(world.realm(str(network_id)))
    return found


def _home(snapshot: Snapshot, mark: int) -> Balancer | None:
    """The balancer whose member has this mark, or had it and is draining, or whose proxy has it."""
    if mark & PROXY_MARK:
        proxy = snapshot.numbered(Nic, mark & ~PROXY_MARK)
        return None if proxy is None else snapshot.get(Balancer, proxy.balancer_id or "")
    found = snapshot.first(Member, "mark", mark) or snapshot.first(Draining, "mark", mark)
    return None if found is None else snapshot.need(Balancer, found.balancer_id)


def _turn(key: FlowKey) -> int:
    """1 for a flow that counts connections which begin to be open, -1 for one of those that end, else 0."""
    priorities = STAGES[Table(key[0])].priorities
    return (key[1] == priorities.get("opening")) - (key[1] == priorities.get("ending"))


@lru_cache(maxsize=2**16)
def _mark_of(key: FlowKey) -> int | None:
    """The mark of the member whose flow it is; None if it is another flow."""
    table, _, match = key
    wanted = BALANCED if table == Table.MEMBER else "ct_mark"
    for name, value, mask in decode_match(match).fields:
        if name == wanted and mask is None and value:
            return value
    return None
