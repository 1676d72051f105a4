"""One OpenFlow session: the receiving thread, and the Datapath that others call.

Packet-ins, port changes, answers and echoes are taken as bytes right where they are received. Messages
that nobody here asked for go to the Ryu applications, if any are loaded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sdn_orch.dataplane.plan import Plan
from sdn_orch.errors import Disconnected, MalformedMessage
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow import messages
from sdn_orch.openflow.events import parse_error, parse_packet_in
from sdn_orch.openflow.messages import Kind
from sdn_orch.openflow.multipart import (
    ALL_TABLES,
    Part,
    multipart_request,
    parse_counters,
    parse_flows,
    parse_multipart,
)
from sdn_orch.openflow.ports import PortChange, PortDescription, parse_port_status
from sdn_orch.openflow.values import OPENFLOW_13, Action, FlowKey
from sdn_orch.southbound.base import FlowCounters, Listener, PacketIn, Port
from sdn_orch.southbound.connection import Connection
from sdn_orch.southbound.dump import SessionDump
from sdn_orch.southbound.exchange import Exchange, Exchanges
from sdn_orch.southbound.framing import Framing
from sdn_orch.southbound.handshake import Introduction, choose_version, introduce
from sdn_orch.southbound.surroundings import Applications, Registry, Timing
from sdn_orch.southbound.transfer import transfer
from sdn_orch.uncollected import uncollected

log = logging.getLogger(__name__)

#: Hellos, errors and echoes may come in another version than the agreed one (1.3.5, section 6.3.1).
_ANY_VERSION = frozenset({Kind.HELLO, Kind.ERROR, Kind.ECHO_REQUEST, Kind.ECHO_REPLY})


class Session:
    """See the module; also `base.Datapath`. `run` is the receiving thread's body."""

    def __init__(
        self,
        connection: Connection,
        listener: Listener,
        registry: Registry,
        timing: Timing,
        applications: Applications | None,
    ) -> None:
        self.dpid = 0
        self.capabilities = Capabilities()
        self.connection = connection
        self.exchanges = Exchanges()
        self.timing = timing
        self.introduction: Introduction
        self._listener = listener
        self._registry = registry
        self._applications = applications
        self._ports: dict[int, Port] = {}
        self._framing = Framing()
        #: Port changes since the switch described its ports, until the session is told of.
        self._early: list[bytes] = []
        self._version = 0
        self._applying = threading.Lock()
        self._thread: threading.Thread | None = None
        self._name = connection.peer
        self._closing = False

    # What the reconciler calls (base.Datapath).

    def ports(self) -> tuple[Port, ...]:
        """The ports as last told, reserved ones (LOCAL) included."""
        return tuple(self._ports.values())

    def dump(self) -> SessionDump:
        """What the switch holds, asked for now. Raises Disconnected."""
        return SessionDump(self)

    def counters(self, tables: Sequence[int] = (ALL_TABLES,)) -> dict[FlowKey, FlowCounters]:
        """Counters by flow identity. Raises Disconnected."""
        with self.answered("dump"), uncollected():
            return {
                key: FlowCounters(*parse_counters(counted, self._version))
                for table in tables
                for body in self.bodies(Part.FLOW, self.ask(Part.FLOW, table))
                for key, _, _, counted in parse_flows(body, self._version)
            }

    def apply(self, plan: Plan) -> None:
        """Carry the plan out, as `base.Datapath` says; one plan at a time."""
        self._check_thread()
        with self._applying, self.answered("plan"):
            transfer(self, plan)

    def packet_out(self, actions: Sequence[Action], frame: bytes, in_port: int) -> None:
        """Send one frame through actions; not confirmed. Raises Disconnected.

        Never waits: a frame for a switch that does not read is lost, as frames are.
        """
        self.connection.offer(
            messages.packet_out(actions, frame, in_port, self._version, self.exchanges.xid())
        )

    def close(self) -> None:
        """End the session."""
        self._closing = True
        self.connection.close("closed by us")

    # What the southbound's own modules call.

    @property
    def version(self) -> int:
        """The agreed OpenFlow version's byte; 0 before."""
        return self._version

    def send(self, data: bytes) -> None:
        """Send whole messages. Raises Disconnected."""
        self.connection.send(data)

    def is_alive(self, timeout: float) -> bool:
        """Whether the switch answers an echo within `timeout` seconds; for another thread than `run`'s."""
        self._check_thread()
        try:
            with self.exchanges.open(1) as exchange:
                self.send(messages.echo_request(self._version, exchange.first))
                exchange.next(timeout)
        except (Disconnected, TimeoutError):
            return False
        return True

    def ask(self, part: Part, table: int = ALL_TABLES) -> Exchange:
        """Send a multipart request; what comes back is for `bodies`. Raises Disconnected."""
        self._check_thread()
        exchange = self.exchanges.begin(1)
        self.send(multipart_request(part, self._version, exchange.first, table))
        return exchange

    def bodies(self, part: Part, exchange: Exchange) -> Iterator[bytes]:
        """The bodies of the reply to what was asked, as they come in; then the exchange is over.

        Raises Disconnected, TimeoutError and MalformedMessage.
        """
        try:
            more = True
            while more:
                answer = exchange.next(self.timing.answer)
                if answer[1] == Kind.ERROR:
                    raise MalformedMessage(f"{part.name} request: {parse_error(answer).text}")
                _, more, body = parse_multipart(answer)
                yield body
        finally:
            self.exchanges.close(exchange)

    @contextmanager
    def answered(self, what: str) -> Iterator[None]:
        """Within it, a switch that does not answer, or answers nonsense, loses its session."""
        try:
            yield
        except (TimeoutError, MalformedMessage) as fault:
            log.error("switch %s: %s: %s; disconnecting it", self._name, what, fault)
            self.connection.close(f"{what}: {fault}")
            raise Disconnected(f"{self._name}: {what}: {fault}") from fault

    def start(self) -> None:
        """Start the receiving thread."""
        self._thread = threading.Thread(target=self.run, name=f"openflow-{self._name}", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait until the session has ended and said so; False when it has not within `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def run(self) -> None:
        """Shake hands, then receive until the session ends. Never raises."""
        admitted = False
        reason = "ended"
        try:
            self._shake_hands()
            admitted = self._registry.admit(self)
            if admitted:
                log.info("switch %s connected, %s", self._name, _describe(self.introduction))
                self._tell_connected()
                self._serve()
        except (Disconnected, TimeoutError) as end:
            reason = str(end).removeprefix(f"{self.connection.peer}: ")
            level = logging.INFO if self._closing else logging.WARNING
            log.log(level, "switch %s: session ended: %s", self._name, reason)
        except MalformedMessage as fault:
            reason = str(fault)
            log.error("switch %s sent what is not proper OpenFlow, disconnecting it: %s", self._name, fault)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log.exception("switch %s: session failed", self._name)
        finally:
            self._end(admitted, reason)

    # The receiving thread.

    def _shake_hands(self) -> None:
        versions = self._registry.versions(self)
        self.send(messages.hello(versions, self.exchanges.xid()))
        incoming = self._incoming(time.monotonic() + self.timing.handshake)
        offered = messages.hello_versions(next(incoming))
        try:
            self._version = choose_version(offered, versions)
        except MalformedMessage as fault:
            body = bytes(4) + str(fault).encode()
            self.send(messages.message(max(versions), Kind.ERROR, self.exchanges.xid(), body))
            raise
        self.introduction = introduce(
            self._version,
            self.exchanges.xid,
            self.send,
            lambda: next(incoming),
            is_plain=self._registry.is_plain,
            flow_removed=self._applications is not None,
        )
        plain = not self.introduction.capabilities.open_vswitch
        if plain and self._version != OPENFLOW_13 and OPENFLOW_13 in versions & offered:
            # Who it is we only learn in a session, and its version cannot change.
            self._registry.speak_13(self)
            raise Disconnected(f"{self._name}: no Open vSwitch, to come back with OpenFlow 1.3")
        self.dpid = self.introduction.features.dpid
        self.capabilities = self.introduction.capabilities
        self._ports = {port.number: _port(port, self._version) for port in self.introduction.ports}
        self._name = f"{self.dpid:016x} ({self.connection.peer})"

    def _incoming(self, deadline: float) -> Iterator[bytes]:
        """The messages up to the end of the handshake; echoes are answered on the way."""
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError(f"handshake not finished within {self.timing.handshake:g} s")
            self._framing.feed(self.connection.receive(remaining))
            self._check_first()
            while message := self._framing.next():
                if message[1] == Kind.ECHO_REQUEST:
                    self.send(messages.echo_reply(message))
                elif message[1] == Kind.PORT_STATUS:
                    self._early.append(message)
                elif message[1] not in (Kind.PACKET_IN, Kind.ECHO_REPLY):
                    if (
                        message[1] == Kind.MULTIPART_REPLY
                        and parse_multipart(message)[0] == Part.PORT_DESCRIPTION
                    ):
                        self._early.clear()
                    yield message

    def _check_first(self) -> None:
        """Notice at once what is no OpenFlow: text in place of a header may announce a long message."""
        head = self._framing.peek()[:2]
        if self._version == 0 and head and (head[0] == 0 or head[1:] > bytes((Kind.ERROR,))):
            raise MalformedMessage(f"session does not start with a hello: {self._framing.peek()[:16]!r}")

    def _serve(self) -> None:
        interval = self.timing.echo_interval
        heard, asked = time.monotonic(), False
        for message in self._early:
            self._handle(message)
        self._handle_all()
        while True:
            data = self.connection.receive(
                max(0.0, heard + interval * (2 if asked else 1) - time.monotonic())
            )
            if data:
                heard, asked = time.monotonic(), False
                self._framing.feed(data)
                self._handle_all()
            elif asked:
                raise Disconnected(f"silent for {2 * interval:g} s")
            else:
                self.send(messages.echo_request(self._version, self.exchanges.xid()))
                asked = True

    def _handle_all(self) -> None:
        version = self._version
        while message := self._framing.next():
            if message[0] != version and message[1] not in _ANY_VERSION:
                raise MalformedMessage(f"message of OpenFlow version {message[0]:#04x} in {version:#04x}")
            self._handle(message)

    def _handle(self, message: bytes) -> None:
        kind = message[1]
        if kind == Kind.PACKET_IN:
            self._packet_in(message)
        elif kind == Kind.ECHO_REQUEST:
            self.send(messages.echo_reply(message))
            return
        elif kind == Kind.PORT_STATUS:
            self._port_status(message)
        elif self.exchanges.deliver(message):
            return
        elif kind == Kind.ERROR and self._applications is None:
            error = parse_error(message)
            log.warning("switch %s: error %s about %s", self._name, error.text, error.data[:16].hex())
        if (applications := self._applications) is not None:
            self._guard("a message by applications", lambda: applications.deliver(self, message))

    def _guard(self, what: str, handle: Callable[[], None]) -> None:
        """Whoever stumbles over what we tell them takes neither the session nor others along."""
        try:
            handle()
        except Exception:
            log.exception("switch %s: handling %s failed", self._name, what)

    def _packet_in(self, message: bytes) -> None:
        packet = parse_packet_in(message)
        told = PacketIn(
            self.dpid,
            packet.in_port,
            packet.table,
            packet.cookie,
            packet.metadata,
            packet.reason,
            packet.frame,
            packet.asked,
        )
        self._guard("a packet-in", lambda: self._listener.packet_in(self, told))

    def _port_status(self, message: bytes) -> None:
        change, description = parse_port_status(message, self._version)
        port = _port(description, self._version)
        ports = dict(self._ports)
        if change == PortChange.DELETE:
            ports.pop(port.number, None)
        else:
            ports[port.number] = port
        self._ports = ports
        removed = change == PortChange.DELETE
        self._guard("a port change", lambda: self._listener.port_changed(self, port, removed))

    def _tell_connected(self) -> None:
        self._guard("its connect", lambda: self._listener.connected(self))
        if (applications := self._applications) is not None:
            self._guard("its connect by applications", lambda: applications.opened(self))

    def _end(self, admitted: bool, reason: str) -> None:
        self.connection.close(reason)
        self.exchanges.end(f"{self._name}: {reason}")
        if admitted:
            self._guard("its disconnect", lambda: self._listener.disconnected(self))
            if (applications := self._applications) is not None:
                self._guard("its disconnect by applications", lambda: applications.closed(self))
        self._registry.remove(self)
        self.connection.dispose()

    def _check_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a request from the thread that receives its answer would wait for ever")


def _port(port: PortDescription, version: int) -> Port:
    digits = f"{port.mac:012x}"
    mac = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    # Only Open vSwitch speaks another version than 1.3 with us, and of it we know that it tells.
    live = port.live or not port.up or version == OPENFLOW_13
    return Port(port.number, port.name, mac, port.up, port.speed // 1000, live)


def _describe(introduction: Introduction) -> str:
    name = introduction.description
    version = "1.3" if introduction.version == OPENFLOW_13 else "1.5"
    made = f"{name.manufacturer} {name.hardware} {name.software}".strip()
    return f"{made or 'an unnamed switch'}, OpenFlow {version}, {len(introduction.ports)} ports"
