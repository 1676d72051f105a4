"""OpenFlow as values: matches, actions, flows, groups and meters, free of any wire format.

Numbers are plain integers throughout (MAC, IPv4 and IPv6 addresses too); field names are those of the
OpenFlow 1.3 OXM table (OpenFlow Switch Specification 1.3.5, section 7.2.3.7) and, for the extensions of
Open vSwitch, of ovs-fields(7). `fields.py` holds their widths and codes, the codec turns these values
into bytes and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import TypeVar, dataclass_transform

from sdn_orch.openflow.fields import FIELDS

#: Reserved ports (OpenFlow 1.3.5, section 7.2.1).
IN_PORT = 0xFFFFFFF8
ALL = 0xFFFFFFFC
CONTROLLER = 0xFFFFFFFD
LOCAL = 0xFFFFFFFE
#: "No port" and "no group" share this value.
ANY = 0xFFFFFFFF
#: Send the whole packet to the controller (OFPCML_NO_BUFFER).
NO_BUFFER = 0xFFFF

#: Version bytes of the OpenFlow header that we speak.
OPENFLOW_13 = 0x04
OPENFLOW_15 = 0x06

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(kind: type[T]) -> type[T]:
    """A value that nobody changes, which is left to the type checker: at run time `frozen` makes it twice as
    dear to make one, and a cloud is made of millions."""
    return dataclass(slots=True, unsafe_hash=True)(kind)


@value
class Match:
    """What a flow matches: `(field, value, mask)` in the field table's order; mask None means exact.

    A value never has bits outside its mask, so equal meanings are equal values.
    """

    fields: tuple[tuple[str, int, int | None], ...] = ()

    @classmethod
    def of(cls, **fields: int | tuple[int, int]) -> Match:
        """Build a match from `name=value` or `name=(value, mask)`.

        Raises ValueError for an unknown field or a value that does not fit its width; a mask of all
        ones becomes an exact match and a mask of zero drops the field.
        """
        result: list[tuple[str, int, int | None]] = []
        for name, full in _in_order(tuple(fields)):
            given = fields[name]
            if not isinstance(given, tuple):
                if not 0 <= given <= full:
                    raise _misfit(name, given, full)
                result.append((name, given, None))
                continue
            value, mask = given
            if not 0 <= value <= full or not 0 <= mask <= full:
                raise _misfit(name, value, full)
            if mask == full:
                result.append((name, value, None))
            elif mask:
                result.append((name, value & mask, mask))
        return cls(tuple(result))

    def __iter__(self) -> Iterator[tuple[str, int, int | None]]:
        return iter(self.fields)

    def get(self, name: str) -> tuple[int, int | None] | None:
        """Value and mask of one field, or None where the field is not matched."""
        for field, value, mask in self.fields:
            if field == name:
                return value, mask
        return None


def _misfit(name: str, value: int, full: int) -> ValueError:
    return ValueError(f"{name}: {value:#x} does not fit in {full.bit_length()} bits")


@lru_cache(maxsize=1024)
def _in_order(names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """The fields in the order of a match, each with its largest value; few combinations are ever named."""
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        raise ValueError(f"{unknown[0]}: no such match field")
    ordered = sorted(names, key=lambda name: FIELDS[name].order)
    return tuple((name, (1 << FIELDS[name].bits) - 1) for name in ordered)


@value
class Output:
    """Send to a port; to CONTROLLER at most `max_length` bytes."""

    port: int
    max_length: int = 0


@value
class ApplyGroup:
    """Process the packet through a group."""

    group: int


@value
class SetField:
    """Overwrite a field, or only its masked bits (masks need Open vSwitch or OpenFlow 1.5)."""

    field: str
    value: int
    mask: int | None = None


@value
class CopyField:
    """Copy `bits` bits from one field to another (copy-field in OpenFlow 1.5, NX reg_move below)."""

    source: str
    target: str
    bits: int
    source_offset: int = 0
    target_offset: int = 0


@value
class PushVlan:
    """Push an 802.1Q header (0x8100)."""


@value
class PopVlan:
    """Remove the outer VLAN header."""


@value
class DecrementTtl:
    """Decrement the IP TTL or hop limit; a packet whose TTL would reach zero is not forwarded."""


@value
class UseMeter:
    """Pass the packet through a meter first (an instruction in OpenFlow 1.3, an action in 1.5)."""

    meter: int


@value
class Resubmit:
    """Look the packet up in another table and come back (Open vSwitch)."""

    table: int


@value
class Clone:
    """Do this to a copy of the packet, which itself stays as it is (Open vSwitch); no meter can be in it."""

    actions: tuple[Action, ...]


@value
class CheckPacketLarger:
    """Set one bit of a register when the packet is longer than `length` bytes (Open vSwitch)."""

    length: int
    field: str
    bit: int = 0


@value
class HashSource:
    """Set the lower `bits` bits of a register to a hash of the IP source address (Open vSwitch)."""

    field: str
    bits: int


@value
class Learn:
    """Have a table learn a flow, unless there are `limit` with its cookie, which is not 0 (Open vSwitch).

    It matches those that have the `own` fields of this packet, and what `match` says besides; it does `then`.
    It ends when no packet has met it for `idle_timeout` seconds.
    """

    table: int
    priority: int
    cookie: int
    idle_timeout: int
    limit: int
    match: Match
    own: tuple[str, ...]
    then: tuple[SetField, ...]


class ConnectionState(IntFlag):
    """Bits of `ct_state` (ovs-fields(7)). A connection is NEW until it was answered, committed or not."""

    NEW = 0x01
    ESTABLISHED = 0x02
    RELATED = 0x04
    REPLY = 0x08
    INVALID = 0x10
    TRACKED = 0x20
    SOURCE_NAT = 0x40
    DESTINATION_NAT = 0x80


class Side(IntEnum):
    """Which address of a packet is translated when its connection is committed."""

    SOURCE = 1
    DESTINATION = 2


@value
class Translate:
    """To this address, and to this port where there is one; else to the same port if it is free."""

    side: Side
    address: int
    port: int | None = None
    #: The version of IP that the address is of.
    version: int = 4


@value
class Track:
    """Look the packet's connection up in a zone, and go on in `table` with what became known (Open vSwitch).

    The zone is a number, or what the lower 16 bits of a register hold. A known connection's translation is
    applied where `translated`. `commit` makes a new connection a known one, with the translation `to`, and
    gives it the `mark` and the `label` that are not 0, its `ct_mark` and `ct_label` from then on. Where the
    switch is to read in it which further connections belong to it, `alg` is the port of its protocol. Without
    `table` the packet goes on as it was, behind this action.
    """

    zone: int | str
    table: int | None = None
    translated: bool = False
    commit: bool = False
    to: Translate | None = None
    alg: int = 0
    mark: int = 0
    label: int = 0


@value
class Untrack:
    """Forget what became known of the packet's connection, so that another can be looked up."""


@value
class Clause:
    """One of several things that a packet must be, all of them (Open vSwitch's `conjunction`).

    A flow with this says nothing else. A packet that meets flows of one priority with every one of the
    `clauses` (counted from 1) of a conjunction has its number as `conj_id`, and is looked up again.
    """

    conjunction: int
    clause: int
    clauses: int


@value
class Foreign:
    """An action that sdn-orch never writes, as the bytes that a switch showed."""

    data: bytes


Action = (
    Output
    | ApplyGroup
    | SetField
    | CopyField
    | PushVlan
    | PopVlan
    | DecrementTtl
    | UseMeter
    | Resubmit
    | Clone
    | CheckPacketLarger
    | HashSource
    | Learn
    | Track
    | Untrack
    | Clause
    | Foreign
)


@value
class Flow:
    """One rule of one table. Its identity is `(table, priority, match)`.

    In order: `actions` are applied, `metadata` (value, mask) is written, and the packet goes on to
    table `goto`; without `goto` processing ends. No actions and no `goto` is a drop.
    """

    table: int
    priority: int
    match: Match
    actions: tuple[Action, ...] = ()
    metadata: tuple[int, int] | None = None
    goto: int | None = None


class GroupType(IntEnum):
    """OpenFlow 1.3.5, section 7.3.4.2."""

    ALL = 0
    SELECT = 1
    INDIRECT = 2
    FAST_FAILOVER = 3


@value
class Bucket:
    """One bucket; `watch_port` or `watch_group` decide whether it is live (ANY: not watched).

    Weights are for SELECT only (elsewhere 1), watching for SELECT and FAST_FAILOVER: a switch keeps no more.
    """

    actions: tuple[Action, ...]
    weight: int = 1
    watch_port: int = ANY
    watch_group: int = ANY


@value
class Group:
    """A group. SELECT groups hash with `dp_hash` where the wire can say so (OpenFlow 1.5)."""

    number: int
    type: GroupType
    buckets: tuple[Bucket, ...]


@value
class Meter:
    """A drop band: `rate` and `burst` in packets per second or packets, or kilobits (per second)."""

    number: int
    rate: int
    burst: int
    packets: bool = True


class FlowEntry:
    """A flow as a switch holds it: the encoded match and instructions, and a cookie that hashes it all.

    A class with slots and no dataclass machinery: a cloud has hundreds of thousands of them.
    """

    __slots__ = ("cookie", "instructions", "match", "priority", "table")

    def __init__(self, table: int, priority: int, match: bytes, instructions: bytes, cookie: int) -> None:
        self.table = table
        self.priority = priority
        #: OXM fields without the ofp_match header and padding.
        self.match = match
        #: The instruction list, as on the wire.
        self.instructions = instructions
        self.cookie = cookie

    @property
    def key(self) -> FlowKey:
        """The flow's identity."""
        return (self.table, self.priority, self.match)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlowEntry) and (
            (self.table, self.priority, self.match, self.instructions, self.cookie)
            == (other.table, other.priority, other.match, other.instructions, other.cookie)
        )

    def __hash__(self) -> int:
        return hash((self.key, self.cookie))

    def __reduce__(self) -> tuple[type[FlowEntry], tuple[int, int, bytes, bytes, int]]:
        # A third of the cost of what slots are pickled by.
        return FlowEntry, (self.table, self.priority, self.match, self.instructions, self.cookie)

    def __repr__(self) -> str:
        return f"FlowEntry(table={self.table}, priority={self.priority}, cookie={self.cookie:#018x})"


#: (table, priority, encoded match).
FlowKey = tuple[int, int, bytes]


@dataclass(slots=True)
class State:
    """What one switch holds, or should hold."""

    flows: dict[FlowKey, FlowEntry]
    groups: dict[int, Group]
    meters: dict[int, Meter]

    @classmethod
    def empty(cls) -> State:
        """A switch with nothing in it."""
        return cls({}, {}, {})
