"""Requests that wait for their answers: a run of transaction ids and a queue of what came back for them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sdn_orch.errors import Disconnected
from sdn_orch.openflow.events import ErrorMessage, parse_error
from sdn_orch.openflow.messages import Kind

_LAST_XID = 0xFFFFFFFF


class Exchange:
    """The transaction ids `first` up to, without, `stop`, and the answers to them, in order."""

    def __init__(self, first: int, count: int) -> None:
        self.first = first
        self.stop = first + count
        self._answers: queue.SimpleQueue[bytes | str] = queue.SimpleQueue()

    def put(self, message: bytes) -> None:
        """An answer has come."""
        self._answers.put(message)

    def end(self, reason: str) -> None:
        """No answer will come any more."""
        self._answers.put(reason)

    def next(self, timeout: float) -> bytes:
        """The next answer. Raises Disconnected at the end of the session, TimeoutError without an answer."""
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no answer within {timeout:g} s") from None
        if isinstance(answer, str):
            raise Disconnected(answer)
        return answer

    def errors_until(self, xid: int, timeout: float) -> list[ErrorMessage]:
        """The errors that come before, and as, the answer to `xid`; `timeout` is for all of them."""
        deadline = time.monotonic() + timeout
        errors: list[ErrorMessage] = []
        while True:
            answer = self.next(max(0.0, deadline - time.monotonic()))
            if answer[1] == Kind.ERROR:
                errors.append(parse_error(answer))
            if int.from_bytes(answer[4:8], "big") == xid:
                return errors


class Exchanges:
    """The open exchanges of one session; gives out transaction ids for everything else as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 1
        self._open: tuple[Exchange, ...] = ()
        self._ended: str | None = None

    def xid(self) -> int:
        """A transaction id for a message whose answer nobody waits for."""
        return self._allocate(1)

    @contextmanager
    def open(self, count: int) -> Iterator[Exchange]:
        """Reserve `count` transaction ids and receive their answers. Raises Disconnected."""
        exchange = self.begin(count)
        try:
            yield exchange
        finally:
            self.close(exchange)

    def begin(self, count: int) -> Exchange:
        """As `open`, until it is closed."""
        exchange = Exchange(self._allocate(count), count)
        with self._lock:
            if self._ended is not None:
                raise Disconnected(self._ended)
            self._open = (*self._open, exchange)
        return exchange

    def close(self, exchange: Exchange) -> None:
        """No answers are wanted any more."""
        with self._lock:
            self._open = tuple(other for other in self._open if other is not exchange)

    def deliver(self, message: bytes) -> bool:
        """Hand an answer to whoever asked; False when nobody did."""
        xid = int.from_bytes(message[4:8], "big")
        for exchange in self._open:
            if exchange.first <= xid < exchange.stop:
                exchange.put(message)
                return True
        return False

    def end(self, reason: str) -> None:
        """The session is over: wake everybody."""
        with self._lock:
            self._ended = reason
            for exchange in self._open:
                exchange.end(reason)

    def _allocate(self, count: int) -> int:
        with self._lock:
            if self._next + count > _LAST_XID:
                self._next = 1
            first = self._next
            self._next += count
            return first
