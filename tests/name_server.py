"""A tiny DNS server: what it is asked goes to a function, which makes the answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType

from dns.message import Message, from_wire

#: Makes the packets that go back, in their order.
Answer = Callable[[Message], Iterable[bytes]]


class NameServer:
    """Answers at an address, while it is entered."""

    def __init__(self, address: str, port: int, answer: Answer) -> None:
        self.asked: list[Message] = []
        #: Whom it was asked by, as (address, port).
        self.clients: list[tuple[str, int]] = []
        self._answer = answer
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._socket.getsockname()[1]
        return port

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An empty packet to itself ends it.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            data, client = self._socket.recvfrom(65_535)
            if not data:
                return
            query = from_wire(data)
            self.asked.append(query)
            self.clients.append(client)
            for packet in self._answer(query):
                self._socket.sendto(packet, client)
