"""A listener that keeps what it is told, for tests of everything that talks to switches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sdn_orch.dataplane.plan import Plan
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow.multipart import ALL_TABLES
from sdn_orch.openflow.values import Action, FlowKey
from sdn_orch.southbound.base import Datapath, Dump, FlowCounters, PacketIn, Port


def wait_until(holds: Callable[[], object], seconds: float = 10.0, what: str = "") -> None:
    """Wait until `holds()` is true; an assertion after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or holds}"
        time.sleep(0.005)


class Relay:
    """A session that does what the one behind it does; tests have others of it do something else."""

    def __init__(self, inner: Datapath) -> None:
        self.dpid: int = inner.dpid
        self.capabilities: Capabilities = inner.capabilities
        self._inner = inner

    def ports(self) -> tuple[Port, ...]:
        return self._inner.ports()

    def dump(self) -> Dump:
        return self._inner.dump()

    def counters(self, tables: Sequence[int] = (ALL_TABLES,)) -> dict[FlowKey, FlowCounters]:
        return self._inner.counters(tables)

    def apply(self, plan: Plan) -> None:
        self._inner.apply(plan)

    def packet_out(self, actions: Sequence[Action], frame: bytes, in_port: int) -> None:
        self._inner.packet_out(actions, frame, in_port)

    def close(self) -> None:
        self._inner.close()


class Recorder:
    """Every event in order, as `(name, datapath, ...)`."""

    def __init__(self) -> None:
        self.connects: list[Datapath] = []
        self.disconnects: list[Datapath] = []
        self.port_changes: list[tuple[Port, bool]] = []
        self.packets: list[PacketIn] = []
        self.order: list[str] = []
        self._changed = threading.Condition()

    def connected(self, datapath: Datapath) -> None:
        self._keep("connected", self.connects, datapath)

    def disconnected(self, datapath: Datapath) -> None:
        self._keep("disconnected", self.disconnects, datapath)

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None:
        self._keep("port", self.port_changes, (port, removed))

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None:
        self._keep("packet", self.packets, packet)

    def wait(self, holds: Callable[[Recorder], object], seconds: float = 10.0) -> None:
        """Wait until something has been told."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), seconds), (
                f"not within {seconds:g} s: {self.order}"
            )

    def datapath(self, seconds: float = 10.0) -> Datapath:
        """The newest session, once there is one."""
        self.wait(lambda told: told.connects, seconds)
        return self.connects[-1]

    def _keep(self, name: str, kept: list[Any], value: object) -> None:
        with self._changed:
            kept.append(value)
            self.order.append(name)
            self._changed.notify_all()
