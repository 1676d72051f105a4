"""What the reconciler needs of a switch, and what a switch tells the daemon.

`channel.py` speaks OpenFlow through os-ken, `fake.py` is a strict switch in memory; both pass one
conformance kit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sdn_orch.dataplane.plan import Plan
from sdn_orch.errors import Disconnected
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow.multipart import ALL_TABLES
from sdn_orch.openflow.values import CONTROLLER, Action, State


@dataclass(frozen=True, slots=True)
class Port:
    """A port as the switch describes it; `up` is administratively up and with carrier, speed in Mbit/s.

    One that is up but not `live` is watched by the switch (with BFD), and the other end does not answer.
    """

    number: int
    name: str
    mac: str
    up: bool
    speed: int
    live: bool = True


@dataclass(frozen=True, slots=True)
class PacketIn:
    """A packet that a flow sent up: which flow (cookie, table), where it came in, and the frame.

    `asked` are the IPv6 address and the port that it was sent to, where connection tracking changed them.
    """

    dpid: int
    in_port: int
    table: int
    cookie: int
    metadata: int
    reason: int
    frame: bytes
    asked: tuple[bytes, int] | None = None


@dataclass(frozen=True, slots=True)
class FlowCounters:
    """Packets and bytes that a flow has matched, and seconds that it has stood."""

    packets: int
    bytes: int
    seconds: float


class Dump(Protocol):
    """What a switch holds (flows, groups, meters) from when it was asked for; to be taken once.

    All raise Disconnected when the session ends meanwhile.
    """

    def state(self) -> State:
        """All of it."""
        ...

    def apart_from(self, desired: State) -> tuple[State, State]:
        """What should be there, and what is: both without the flows that are just as they should be."""
        ...

    def close(self) -> None:
        """Nobody will take it."""
        ...


class Datapath(Protocol):
    """One live session with one switch. Methods block and may be called from any thread.

    All raise Disconnected when the session ends meanwhile.
    """

    dpid: int
    capabilities: Capabilities

    def ports(self) -> tuple[Port, ...]:
        """The ports as last told."""
        ...

    def dump(self) -> Dump:
        """Ask for everything that the switch holds, without waiting for it."""
        ...

    def counters(self, tables: Sequence[int] = (ALL_TABLES,)) -> dict[tuple[int, int, bytes], FlowCounters]:
        """Counters by flow identity, of the flows in these tables."""
        ...

    def apply(self, plan: Plan) -> None:
        """Carry the plan out: each chunk atomically where the switch has bundles, barrier after each.

        Returns when the last barrier has answered. Raises SwitchRefused naming each refused message; the
        chunk it was in has then no effect where bundles are known, and the rest is not sent.
        """
        ...

    def packet_out(self, actions: Sequence[Action], frame: bytes, in_port: int) -> None:
        """Send one frame through actions; not confirmed."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


@dataclass(frozen=True, slots=True)
class PacketOut:
    """A frame that nobody will miss who does not get it: an answer, or one that is said again."""

    actions: Sequence[Action]
    frame: bytes
    in_port: int = CONTROLLER

    def send(self, datapath: Datapath | None) -> bool:
        """Give it to a switch, if that has a session; whether it had."""
        try:
            if datapath is not None:
                datapath.packet_out(self.actions, self.frame, self.in_port)
        except Disconnected:
            return False
        return datapath is not None


class Listener(Protocol):
    """Whoever wants to know of switches. Called from the receiving threads: must not block."""

    def connected(self, datapath: Datapath) -> None:
        """A session is up and its features are known; its tables have not been touched."""
        ...

    def disconnected(self, datapath: Datapath) -> None:
        """The session has ended."""
        ...

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None:
        """A port was added, changed or removed."""
        ...

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None:
        """A flow sent a packet up."""
        ...
