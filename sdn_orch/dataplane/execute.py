"""What one switch does with one packet: OpenFlow tables, actions and groups carried out on values.

Where the specification leaves a choice, this does what Open vSwitch does; `tests/ovs` compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sdn_orch.dataplane.connections import OF_CONNECTION, Connections
from sdn_orch.dataplane.hashing import hash_address
from sdn_orch.dataplane.lookup import ALWAYS, Tables
from sdn_orch.dataplane.wires import Tunnel
from sdn_orch.intent.packet import ICMPV6, NAMES, SCTP, UDP, Packet
from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.values import (
    ANY,
    CONTROLLER,
    IN_PORT,
    Action,
    ApplyGroup,
    Bucket,
    CheckPacketLarger,
    Clause,
    Clone,
    CopyField,
    DecrementTtl,
    Flow,
    FlowEntry,
    Foreign,
    Group,
    GroupType,
    HashSource,
    Learn,
    Match,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    Track,
    Untrack,
    UseMeter,
)

#: Picks one of a select group's live buckets (their indexes), given the packet.
Choose = Callable[[Group, Sequence[int], Packet], int]

#: Resubmits inside resubmits, and tables visited for one packet, before it is dropped (64 and 4096 in OVS).
MAX_DEPTH = 64
MAX_VISITS = 4096

_TRANSPORT = frozenset(NAMES[NAMES.index("tcp_src") :])
_FIRST = {
    UDP: frozenset({"udp_src", "udp_dst"}),
    SCTP: frozenset({"sctp_src", "sctp_dst"}),
    ICMPV6: frozenset({"icmpv6_type", "icmpv6_code"}),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A packet met a table; `flow` is None on a miss."""

    table: int
    packet: Packet
    metadata: int
    entry: FlowEntry | None
    flow: Flow | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A packet went through a group, into these of its buckets."""

    group: Group
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Emission:
    """A frame put on a port; `tunnel` is what it was wrapped in, if it was."""

    port: int
    packet: Packet
    tunnel: Tunnel | None


@dataclass(frozen=True, slots=True)
class Punt:
    """A frame sent to the controller by a flow."""

    table: int
    entry: FlowEntry
    packet: Packet
    metadata: int
    expired: bool = False


@dataclass(slots=True)
class Outcome:
    """All that one switch did with one packet. `drops` says why, once for each way that led nowhere."""

    steps: list[Visit | Choice] = field(default_factory=list)
    emissions: list[Emission] = field(default_factory=list)
    punts: list[Punt] = field(default_factory=list)
    drops: list[tuple[int, str]] = field(default_factory=list)


def execute(
    tables: Tables,
    in_port: int,
    packet: Packet,
    tunnel: Tunnel | None,
    is_live: Callable[[int], bool],
    choose: Choose,
    connections: Connections | None = None,
) -> Outcome:
    """Run a packet that comes in on a port through the tables, from table 0.

    `connections` are those that the switch tracks, and learns of here; by default it knows none, nor do its
    tables learn flows.
    """
    run = _Run(tables, in_port, packet, tunnel, is_live, choose, connections)
    run.lookup(0, 0)
    return run.outcome


class _Stop(Exception):
    """The rest of this flow, its goto included, is not carried out."""


class _Run:
    """One packet in one switch: its fields as they are now, and what became of it so far."""

    def __init__(
        self,
        tables: Tables,
        in_port: int,
        packet: Packet,
        tunnel: Tunnel | None,
        is_live: Callable[[int], bool],
        choose: Choose,
        connections: Connections | None,
    ) -> None:
        self.tables, self.is_live, self.choose = tables, is_live, choose
        self.connections, self.learns = connections or Connections(), connections is not None
        self.source = packet
        #: A translation changes what is no field: the identifier of an echo.
        self.payload = packet.payload
        self.fields: dict[str, int] = {**dict.fromkeys(ALWAYS, 0), **dict(packet.fields), "in_port": in_port}
        #: Plain switches are taken not to match on the ports of fragments; Open vSwitch (NX_MATCH) does,
        #: and reads them as 0 where they are not in the first one.
        self.hidden: dict[str, int] = {}
        self.unreal: frozenset[str] = frozenset()
        if not tables.open_vswitch and packet.get("ip_frag"):
            self.hidden = {name: self.fields.pop(name) for name in _TRANSPORT & self.fields.keys()}
        elif packet.get("ip_frag") == 1:
            self.unreal = _FIRST.get(packet["ip_proto"], frozenset()) - self.fields.keys()
            self.fields |= dict.fromkeys(self.unreal, 0)
        if tunnel is not None:
            self.fields |= {
                "tunnel_id": tunnel.tunnel_id,
                "tun_src": tunnel.tun_src,
                "tun_dst": tunnel.tun_dst,
            }
        self.outcome = Outcome()
        self.visits = 0

    def packet(self) -> Packet:
        """The packet as it is now."""
        present = {name: self.fields[name] for name in NAMES if name in self.fields}
        for name in self.unreal:
            del present[name]
        if not present["vlan_vid"]:
            del present["vlan_vid"]
        return Packet.from_fields({**present, **self.hidden}, self.payload, self.source.options)

    def lookup(self, table: int | None, depth: int) -> None:
        """Table after table, until a flow goes nowhere."""
        while table is not None:
            self.visits += 1
            entry = self.tables.match(table, self.fields)
            flow = self.tables.decode(entry) if entry is not None else None
            packet = self.packet()
            self.outcome.steps.append(Visit(table, packet, self.fields["metadata"], entry, flow))
            if self.visits > MAX_VISITS or depth > MAX_DEPTH:
                self.drop(table, "the tables loop")
                return
            if flow is None or entry is None:
                self.drop(table, "no flow matches")
                return
            if not flow.actions and flow.goto is None:
                self.drop(table, "a flow drops it")
                return
            try:
                self.apply(flow.actions, table, entry, depth)
            except _Stop:
                return
            if flow.metadata is not None:
                value, mask = flow.metadata
                self.fields["metadata"] = self.fields["metadata"] & ~mask | value & mask
            table = flow.goto

    def drop(self, table: int, why: str) -> None:
        self.outcome.drops.append((table, why))

    def apply(self, actions: Sequence[Action], table: int, entry: FlowEntry, depth: int) -> None:
        for action in actions:
            match action:
                case Output(port, _):
                    self.output(port, table, entry)
                case ApplyGroup(number):
                    self.group(number, table, entry, depth)
                case SetField(name, value, mask):
                    self.set(name, value, mask)
                case CopyField(source, target, bits, source_offset, target_offset):
                    self.copy(source, target, bits, source_offset, target_offset)
                case PushVlan():
                    if self.fields["vlan_vid"]:
                        self.drop(table, "it has a VLAN tag already")
                        raise _Stop
                    self.fields |= {"vlan_vid": 0x1000, "vlan_pcp": 0}
                case PopVlan():
                    self.fields["vlan_vid"] = 0
                    self.fields.pop("vlan_pcp", None)
                case DecrementTtl():
                    self.decrement_ttl(table, entry)
                case Resubmit(other):
                    self.lookup(other, depth + 1)
                case Clone(cloned):
                    self.clone(cloned, table, entry, depth)
                case CheckPacketLarger(length, name, bit):
                    self.set(name, (self.packet().length > length) << bit, 1 << bit)
                case HashSource(name, bits):
                    mask = (1 << bits) - 1
                    version = 4 if "ipv4_src" in self.fields else 6
                    self.set(name, hash_address(self.fields[f"ipv{version}_src"], version), mask)
                case Track():
                    self.track(action, depth)
                case Untrack():
                    self.fields |= {"ct_state": 0, **dict.fromkeys(OF_CONNECTION, 0)}
                case Learn():
                    self.learn(action)
                case UseMeter():
                    pass  # a rate is not a matter of one packet
                case Clause() | Foreign():
                    self.drop(table, "a flow has an action that is not known")
                    raise _Stop

    def output(self, port: int, table: int, entry: FlowEntry) -> None:
        in_port = self.fields["in_port"]
        if port == CONTROLLER:
            self.outcome.punts.append(Punt(table, entry, self.packet(), self.fields["metadata"]))
        elif port == in_port:
            self.drop(table, f"it would leave by port {port} where it came in")
        elif not self.is_live(in_port if port == IN_PORT else port):
            self.drop(table, f"port {port} is down")
        else:
            tunnel = None
            if self.fields["tunnel_id"] or self.fields["tun_dst"]:
                tunnel = Tunnel(self.fields["tunnel_id"], self.fields["tun_src"], self.fields["tun_dst"])
            self.outcome.emissions.append(
                Emission(in_port if port == IN_PORT else port, self.packet(), tunnel)
            )

    def set(self, name: str, value: int, mask: int | None = None) -> None:
        """Set a field if the packet has it, as Open vSwitch does; a tag's VLAN only where there is a tag."""
        if name not in self.fields or not _settable(name, self.fields):
            return
        full = (1 << FIELDS[name].bits) - 1
        bits = full if mask is None else mask
        self.fields[name] = self.fields[name] & ~bits & full | value & bits
        if name == "ipv6_nd_options_type":
            # The one address option becomes the other; its address is for another field to give.
            self.fields["ipv6_nd_sll" if value == 2 else "ipv6_nd_tll"] = 0

    def copy(self, source: str, target: str, bits: int, source_offset: int, target_offset: int) -> None:
        if source in self.fields:
            mask = (1 << bits) - 1
            value = self.fields[source] >> source_offset & mask
            self.set(target, value << target_offset, mask << target_offset)

    def track(self, action: Track, depth: int) -> None:
        """The table named gets a copy with what became known; what follows here sees nothing of it."""
        found = self.connections.look_up(action, self.fields, self.payload)
        if action.table is not None:
            before, hidden, payload = dict(self.fields), dict(self.hidden), self.payload
            changes = {name: value for name, value in found.changes.items() if name in self.fields}
            self.fields |= {
                **changes,
                **dict.fromkeys(OF_CONNECTION, 0),
                **found.said,
                "ct_state": found.state,
            }
            if found.identifier is not None:
                self.payload = found.identifier.to_bytes(2, "big") + payload[2:]
            self.lookup(action.table, depth + 1)
            self.fields, self.hidden, self.payload = before, hidden, payload

    def clone(self, actions: Sequence[Action], table: int, entry: FlowEntry, depth: int) -> None:
        before, hidden = dict(self.fields), dict(self.hidden)
        with suppress(_Stop):
            self.apply(actions, table, entry, depth)
        self.fields, self.hidden = before, hidden

    def learn(self, action: Learn) -> None:
        """How many there may be, and how long, is not a matter of one packet."""
        if self.learns:
            own = {name: self.fields[name] for name in action.own}
            said = {name: value if mask is None else (value, mask) for name, value, mask in action.match}
            self.tables.learn(Flow(action.table, action.priority, Match.of(**said, **own), action.then))

    def decrement_ttl(self, table: int, entry: FlowEntry) -> None:
        ttl = self.fields.get("ip_ttl")
        if ttl is None:
            return
        if ttl <= 1:
            punt = Punt(table, entry, self.packet(), self.fields["metadata"], expired=True)
            self.outcome.punts.append(punt)
            raise _Stop
        self.fields["ip_ttl"] = ttl - 1

    def group(self, number: int, table: int, entry: FlowEntry, depth: int) -> None:
        group = self.tables.groups.get(number)
        if group is None:
            self.drop(table, f"group {number:#x} does not exist")
            return
        chosen = self.buckets(group)
        self.outcome.steps.append(Choice(group, chosen))
        if not chosen and group.buckets:
            self.drop(table, f"group {number:#x} has no live bucket")
        before, hidden = dict(self.fields), dict(self.hidden)
        for index in chosen:
            with suppress(_Stop):
                self.apply(group.buckets[index].actions, table, entry, depth)
            # Each bucket works on a copy of its own.
            self.fields, self.hidden = dict(before), dict(hidden)

    def buckets(self, group: Group) -> tuple[int, ...]:
        if group.type == GroupType.ALL:
            return tuple(range(len(group.buckets)))
        if group.type == GroupType.INDIRECT:
            return (0,)
        live = tuple(index for index, bucket in enumerate(group.buckets) if self.bucket_is_live(bucket))
        if not live:
            return ()
        return (self.choose(group, live, self.packet()) if group.type == GroupType.SELECT else live[0],)

    def bucket_is_live(self, bucket: Bucket, depth: int = 0) -> bool:
        if bucket.watch_port == ANY and bucket.watch_group == ANY:
            return True
        if bucket.watch_port != ANY and self.is_live(bucket.watch_port):
            return True
        group = self.tables.groups.get(bucket.watch_group)
        return (
            group is not None
            and depth < MAX_DEPTH
            and any(self.bucket_is_live(inner, depth + 1) for inner in group.buckets)
        )


def _settable(name: str, fields: dict[str, int]) -> bool:
    if name in ("vlan_vid", "vlan_pcp"):
        return bool(fields["vlan_vid"])
    if name == "ipv6_nd_sll":
        return fields.get("icmpv6_type") == 135 and fields["ipv6_nd_options_type"] != 0
    if name == "ipv6_nd_tll":
        return fields.get("icmpv6_type") == 136 and fields["ipv6_nd_options_type"] != 0
    # Where a frame has no option, there is nothing to write into.
    return name != "ipv6_nd_options_type" or fields[name] != 0
