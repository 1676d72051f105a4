"""Open vSwitch databases: what they say about ports and bridges, and what is written there.

Each database has a thread that connects, and again after each loss, and that writes; what was known stays
known meanwhile.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sdn_orch.endpoint import MutualTls
from sdn_orch.southbound import bridges
from sdn_orch.southbound.bindings import Binding, Bindings
from sdn_orch.southbound.bridges import Bridge, Edit
from sdn_orch.southbound.ovs_library import connection, idlutils, stream, transaction

log = logging.getLogger(__name__)

#: Seconds for one request, and the first and longest pause before the next attempt to connect.
_TIMEOUT = 10
_BACKOFF = (0.2, 8.0)

#: Only these are watched: an Interface row's statistics alone would wake us every five seconds.
_COLUMNS = {
    "Open_vSwitch": ["bridges", "next_cfg"],
    "Bridge": ["name", "ports", "datapath_id", "fail_mode", "protocols", "other_config", "controller"],
    "Controller": ["target", "max_backoff", "inactivity_probe"],
    "Port": ["interfaces"],
    "Interface": ["name", "ofport", "external_ids", "bfd"],
}

Changed = Callable[[Binding | None, Binding | None], None]


def use_tls(tls: MutualTls) -> None:
    """Certificates for `ssl:` databases. One set for the whole process: the library has no other way."""
    stream.Stream.ssl_set_private_key_file(str(tls.key))
    stream.Stream.ssl_set_certificate_file(str(tls.certificate))
    stream.Stream.ssl_set_ca_cert_file(str(tls.authority))


class Database:
    """One OVSDB server; `remote` as in ovsdb(7), e.g. `unix:PATH`, `tcp:HOST:PORT` or `ssl:HOST:PORT`.

    `changed(before, after)` is called, from the database's thread, for each binding that appears (before
    is None), changes, or disappears (after is None); `bridges_changed(bridges)` with all bridges when they
    are not as last told, and after each time that the whole database has been read; so `synchronised()`,
    when a binding that was not told of is surely not there; and `lost()` when it does not answer any more.
    """

    def __init__(
        self,
        remote: str,
        changed: Changed,
        synchronised: Callable[[], None] | None = None,
        bridges_changed: Callable[[tuple[Bridge, ...]], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> None:
        self.remote = remote
        self._changed = changed
        self._synchronised = synchronised
        self._bridges_changed = bridges_changed
        self._lost = lost
        self._bindings = Bindings()
        self._bridges: tuple[Bridge, ...] = ()
        self._edits: queue.SimpleQueue[tuple[Sequence[Edit], bool] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ovsdb-{remote}", daemon=True)
        self._connection: Any = None

    def start(self) -> None:
        """Start connecting."""
        self._thread.start()

    def stop(self, timeout: float = _TIMEOUT) -> None:
        """Disconnect; nothing is told any more afterwards.

        What does not end within `timeout` seconds, because a server does not answer, ends by itself later.
        """
        self._stop.set()
        self._edits.put(None)
        deadline = time.monotonic() + timeout
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._connection is not None:
            self._connection.stop(max(0.0, deadline - time.monotonic()))

    def write(self, edits: Sequence[Edit], *, remind: bool = False) -> None:
        """Write soon, in one transaction; rows that are gone by then are left out. Never blocks.

        `remind`: ovs-vswitchd is to take over again all that stands there, as `ovs-vsctl` makes it do.
        What the database refuses is logged, once.
        """
        self._edits.put((tuple(edits), remind))

    def _run(self) -> None:
        self._connect()
        said: set[str] = set()
        while (what := self._edits.get()) is not None and not self._stop.is_set():
            edits, remind = what
            try:
                written = transaction.Transaction(
                    self._connection, self._connection, _TIMEOUT, check_error=True, log_errors=False
                )
                written.add(_Write(self._connection.idl, edits, remind))
                written.commit()
            except Exception as error:
                columns = ", ".join(sorted({f"{edit.table}.{edit.column}" for edit in edits})) or "next_cfg"
                if (complaint := f"{columns} not written: {error}") not in said:
                    log.warning("OVSDB %s: %s", self.remote, complaint)
                said.add(complaint)
            else:
                said.clear()

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
        opened.start()
        self._connection = opened

    def _settle(self, tables: Any, complete: bool) -> None:
        """Tell what has changed; called after each batch of updates, on the library's thread."""
        if self._stop.is_set():
            return
        for before, after in self._bindings.settle(tables):
            try:
                self._changed(before, after)
            except Exception:
                log.exception("OVSDB %s: handling a binding failed", self.remote)
        self._settle_bridges(tables, complete)
        if complete:
            log.info("OVSDB %s: connected, %d bindings", self.remote, len(self._bindings.all()))
            if self._synchronised is not None:
                try:
                    self._synchronised()
                except Exception:
                    log.exception("OVSDB %s: handling its synchronisation failed", self.remote)

    def _settle_bridges(self, tables: Any, complete: bool) -> None:
        found = bridges.read(tables, self._bindings.watches())
        if self._bridges_changed is None or (found == self._bridges and not complete):
            return
        self._bridges = found
        try:
            self._bridges_changed(found)
        except Exception:
            log.exception("OVSDB %s: handling its bridges failed", self.remote)


class _Write:
    """A command of the library's: lays edits over the rows."""

    #: The library looks for it.
    result = None

    def __init__(self, idl: Any, edits: Sequence[Edit], remind: bool) -> None:
        self._idl = idl
        self._edits = edits
        self._remind = remind

    def run_idl(self, _transaction: Any) -> None:
        """Called by the library, with a transaction open."""
        for edit in self._edits:
            row = self._row(edit)
            if row is None:
                continue
            if isinstance(edit.value, str | int):
                setattr(row, edit.column, edit.value)
                continue
            for key, value in edit.value.items():
                if value is None:
                    row.delkey(edit.column, key)
                else:
                    row.setkey(edit.column, key, value)
        for row in self._idl.tables["Open_vSwitch"].rows.values() if self._remind else ():
            row.verify("next_cfg")
            row.next_cfg += 1

    def _row(self, edit: Edit) -> Any:
        if edit.port is None:
            return self._idl.tables[edit.table].rows.get(edit.row)
        bridge = self._idl.tables["Bridge"].rows.get(edit.row)
        interfaces = (each for port in (bridge.ports if bridge else ()) for each in port.interfaces)
        return next((each for each in interfaces if edit.port in each.ofport), None)

    def post_commit(self, _transaction: Any) -> None:
        """Called by the library."""


class _Idl(connection.OvsdbIdl):  # type: ignore[misc]
    """The library's copy of the database, which tells its owner of every batch of updates."""

    def __init__(self, remote: str, helper: Any, owner: Database) -> None:
        super().__init__(remote, helper)
        self._owner = owner
        self._monitoring = False
        self._connected = False

    def notify(self, _event: str, row: Any, updates: Any = None) -> None:
        """A row has changed; the others of its transaction are in place already."""
        self._owner._bindings.note(row, updates)

    def run(self) -> bool:
        before = self.change_seqno
        changed: bool = super().run()
        connected: bool = self._session.is_connected()
        if self._connected and not connected and not self._owner._stop.is_set():
            log.warning("OVSDB %s: connection lost; what it said stands", self._owner.remote)
            if self._owner._lost is not None:
                self._owner._lost()
        self._connected = connected
        monitoring = self.state == self.IDL_S_MONITORING
        complete = monitoring and not self._monitoring
        self._monitoring = monitoring
        if monitoring and (complete or self.change_seqno != before):
            self._owner._settle(self.tables, complete)
        return changed
