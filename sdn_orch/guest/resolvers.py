"""Questions of guests put to resolvers, on a thread of its own, which waits for none of them.

So many questions may be open of one port and in all; what is above is refused at once. Each goes out under
an id and from a port (chosen by the kernel) that nobody can guess, by a socket that takes packets from the
resolver alone; of two resolvers the second is asked when the first says nothing, or that it cannot say.
They are asked by what the guest asks by: whoever asks by TCP is told what does not fit into a datagram.
"""

from __future__ import annotations

import logging
import secrets
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final

from dns import rcode
from dns.message import Message, QueryMessage
from dns.rcode import Rcode

from sdn_orch.guest import dns_message
from sdn_orch.guest.name_service import Asked
from sdn_orch.guest.names import Address
from sdn_orch.guest.worker import TRACEBACKS, Allowance

log = logging.getLogger(__name__)

#: Questions that may be open, of one port and in all.
PORT_CAPACITY: Final = 32
CAPACITY: Final = 512
#: Seconds for one resolver; clients ask again after five.
PATIENCE: Final = 2.0
#: Resolvers that are asked one question.
_MOST_RESOLVERS: Final = 2
_LONGEST: Final = 65_535
_CANNOT_SAY: Final = frozenset((rcode.SERVFAIL, rcode.REFUSED, rcode.NOTIMP))

_Tell = Callable[[Message], None]


@dataclass(eq=False, slots=True)
class _Open:
    """A question that is to be answered: whom to ask still, and of whom it is asked until when."""

    asked: Asked
    left: deque[Address]
    tell: _Tell
    query: QueryMessage
    until: float = 0.0
    #: What has come by TCP so far.
    received: bytes = b""

    @property
    def place(self) -> tuple[str, int]:
        """The port it came from."""
        return self.asked.guest.attachment.switch_id, self.asked.guest.attachment.port


class Resolvers:
    """Asks resolvers for guests; see the module.

    A tenant chooses name servers of its networks itself, and must not reach by us what it cannot reach
    otherwise. So those `trusted` by the operator are asked wherever they are, others only at addresses of
    the internet.
    """

    def __init__(
        self,
        trusted: Callable[[], Set[Address]],
        port: int = dns_message.PORT,
        patience: float = PATIENCE,
    ) -> None:
        self._trusted = trusted
        self._port = port
        self._patience = patience
        self._lock = threading.Lock()
        self._new: deque[_Open] = deque()
        self._counts: Counter[tuple[str, int]] = Counter()
        self._stopped = False
        self._tracebacks = Allowance(TRACEBACKS, 60.0)
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ)
        # In the order of their deadlines.
        self._open: dict[socket.socket, _Open] = {}
        self._thread = threading.Thread(target=self._run, name="resolvers", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Forget what is open, and end."""
        self._stopped = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        for end in (*self._open, self._waker, self._wakened):
            end.close()
        self._selector.close()

    def ask(self, asked: Asked, resolvers: tuple[Address, ...], tell: _Tell) -> Rcode | None:
        """Have a question answered by `tell`, or say with which code it is not. Never blocks."""
        trusted = self._trusted()
        allowed = [server for server in resolvers if server in trusted or _is_outside(server)]
        if not allowed:
            return rcode.REFUSED
        query = dns_message.onward(asked.query)
        opened = _Open(asked, deque(allowed[:_MOST_RESOLVERS]), tell, query)
        with self._lock:
            if self._counts[opened.place] >= PORT_CAPACITY or self._counts.total() >= CAPACITY:
                return rcode.SERVFAIL
            self._counts[opened.place] += 1
            self._new.append(opened)
        self._wake()
        return None

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            return  # it has enough to wake up of

    # --- on the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped:
            first = next(iter(self._open.values()), None)
            wait = None if first is None else max(0.0, first.until - time.monotonic())
            for key, events in self._selector.select(wait):
                if key.fileobj is self._wakened:
                    self._wakened.recv(_LONGEST)
                elif isinstance(key.fileobj, socket.socket):
                    (self._read if events & selectors.EVENT_READ else self._send)(key.fileobj)
            while self._new:
                self._try(self._new.popleft())
            now = time.monotonic()
            for end in [end for end, opened in self._open.items() if opened.until <= now]:
                self._try(self._close(end))

    def _try(self, opened: _Open) -> None:
        """Ask the next resolver that can be asked; without one nobody could say."""
        while opened.left:
            server = opened.left.popleft()
            opened.query.id = secrets.randbelow(1 << 16)
            opened.received = b""
            family = socket.AF_INET if server.version == 4 else socket.AF_INET6
            by = socket.SOCK_STREAM if opened.asked.by_tcp else socket.SOCK_DGRAM
            try:
                end = socket.socket(family, by)
            except OSError:
                break  # no more can be had
            end.setblocking(False)
            try:
                end.connect((str(server), self._port))
            except BlockingIOError:
                pass  # it is writable once there is a connection
            except OSError:
                end.close()
                continue
            opened.until = time.monotonic() + self._patience
            self._open[end] = opened
            self._selector.register(end, selectors.EVENT_WRITE)
            return
        self._finish(opened, None)

    def _send(self, end: socket.socket) -> None:
        """The question, which any empty buffer has room for."""
        opened = self._open[end]
        query = opened.query
        try:
            end.send(dns_message.stream(query) if opened.asked.by_tcp else query.to_wire())
        except OSError:
            self._try(self._close(end))
            return
        self._selector.modify(end, selectors.EVENT_READ)

    def _read(self, end: socket.socket) -> None:
        opened = self._open[end]
        try:
            data: bytes | None = end.recv(_LONGEST)
        except OSError:
            self._try(self._close(end))  # nobody listens there
            return
        if opened.asked.by_tcp:
            if not data:
                self._try(self._close(end))
                return
            opened.received += data
            data = dns_message.from_stream(opened.received)
        answer = None if data is None else dns_message.read_answer(data, opened.query)
        if answer is None:
            return
        self._close(end)
        if answer.rcode() in _CANNOT_SAY and opened.left:
            self._try(opened)
        else:
            self._finish(opened, answer)

    def _close(self, end: socket.socket) -> _Open:
        self._selector.unregister(end)
        end.close()
        return self._open.pop(end)

    def _finish(self, opened: _Open, answer: Message | None) -> None:
        with self._lock:
            self._counts[opened.place] -= 1
            if not self._counts[opened.place]:
                del self._counts[opened.place]
        query = opened.asked.query
        try:
            if answer is None:
                opened.tell(dns_message.response(query, rcode.SERVFAIL))
            else:
                opened.tell(dns_message.passed_on(query, answer))
        except Exception:
            if self._tracebacks.take(time.monotonic()):
                log.exception(
                    "answer to %s not passed on (%d more failures not shown)",
                    query.question[0],
                    self._tracebacks.refused(),
                )


def _is_outside(server: Address) -> bool:
    return server.is_global and not server.is_multicast
