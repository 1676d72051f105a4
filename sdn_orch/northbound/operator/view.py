"""What the operator's door needs of the daemon behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sdn_orch.dataplane.plan import Plan
from sdn_orch.dataplane.rules import Owner
from sdn_orch.dataplane.world import World
from sdn_orch.openflow.values import FlowEntry, FlowKey, State
from sdn_orch.southbound.base import Datapath
from sdn_orch.status import ObjectStatus, SwitchStatus
from sdn_orch.tally import Tally


class View(Protocol):
    """The running daemon, to be looked at. Methods may be called from any thread."""

    #: When the daemon started, seconds since the epoch.
    started: float
    #: What members of balancers have had.
    tally: Tally

    def world(self) -> World:
        """Snapshot and topology that the newest compile was made from."""
        ...

    def is_settled(self) -> bool:
        """Whether the switches that are there hold all that is in the store, but for what they refuse."""
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

    def owners(self, switch_id: str) -> Mapping[FlowKey, Owner]:
        """Whose each flow is that the switch should hold."""
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

    def audit(self, switch_id: str) -> None:
        """Have the switch read now, and what differs repaired."""
        ...
