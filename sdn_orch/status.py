"""How far things have come: switches on their way to what they should hold, intent on its way to rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a switch stands."""

    DISCONNECTED = "disconnected"
    SYNCING = "syncing"
    IN_SYNC = "in-sync"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """What the loop says of its switch.

    `revision` is the newest one that the switch has confirmed; `sent` and `repaired` count messages since
    the daemon started, all of them and those that an audit found to be needed; `foreign` are flows seen at
    the last reading that nobody here wanted; `synced_in` is the seconds from connect to in-sync; `notes`
    say what is wrong with the switch's own settings, as its database has them, and how to mend it.
    """

    phase: Phase = Phase.DISCONNECTED
    revision: int = 0
    flows: int = 0
    groups: int = 0
    sent: int = 0
    repaired: int = 0
    foreign: int = 0
    synced_in: float | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()


class Condition(StrEnum):
    """How far an intent object has become rules."""

    #: Every switch that needs rules for it has confirmed them.
    REALISED = "realised"
    #: Some switch has not confirmed yet: it is being written, or is not connected.
    PENDING = "pending"
    #: Some switch cannot or would not hold its rules.
    REFUSED = "refused"
    #: Nothing is to be done for it: it is stopped, or no member of it is attached anywhere.
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """The condition of one intent object, with the ids of the switches behind it.

    `refusals` holds (switch id, reason); what waits for a switch that is not connected is `pending`.
    """

    condition: Condition
    realised: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()

    def along_with(self, other: ObjectStatus) -> ObjectStatus:
        """The status of both together: what is wrong with either is wrong."""
        refusals = (*self.refusals, *other.refusals)
        pending = tuple(dict.fromkeys((*self.pending, *other.pending)))
        wrong = {*pending, *(switch_id for switch_id, _ in refusals)}
        realised = tuple(switch_id for switch_id in self.realised if switch_id not in wrong)
        worst = min(self.condition, other.condition, key=_WORST.index)
        return ObjectStatus(worst, realised, pending, refusals)


_WORST = (Condition.REFUSED, Condition.PENDING, Condition.REALISED, Condition.IDLE)
