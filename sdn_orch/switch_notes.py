"""What other threads leave for the loop of a switch: what changed, and when it may be brought there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sdn_orch.dataplane.rules import Owner
from sdn_orch.dataplane.world import World
from sdn_orch.southbound.base import Dump


@dataclass(frozen=True, slots=True)
class Step:
    """These owners may compile differently from this world on; `after` is waited for so many seconds."""

    world: World
    owners: set[Owner]
    done: threading.Event
    after: tuple[threading.Event, ...] = ()
    patience: float = 0.0


@dataclass(slots=True)
class Stay:
    """These owners' rules stay as they are until then, by the monotonic clock, because of a cause."""

    owners: set[Owner]
    until: float
    cause: object


@dataclass(slots=True)
class Notes:
    """What other threads left for the loop; `steps` are in the order of the commits.

    `attached`: there is a new session, and this is what the switch holds. `check`: the switch is to be
    compared with what it should hold. `anew`: everything is to be compiled, from nothing. `held`: who is to
    hear when the switch holds all that is noted.
    """

    world: World | None = None
    attached: Dump | None = None
    check: bool = False
    anew: bool = False
    steps: list[Step] = field(default_factory=list)
    held: list[Callable[[], None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.check or self.world is not None


def owners_of(steps: Iterable[Step]) -> set[Owner]:
    """All that these steps are about."""
    return set().union(*(step.owners for step in steps))
