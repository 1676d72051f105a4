"""What the operator's door needs of the daemon behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sdn_orch.dataplane.compiler import Owner
from sdn_orch.dataplane.plan import Plan
from sdn_orch.dataplane.world import World
from sdn_orch.openflow.values import FlowEntry, FlowKey, State
from sdn_orch.southbound.base import Datapath
from sdn_orch.switch_loop import SwitchStatus


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


class View(Protocol):
    """The running daemon, to be looked at. Methods may be called from any thread."""

    #: When the daemon started, seconds since the epoch.
    started: float

    def world(self) -> World:
        """Snapshot and topology that the newest compile was made from."""
        ...

    def switch_status(self, switch_id: str) -> SwitchStatus:
        """Where the switch's loop stands."""
        ...

    def datapath(self, switch_id: str) -> Datapath | None:
        """The live session with the switch, None while it is not connected."""
        ...

    def desired(self, switch_id: str) -> State:
        """What the switch should hold by the newest compile; compiled now if it is not connected."""
        ...

    def owner(self, switch_id: str, key: FlowKey) -> Owner | None:
        """Whose the desired flow with this identity is; None for a flow that is not ours."""
        ...

    def rules(self, owner: Owner, switch_id: str) -> Sequence[FlowEntry]:
        """The flows that this owner has on this switch."""
        ...

    def status(self, owner: Owner) -> ObjectStatus:
        """How far the rules of one owner have come."""
        ...

    def plan(self, switch_id: str) -> Plan:
        """What would be sent to make the switch hold what it should, read anew; raises Disconnected."""
        ...
