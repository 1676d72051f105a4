"""Where switches connect: the listening socket, TLS, and one session per datapath id."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Collection

from sdn_orch.endpoint import Endpoint, MutualTls
from sdn_orch.openflow.values import OPENFLOW_13
from sdn_orch.southbound.base import Listener
from sdn_orch.southbound.connection import Connection
from sdn_orch.southbound.session import Session
from sdn_orch.southbound.surroundings import VERSIONS, Applications, Timing

log = logging.getLogger(__name__)

#: How long the older of two sessions with one datapath id has for a sign of life, in seconds.
_PROBE_TIMEOUT = 2.0
_STOP_TIMEOUT = 5.0


class Channel:
    """Accepts switches and tells `listener` of them; `applications` are loaded Ryu applications."""

    def __init__(
        self,
        endpoint: Endpoint,
        listener: Listener,
        *,
        tls: MutualTls | None = None,
        timing: Timing | None = None,
        applications: Applications | None = None,
        plain: Collection[int] = (),
    ) -> None:
        """`plain` are datapath ids of switches not to be taken for Open vSwitch, whatever they say."""
        self._endpoint = endpoint
        self._tls = tls
        self._listener = listener
        self._timing = timing or Timing()
        self._applications = applications
        self._forced_plain = frozenset(plain)
        self._lock = threading.Lock()
        self._sessions: set[Session] = set()
        self._by_dpid: dict[int, Session] = {}
        #: Addresses whose next session is to be offered OpenFlow 1.3 only.
        self._plain: set[str] = set()
        self._listening: tuple[socket.socket, threading.Thread] | None = None
        self._stopping = False

    def start(self) -> int:
        """Listen; gives the port. Raises OSError when it, or the files of TLS, cannot be had."""
        context = self._tls.server_context() if self._tls else None
        family = socket.AF_INET6 if ":" in self._endpoint.host else socket.AF_INET
        address = (self._endpoint.host, self._endpoint.port)
        server = socket.create_server(address, family=family, backlog=512)
        port: int = server.getsockname()[1]
        thread = threading.Thread(
            target=self._accept, args=(server, context), name=f"accept-{port}", daemon=True
        )
        self._listening = (server, thread)
        thread.start()
        return port

    def stop(self) -> None:
        """Close all sessions and stop listening; every disconnect has been told when this returns."""
        with self._lock:
            self._stopping = True
            sessions = tuple(self._sessions)
            listening, self._listening = self._listening, None
        if listening is not None:
            server, thread = listening
            try:
                server.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                log.debug("shutting the listener down: %s", error)
            thread.join(_STOP_TIMEOUT)
            server.close()
        for session in sessions:
            session.close()
        for session in sessions:
            session.join(_STOP_TIMEOUT)

    def versions(self, session: Session) -> frozenset[int]:
        """What to offer: 1.5 and 1.3, as far as the loaded applications know them."""
        versions = self._applications.versions if self._applications else VERSIONS
        with self._lock:
            if session.connection.host in self._plain and OPENFLOW_13 in versions:
                self._plain.discard(session.connection.host)
                return frozenset({OPENFLOW_13})
        return versions

    def speak_13(self, session: Session) -> None:
        """Offer the next session from this address OpenFlow 1.3 only."""
        with self._lock:
            self._plain.add(session.connection.host)

    def is_plain(self, dpid: int) -> bool:
        """Whether a switch is to be treated as a plain one, whatever it says of itself."""
        return dpid in self._forced_plain

    def admit(self, session: Session) -> bool:
        """Let the session stand for its datapath id, unless a live one does already.

        Runs on the newcomer's thread, so nobody else waits for the older one's sign of life.
        """
        while True:
            with self._lock:
                older = self._by_dpid.setdefault(session.dpid, session)
                if older is session:
                    return not self._stopping
            if older.is_alive(_PROBE_TIMEOUT):
                log.error(
                    "two switches claim datapath id %016x: %s is connected and answers, %s is refused",
                    session.dpid,
                    older.connection.peer,
                    session.connection.peer,
                )
                return False
            log.warning(
                "switch %016x: session from %s is dead, %s takes its place",
                session.dpid,
                older.connection.peer,
                session.connection.peer,
            )
            older.close()
            if not older.join(_STOP_TIMEOUT):
                log.error("switch %016x: the end of its old session hangs", session.dpid)
                return False

    def remove(self, session: Session) -> None:
        """The session has ended and its end has been told."""
        with self._lock:
            self._sessions.discard(session)
            if self._by_dpid.get(session.dpid) is session:
                del self._by_dpid[session.dpid]

    def _accept(self, server: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            try:
                accepted, address = server.accept()
            except OSError as error:
                if self._stopping:
                    return
                # Out of descriptors, or the peer was gone before we looked: the listener must live on.
                log.error("accepting a switch failed: %s", error)
                threading.Event().wait(0.1)
                continue
            try:
                self._open(accepted, address, context)
            except (OSError, RuntimeError) as error:
                # RuntimeError: no thread can be had.
                log.warning("switch at %s:%s: %s", address[0], address[1], error)
                accepted.close()

    def _open(
        self, accepted: socket.socket, address: tuple[str, int], context: ssl.SSLContext | None
    ) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            accepted = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        connection = Connection(accepted, address[0], address[1])
        session = Session(connection, self._listener, self, self._timing, self._applications)
        with self._lock:
            if self._stopping:
                session.connection.dispose()
                return
            self._sessions.add(session)
        try:
            session.start()
        except RuntimeError:
            self.remove(session)
            raise
