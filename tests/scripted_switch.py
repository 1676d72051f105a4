"""A switch at the other end of a socket that says exactly what a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Collection
from struct import Struct
from types import TracebackType
from typing import Self

from sdn_orch.openflow.messages import Kind, echo_reply, hello, message
from sdn_orch.openflow.multipart import Part
from sdn_orch.openflow.values import OPENFLOW_13, FlowEntry

_PORT_13 = Struct("!I4x6s2x16sIIIIIIII")
Answer = Callable[["ScriptedSwitch", bytes], bytes | None]


def error(request: bytes, kind: int, code: int) -> bytes:
    """The error that answers a request."""
    xid = int.from_bytes(request[4:8], "big")
    return message(request[0], Kind.ERROR, xid, Struct("!HH").pack(kind, code) + request[:64])


def port_13(number: int, up: bool = True) -> bytes:
    """A port of 10 Gbit/s in a 1.3 description."""
    mac, name = (0x020000000000 + number).to_bytes(6, "big"), f"eth{number}".encode()
    return _PORT_13.pack(number, mac, name, 0, 0 if up else 1, 0, 0, 0, 0, 10_000_000, 0)


def multipart(request: bytes, body: bytes, more: bool = False) -> bytes:
    """One part of the reply to a multipart request."""
    xid = int.from_bytes(request[4:8], "big")
    return message(request[0], Kind.MULTIPART_REPLY, xid, request[8:10] + Struct("!H4x").pack(more) + body)


def described(entry: FlowEntry, version: int = OPENFLOW_13) -> bytes:
    """A flow description as Open vSwitch sends it: 1.000000002 s, three packets, four bytes."""
    match = Struct("!HH").pack(1, 4 + len(entry.match)) + entry.match
    match += bytes(-len(match) % 8)
    if version == OPENFLOW_13:
        place = (entry.table, 1, 2, entry.priority, 0, 0, 0, entry.cookie, 3, 4)
        rest = Struct("!BxIIHHHH4xQQQ").pack(*place) + match
    else:
        statistics = Struct("!HHIQIQIQIQ4x").pack(
            0, 52, 0x80020008, 1 << 32 | 2, 0x80020208, 2, 0x80020808, 3, 0x80020A08, 4
        )
        head = Struct("!2xBxHHHHHQ").pack(entry.table, entry.priority, 0, 0, 0, 0, entry.cookie)
        rest = head + match + statistics
    rest += entry.instructions
    return Struct("!H").pack(2 + len(rest)) + rest


class ScriptedSwitch:
    """Connects at once. `answers` replaces what it says to a kind of message: bytes, or None for silence."""

    def __init__(
        self, port: int, dpid: int = 1, versions: Collection[int] = (OPENFLOW_13,), **answers: Answer
    ) -> None:
        self.dpid = dpid
        self.received: list[bytes] = []
        self._answers = {Kind[name.upper()]: answer for name, answer in answers.items()}
        self._buffer = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread: threading.Thread | None = None
        self.send(hello(versions, 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answer(self, kind: Kind, answer: Answer) -> None:
        """From now on, say this to a kind of message."""
        self._answers[kind] = answer

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes | None:
        """The next message, or None when the controller has closed the session."""
        while True:
            if len(self._buffer) >= 8:
                length = int.from_bytes(self._buffer[2:4], "big")
                if len(self._buffer) >= length:
                    taken, self._buffer = self._buffer[:length], self._buffer[length:]
                    self.received.append(taken)
                    return taken
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._buffer += data

    def close_after(self, data: bytes) -> None:
        """Send, say that nothing more will come, and wait until the controller has closed, too."""
        with contextlib.suppress(OSError):
            self.send(data)
            self.socket.shutdown(socket.SHUT_WR)
        while self.receive() is not None:
            pass

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if self._thread is not None:
            self._thread.join(5)
        self.socket.close()

    def serve_until(self, kind: Kind) -> None:
        """Answer messages up to and including the first of a kind."""
        while (request := self.receive()) is not None:
            self._reply(request)
            if request[1] == kind:
                return
        raise AssertionError(f"closed before {kind.name}")

    def serve(self) -> Self:
        """Answer messages on a thread until the session ends."""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def _serve(self) -> None:
        try:
            while (request := self.receive()) is not None:
                self._reply(request)
        except OSError:
            pass

    def _reply(self, request: bytes) -> None:
        answer = self._answers.get(Kind(request[1]), _ordinary)(self, request)
        if answer:
            self.send(answer)


def _ordinary(switch: ScriptedSwitch, request: bytes) -> bytes | None:
    """What a small plain OpenFlow 1.3 switch says: no meters, no asynchronous configuration."""
    version, kind, xid = request[0], request[1], int.from_bytes(request[4:8], "big")
    if kind == Kind.FEATURES_REQUEST:
        return message(
            version, Kind.FEATURES_REPLY, xid, Struct("!QIBB2xII").pack(switch.dpid, 0, 4, 0, 0, 0)
        )
    if kind == Kind.BARRIER_REQUEST:
        return message(version, Kind.BARRIER_REPLY, xid)
    if kind == Kind.ECHO_REQUEST:
        return echo_reply(request)
    if kind == Kind.SET_ASYNC:
        return error(request, 1, 1)
    if kind == Kind.MULTIPART_REQUEST:
        part = Part(int.from_bytes(request[8:10], "big"))
        if part == Part.DESCRIPTION:
            return multipart(request, Struct("!256s256s256s32s256s").pack(b"Acme", b"Box", b"1.0", b"7", b""))
        if part == Part.GROUP_FEATURES:
            return multipart(request, Struct("!10I").pack(0b0111, 0, 8, 8, 8, 8, 0, 0, 0, 0))
        if part == Part.METER_FEATURES:
            return error(request, 1, 2)
        if part == Part.PORT_DESCRIPTION and version != OPENFLOW_13:
            return multipart(request, b"")
        if part == Part.PORT_DESCRIPTION:
            return multipart(request, port_13(1), more=True) + multipart(request, port_13(2, up=False))
        return multipart(request, b"")
    return None
