"""A tiny DNS server, by UDP and TCP: what it is asked goes to a function, which makes the answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType

from dns.message import Message, from_wire

#: Makes the packets that go back, in their order.
Answer = Callable[[Message], Iterable[bytes]]


def _bound(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Sockets for datagrams and for connections at one port; at 0 one that is free for both."""
    while True:
        listener = socket.create_server((address, port))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(listener.getsockname())
        except OSError:
            listener.close()
            datagrams.close()
            if port:
                raise
        else:
            return datagrams, listener


class NameServer:
    """Answers at an address, while it is entered."""

    def __init__(self, address: str, port: int, answer: Answer) -> None:
        self.asked: list[Message] = []
        #: Whom it was asked by, as (address, port).
        self.clients: list[tuple[str, int]] = []
        self._answer = answer
        self._socket, self._listener = _bound(address, port)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stream_thread = threading.Thread(target=self._run_streams, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._socket.getsockname()[1]
        return port

    def __enter__(self) -> NameServer:
        self._thread.start()
        self._stream_thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An empty packet to itself ends it, and so does a connection on which nothing is said.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()
        socket.create_connection(self._listener.getsockname()).close()
        self._stream_thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            data, client = self._socket.recvfrom(65_535)
            if not data:
                return
            for packet in self._answers(data, client):
                self._socket.sendto(packet, client)

    def _run_streams(self) -> None:
        while True:
            end, client = self._listener.accept()
            with end, end.makefile("rwb") as stream:
                head = stream.read(2)
                if not head:
                    return
                for packet in self._answers(stream.read(int.from_bytes(head)), client):
                    stream.write(len(packet).to_bytes(2) + packet)

    def _answers(self, data: bytes, client: tuple[str, int]) -> Iterable[bytes]:
        query = from_wire(data)
        self.asked.append(query)
        self.clients.append(client)
        return self._answer(query)
