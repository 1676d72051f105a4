"""What Open vSwitch's databases say of bridges, what is wrong with that, and what is written there.

A bridge is the operator's: written are only its `fail_mode`, which keeps tenants apart while no controller
is there, what makes it come back soon to us (`tuning`), and that the ends of cables watch each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

#: Milliseconds: between two attempts of a switch to reach us, at most, and of silence until it asks whether
#: we are there. Its own 8 s are long to be without a controller; its own 5 s are short for a large sync.
MAX_BACKOFF: Final = 1_000
INACTIVITY_PROBE: Final = 30_000
#: Milliseconds between two heartbeats on a cable; three that do not come are one death. A large bundle of
#: rules keeps a switch from answering for about 90 ms.
HEARTBEAT: Final = 100
#: The destination of heartbeats, at which both ends know them: never a label, so no frame of a tenant's.
_HEARTBEAT_MAC = "00:23:20:00:00:01"
#: The key of ours in `external_ids` of an Interface that is watched.
_MARK = "sdn-orch-watched"
#: The default port of OpenFlow, in targets that name none.
_OPENFLOW_PORT = 6653


@dataclass(frozen=True, slots=True)
class Controller:
    """Where a bridge seeks a controller; None where nobody has set a value."""

    row: UUID
    target: str
    max_backoff: int | None = None
    inactivity_probe: int | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A port at which BFD is on; the mark is the cable for which we did that, empty if somebody else did."""

    port: int
    mark: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge whose datapath id is known.

    `fail_mode` is empty where it is not set, and `protocols` where the switch's own default holds;
    `fixed_dpid` says whether the datapath id is configured rather than taken from a MAC address.
    """

    row: UUID
    name: str
    dpid: int
    fail_mode: str
    protocols: frozenset[str]
    fixed_dpid: bool
    controllers: tuple[Controller, ...]
    watches: frozenset[Watch] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether it would forward as a plain learning switch while no controller is there."""
        return self.fail_mode != "secure"


@dataclass(frozen=True, slots=True)
class Edit:
    """A column to be written; a mapping is laid over what the column holds, and None removes a key.

    With `port`, the row is a bridge's, and written is the Interface that has this number on it.
    """

    table: str
    row: UUID
    column: str
    value: str | int | Mapping[str, str | None]
    port: int | None = None


def read(tables: Any, watches: Mapping[UUID, frozenset[Watch]]) -> tuple[Bridge, ...]:
    """The bridges in the copy of a database, in the order of their names; `watches` by their rows."""
    found = (_bridge(row, watches.get(row.uuid, frozenset())) for row in tables["Bridge"].rows.values())
    return tuple(sorted((bridge for bridge in found if bridge), key=lambda bridge: bridge.name))


def faults(bridge: Bridge, *, plain: bool) -> Iterator[str]:
    """What is wrong with a bridge that is ours, each with the command that mends it.

    A `plain` one is used as an OpenFlow 1.3 switch without extensions.
    """
    mend = f"mend it with: ovs-vsctl set bridge {bridge.name}"
    if bridge.is_open:
        yield (
            f"bridge {bridge.name} would join all tenants while no controller is there (fail_mode is "
            f"{bridge.fail_mode or 'not set'}); {mend} fail_mode=secure"
        )
    wanted = {"OpenFlow13"} if plain else {"OpenFlow13", "OpenFlow15"}
    if bridge.protocols and (missing := wanted - bridge.protocols):
        right = ",".join(sorted(wanted | bridge.protocols))
        yield f"bridge {bridge.name} does not offer {' and '.join(sorted(missing))}; {mend} protocols={right}"
    if not bridge.fixed_dpid:
        yield (
            f"bridge {bridge.name} has a datapath id that changes with the MAC addresses of its ports; "
            f"{mend} other_config:datapath-id={bridge.dpid:016x}"
        )


def securing(bridge: Bridge) -> Edit:
    """What makes a bridge keep its rules, and forward nothing else, while no controller is there."""
    return Edit("Bridge", bridge.row, "fail_mode", "secure")


def tuning(controller: Controller) -> Iterator[Edit]:
    """What makes a switch come back soon after it has lost us. What somebody has set stays.

    Open vSwitch (3.1) takes these values over only while the connection stands; of what was written
    before, it has to be reminded (see `Database.write`).
    """
    if controller.max_backoff is None:
        yield Edit("Controller", controller.row, "max_backoff", MAX_BACKOFF)
    if controller.inactivity_probe is None:
        yield Edit("Controller", controller.row, "inactivity_probe", INACTIVITY_PROBE)


def watching(bridge: Bridge, port: int, mark: str) -> tuple[Edit, ...]:
    """What makes a port watch the other end of its cable, with BFD."""
    settings: dict[str, str | None] = {
        "enable": "true",
        "min_tx": str(HEARTBEAT),
        "min_rx": str(HEARTBEAT),
        "bfd_local_dst_mac": _HEARTBEAT_MAC,
        "bfd_remote_dst_mac": _HEARTBEAT_MAC,
    }
    return (
        Edit("Interface", bridge.row, "bfd", settings, port),
        Edit("Interface", bridge.row, "external_ids", {_MARK: mark}, port),
    )


def unwatching(bridge: Bridge, port: int) -> tuple[Edit, ...]:
    """What undoes `watching`."""
    keys = ("enable", "min_tx", "min_rx", "bfd_local_dst_mac", "bfd_remote_dst_mac")
    return (
        Edit("Interface", bridge.row, "bfd", dict.fromkeys(keys), port),
        Edit("Interface", bridge.row, "external_ids", {_MARK: None}, port),
    )


def watch_of(interface: Any) -> Watch | None:
    """What an Interface row says of BFD; None where it is off."""
    number = _one(interface.ofport)
    if number is None or number <= 0 or interface.bfd.get("enable") != "true":
        return None
    return Watch(number, interface.external_ids.get(_MARK, ""))


def pointing(bridge: Bridge, port: int) -> Iterator[Controller]:
    """The controllers of a bridge at this TCP port; by which address it reaches us we cannot know."""
    for controller in bridge.controllers:
        scheme, _, place = controller.target.partition(":")
        if scheme in ("tcp", "ssl") and _port(place) == port:
            yield controller


def _port(place: str) -> int:
    """The port in `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`."""
    number = place.rpartition("]")[2].rpartition(":")[2] if "]" in place else place.partition(":")[2]
    return int(number) if number.isdecimal() else _OPENFLOW_PORT


def _bridge(row: Any, watches: frozenset[Watch]) -> Bridge | None:
    configured = row.other_config.get("datapath-id", "")
    # Empty until ovs-vswitchd has made the bridge, and after a restart of the database.
    datapath = _one(row.datapath_id) or configured
    try:
        dpid = int(datapath, 16)
    except ValueError:
        return None
    controllers = (
        Controller(each.uuid, each.target, _one(each.max_backoff), _one(each.inactivity_probe))
        for each in row.controller
    )
    return Bridge(
        row.uuid,
        row.name,
        dpid,
        _one(row.fail_mode) or "",
        frozenset(row.protocols),
        bool(configured),
        tuple(sorted(controllers, key=lambda controller: controller.target)),
        watches,
    )


def _one(column: Any) -> Any:
    """The value of an optional column, which comes as a list of at most one."""
    return column[0] if column else None
