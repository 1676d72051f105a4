"""Which gateways' hosts run proxies: those whose agents have asked lately what they are to run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sdn_orch.intent.model import Switch

#: Seconds for which an agent that asks no more still counts. They ask every second; one that starts many
#: proxies at once, every few. One that is killed and started again must be back by then, however busy its
#: host is: what it runs goes on meanwhile, and would be cut by moving.
PATIENCE = 15.0


class ProxyHosts:
    """Since when agents have not asked. May be used by any thread.

    Just after our own start, before they can have asked, all that there may be count.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is in seconds, from whenever."""
        self._clock = clock
        self._began = clock()
        #: By the ids of their switches; None: it has said that it ends.
        self._asked: dict[str, float | None] = {}

    def asked(self, switch_id: str) -> None:
        """The agent of this gateway has asked."""
        self._asked[switch_id] = self._clock()

    def leaves(self, switch_id: str) -> None:
        """The agent of this gateway ends; what it runs is to be taken over."""
        self._asked[switch_id] = None

    def among(self, gateways: Iterable[Switch]) -> tuple[Switch, ...]:
        """Those of the gateways on whose hosts proxies run."""
        since = self._clock() - PATIENCE
        found = ((switch, self._asked.get(switch.id, self._began)) for switch in gateways)
        return tuple(switch for switch, at in found if at is not None and at > since)
