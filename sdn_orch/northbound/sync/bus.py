"""CloudStack's event bus on RabbitMQ, as another place where events come from.

The queue is the daemon's own and ends with its connection, so that nothing gathers in the broker while the
daemon is away. What is said meanwhile is lost, and so everything is read again after each connection.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from sdn_orch.northbound.sync import events

log = logging.getLogger(__name__)

#: Messages that wait in the queue at most.
_WAITING = 10_000
#: Seconds for an answer of the broker, between two looks at whether it is over, and between two attempts.
_TIMEOUT, _LOOK, _FIRST, _LONGEST = 10.0, 1.0, 1.0, 30.0
#: Characters of what is told of a failure.
_TOLD = 300


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the bus is, and who may listen."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    virtual_host: str
    exchange: str
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}, exchange {self.exchange}"


@dataclass(frozen=True, slots=True)
class BusState:
    """Since when the bus is listened to, when an event was last heard, and why it is not listened to."""

    connected: datetime | None = None
    heard: datetime | None = None
    problem: str | None = None


class Bus:
    """Listens in a thread. `heed` gets each event, and `read_all` is called when some may have been lost.

    `state` is replaced whole: any thread may read it.
    """

    def __init__(
        self,
        broker: Broker,
        heed: Callable[[events.Event], None],
        read_all: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self.broker = broker
        self.state = BusState()
        self._heed = heed
        self._read_all = read_all
        self._now = now
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cloudstack-bus", daemon=True)
        # It tells of every failure at length; what matters of them is told here, once.
        logging.getLogger("pika").setLevel(logging.CRITICAL)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_TIMEOUT)

    def _run(self) -> None:
        pause = _FIRST
        while not self._stopped.is_set():
            try:
                self._listen()
            except (AMQPError, OSError) as error:
                problem = repr(error)[:_TOLD]
            except Exception:
                log.exception("listening to CloudStack's event bus failed; it is tried again")
                problem = "see the daemon's log"
            else:
                return
            if self.state.connected is not None:
                pause = _FIRST
            if problem != self.state.problem:
                log.warning("CloudStack's event bus at %s is not listened to: %s", self.broker, problem)
            self.state = replace(self.state, connected=None, problem=problem)
            self._stopped.wait(pause)
            pause = min(2 * pause, _LONGEST)

    def _listen(self) -> None:
        """Until it is stopped. Raises AMQPError, OSError when the connection fails."""
        connection = pika.BlockingConnection(self._parameters())
        try:
            channel = connection.channel()
            # CloudStack makes it; one that is made here, wrongly, would keep it from doing so.
            channel.exchange_declare(self.broker.exchange, passive=True)
            declared = channel.queue_declare(
                "", exclusive=True, auto_delete=True, arguments={"x-max-length": _WAITING}
            )
            channel.queue_bind(declared.method.queue, self.broker.exchange, routing_key="#")
            self.state = replace(self.state, connected=self._now(), problem=None)
            log.info("CloudStack's event bus at %s is listened to", self.broker)
            self._read_all()
            self._consume(channel, declared.method.queue)
        finally:
            if connection.is_open:
                connection.close()

    def _consume(self, channel: BlockingChannel, queue: str) -> None:
        for _, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=_LOOK):
            if self._stopped.is_set():
                return
            if body is not None:
                self._take(body)

    def _take(self, body: bytes) -> None:
        """Pass an event on; all sorts of things are said on the bus."""
        if len(body) > events.LARGEST:
            return
        try:
            event = events.read(body)
        except ValueError:
            return
        if event is not None:
            self.state = replace(self.state, heard=self._now())
            self._heed(event)

    def _parameters(self) -> pika.ConnectionParameters:
        broker = self.broker
        return pika.ConnectionParameters(
            host=broker.host,
            port=broker.port,
            virtual_host=broker.virtual_host,
            credentials=pika.PlainCredentials(broker.username, broker.password),
            ssl_options=pika.SSLOptions(broker.tls, broker.host) if broker.tls else None,
            socket_timeout=_TIMEOUT,
            stack_timeout=2 * _TIMEOUT,
            blocked_connection_timeout=_TIMEOUT,
        )
