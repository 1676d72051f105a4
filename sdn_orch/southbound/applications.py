"""Ryu applications beside ours: loading them, and their events from our sessions.

What a session receives and did not ask for becomes an os-ken event here. An application that does not
keep up loses events, with a warning; it never holds up a session.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdn_orch import ryu_alias
from sdn_orch.errors import Disconnected
from sdn_orch.openflow.messages import Kind
from sdn_orch.openflow.ports import PortChange
from sdn_orch.southbound.osken import (
    app_manager,
    controller,
    handler,
    mend,
    ofp_event,
    ofproto_parser,
    ofproto_protocol,
)
from sdn_orch.southbound.session import Session
from sdn_orch.southbound.surroundings import VERSIONS

log = logging.getLogger(__name__)

#: How long applications have to end, in seconds.
_STOP_TIMEOUT = 5.0
_EVENT_SERVICE = "ofp_event"


class RyuDatapath(controller.Datapath):  # type: ignore[misc]
    """What applications know as a datapath; everything it sends goes through our session."""

    def __init__(self, session: Session) -> None:
        # Not the base's: it would take a socket and start queues of its own.
        ofproto_protocol.ProtocolDesc.__init__(self, session.version)
        self.session = session
        self.id = session.dpid
        self.address = session.connection.peer
        self.is_active = True
        self.state = handler.HANDSHAKE_DISPATCHER
        self.ports: dict[int, Any] = {}

    @property
    def xid(self) -> int:
        """A fresh transaction id: ours and the applications' never clash."""
        return self.session.exchanges.xid()

    def set_xid(self, msg: Any) -> int:
        """Give the message a transaction id."""
        xid = self.xid
        msg.set_xid(xid)
        return xid

    def send(self, buf: bytes, close_socket: bool = False) -> bool:
        """Send; False when the session is over."""
        try:
            self.session.send(bytes(buf))
        except Disconnected:
            return False
        if close_socket:
            self.session.close()
        return True

    def close(self) -> None:
        """End the session."""
        self.session.close()


class RyuApplications:
    """Loads and starts Ryu applications, each a file or a module's name; see `session.Applications`."""

    def __init__(self, names: Sequence[str]) -> None:
        mend()
        ryu_alias.install()
        self._datapaths: dict[Session, RyuDatapath] = {}
        self._full: set[str] = set()
        self._manager = app_manager.AppManager()
        # Applications ask the class for its one instance.
        app_manager.AppManager._instance = self._manager
        try:
            self._manager.load_apps([_module(name) for name in names])
            self._manager.instantiate_apps(**self._manager.create_contexts())
        except BaseException:
            self.stop()
            raise
        self.versions = VERSIONS & frozenset(ofproto_protocol._supported_versions)
        if not self.versions:
            self.stop()
            raise ValueError(f"{', '.join(names)}: no common OpenFlow version; we speak 1.3 and 1.5")

    def stop(self) -> None:
        """Stop all applications. One that does not end within seconds is left behind, and dies with us."""
        closing = threading.Thread(target=self._manager.close, name="close-applications", daemon=True)
        closing.start()
        closing.join(_STOP_TIMEOUT)
        if closing.is_alive():
            log.error("applications did not stop within %g s: %s", _STOP_TIMEOUT, sorted(self._names()))
            for name in self._names():
                app_manager.SERVICE_BRICKS.pop(name, None)
        app_manager.AppManager._instance = None
        ofproto_protocol._supported_versions = set(ofproto_protocol._versions)

    def opened(self, session: Session) -> None:
        """Take the applications through os-ken's phases with what the handshake brought."""
        datapath = RyuDatapath(session)
        self._datapaths[session] = datapath
        self._change_state(datapath, handler.CONFIG_DISPATCHER)
        for message in session.introduction.messages:
            parsed = self._tell(datapath, message)
            if parsed is not None and message[1] == Kind.MULTIPART_REPLY:
                datapath.ports.update((port.port_no, port) for port in parsed.body)
        self._change_state(datapath, handler.MAIN_DISPATCHER)

    def deliver(self, session: Session, message: bytes) -> None:
        """A message that was not an answer to us."""
        datapath = self._datapaths[session]
        parsed = self._tell(datapath, message)
        if parsed is not None and message[1] == Kind.PORT_STATUS:
            number = parsed.desc.port_no
            if parsed.reason == PortChange.DELETE:
                datapath.ports.pop(number, None)
            else:
                datapath.ports[number] = parsed.desc
            event = ofp_event.EventOFPPortStateChange(datapath, parsed.reason, number)
            self._send(event, datapath.state)

    def closed(self, session: Session) -> None:
        """The session is over; os-ken itself never tells."""
        datapath = self._datapaths.pop(session, None)
        if datapath is not None:
            datapath.is_active = False
            self._change_state(datapath, handler.DEAD_DISPATCHER)

    def _names(self) -> tuple[str, ...]:
        return tuple(self._manager.applications)

    def _change_state(self, datapath: RyuDatapath, state: str) -> None:
        datapath.state = state
        event = ofp_event.EventOFPStateChange(datapath)
        event.state = state
        self._send(event, state)

    def _tell(self, datapath: RyuDatapath, message: bytes) -> Any:
        """Parse and send as an event; the parsed message, or None where os-ken does not understand it."""
        xid = int.from_bytes(message[4:8], "big")
        try:
            parsed = ofproto_parser.msg(
                datapath, message[0], message[1], len(message), xid, bytearray(message)
            )
            if parsed is not None:
                self._send(ofp_event.ofp_msg_to_ev(parsed), datapath.state)
        except Exception:
            log.exception("switch %016x: os-ken cannot read a message of type %d", datapath.id, message[1])
            return None
        return parsed

    def _send(self, event: Any, state: str) -> None:
        """Put the event into each observer's queue, where there is room."""
        service = app_manager.lookup_service_brick(_EVENT_SERVICE)
        if service is None:
            return
        for name in service.get_observers(event, state):
            application = app_manager.lookup_service_brick(name)
            if application is None:
                continue
            # Their own way of sending waits for room, and the receiving thread with it.
            if application._events_sem.acquire(blocking=False):
                application.events.put((event, state))
                self._full.discard(name)
            elif name not in self._full:
                self._full.add(name)
                log.warning("application %s does not keep up; it loses events", name)


def _module(name: str) -> str:
    """The name of the loaded module, loading a file under a name of its own.

    os-ken would load `json.py` as the module `json`, in everybody's place.
    """
    path = Path(name)
    if path.suffix != ".py":
        return name
    module_name = f"ryu_application_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"{name}: no such application file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    folder = str(path.resolve().parent)
    sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    finally:
        sys.path.remove(folder)
    return module_name
