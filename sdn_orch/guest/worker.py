"""One thread that answers guests, behind queues that cannot grow.

Packets wait per switch port and ports take turns, so a port that floods only delays and loses its own. What
does not fit is dropped and counted; a handler that stumbles is logged, at most a few times a minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Final

from sdn_orch.southbound.base import Datapath, PacketIn

log = logging.getLogger(__name__)

#: Packets that may wait, of one port and of one switch.
PORT_CAPACITY: Final = 64
SWITCH_CAPACITY: Final = 1024
#: Seconds between two looks at what has come due.
TICK: Final = 0.25
#: Tracebacks per minute; what is above is counted and told with the next one.
TRACEBACKS: Final = 6

_Item = tuple[Datapath, PacketIn]


class Worker:
    """Runs `handle` for every packet, one after another, on a thread of its own; see the module.

    `counts` says what became of packets: `handled`, `failed`, `dropped`.
    """

    def __init__(
        self,
        handle: Callable[[Datapath, PacketIn], None],
        tick: Callable[[float], None] = lambda _: None,
        name: str = "guests",
    ) -> None:
        """`tick` is called on the same thread several times a second, with the monotonic time."""
        self._handle = handle
        self._tick = tick
        self._ready = threading.Condition()
        self._waiting: OrderedDict[tuple[int, int], deque[_Item]] = OrderedDict()
        self._per_switch: Counter[int] = Counter()
        self._actions: deque[Callable[[], None]] = deque()
        self._stopped = False
        self._tracebacks = Allowance(TRACEBACKS, 60.0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Forget what waits, and end."""
        with self._ready:
            self._stopped = True
            self._ready.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def offer(self, datapath: Datapath, packet: PacketIn) -> bool:
        """Queue a packet; False when it was dropped. Never blocks; any thread may call it."""
        place = (packet.dpid, packet.in_port)
        with self._ready:
            queue = self._waiting.get(place)
            if self._per_switch[packet.dpid] >= SWITCH_CAPACITY or (queue and len(queue) >= PORT_CAPACITY):
                self.counts["dropped"] += 1
                return False
            if queue is None:
                queue = self._waiting[place] = deque()
            queue.append((datapath, packet))
            self._per_switch[packet.dpid] += 1
            self._ready.notify()
        return True

    def do(self, action: Callable[[], None]) -> None:
        """Have something done on the thread, before the next packet; any thread may call it."""
        with self._ready:
            self._actions.append(action)
            self._ready.notify()

    def _take(self) -> _Item | None:
        """The next packet of the port whose turn it is; None when there is none for a while."""
        with self._ready:
            if not self._waiting and not self._actions and not self._stopped:
                self._ready.wait(TICK)
            if self._stopped or not self._waiting:
                return None
            place, queue = self._waiting.popitem(last=False)
            item = queue.popleft()
            if queue:
                self._waiting[place] = queue
            left = self._per_switch[place[0]] - 1
            if left:
                self._per_switch[place[0]] = left
            else:
                del self._per_switch[place[0]]
            return item

    def _run(self) -> None:
        ticked = time.monotonic()
        while not self._stopped:
            while self._actions:
                self._do(self._actions.popleft())
            if (item := self._take()) is not None:
                self._answer(*item)
            if (now := time.monotonic()) - ticked >= TICK:
                ticked = now
                self._do(partial(self._tick, now))

    def _answer(self, datapath: Datapath, packet: PacketIn) -> None:
        try:
            self._handle(datapath, packet)
            self.counts["handled"] += 1
        except Exception:
            self.counts["failed"] += 1
            if self._tracebacks.take(time.monotonic()):
                log.exception(
                    "packet from port %d of switch %016x not answered (%d more failures not shown): %s",
                    packet.in_port,
                    packet.dpid,
                    self._tracebacks.refused(),
                    packet.frame[:128].hex(),
                )

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            if self._tracebacks.take(time.monotonic()):
                log.exception("what has come due for guests was not sent")


class Allowance:
    """So many within so many seconds; the rest is refused and counted."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._taken: deque[float] = deque()
        self._refused = 0

    def take(self, now: float) -> bool:
        """Whether one more is allowed at `now`, in monotonic seconds."""
        while self._taken and now - self._taken[0] >= self._seconds:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            self._refused += 1
            return False
        self._taken.append(now)
        return True

    def refused(self) -> int:
        """How many were refused since this was last asked."""
        refused, self._refused = self._refused, 0
        return refused
