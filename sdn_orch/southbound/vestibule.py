"""Where switches wait that come before everything is ready for them.

At a start the channel listens first: switches connect, which may take them a second, while the store is read.
What they tell is kept, in order, until the listener is there; packets of guests are lost, as frames are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sdn_orch.southbound.base import Datapath, Listener, PacketIn, Port


class Vestibule:
    """A `Listener` that tells another one, from `open` on."""

    def __init__(self) -> None:
        self._listener: Listener | None = None
        self._waiting: list[Callable[[Listener], None]] = []
        self._lock = threading.Lock()

    def open(self, listener: Listener) -> None:
        """Tell the listener everything up to now, and from now on."""
        with self._lock:
            for tell in self._waiting:
                tell(listener)
            self._waiting.clear()
            self._listener = listener

    def connected(self, datapath: Datapath) -> None:
        """See `base.Listener`."""
        self._tell(lambda listener: listener.connected(datapath))

    def disconnected(self, datapath: Datapath) -> None:
        """See `base.Listener`."""
        self._tell(lambda listener: listener.disconnected(datapath))

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None:
        """See `base.Listener`."""
        self._tell(lambda listener: listener.port_changed(datapath, port, removed))

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None:
        """See `base.Listener`."""
        if self._listener is not None:
            self._listener.packet_in(datapath, packet)

    def _tell(self, tell: Callable[[Listener], None]) -> None:
        if self._listener is None:
            with self._lock:
                if self._listener is None:
                    self._waiting.append(tell)
                    return
        tell(self._listener)
