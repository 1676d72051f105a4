"""Flows, groups and meters as text, in the syntax that ovs-ofctl reads.

`flow_to_ofctl` is good for `ovs-ofctl -O OpenFlow15 add-flow`, the others likewise for add-group and
add-meter. For people, table numbers can be replaced by names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.values import (
    ALL,
    ANY,
    CONTROLLER,
    IN_PORT,
    LOCAL,
    Action,
    ApplyGroup,
    CheckPacketLarger,
    Clause,
    Clone,
    ConnectionState,
    CopyField,
    DecrementTtl,
    Flow,
    Foreign,
    Group,
    GroupType,
    HashSource,
    Learn,
    Match,
    Meter,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    Side,
    Track,
    Translate,
    Untrack,
    UseMeter,
)

TableName = Callable[[int], str]

#: Fields that Open vSwitch calls otherwise than the OpenFlow specification.
#: Of the protocols that announce connections, by port.
_ALGORITHMS = {21: "ftp", 69: "tftp"}
_NAMES = {
    "ip_ttl": "nw_ttl",
    "ip_frag": "nw_frag",
    "ip_proto": "nw_proto",
    "ipv4_src": "ip_src",
    "ipv4_dst": "ip_dst",
    "icmpv4_type": "icmp_type",
    "icmpv4_code": "icmp_code",
    "ipv6_nd_target": "nd_target",
    "ipv6_nd_reserved": "nd_reserved",
    "ipv6_nd_options_type": "nd_options_type",
    "ipv6_nd_sll": "nd_sll",
    "ipv6_nd_tll": "nd_tll",
    "tunnel_id": "tun_id",
}
_MAC = frozenset({"eth_src", "eth_dst", "arp_sha", "arp_tha", "ipv6_nd_sll", "ipv6_nd_tll"})
_IPV4 = frozenset(
    {"ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa", "tun_src", "tun_dst", "ct_nw_src", "ct_nw_dst"}
)
_IPV6 = frozenset({"ipv6_src", "ipv6_dst", "ipv6_nd_target", "ct_ipv6_src", "ct_ipv6_dst"})
_HEXADECIMAL = frozenset(
    {
        "metadata",
        "eth_type",
        "vlan_vid",
        "tunnel_id",
        "ipv6_nd_reserved",
        "ct_state",
        "ct_mark",
        "ct_label",
        "tcp_flags",
        "reg0",
        "reg1",
        "reg2",
        "reg3",
    }
)
#: Bit 0: any fragment; bit 1: not the first.
_FRAGMENTS = {0: "no", 1: "first", 3: "later"}
_STATES = {
    ConnectionState.NEW: "new",
    ConnectionState.ESTABLISHED: "est",
    ConnectionState.RELATED: "rel",
    ConnectionState.REPLY: "rpl",
    ConnectionState.INVALID: "inv",
    ConnectionState.TRACKED: "trk",
    ConnectionState.SOURCE_NAT: "snat",
    ConnectionState.DESTINATION_NAT: "dnat",
}
_PORTS = {IN_PORT: "IN_PORT", ALL: "ALL", CONTROLLER: "CONTROLLER", LOCAL: "LOCAL", 0xFFFFFFFA: "NORMAL"}
_GROUP_TYPES = {
    GroupType.ALL: "all",
    GroupType.SELECT: "select",
    GroupType.INDIRECT: "indirect",
    GroupType.FAST_FAILOVER: "fast_failover",
}


def format_mac(value: int) -> str:
    """A MAC address with colons."""
    return value.to_bytes(6, "big").hex(":")


def format_value(field: str, value: int) -> str:
    """A field's value: addresses dotted or with colons, identifiers hexadecimal, numbers decimal."""
    if field in _MAC:
        return format_mac(value)
    if field in _IPV4:
        return str(IPv4Address(value))
    if field in _IPV6:
        return str(IPv6Address(value))
    if field == "ip_frag":
        return _FRAGMENTS.get(value, str(value))
    if field == "in_port":
        return _PORTS.get(value, str(value))
    return f"{value:#x}" if field in _HEXADECIMAL else str(value)


def _format_masked(field: str, value: int, mask: int | None) -> str:
    if field == "ct_state" and mask is not None and mask < 0x100:
        return _format_state(value, mask)
    if mask is None:
        return format_value(field, value)
    text = format_value(field, value & mask)
    if field in _IPV4 or field in _IPV6:
        host_bits = ((1 << FIELDS[field].bits) - 1) ^ mask
        if host_bits & (host_bits + 1) == 0:
            return f"{text}/{FIELDS[field].bits - host_bits.bit_length()}"
        return f"{text}/{format_value(field, mask)}"
    if field in _MAC:
        return f"{text}/{format_mac(mask)}"
    return f"{text}/{mask:#x}"


def format_match(match: Match) -> str:
    """The fields of a match, separated by commas; empty for the match of everything."""
    return ",".join(
        f"{_NAMES.get(field, field)}={_format_masked(field, value, mask)}" for field, value, mask in match
    )


def _subfield(field: str, offset: int, bits: int) -> str:
    name = _NAMES.get(field, field)
    if offset == 0 and bits == FIELDS[field].bits:
        return f"{name}[]"
    return f"{name}[{offset}]" if bits == 1 else f"{name}[{offset}..{offset + bits - 1}]"


def format_action(action: Action, table_name: TableName = str) -> str:
    """One action."""
    match action:
        case Output(port, max_length) if port == CONTROLLER:
            return f"CONTROLLER:{max_length}"
        case Output(port, _):
            return _PORTS.get(port) or f"output:{port}"
        case ApplyGroup(group):
            return f"group:{group}"
        case SetField(field, value, mask):
            return f"set_field:{_format_masked(field, value, mask)}->{_NAMES.get(field, field)}"
        case CopyField(source, target, bits, source_offset, target_offset):
            return f"move:{_subfield(source, source_offset, bits)}->{_subfield(target, target_offset, bits)}"
        case PushVlan():
            return "push_vlan:0x8100"
        case PopVlan():
            return "pop_vlan"
        case DecrementTtl():
            return "dec_ttl"
        case UseMeter(meter):
            return f"meter:{meter}"
        case Resubmit(table):
            return f"resubmit(,{table_name(table)})"
        case Clone(actions):
            return f"clone({','.join(format_action(each, table_name) for each in actions)})"
        case CheckPacketLarger(length, field, bit):
            return f"check_pkt_larger({length})->{_subfield(field, bit, 1)}"
        case HashSource(field, bits):
            return f"multipath(nw_src,0,modulo_n,{1 << bits},0,{_subfield(field, 0, bits)})"
        case Learn():
            return _format_learn(action, table_name)
        case Track():
            return _format_track(action, table_name)
        case Untrack():
            return "ct_clear"
        case Clause(conjunction, clause, clauses):
            return f"conjunction({conjunction},{clause}/{clauses})"
        case Foreign(data):
            return f"foreign({data.hex()})"


def _format_learn(action: Learn, table_name: TableName) -> str:
    parts = [f"table={table_name(action.table)}", f"idle_timeout={action.idle_timeout}"]
    parts += [f"priority={action.priority}", f"cookie={action.cookie:#x}", f"limit={action.limit}"]
    parts += [_learnt(name, value, mask) for name, value, mask in action.match]
    parts += [_subfield(name, 0, FIELDS[name].bits) for name in action.own]
    for each in action.then:
        value, bits = _bits(each.field, each.value, each.mask)
        parts.append(f"load:{value:#x}->{bits}")
    return f"learn({','.join(parts)})"


def _learnt(name: str, value: int, mask: int | None) -> str:
    """A field of a learnt flow's match; Open vSwitch reads some bits of one as it does in actions."""
    if mask is None:
        return f"{_NAMES.get(name, name)}={_format_masked(name, value, None)}"
    value, bits = _bits(name, value, mask)
    return f"{bits}={value:#x}"


def _bits(name: str, value: int, mask: int | None) -> tuple[int, str]:
    """The value of some bits of a field, which are side by side, and which they are."""
    offset, bits = FIELDS[name].bits_of(mask)
    return value >> offset, _subfield(name, offset, bits)


def _format_track(action: Track, table_name: TableName) -> str:
    parts = ["commit"] if action.commit else []
    if action.table is not None:
        parts.append(f"table={table_name(action.table)}")
    zone = action.zone if isinstance(action.zone, int) else _subfield(action.zone, 0, 16)
    parts.append(f"zone={zone}")
    if action.translated or action.to is not None:
        parts.append(_format_translation(action.to))
    known_by = (("ct_mark", action.mark), ("ct_label", action.label))
    if set_fields := [f"set_field:{value:#x}->{name}" for name, value in known_by if value]:
        parts.append(f"exec({','.join(set_fields)})")
    if action.alg:
        parts.append(f"alg={_ALGORITHMS.get(action.alg, action.alg)}")
    return f"ct({','.join(parts)})"


def _format_translation(to: Translate | None) -> str:
    if to is None:
        return "nat"
    side = "src" if to.side is Side.SOURCE else "dst"
    if to.version == 4:
        return f"nat({side}={IPv4Address(to.address)}{'' if to.port is None else f':{to.port}'})"
    return f"nat({side}=[{IPv6Address(to.address)}]{'' if to.port is None else f':{to.port}'})"


def _format_state(value: int, mask: int) -> str:
    """Bits of `ct_state` that must be set, with a plus, and that must not."""
    return "".join(
        f"{'+' if value & bit else '-'}{_STATES[bit]}" for bit in reversed(ConnectionState) if mask & bit
    )


def _format_actions(actions: Iterable[Action], table_name: TableName = str) -> str:
    return ",".join(format_action(action, table_name) for action in actions)


def format_instructions(flow: Flow, table_name: TableName = str) -> str:
    """What a flow does: its actions, then metadata and goto; "drop" for nothing."""
    parts = [format_action(action, table_name) for action in flow.actions]
    if flow.metadata is not None:
        value, mask = flow.metadata
        parts.append(f"write_metadata:{value:#x}/{mask:#x}")
    if flow.goto is not None:
        parts.append(f"goto_table:{table_name(flow.goto)}")
    return ",".join(parts) or "drop"


def flow_to_ofctl(flow: Flow, table_name: TableName = str, cookie: int | None = None) -> str:
    """A flow for `ovs-ofctl -O OpenFlow15 add-flow`; with names for tables it is for people."""
    parts = [f"table={table_name(flow.table)}", f"priority={flow.priority}"]
    if cookie is not None:
        parts.insert(0, f"cookie={cookie:#x}")
    if flow.match.fields:
        parts.append(format_match(flow.match))
    return f"{','.join(parts)} actions={format_instructions(flow, table_name)}"


def group_to_ofctl(group: Group, table_name: TableName = str) -> str:
    """A group for `ovs-ofctl -O OpenFlow15 add-group`."""
    parts = [f"group_id={group.number}", f"type={_GROUP_TYPES[group.type]}"]
    if group.type == GroupType.SELECT:
        parts.append("selection_method=dp_hash")
    for number, bucket in enumerate(group.buckets):
        words = [f"bucket=bucket_id:{number}"]
        if group.type == GroupType.SELECT:
            words.append(f"weight:{bucket.weight}")
        if bucket.watch_port != ANY:
            words.append(f"watch_port:{_PORTS.get(bucket.watch_port, bucket.watch_port)}")
        if bucket.watch_group != ANY:
            words.append(f"watch_group:{bucket.watch_group}")
        words.append(f"actions={_format_actions(bucket.actions, table_name) or 'drop'}")
        parts.append(",".join(words))
    return ",".join(parts)


def meter_to_ofctl(meter: Meter) -> str:
    """A meter for `ovs-ofctl -O OpenFlow15 add-meter`."""
    unit = "pktps" if meter.packets else "kbps"
    burst, size = (",burst", f",burst_size={meter.burst}") if meter.burst else ("", "")
    return f"meter={meter.number},{unit}{burst},bands=type=drop,rate={meter.rate}{size}"
