"""What a switch holds: asked for at once, told while others work, and taken when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sdn_orch.openflow.groups import parse_groups
from sdn_orch.openflow.meters import parse_meters
from sdn_orch.openflow.multipart import Part, parse_flows
from sdn_orch.openflow.values import FlowEntry, FlowKey, Group, Meter, State
from sdn_orch.uncollected import uncollected

if TYPE_CHECKING:
    from sdn_orch.southbound.session import Session


class SessionDump:
    """See the module and `base.Dump`; asks when it is made. Raises Disconnected."""

    def __init__(self, session: Session) -> None:
        self._session = session
        parts = [Part.FLOW]
        if session.introduction.has_groups:
            parts.append(Part.GROUP_DESCRIPTION)
        if session.capabilities.meters:
            parts.append(Part.METER_CONFIG)
        self._asked = {part: session.ask(part) for part in parts}

    def state(self) -> State:
        """See `base.Dump`."""
        return self.apart_from(State.empty())[1]

    def apart_from(self, desired: State) -> tuple[State, State]:
        """See `base.Dump`."""
        try:
            with self._session.answered("dump"), uncollected():
                missing, others = self._flows(desired.flows)
                groups, meters = dict(self._groups()), dict(self._meters())
        finally:
            self.close()
        return State(missing, desired.groups, desired.meters), State(others, groups, meters)

    def close(self) -> None:
        """See `base.Dump`."""
        for exchange in self._asked.values():
            self._session.exchanges.close(exchange)

    def _flows(
        self, desired: dict[FlowKey, FlowEntry]
    ) -> tuple[dict[FlowKey, FlowEntry], dict[FlowKey, FlowEntry]]:
        """Those that are not there as desired, and those that are there and not so."""
        # Mostly all are right, and a switch waits: nothing is made of what need not be looked at again.
        missing, others = dict(desired), dict[FlowKey, FlowEntry]()
        for body in self._bodies(Part.FLOW):
            for key, instructions, cookie, _ in parse_flows(body, self._session.version):
                wanted = missing.pop(key, None)
                if wanted is not None:
                    if wanted.cookie == cookie and wanted.instructions == instructions:
                        continue
                    missing[key] = wanted
                others[key] = FlowEntry(*key, instructions, cookie)
        # What was told twice is there once.
        return missing, {key: entry for key, entry in others.items() if key in missing or key not in desired}

    def _groups(self) -> Iterator[tuple[int, Group]]:
        for body in self._bodies(Part.GROUP_DESCRIPTION):
            for group in parse_groups(body, self._session.version):
                yield group.number, group

    def _meters(self) -> Iterator[tuple[int, Meter]]:
        for body in self._bodies(Part.METER_CONFIG):
            for meter in parse_meters(body):
                yield meter.number, meter

    def _bodies(self, part: Part) -> Iterator[bytes]:
        exchange = self._asked.get(part)
        return iter(()) if exchange is None else self._session.bodies(part, exchange)
