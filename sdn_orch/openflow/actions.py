"""Actions as bytes for OpenFlow 1.3 and 1.5, and back.

OpenFlow Switch Specification 1.3.5, section 7.2.5, and 1.5.1, section 7.2.6; the Nicira extensions as
in Open vSwitch's ofp-actions. The forms are those that Open vSwitch writes back in a dump.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, error

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.oxm import decode_field, encode_field, field_of, header, nxm_header
from sdn_orch.openflow.values import (
    OPENFLOW_13,
    OPENFLOW_15,
    Action,
    ApplyGroup,
    CheckPacketLarger,
    Clause,
    Clone,
    CopyField,
    DecrementTtl,
    Foreign,
    HashSource,
    Learn,
    Match,
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

_OUTPUT, _PUSH_VLAN, _POP_VLAN, _GROUP, _DECREMENT_TTL, _SET_FIELD = 0, 17, 18, 22, 24, 25
_COPY_FIELD, _METER, _EXPERIMENTER = 28, 29, 0xFFFF
NICIRA = 0x00002320
_REG_MOVE, _MULTIPATH, _RESUBMIT_TABLE, _REG_LOAD2, _CT, _NAT, _CT_CLEAR = 6, 10, 14, 33, 35, 36, 43
_CONJUNCTION, _CHECK_PKT_LARGER, _LEARN_WITH_LIMIT, _CLONE = 34, 49, 45, 42
#: OFPP_IN_PORT in the 16 bits that NX resubmit has for a port.
_IN_PORT_16 = 0xFFF8

#: Open vSwitch writes to the port that a packet came in by only under its older, 16 bits wide name.
_IN_PORT_HEADER = bytes((0, 0, 0, 2))

_HEAD = Struct("!HH")
_PUT_OUTPUT = Struct("!HHIH6x").pack
_PUT_NUMBER = Struct("!HHI").pack
_PUT_COPY = Struct("!HHHHH2x4s4s4x").pack
_PUT_MOVE = Struct("!HHIHHHH4s4s").pack
_PUT_RESUBMIT = Struct("!HHIHHB3x").pack
_CLONE_HEAD = Struct("!HHIH6x")
_PUT_LARGER = Struct("!HHIHHH4s6x").pack
_LEARN_HEAD = Struct("!HHIHHHHQHBxHHIHH")
#: What a learnt flow is to have: bits of a field, as the packet has them or of a value; to match or to set.
_SPECIFIED, _FIELD_AT = Struct("!H"), Struct("!4sH")
_VALUE, _SET, _BITS = 1 << 13, 1 << 11, (1 << 11) - 1
_CT_HEAD = Struct("!HHIHHIHB3xH")
_CLAUSE_BYTES = Struct("!HHIHBBI")
_CLAUSE_MARK = Struct("!IH").pack(NICIRA, _CONJUNCTION)
_MULTIPATH_BYTES = Struct("!HHIHHH2xHHI2xH4s")
#: Of Open vSwitch's multipath: it hashes the IP source address, and takes the rest of a division.
_BY_SOURCE, _MODULO = 4, 0
_NAT_HEAD = Struct("!HHIH2xHH")
#: The one flag of ct that we use, what stands for "no table", and which ranges follow a nat.
_COMMIT, _NO_TABLE = 1, 0xFF
#: Offset and width less one of the part of a register that holds a zone.
_LOWER_16_BITS = 15
#: The first address of a range, by the version of IP, with its length; the first port.
_RANGE_ADDRESS, _RANGE_PORT = {4: (1, 4), 6: (4, 16)}, 16
_UNTRACK_BYTES = Struct("!HHIH6x").pack(_EXPERIMENTER, 16, NICIRA, _CT_CLEAR)
_PUSH_VLAN_BYTES = Struct("!HHH2x").pack(_PUSH_VLAN, 8, 0x8100)
_POP_VLAN_BYTES = Struct("!HH4x").pack(_POP_VLAN, 8)
_DECREMENT_TTL_BYTES = Struct("!HH4x").pack(_DECREMENT_TTL, 8)


def encode_actions(actions: Sequence[Action], version: int) -> bytes:
    """An action list. Raises ValueError for an action that the version cannot say."""
    encoders = _ENCODERS[version]
    return b"".join([encoders[type(action)](action) for action in actions])


def _output(action: Output) -> bytes:
    return _PUT_OUTPUT(_OUTPUT, 16, action.port, action.max_length)


def _group(action: ApplyGroup) -> bytes:
    return _PUT_NUMBER(_GROUP, 8, action.group)


def _meter(action: UseMeter) -> bytes:
    return _PUT_NUMBER(_METER, 8, action.meter)


def _meter_in_list(action: UseMeter) -> bytes:
    raise ValueError(f"meter {action.meter}: only the first action of a flow can be a meter in OpenFlow 1.3")


def _canonical(action: SetField) -> tuple[int, int | None]:
    mask = action.mask
    if mask is None or mask == (1 << FIELDS[action.field].bits) - 1:
        return action.value, None
    return action.value & mask, mask


def _set_whole(field: str) -> tuple[bytes, int, bytes]:
    """What stands before and after the value of a whole field that is set, and how wide the value is."""
    width = FIELDS[field].length
    length = (8 + width + 7) & ~7
    return _HEAD.pack(_SET_FIELD, length) + header(field), width, bytes(length - 8 - width)


#: Most of what is set are whole fields, a few for each rule of a cloud. `in_port` is another matter.
_SET_WHOLE = {field: _set_whole(field) for field in FIELDS if field != "in_port"}
_MARK, _LABEL = _SET_WHOLE["ct_mark"], _SET_WHOLE["ct_label"]


def _set_field(action: SetField) -> bytes:
    if action.mask is None and (whole := _SET_WHOLE.get(action.field)):
        before, width, after = whole
        return before + action.value.to_bytes(width, "big") + after
    value, mask = _canonical(action)
    if action.field == "in_port":
        if value > 0xFFFF or mask is not None:
            raise ValueError(f"in_port: it can be set to 16 bits without a mask only, not to {value:#x}")
        field = _IN_PORT_HEADER + value.to_bytes(2, "big")
    else:
        field = encode_field(action.field, value, mask)
    length = (4 + len(field) + 7) & ~7
    return (_HEAD.pack(_SET_FIELD, length) + field).ljust(length, b"\0")


def _set_field_13(action: SetField) -> bytes:
    value, mask = _canonical(action)
    if mask is None:
        return _set_field(action)
    width = FIELDS[action.field].length
    field = nxm_header(action.field, True) + value.to_bytes(width, "big") + mask.to_bytes(width, "big")
    length = (10 + len(field) + 7) & ~7
    head = _PUT_NUMBER(_EXPERIMENTER, length, NICIRA) + _REG_LOAD2.to_bytes(2, "big")
    return (head + field).ljust(length, b"\0")


def _copy_field(action: CopyField) -> bytes:
    return _PUT_COPY(
        _COPY_FIELD,
        24,
        action.bits,
        action.source_offset,
        action.target_offset,
        header(action.source),
        header(action.target),
    )


def _reg_move(action: CopyField) -> bytes:
    return _PUT_MOVE(
        _EXPERIMENTER,
        24,
        NICIRA,
        _REG_MOVE,
        action.bits,
        action.source_offset,
        action.target_offset,
        nxm_header(action.source),
        nxm_header(action.target),
    )


def _resubmit(action: Resubmit) -> bytes:
    return _PUT_RESUBMIT(_EXPERIMENTER, 16, NICIRA, _RESUBMIT_TABLE, _IN_PORT_16, action.table)


def _clone(action: Clone, version: int) -> bytes:
    nested = encode_actions(action.actions, version)
    return _CLONE_HEAD.pack(_EXPERIMENTER, _CLONE_HEAD.size + len(nested), NICIRA, _CLONE) + nested


def _check_packet_larger(action: CheckPacketLarger) -> bytes:
    return _PUT_LARGER(
        _EXPERIMENTER, 24, NICIRA, _CHECK_PKT_LARGER, action.length, action.bit, header(action.field)
    )


def _hash_source(action: HashSource) -> bytes:
    """Open vSwitch's multipath, which has the most links that fit into the bits."""
    last, bits = (1 << action.bits) - 1, action.bits - 1
    head = (_EXPERIMENTER, 32, NICIRA, _MULTIPATH, _BY_SOURCE, 0, _MODULO)
    return _MULTIPATH_BYTES.pack(*head, last, 0, bits, nxm_header(action.field))


def _learn(action: Learn) -> bytes:
    parts = [_specified(0, name, value, mask) for name, value, mask in action.match]
    for name in action.own:
        field = _FIELD_AT.pack(nxm_header(name), 0)
        parts.append(_SPECIFIED.pack(FIELDS[name].bits) + field + field)
    parts += [_specified(_SET, each.field, each.value, each.mask) for each in action.then]
    specified = b"".join(parts)
    length = (_LEARN_HEAD.size + len(specified) + 7) & ~7
    place = (action.idle_timeout, 0, action.priority, action.cookie, 0, action.table, 0, 0)
    head = (_EXPERIMENTER, length, NICIRA, _LEARN_WITH_LIMIT, *place, action.limit, 0, 0)
    return (_LEARN_HEAD.pack(*head) + specified).ljust(length, b"\0")


def _specified(kind: int, name: str, value: int, mask: int | None) -> bytes:
    """A value of some bits of a field, which are side by side."""
    offset, bits = FIELDS[name].bits_of(mask)
    said = (value >> offset).to_bytes(-(-bits // 16) * 2, "big")
    return _SPECIFIED.pack(_VALUE | kind | bits) + said + _FIELD_AT.pack(nxm_header(name), offset)


def _track(action: Track) -> bytes:
    nested = _nat(action.to) if action.translated or action.to is not None else b""
    for (before, width, after), known_by in ((_MARK, action.mark), (_LABEL, action.label)):
        if known_by:
            nested += before + known_by.to_bytes(width, "big") + after
    flags = _COMMIT if action.commit else 0
    table = _NO_TABLE if action.table is None else action.table
    length = 24 + len(nested)
    source, zone = 0, action.zone
    if isinstance(zone, str):
        source, zone = int.from_bytes(nxm_header(zone), "big"), _LOWER_16_BITS
    return _CT_HEAD.pack(_EXPERIMENTER, length, NICIRA, _CT, flags, source, zone, table, action.alg) + nested


def _nat(to: Translate | None) -> bytes:
    """Open vSwitch wants a nested action without the zeroes behind it to be padded all the same."""
    ranges, present, flags = b"", 0, 0
    if to is not None:
        present, size = _RANGE_ADDRESS[to.version]
        flags, ranges = int(to.side), to.address.to_bytes(size, "big")
        if to.port is not None:
            present |= _RANGE_PORT
            ranges += to.port.to_bytes(2, "big")
    length = (16 + len(ranges) + 7) & ~7
    head = _NAT_HEAD.pack(_EXPERIMENTER, length, NICIRA, _NAT, flags, present)
    return (head + ranges).ljust(length, b"\0")


def says_clauses(instructions: bytes) -> bool:
    """Whether a flow may have clauses of conjunctions, without decoding all that it says."""
    return _CLAUSE_MARK in instructions


def _clause(action: Clause) -> bytes:
    """Counted from 0 on the wire."""
    place = action.clause - 1
    return _CLAUSE_BYTES.pack(
        _EXPERIMENTER, 16, NICIRA, _CONJUNCTION, place, action.clauses, action.conjunction
    )


_Encoders = dict[type, Callable[..., bytes]]
_COMMON: _Encoders = {
    Output: _output,
    ApplyGroup: _group,
    PushVlan: lambda _: _PUSH_VLAN_BYTES,
    PopVlan: lambda _: _POP_VLAN_BYTES,
    DecrementTtl: lambda _: _DECREMENT_TTL_BYTES,
    Resubmit: _resubmit,
    CheckPacketLarger: _check_packet_larger,
    HashSource: _hash_source,
    Learn: _learn,
    Track: _track,
    Untrack: lambda _: _UNTRACK_BYTES,
    Clause: _clause,
    Foreign: lambda action: action.data,
}
_ENCODERS: dict[int, _Encoders] = {
    OPENFLOW_13: {
        **_COMMON,
        SetField: _set_field_13,
        CopyField: _reg_move,
        UseMeter: _meter_in_list,
        Clone: lambda action: _clone(action, OPENFLOW_13),
    },
    OPENFLOW_15: {
        **_COMMON,
        SetField: _set_field,
        CopyField: _copy_field,
        UseMeter: _meter,
        Clone: lambda action: _clone(action, OPENFLOW_15),
    },
}


def decode_actions(data: bytes) -> tuple[Action, ...]:
    """The actions of a list, of either version; actions that sdn-orch does not use come as Foreign.

    Raises MalformedMessage for bytes that are not a list of actions.
    """
    result: list[Action] = []
    offset = 0
    while offset < len(data):
        if offset + 8 > len(data):
            raise MalformedMessage(f"action list is cut short: {data.hex()}")
        kind, length = _HEAD.unpack_from(data, offset)
        if length < 8 or length % 8 or offset + length > len(data):
            raise MalformedMessage(f"action of type {kind} has length {length}")
        body = data[offset : offset + length]
        try:
            result.append(_decode_action(kind, body))
        except (error, MalformedMessage):
            result.append(Foreign(body))
        offset += length
    return tuple(result)


def _decode_action(kind: int, body: bytes) -> Action:
    match kind:
        case 0:
            _, _, port, max_length = Struct("!HHIH6x").unpack(body)
            return Output(port, max_length)
        case 22:
            return ApplyGroup(_number(body))
        case 29:
            return UseMeter(_number(body))
        case 17 if body == _PUSH_VLAN_BYTES:
            return PushVlan()
        case 18 if body == _POP_VLAN_BYTES:
            return PopVlan()
        case 24 if body == _DECREMENT_TTL_BYTES:
            return DecrementTtl()
        case 25:
            return _decode_set_field(body, 4)
        case 28:
            bits, source_offset, target_offset = Struct("!4xHHH14x").unpack(body)
            source, target = field_of(body, 12), field_of(body, 16)
            return CopyField(source.name, target.name, bits, source_offset, target_offset)
        case 0xFFFF:
            return _decode_nicira(body)
    return Foreign(body)


def _number(body: bytes) -> int:
    number: int = Struct("!4xI").unpack(body)[0]
    return number


def _decode_set_field(body: bytes, offset: int) -> Action:
    if body[offset : offset + 4] == _IN_PORT_HEADER and not any(body[offset + 6 :]):
        return SetField("in_port", int.from_bytes(body[offset + 4 : offset + 6], "big"))
    fields, end = decode_field(body, offset)
    if len(fields) != 1 or len(body) - end > 7 or any(body[end:]):
        return Foreign(body)
    return SetField(*fields[0])


def _decode_nicira(body: bytes) -> Action:
    vendor, subtype = Struct("!4xIH").unpack_from(body)
    if vendor == NICIRA:
        match subtype:
            case 6:
                bits, source_offset, target_offset = Struct("!10xHHH8x").unpack(body)
                source, target = field_of(body, 16), field_of(body, 20)
                return CopyField(source.name, target.name, bits, source_offset, target_offset)
            case 10:
                return _decode_hash(body)
            case 14:
                port, table = Struct("!10xHB3x").unpack(body)
                if port == _IN_PORT_16:
                    return Resubmit(table)
            case 33:
                return _decode_set_field(body, 10)
            case 34:
                *_, place, clauses, conjunction = _CLAUSE_BYTES.unpack(body)
                return Clause(conjunction, place + 1, clauses)
            case 35:
                return _decode_track(body)
            case 42 if not any(body[10 : _CLONE_HEAD.size]):
                return Clone(decode_actions(body[_CLONE_HEAD.size :]))
            case 43 if body == _UNTRACK_BYTES:
                return Untrack()
            case 45:
                return _decode_learn(body)
            case 49:
                length, bit = Struct("!10xHH10x").unpack(body)
                return CheckPacketLarger(length, field_of(body, 14).name, bit)
    return Foreign(body)


def _decode_hash(body: bytes) -> Action:
    bits = (_MULTIPATH_BYTES.unpack(body)[9] & 63) + 1
    action = HashSource(field_of(body, 28).name, bits)
    # What sdn-orch never writes does not come out as it went in.
    return action if _hash_source(action) == body else Foreign(body)


def _decode_learn(body: bytes) -> Action:
    head = _LEARN_HEAD.unpack_from(body)
    idle_timeout, _, priority, cookie, _, table, _, _, limit, _, _ = head[4:]
    match: list[tuple[str, int, int | None]] = []
    own: list[str] = []
    then: list[SetField] = []
    at = _LEARN_HEAD.size
    while at + _SPECIFIED.size <= len(body) and (kind := _SPECIFIED.unpack_from(body, at)[0]):
        at += _SPECIFIED.size
        bits, value = kind & _BITS, 0
        if not kind & _VALUE:
            own.append(field_of(body, at).name)
            at += _FIELD_AT.size
        else:
            size = -(-bits // 16) * 2
            value = int.from_bytes(body[at : at + size], "big")
            at += size
        field, offset = field_of(body, at), _FIELD_AT.unpack_from(body, at)[1]
        at += _FIELD_AT.size
        if kind & _VALUE:
            if value >> bits or offset + bits > field.bits:
                return Foreign(body)
            mask = None if bits == field.bits else ((1 << bits) - 1) << offset
            if kind & _SET:
                then.append(SetField(field.name, value << offset, mask))
            else:
                match.append((field.name, value << offset, mask))
    said = Match(tuple(match))
    action = Learn(table, priority, cookie, idle_timeout, limit, said, tuple(own), tuple(then))
    # What sdn-orch never writes does not come out as it went in.
    return action if _learn(action) == body else Foreign(body)


def _decode_track(body: bytes) -> Action:
    _, _, _, _, flags, source, number, table, algorithm = _CT_HEAD.unpack_from(body)
    zone = field_of(source.to_bytes(4, "big"), 0).name if source else number
    nested, translated, to = body[_CT_HEAD.size :], False, None
    nested, label = _known_by(nested, _LABEL)
    nested, mark = _known_by(nested, _MARK)
    if nested:
        _, length, vendor, subtype, side, present = _NAT_HEAD.unpack_from(nested)
        if (length, vendor, subtype) != (len(nested), NICIRA, _NAT):
            return Foreign(body)
        translated = not (side or present)
        if not translated:
            to = _decode_translation(nested[_NAT_HEAD.size :], side, present)
    go_on = None if table == _NO_TABLE else table
    is_commit = bool(flags & _COMMIT)
    action = Track(zone, go_on, translated, commit=is_commit, to=to, alg=algorithm, mark=mark, label=label)
    # What sdn-orch never writes does not come out as it went in.
    return action if _track(action) == body else Foreign(body)


def _known_by(nested: bytes, field: tuple[bytes, int, bytes]) -> tuple[bytes, int]:
    """What stands before a field that is set last, and its value; all of it and 0 if another one is."""
    before, width, after = field
    size = len(before) + width + len(after)
    if not nested[-size:].startswith(before):
        return nested, 0
    return nested[:-size], int.from_bytes(nested[-size:][len(before) :][:width], "big")


def _decode_translation(ranges: bytes, side: int, present: int) -> Translate | None:
    for version, (bit, size) in _RANGE_ADDRESS.items():
        if side in (Side.SOURCE, Side.DESTINATION) and present & ~_RANGE_PORT == bit:
            port = int.from_bytes(ranges[size : size + 2], "big") if present & _RANGE_PORT else None
            return Translate(Side(side), int.from_bytes(ranges[:size], "big"), port, version)
    return None
