"""A strict switch in memory, for tests: it refuses what Open vSwitch refuses, and fails on demand.

    switch = FakeSwitch(0x1, ports=(Port(1, "eth1", "02:00:00:00:00:01", True, 10_000),))
    datapath = switch.connect(listener)

`state` is what it holds, over sessions; `operations` is what it was sent. With `pedantic` it also refuses
what a real switch does silently and a planner must not ask for: deleting a group or meter that something
still uses, or a group of a group that is not there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sdn_orch.dataplane.plan import Operation, Plan, Verb, unlike
from sdn_orch.errors import Disconnected, SwitchRefused
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.multipart import ALL_TABLES
from sdn_orch.openflow.values import (
    CONTROLLER,
    OPENFLOW_15,
    Action,
    ApplyGroup,
    Clone,
    FlowEntry,
    FlowKey,
    Group,
    Meter,
    Output,
    State,
    UseMeter,
)
from sdn_orch.southbound.base import FlowCounters, Listener, PacketIn, Port
from sdn_orch.southbound.strictness import refuse_flow, refuse_group, refuse_meter
from sdn_orch.southbound.transfer import describe

OPEN_VSWITCH = Capabilities(open_vswitch=True, version=OPENFLOW_15, group_chaining=True, meters=True)


_REASON_ACTION = 1


class Sent(NamedTuple):
    """A packet that was sent out through the switch."""

    actions: tuple[Action, ...]
    frame: bytes
    in_port: int


class FakeSwitch:
    """See the module. Chunks are atomic on a fake Open vSwitch, and on others go operation by operation."""

    def __init__(
        self,
        dpid: int,
        capabilities: Capabilities = OPEN_VSWITCH,
        ports: Sequence[Port] = (),
        *,
        pedantic: bool = True,
    ) -> None:
        self.dpid = dpid
        self.capabilities = capabilities
        self.state = State.empty()
        self.operations: list[Operation] = []
        self.sent: list[Sent] = []
        #: Seconds that the switch takes for each plan.
        self.delay = 0.0
        self.session: FakeDatapath | None = None
        self._ports = {port.number: port for port in ports}
        self._pedantic = pedantic
        self._lock = threading.RLock()
        self._counted: dict[FlowKey, tuple[float, int, int]] = {}
        self._faults: dict[int, str | None] = {}

    def connect(self, listener: Listener) -> FakeDatapath:
        """Open a session; the switch tells `listener` of it, and of the end of one that is still open."""
        self.disconnect()
        session = FakeDatapath(self, listener)
        self.session = session
        listener.connected(session)
        return session

    def disconnect(self) -> None:
        """End the session as a broken cable does."""
        if self.session is not None:
            self.session.close()

    def restart(self) -> None:
        """Lose everything and the session, as a crash does."""
        self.disconnect()
        with self._lock:
            self.state = State.empty()

    def refuse(self, nth: int, why: str = "FLOW_MOD_FAILED: TABLE_FULL") -> None:
        """Answer the nth operation from now (the next is 1) with an error."""
        self._faults[len(self.operations) + nth] = why

    def disconnect_at(self, nth: int) -> None:
        """End the session in place of carrying out the nth operation from now."""
        self._faults[len(self.operations) + nth] = None

    def set_port(self, port: Port) -> None:
        """Add a port, or change it."""
        self._ports[port.number] = port
        if self.session is not None:
            self.session.listener.port_changed(self.session, port, False)

    def remove_port(self, number: int) -> None:
        """Take a port out."""
        port = self._ports.pop(number)
        if self.session is not None:
            self.session.listener.port_changed(self.session, port, True)

    def send_up(self, packet: PacketIn) -> None:
        """A flow sends a packet to the controller."""
        if self.session is not None:
            self.session.listener.packet_in(self.session, packet)

    def ports(self) -> tuple[Port, ...]:
        """All ports."""
        return tuple(self._ports.values())

    def count(self, key: FlowKey, packets: int, octets: int) -> None:
        """So many more packets meet a flow: none crosses a fake switch by itself."""
        with self._lock:
            before = self._counted[key]
            self._counted[key] = (before[0], before[1] + packets, before[2] + octets)

    def counters(self) -> dict[FlowKey, FlowCounters]:
        """What every flow has counted since it was added, or added anew."""
        with self._lock:
            now = time.monotonic()
            found = {key: self._counted[key] for key in self.state.flows}
            return {
                key: FlowCounters(packets, octets, now - since)
                for key, (since, packets, octets) in found.items()
            }

    def copy(self) -> State:
        """What it holds now."""
        with self._lock:
            return State(dict(self.state.flows), dict(self.state.groups), dict(self.state.meters))

    def take(self, chunk: Sequence[Operation]) -> None:
        """Carry out one chunk. Raises SwitchRefused, and Disconnected where a fault says so."""
        with self._lock:
            before = self.copy()
            try:
                for operation in chunk:
                    self._take_one(operation)
            except (SwitchRefused, Disconnected):
                if self.capabilities.open_vswitch:
                    self.state = before
                raise

    def _take_one(self, operation: Operation) -> None:
        self.operations.append(operation)
        fault: str | None = ""
        if len(self.operations) in self._faults:
            fault = self._faults.pop(len(self.operations))
        if fault is None:
            self.disconnect()
            raise Disconnected(f"{self.dpid:016x}: disconnected by a fault")
        subject = operation.subject
        if not fault and isinstance(subject, FlowEntry):
            fault = self._take_flow(operation.verb, subject)
        elif not fault and isinstance(subject, Group):
            fault = self._take_group(operation.verb, subject)
        elif not fault and isinstance(subject, Meter):
            fault = self._take_meter(operation.verb, subject)
        if fault:
            what = describe(operation, self.capabilities.version)
            raise SwitchRefused(self.dpid, ((what, fault),), (subject,))

    def _take_flow(self, verb: Verb, entry: FlowEntry) -> str | None:
        if verb == Verb.DELETE:
            self.state.flows.pop(entry.key, None)
            return None
        flow = decode_flow(entry, self.capabilities.version)
        fault = refuse_flow(flow, self.state.groups, self.state.meters, self.capabilities)
        if fault is None:
            self.state.flows[entry.key] = entry
            self._counted[entry.key] = (time.monotonic(), 0, 0)
        return fault

    def _take_group(self, verb: Verb, group: Group) -> str | None:
        groups = self.state.groups
        if verb == Verb.DELETE:
            users = self._users(ApplyGroup(group.number), group.number)
            pointing = [other for other in groups.values() if group.number in _pointed_at(other)]
            if self._pedantic and (users or pointing):
                return f"pedantic: group is used by {len(users)} flows and {len(pointing)} groups"
            groups.pop(group.number, None)
            self._drop(users)
            return None
        if verb == Verb.ADD and group.number in groups:
            return "GROUP_MOD_FAILED: GROUP_EXISTS"
        if verb == Verb.MODIFY and group.number not in groups:
            return "GROUP_MOD_FAILED: UNKNOWN_GROUP"
        missing = _pointed_at(group) - groups.keys()
        if self._pedantic and missing:
            return f"pedantic: group points at groups that are not there: {sorted(missing)}"
        fault = refuse_group(group, self.capabilities)
        if fault is None:
            groups[group.number] = group
        return fault

    def _take_meter(self, verb: Verb, meter: Meter) -> str | None:
        meters = self.state.meters
        if verb == Verb.DELETE:
            users = self._users(UseMeter(meter.number), meter.number)
            if self._pedantic and users:
                return f"pedantic: meter is used by {len(users)} flows"
            meters.pop(meter.number, None)
            self._drop(users)
            return None
        if verb == Verb.ADD and meter.number in meters:
            return "METER_MOD_FAILED: METER_EXISTS"
        if verb == Verb.MODIFY and meter.number not in meters:
            return "METER_MOD_FAILED: UNKNOWN_METER"
        fault = refuse_meter(meter, self.capabilities)
        if fault is None:
            meters[meter.number] = meter
        return fault

    def _users(self, action: Action, number: int) -> list[FlowEntry]:
        version, needle = self.capabilities.version, number.to_bytes(4, "big")
        return [
            entry
            for entry in self.state.flows.values()
            if needle in entry.instructions and _does(decode_flow(entry, version).actions, action)
        ]

    def _drop(self, entries: Sequence[FlowEntry]) -> None:
        for entry in entries:
            del self.state.flows[entry.key]


def _does(actions: Sequence[Action], action: Action) -> bool:
    """Whether an action is among these, or what they do to a copy."""
    return action in actions or any(
        isinstance(each, Clone) and _does(each.actions, action) for each in actions
    )


def _pointed_at(group: Group) -> set[int]:
    return {
        action.group
        for bucket in group.buckets
        for action in bucket.actions
        if isinstance(action, ApplyGroup)
    }


class FakeDump:
    """What a fake switch held when it was asked."""

    def __init__(self, datapath: FakeDatapath, held: State) -> None:
        self._datapath = datapath
        self._held = held

    def state(self) -> State:
        """See `base.Dump`."""
        self._datapath.check()
        return self._held

    def apart_from(self, desired: State) -> tuple[State, State]:
        """See `base.Dump`."""
        held = self.state()
        missing, others = unlike(desired.flows, held.flows)
        return replace(desired, flows=dict(missing)), replace(held, flows=dict(others))

    def close(self) -> None:
        """See `base.Dump`."""


class FakeDatapath:
    """One session with a fake switch; see `base.Datapath`."""

    def __init__(self, switch: FakeSwitch, listener: Listener) -> None:
        self.dpid = switch.dpid
        self.capabilities = switch.capabilities
        self.listener = listener
        self._switch = switch
        self._lock = threading.Lock()
        self._open = True

    def ports(self) -> tuple[Port, ...]:
        """The switch's ports."""
        return self._switch.ports()

    def dump(self) -> FakeDump:
        """What the switch holds. Raises Disconnected."""
        self.check()
        return FakeDump(self, self._switch.copy())

    def counters(self, tables: Sequence[int] = (ALL_TABLES,)) -> dict[FlowKey, FlowCounters]:
        """What `count` said. Raises Disconnected."""
        self.check()
        found = self._switch.counters()
        return {key: each for key, each in found.items() if key[0] in tables or ALL_TABLES in tables}

    def apply(self, plan: Plan) -> None:
        """Carry the plan out. Raises SwitchRefused and Disconnected."""
        if self._switch.delay:
            time.sleep(self._switch.delay)
        for chunk in plan.chunks:
            self.check()
            self._switch.take(chunk)

    def packet_out(self, actions: Sequence[Action], frame: bytes, in_port: int) -> None:
        """Keep the packet in `sent`, and send it up if the actions say so. Raises Disconnected."""
        self.check()
        self._switch.sent.append(Sent(tuple(actions), frame, in_port))
        if any(isinstance(action, Output) and action.port == CONTROLLER for action in actions):
            self.listener.packet_in(self, PacketIn(self.dpid, in_port, 0, 0, 0, _REASON_ACTION, frame))

    def close(self) -> None:
        """End the session; the listener hears of it once."""
        with self._lock:
            if not self._open:
                return
            self._open = False
        if self._switch.session is self:
            self._switch.session = None
        self.listener.disconnected(self)

    def check(self) -> None:
        """Raises Disconnected when the session is over."""
        if not self._open:
            raise Disconnected(f"{self.dpid:016x}: session is closed")
