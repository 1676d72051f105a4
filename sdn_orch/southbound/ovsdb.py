"""Open vSwitch databases: what they say about ports, and the few settings that we write.

    database = Database("unix:/run/openvswitch/db.sock", changed=print)
    database.start()
    database.set_controller("br-int", "tcp:127.0.0.1:6653")

Each database has a thread that connects, and again after each loss; what was known stays known meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import ovs.stream
from ovsdbapp.backend.ovs_idl import command, connection, idlutils
from ovsdbapp.schema.open_vswitch import impl_idl

from sdn_orch.errors import NotFound, SdnOrchError
from sdn_orch.southbound.bindings import Binding, Bindings
from sdn_orch.southbound.channel import Tls

log = logging.getLogger(__name__)

#: Seconds for one request, and the first and longest pause before the next attempt to connect.
_TIMEOUT = 10
_BACKOFF = (0.2, 8.0)

#: Only these are watched: an Interface row's statistics alone would wake us every five seconds.
_COLUMNS = {
    "Open_vSwitch": ["bridges"],
    "Bridge": ["name", "ports", "datapath_id", "controller", "fail_mode"],
    "Port": ["name", "interfaces"],
    "Interface": ["name", "ofport", "external_ids"],
    "Controller": ["target", "inactivity_probe", "max_backoff"],
}

Changed = Callable[[Binding | None, Binding | None], None]


class Unreachable(SdnOrchError):
    """The database is not connected, or did not carry the request out."""


def use_tls(tls: Tls) -> None:
    """Certificates for `ssl:` databases. One set for the whole process: the library has no other way."""
    ovs.stream.Stream.ssl_set_private_key_file(str(tls.key))
    ovs.stream.Stream.ssl_set_certificate_file(str(tls.certificate))
    ovs.stream.Stream.ssl_set_ca_cert_file(str(tls.ca))


class Database:
    """One OVSDB server; `remote` as in ovsdb(7), e.g. `unix:PATH`, `tcp:HOST:PORT` or `ssl:HOST:PORT`.

    `changed(before, after)` is called, from the database's thread, for each binding that appears (before
    is None), changes, or disappears (after is None); `synchronised()` after each time that the whole
    database has been read, when a binding that was not told of is surely not there.
    """

    def __init__(self, remote: str, changed: Changed, synchronised: Callable[[], None] | None = None) -> None:
        self.remote = remote
        self._changed = changed
        self._synchronised = synchronised
        self._bindings = Bindings()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._connect, name=f"ovsdb-{remote}", daemon=True)
        self._api: Any = None
        self._connection: Any = None

    def start(self) -> None:
        """Start connecting."""
        self._thread.start()

    def stop(self, timeout: float = _TIMEOUT) -> None:
        """Disconnect; nothing is told any more afterwards.

        What does not end within `timeout` seconds, because a server does not answer, ends by itself later.
        """
        self._stop.set()
        deadline = time.monotonic() + timeout
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._connection is not None:
            self._connection.stop(max(0.0, deadline - time.monotonic()))

    def bindings(self) -> tuple[Binding, ...]:
        """All bindings as last told."""
        return self._bindings.all()

    def set_controller(self, bridge: str, *targets: str) -> None:
        """Let the bridge connect to these. Raises NotFound for an unknown bridge, and Unreachable.

        Nothing is written where they are set already: setting the first controller anew would empty the
        bridge's tables.
        """
        self._run(_SetController(self._ready(), bridge, targets))

    def set_fail_mode(self, bridge: str, mode: str = "secure") -> None:
        """`secure`: without a controller the rules stay as they are. Raises NotFound and Unreachable."""
        self._run(_SetFailMode(self._ready(), bridge, mode))

    def tune_connection(self, bridge: str, inactivity_probe: int, max_backoff: int) -> None:
        """How soon the bridge misses and seeks its controllers, in milliseconds; after each connect.

        Open vSwitch 3.1 heeds these settings only when they change while it is connected, so an equal
        value is written one higher. Raises NotFound and Unreachable.
        """
        self._run(_TuneConnection(self._ready(), bridge, inactivity_probe, max_backoff))

    def _ready(self) -> Any:
        # Without the second question the library would wait, and write long after we have given up.
        if self._api is None or not self._connection.idl._session.is_connected():
            raise Unreachable(f"{self.remote}: not connected")
        return self._api

    def _run(self, request: _Request) -> None:
        try:
            request.execute(check_error=True, log_errors=False)
        except NotFound:
            raise
        except Exception as error:
            raise Unreachable(f"{self.remote}: {error}") from error

    def _connect(self) -> None:
        pause = _BACKOFF[0]
        said = False
        while not self._stop.is_set():
            try:
                self._open()
            except Exception as error:
                # Once connected the library reconnects by itself; it is the first time that it cannot.
                if not said:
                    log.warning("OVSDB %s: %s; trying on", self.remote, error or type(error).__name__)
                said = True
                self._stop.wait(pause)
                pause = min(pause * 2, _BACKOFF[1])
            else:
                if self._stop.is_set():
                    self._connection.stop(_TIMEOUT)
                return

    def _open(self) -> None:
        helper = idlutils.get_schema_helper(self.remote, "Open_vSwitch")
        for table, columns in _COLUMNS.items():
            helper.register_columns(table, columns)
        idl = _Idl(self.remote, helper, self)
        opened = connection.Connection(idl, timeout=_TIMEOUT)
        # The library keeps its connection in the class: a class of its own for each database.
        api = type("Api", (impl_idl.OvsdbIdl,), {"_ovsdb_connection": None})
        ready = api(opened)
        self._connection = opened
        self._api = ready

    def _settle(self, tables: Any, complete: bool) -> None:
        """Tell what has changed; called after each batch of updates, on the library's thread."""
        if self._stop.is_set():
            return
        for before, after in self._bindings.settle(tables):
            try:
                self._changed(before, after)
            except Exception:
                log.exception("OVSDB %s: handling a binding failed", self.remote)
        if complete:
            log.info("OVSDB %s: connected, %d bindings", self.remote, len(self._bindings.all()))
            if self._synchronised is not None:
                try:
                    self._synchronised()
                except Exception:
                    log.exception("OVSDB %s: handling its synchronisation failed", self.remote)


class _Idl(connection.OvsdbIdl):  # type: ignore[misc]
    """The library's copy of the database, which tells its owner of every batch of updates."""

    def __init__(self, remote: str, helper: Any, owner: Database) -> None:
        super().__init__(remote, helper)
        self._owner = owner
        self._monitoring = False

    def notify(self, _event: str, row: Any, updates: Any = None) -> None:
        """A row has changed; the others of its transaction are in place already."""
        self._owner._bindings.note(row, updates)

    def run(self) -> bool:
        before = self.change_seqno
        changed: bool = super().run()
        monitoring = self.state == self.IDL_S_MONITORING
        complete = monitoring and not self._monitoring
        self._monitoring = monitoring
        if monitoring and (complete or self.change_seqno != before):
            self._owner._settle(self.tables, complete)
        return changed


class _Request(command.BaseCommand):  # type: ignore[misc]
    """A change of one bridge, decided within the transaction."""

    def __init__(self, api: Any, bridge: str) -> None:
        super().__init__(api)
        self._bridge = bridge

    def run_idl(self, txn: Any) -> None:
        for row in self.api.idl.tables["Bridge"].rows.values():
            if row.name == self._bridge:
                return self.change(txn, row)
        raise NotFound(f"bridge {self._bridge}: not in this database")

    def change(self, txn: Any, bridge: Any, /) -> None:
        """Write into the transaction."""
        raise NotImplementedError


class _SetController(_Request):
    def __init__(self, api: Any, bridge: str, targets: tuple[str, ...]) -> None:
        super().__init__(api, bridge)
        self._targets = targets

    def change(self, txn: Any, bridge: Any) -> None:
        kept = {row.target: row for row in bridge.controller if row.target in self._targets}
        if len(kept) == len(bridge.controller) and kept.keys() == set(self._targets):
            return
        for target in self._targets:
            if target not in kept:
                kept[target] = txn.insert(self.api.idl.tables["Controller"])
                kept[target].target = target
        bridge.controller = list(kept.values())


class _SetFailMode(_Request):
    def __init__(self, api: Any, bridge: str, mode: str) -> None:
        super().__init__(api, bridge)
        self._mode = mode

    def change(self, _txn: Any, bridge: Any) -> None:
        if bridge.fail_mode != [self._mode]:
            bridge.fail_mode = self._mode


class _TuneConnection(_Request):
    def __init__(self, api: Any, bridge: str, inactivity_probe: int, max_backoff: int) -> None:
        super().__init__(api, bridge)
        self._wanted = {"inactivity_probe": inactivity_probe, "max_backoff": max_backoff}

    def change(self, _txn: Any, bridge: Any) -> None:
        for row in bridge.controller:
            for column, value in self._wanted.items():
                setattr(row, column, value + 1 if getattr(row, column) == [value] else value)
