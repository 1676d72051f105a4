"""Gateways that are back, and the routers that wait for them where they have been served meanwhile."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set

from sdn_orch.dataplane.rules import Owner, Unit


class Return:
    """Routers on their way to gateways that are back: elsewhere, all of each stays as it is meanwhile.

    `yielders` have served them, `moving` says what is of each. Over after so many seconds, if not before.
    """

    def __init__(
        self, gateways: Set[str], yielders: Set[str], moving: Mapping[str, Set[Unit]], seconds: float
    ) -> None:
        #: The gateways that do not hold yet what they need.
        self.missing = set(gateways)
        self.yielders = yielders
        self._over_at = time.monotonic() + seconds
        self._units: dict[str, Set[Unit]] = {}
        self._routers: dict[Owner, set[str]] = defaultdict(set)
        for router, units in moving.items():
            staying = {(owner, switch_id) for owner, switch_id in units if switch_id not in gateways}
            self._units[router] = staying
            for owner, _ in staying:
                self._routers[owner].add(router)

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any longer, whatever has become of the gateways."""
        return time.monotonic() >= self._over_at

    def staying(self) -> dict[str, set[Owner]]:
        """What stays as it is, by switch."""
        found: dict[str, set[Owner]] = defaultdict(set)
        for units in self._units.values():
            for owner, switch_id in units:
                found[switch_id].add(owner)
        return found

    def overtaken(self, owners: Set[Owner]) -> Iterator[Unit]:
        """All of the routers of which some owner changes anew: they need not wait any longer.

        Not that owner alone: what a router lets through may be what one rule says and a better one forbids.
        """
        changed = set(owners & self._routers.keys())
        while changed:
            for router in self._routers.pop(changed.pop()):
                units = self._units.pop(router, frozenset())
                changed |= {owner for owner, _ in units} & self._routers.keys()
                yield from units
