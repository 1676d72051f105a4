"""Our OpenFlow channel with one switch on it, for benchmarks of the southbound."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from bench.common.sandbox import set_controller
from sdn_orch.endpoint import Endpoint
from sdn_orch.southbound.base import Datapath, PacketIn, Port
from sdn_orch.southbound.channel import Channel


class _Waiting:
    """Hands over the switches that connect."""

    def __init__(self) -> None:
        self.found: queue.SimpleQueue[Datapath] = queue.SimpleQueue()

    def connected(self, datapath: Datapath) -> None:
        self.found.put(datapath)

    def disconnected(self, datapath: Datapath) -> None:
        pass

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None:
        pass

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None:
        pass


@contextmanager
def connected(bridge: str) -> Iterator[Datapath]:
    """A session with the bridge over TCP on the loopback."""
    waiting = _Waiting()
    channel = Channel(Endpoint("127.0.0.1", 0), waiting)
    port = channel.start()
    try:
        set_controller(bridge, port)
        yield waiting.found.get(timeout=10)
    finally:
        channel.stop()
