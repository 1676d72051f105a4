"""What a switch refuses, in the words of its errors: the rules that the fake switch goes by.

They are those of Open vSwitch 3.1 as observed (the conformance kit runs on both), and for a switch that
is no Open vSwitch, what OpenFlow 1.3 alone cannot say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow.fields import BASIC, FIELDS
from sdn_orch.openflow.values import (
    ANY,
    OPENFLOW_13,
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
    Meter,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    Track,
    Untrack,
    UseMeter,
)

_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_VLAN_PRESENT = 0x1000
#: Numbers from here up are reserved; between the last port and here nothing is.
_LAST_PORT, _FIRST_RESERVED = 0xFEFF, 0xFFFFFFF8
_LAST_GROUP = 0xFFFFFF00

#: What is known of a packet that matches: exact values of the fields that others depend on.
Known = dict[str, int]


def _ip(known: Known) -> bool:
    return known.get("eth_type") in (_IPV4, _IPV6)


def _transport(number: int) -> Callable[[Known], bool]:
    return lambda known: _ip(known) and known.get("ip_proto") == number


def _is(**values: int) -> Callable[[Known], bool]:
    return lambda known: all(known.get(name) == value for name, value in values.items())


def _neighbour(*types: int) -> Callable[[Known], bool]:
    icmp = _is(eth_type=_IPV6, ip_proto=58)
    return lambda known: icmp(known) and known.get("icmpv6_type") in types


_BY_PREFIX: tuple[tuple[str, Callable[[Known], bool]], ...] = (
    ("ipv6_nd_sll", _neighbour(135)),
    ("ipv6_nd_tll", _neighbour(136)),
    ("ipv6_nd_", _neighbour(135, 136)),
    ("ipv4_", _is(eth_type=_IPV4)),
    ("ipv6_", _is(eth_type=_IPV6)),
    ("ip_", _ip),
    ("arp_", _is(eth_type=_ARP)),
    ("tcp_", _transport(6)),
    ("udp_", _transport(17)),
    ("sctp_", _transport(132)),
    ("icmpv4_", _is(eth_type=_IPV4, ip_proto=1)),
    ("icmpv6_", _is(eth_type=_IPV6, ip_proto=58)),
    ("ct_nw_proto", lambda known: "ct_state" in known),
    ("ct_tp_", lambda known: "ct_state" in known),
    ("ct_nw_", lambda known: "ct_state" in known and known.get("eth_type") == _IPV4),
    ("ct_ipv6_", lambda known: "ct_state" in known and known.get("eth_type") == _IPV6),
    ("vlan_pcp", lambda known: bool(known.get("vlan_vid", 0) & _VLAN_PRESENT)),
)
#: Any of these says that a packet belongs to a connection, or begins one.
_CONNECTED = (
    ConnectionState.NEW
    | ConnectionState.ESTABLISHED
    | ConnectionState.RELATED
    | ConnectionState.REPLY
    | ConnectionState.SOURCE_NAT
    | ConnectionState.DESTINATION_NAT
)
_READ_ONLY = frozenset({"eth_type", "ip_proto"})


def _met(field: str, known: Known) -> bool:
    return next((holds(known) for prefix, holds in _BY_PREFIX if field.startswith(prefix)), True)


def _tells_connection(state: int, mask: int | None) -> bool:
    """Whether a match of `ct_state` is of packets only of which a connection is known, or a new one."""
    is_valid = state & ConnectionState.TRACKED and not state & ConnectionState.INVALID
    return bool(state & _CONNECTED or (is_valid and (mask is None or mask & ConnectionState.INVALID)))


def refuse_flow(
    flow: Flow, groups: Iterable[int], meters: Iterable[int], capabilities: Capabilities
) -> str | None:
    """Why the switch would refuse to add the flow, or None."""
    if flow.table >= capabilities.tables:
        return "FLOW_MOD_FAILED: BAD_TABLE_ID"
    if flow.goto is not None and not flow.table < flow.goto <= capabilities.tables:
        return "BAD_INSTRUCTION: BAD_TABLE_ID"
    known: Known = {}
    for field, value, mask in flow.match:
        if field == "ct_state" and not _tells_connection(value, mask):
            continue
        if mask is None or field in ("vlan_vid", "ct_state"):
            known[field] = value
    for field, value, _ in flow.match:
        if not capabilities.open_vswitch and FIELDS[field].oxm_class != BASIC:
            return "BAD_MATCH: BAD_FIELD"
        if not _met(field, known):
            return "BAD_MATCH: BAD_PREREQ"
        if field == "in_port" and _LAST_PORT < value < _FIRST_RESERVED:
            return "BAD_MATCH: BAD_VALUE"
    return _refuse_actions(flow.actions, known, groups, meters, capabilities)


def _refuse_actions(
    actions: Iterable[Action],
    known: Known,
    groups: Iterable[int],
    meters: Iterable[int],
    capabilities: Capabilities,
) -> str | None:
    for action in actions:
        fault = _refuse_extension(action, capabilities)
        if fault is None and isinstance(action, Clone):
            fault = _refuse_actions(action.actions, dict(known), groups, meters, capabilities)
        if fault is None:
            fault = _refuse_action(action, known, groups, meters)
        if fault is not None:
            return fault
        if isinstance(action, PushVlan):
            known["vlan_vid"] = _VLAN_PRESENT
        elif isinstance(action, PopVlan):
            known.pop("vlan_vid", None)
    return None


def _refuse_extension(action: Action, capabilities: Capabilities) -> str | None:
    if capabilities.open_vswitch:
        return None
    match action:
        case (
            Resubmit()
            | Clone()
            | CheckPacketLarger()
            | HashSource()
            | Learn()
            | Track()
            | Untrack()
            | Clause()
            | Foreign()
        ):
            return "BAD_ACTION: BAD_EXPERIMENTER"
        case CopyField() if capabilities.version == OPENFLOW_13:
            return "BAD_ACTION: BAD_EXPERIMENTER"
        case SetField("in_port"):
            return "BAD_ACTION: BAD_SET_ARGUMENT"
        case SetField(field) if FIELDS[field].oxm_class != BASIC:
            return "BAD_ACTION: BAD_SET_TYPE"
        case SetField(mask=mask) if mask is not None and capabilities.version == OPENFLOW_13:
            return "BAD_ACTION: BAD_EXPERIMENTER"
    return None


def _refuse_action(action: Action, known: Known, groups: Iterable[int], meters: Iterable[int]) -> str | None:
    match action:
        case Output(port) if port == ANY or _LAST_PORT < port < _FIRST_RESERVED:
            return "BAD_ACTION: BAD_OUT_PORT"
        case ApplyGroup(group) if group not in groups:
            return "BAD_ACTION: BAD_OUT_GROUP"
        case UseMeter(meter) if meter not in meters:
            return "METER_MOD_FAILED: INVALID_METER"
        case SetField(field) if field in _READ_ONLY:
            return "BAD_ACTION: BAD_SET_ARGUMENT"
        case SetField("vlan_vid") | PopVlan() if not known.get("vlan_vid", 0) & _VLAN_PRESENT:
            return "BAD_ACTION: MATCH_INCONSISTENT"
        case SetField(field) if not _met(field, known):
            return "BAD_ACTION: MATCH_INCONSISTENT"
        case CopyField(source, target) if not (_met(source, known) and _met(target, known)):
            return "BAD_ACTION: MATCH_INCONSISTENT"
        case Learn(own=own) if not all(_met(name, known) for name in own):
            return "BAD_ACTION: MATCH_INCONSISTENT"
        case DecrementTtl() | Track() if not _ip(known):
            return "BAD_ACTION: MATCH_INCONSISTENT"
    return None


def refuse_group(group: Group, capabilities: Capabilities) -> str | None:
    """Why the switch would refuse the group as such, or None."""
    if group.number > _LAST_GROUP:
        return "GROUP_MOD_FAILED: INVALID_GROUP"
    has_type = {
        GroupType.SELECT: capabilities.group_select,
        GroupType.FAST_FAILOVER: capabilities.group_fast_failover,
    }
    if not has_type.get(group.type, True):
        return "GROUP_MOD_FAILED: BAD_TYPE"
    if group.type == GroupType.INDIRECT and len(group.buckets) != 1:
        return "GROUP_MOD_FAILED: INVALID_GROUP"
    for bucket in group.buckets:
        watched = (bucket.watch_port, bucket.watch_group) != (ANY, ANY)
        if group.type == GroupType.FAST_FAILOVER and not watched:
            return "GROUP_MOD_FAILED: INVALID_GROUP"
        for action in bucket.actions:
            if isinstance(action, ApplyGroup) and not capabilities.group_chaining:
                return "GROUP_MOD_FAILED: CHAINING_UNSUPPORTED"
            fault = _refuse_extension(action, capabilities)
            if fault is not None:
                return fault
    return None


def refuse_meter(meter: Meter, capabilities: Capabilities) -> str | None:
    """Why the switch would refuse the meter as such, or None."""
    if not capabilities.meters or meter.number == 0:
        return "METER_MOD_FAILED: INVALID_METER"
    if meter.rate == 0:
        return "METER_MOD_FAILED: BAD_RATE"
    return None
