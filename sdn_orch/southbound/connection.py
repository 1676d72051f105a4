"""Bytes to and from one switch, over TCP or TLS.

The socket does not block. One thread, the session's, receives and writes what the socket would not take
at once; any thread may send. A sender that is far ahead of the switch waits, the receiving thread never
does: a switch that is busy writing to us may not read, and two that wait for each other wait for ever.
One lock covers each single call on the socket, because two threads inside one TLS object corrupt it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections import deque

from sdn_orch.errors import Disconnected

#: How far a sender may be ahead of the switch, in bytes.
_BACKLOG = 1 << 20
#: How much may wait of what the receiving thread itself answers, in bytes.
_MOST_ANSWERS = 1 << 24
_READ_SIZE = 1 << 18


class Connection:
    """An accepted socket; `peer` names the other end in logs. Whoever first receives is the receiver."""

    def __init__(self, sock: socket.socket, host: str, port: int) -> None:
        sock.setblocking(False)
        self.host = host
        self.peer = f"{host}:{port}"
        self._socket = sock
        self._changed = threading.Condition(threading.Lock())
        self._pending: deque[memoryview] = deque()
        self._pending_bytes = 0
        self._write_waits_for = select.POLLOUT
        self._read_waits_for = select.POLLIN
        self._closed: str | None = None
        self._receiver: int | None = None
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)

    def send(self, data: bytes) -> None:
        """Send, in the order of calls. Waits while the switch is far behind. Raises Disconnected.

        The receiving thread does not wait; a switch that asks on and on and reads no answer is given up.
        """
        with self._changed:
            if self._is_receiver():
                if self._pending_bytes > _MOST_ANSWERS:
                    self._fail("asks and does not read the answers")
            else:
                while self._pending_bytes > _BACKLOG and self._closed is None:
                    self._changed.wait()
            self._put(data)

    def offer(self, data: bytes) -> bool:
        """Send, or give False and send nothing while the switch is far behind. Raises Disconnected."""
        with self._changed:
            if self._pending_bytes > _BACKLOG:
                return False
            self._put(data)
            return True

    def receive(self, timeout: float) -> bytes:
        """What has come in, or nothing after `timeout` seconds. Raises Disconnected when the peer is gone."""
        self._receiver = threading.get_ident()
        deadline = time.monotonic() + timeout
        poll = select.poll()
        while True:
            with self._changed:
                self._check_open()
                self._flush()
                data = self._read()
                wanted = self._read_waits_for | (self._write_waits_for if self._pending else 0)
            if data:
                return data
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return b""
            poll.register(self._socket, wanted)
            poll.register(self._wake_reader, select.POLLIN)
            poll.poll(remaining * 1000)
            with contextlib.suppress(BlockingIOError):
                self._wake_reader.recv(4096)

    def close(self, reason: str) -> None:
        """End the connection: who receives or waits gets Disconnected with the first reason given."""
        with self._changed:
            if self._closed is None:
                self._closed = reason
                self._shut_down()
            self._changed.notify_all()
        self._wake()

    def dispose(self) -> None:
        """Free the descriptors; for the receiving thread, as its last act."""
        self.close("closed")
        with self._changed:
            self._socket.close()
            self._wake_reader.close()
            self._wake_writer.close()

    def _put(self, data: bytes) -> None:
        """Append and write what goes at once. Holds the lock."""
        self._check_open()
        self._pending.append(memoryview(data))
        self._pending_bytes += len(data)
        self._flush()
        if self._pending and not self._is_receiver():
            self._wake()

    def _is_receiver(self) -> bool:
        return threading.get_ident() == self._receiver

    def _check_open(self) -> None:
        if self._closed is not None:
            raise Disconnected(f"{self.peer}: {self._closed}")

    def _shut_down(self) -> None:
        """Say what is still in the queue if the socket takes it (an error text), then shut both ways."""
        try:
            self._flush()
            self._socket.shutdown(socket.SHUT_RDWR)
        except (OSError, Disconnected):
            pass

    def _wake(self) -> None:
        # It fails when it is full, so the receiver is awake anyway, or when the session is over.
        with contextlib.suppress(OSError):
            self._wake_writer.send(b"\0")

    def _flush(self) -> None:
        """Write what the socket takes now. Holds the lock."""
        if not self._pending:
            return
        while self._pending:
            first = self._pending[0]
            try:
                sent = self._socket.send(first)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._write_waits_for = select.POLLOUT
                break
            except ssl.SSLWantReadError:
                self._write_waits_for = select.POLLIN
                break
            except OSError as error:
                self._fail(f"sending failed: {error}")
            self._pending_bytes -= sent
            if sent == len(first):
                self._pending.popleft()
            else:
                self._pending[0] = first[sent:]
        if self._pending_bytes <= _BACKLOG:
            self._changed.notify_all()

    def _read(self) -> bytes | None:
        """What there is to read now, or None. Holds the lock."""
        try:
            data = self._socket.recv(_READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._read_waits_for = select.POLLIN
            return None
        except ssl.SSLWantWriteError:
            self._read_waits_for = select.POLLIN | select.POLLOUT
            return None
        except OSError as error:
            self._fail(f"receiving failed: {error}")
        if not data:
            self._fail("closed by the switch")
        return data

    def _fail(self, reason: str) -> None:
        if self._closed is None:
            self._closed = reason
        self._changed.notify_all()
        raise Disconnected(f"{self.peer}: {self._closed}")
