"""Which port of which bridge belongs to whom, followed through the rows of an Open vSwitch database.

Hypervisors write `external_ids:iface-id` (the NIC's id) and `attached-mac` into the Interface row of a
machine's tap (libvirt's `<virtualport type='openvswitch'>`); the row refers to nothing, so the way back
is kept here: interface -> port -> bridge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sdn_orch.southbound.bridges import Watch, watch_of


@dataclass(frozen=True, slots=True)
class Binding:
    """A named port that says whose it is; `mac` is lower case, or empty where nobody wrote it."""

    dpid: int
    port: int
    interface_id: str
    mac: str
    name: str


#: What stood there before and what stands there now; None for nothing.
Change = tuple[Binding | None, Binding | None]


class Bindings:
    """The bindings of one database. `note` rows that changed, then `settle` for what follows."""

    def __init__(self) -> None:
        self._told: dict[UUID, Binding] = {}
        #: By the rows of interface and bridge.
        self._watches: dict[UUID, tuple[UUID, Watch]] = {}
        self._bridge_of: dict[UUID, UUID] = {}
        self._port_of: dict[UUID, UUID] = {}
        self._dirty: set[UUID] = set()

    def note(self, row: Any, old: Any) -> None:
        """A row has been created or updated, or is being deleted; `old` holds former values of columns."""
        table = row._table.name
        if table == "Interface":
            self._dirty.add(row.uuid)
        elif table == "Port":
            for interface in _rows(row, "interfaces"):
                self._port_of[interface.uuid] = row.uuid
                self._dirty.add(interface.uuid)
            self._dirty.update(interface.uuid for interface in _rows(old, "interfaces"))
        elif table == "Bridge":
            ports = {port.uuid: port for port in _rows(row, "ports")}
            former = {port.uuid: port for port in _rows(old, "ports")}
            # A bridge of thousands of ports gains one: only that one is looked at.
            changed = {key: port for key, port in ports.items() if key not in former}
            gone = {key: port for key, port in former.items() if key not in ports}
            self._bridge_of.update((key, row.uuid) for key in changed)
            if hasattr(old, "datapath_id"):
                changed = ports
            for port in (*changed.values(), *gone.values()):
                self._dirty.update(interface.uuid for interface in _rows(port, "interfaces"))

    def settle(self, tables: Any) -> list[Change]:
        """The changes since the last time, with the rows as they are now."""
        interfaces, ports, bridges = (tables[name].rows for name in ("Interface", "Port", "Bridge"))
        # After a reconnect rows may be missing without a word about their deletion.
        self._dirty.update(
            key for known in (self._told, self._watches) for key in known if key not in interfaces
        )
        changes: list[Change] = []
        for key in self._dirty:
            self._note_watch(key, interfaces.get(key))
            before = self._told.get(key)
            after = self._binding(key, interfaces, ports, bridges)
            if before == after:
                continue
            if after is None:
                del self._told[key]
            else:
                self._told[key] = after
            changes.append((before, after))
        self._dirty.clear()
        for known, rows in ((self._port_of, interfaces), (self._bridge_of, ports)):
            for key in [key for key in known if key not in rows] if len(known) > len(rows) else ():
                del known[key]
        # Removals first: a machine that moved between two ports is then never in two places.
        return sorted(changes, key=lambda change: change[1] is not None)

    def all(self) -> tuple[Binding, ...]:
        """Every binding as last settled."""
        return tuple(self._told.values())

    def watches(self) -> dict[UUID, frozenset[Watch]]:
        """Ports with BFD as last settled, by the rows of their bridges."""
        found: dict[UUID, set[Watch]] = defaultdict(set)
        for bridge, watch in self._watches.values():
            found[bridge].add(watch)
        return {bridge: frozenset(watches) for bridge, watches in found.items()}

    def _note_watch(self, key: UUID, row: Any) -> None:
        watch = watch_of(row) if row is not None else None
        bridge = self._bridge_of.get(self._port_of.get(key))  # type: ignore[arg-type]
        if watch is None or bridge is None:
            self._watches.pop(key, None)
        else:
            self._watches[key] = (bridge, watch)

    def _binding(self, key: UUID, interfaces: Any, ports: Any, bridges: Any) -> Binding | None:
        row = interfaces.get(key)
        port = ports.get(self._port_of.get(key))
        bridge = bridges.get(self._bridge_of.get(self._port_of.get(key)))  # type: ignore[arg-type]
        if row is None or port is None or bridge is None:
            return None
        if port not in bridge.ports or row not in port.interfaces:
            return None
        # Both are empty until ovs-vswitchd has made the port, and the number is -1 when it could not.
        datapath, number = _one(bridge.datapath_id), _one(row.ofport)
        if not datapath and key in self._told:
            # A database that was restarted has lost it, until ovs-vswitchd comes back: nothing has moved.
            datapath = f"{self._told[key].dpid:x}"
        identifier = row.external_ids.get("iface-id", "")
        mac = row.external_ids.get("attached-mac", "").lower()
        if not datapath or number is None or number <= 0 or not (identifier or mac):
            return None
        return Binding(int(datapath, 16), number, identifier, mac, row.name)


def _one(column: Any) -> Any:
    """The value of an optional column, which comes as a list of at most one."""
    if isinstance(column, list):
        return column[0] if column else None
    return column


def _rows(row: Any, column: str) -> Iterable[Any]:
    """Rows that a column refers to; none where there is no row, or no former value of the column."""
    return getattr(row, column, None) or () if row is not None else ()
