"""Matches as OXM bytes, in the order and form in which Open vSwitch writes them back.

OpenFlow Switch Specification 1.3.5, section 7.2.3. In OpenFlow 1.5 the registers travel in pairs, as
packet registers of 64 bits (1.5.1, section 7.2.3.10), since that is how Open vSwitch dumps them.
"""

from __future__ import annotations

from functools import cache

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.fields import FIELDS, NXM, PACKET_REGISTERS, Field
from sdn_orch.openflow.values import OPENFLOW_13, OPENFLOW_15, Match

_REGISTERS = {f"reg{number}": number for number in range(4)}
_ONES_32 = 0xFFFFFFFF


@cache
def header(field: str, masked: bool = False) -> bytes:
    """The four-byte OXM header of a field: class, code, mask bit, payload length."""
    known = FIELDS[field]
    return _header(known.oxm_class, known.code, known.length, masked)


@cache
def nxm_header(field: str, masked: bool = False) -> bytes:
    """The header with the field's older code where it has one, else the OXM header."""
    oxm_class, code = NXM.get(field, (FIELDS[field].oxm_class, FIELDS[field].code))
    return _header(oxm_class, code, FIELDS[field].length, masked)


def _header(oxm_class: int, code: int, length: int, masked: bool) -> bytes:
    return bytes((oxm_class >> 8, oxm_class & 0xFF, code << 1 | masked, length * (1 + masked)))


_Headers = dict[str, tuple[bytes, bytes, int]]
_HEADERS: _Headers = {
    name: (header(name), header(name, True), field.length) for name, field in FIELDS.items()
}
_HEADERS_BY_VERSION: dict[int, _Headers] = {
    OPENFLOW_13: _HEADERS,
    OPENFLOW_15: {name: row for name, row in _HEADERS.items() if name not in _REGISTERS},
}
_BY_HEADER: dict[bytes, tuple[Field, bool]] = {
    write(name, masked): (field, masked)
    for name, field in FIELDS.items()
    for masked in (False, True)
    for write in (header, nxm_header)
}


def encode_match(match: Match, version: int = OPENFLOW_15) -> bytes:
    """OXM fields of a match, without the ofp_match header and padding."""
    headers = _HEADERS_BY_VERSION[version]
    data = b""
    try:
        for name, value, mask in match.fields:
            exact, masked, length = headers[name]
            if mask is None:
                data += exact + value.to_bytes(length, "big")
            else:
                data += masked + value.to_bytes(length, "big") + mask.to_bytes(length, "big")
    except KeyError:
        return _encode_with_registers(match)
    return data


def _encode_with_registers(match: Match) -> bytes:
    pairs: dict[int, tuple[int, int]] = {}
    for name, value, mask in match.fields:
        if name in _REGISTERS:
            pair, odd = divmod(_REGISTERS[name], 2)
            shift = 0 if odd else 32
            old_value, old_mask = pairs.get(pair, (0, 0))
            pairs[pair] = (
                old_value | value << shift,
                old_mask | (_ONES_32 if mask is None else mask) << shift,
            )
    before: list[bytes] = []
    after: list[bytes] = []
    for name, value, mask in match.fields:
        if name not in _REGISTERS:
            parts = after if FIELDS[name].order > FIELDS["reg3"].order else before
            parts.append(encode_field(name, value, mask))
    for pair, (value, mask) in sorted(pairs.items()):
        masked = mask != 0xFFFFFFFFFFFFFFFF
        before.append(_header(PACKET_REGISTERS, pair, 8, masked) + value.to_bytes(8, "big"))
        if masked:
            before.append(mask.to_bytes(8, "big"))
    return b"".join(before + after)


def encode_field(name: str, value: int, mask: int | None = None) -> bytes:
    """One field with its header. Raises OverflowError for a value wider than the field."""
    exact, masked, length = _HEADERS[name]
    if mask is None:
        return exact + value.to_bytes(length, "big")
    return masked + value.to_bytes(length, "big") + mask.to_bytes(length, "big")


def decode_match(data: bytes) -> Match:
    """The match that OXM bytes stand for, of either version.

    Raises MalformedMessage for bytes that are cut short, repeat a field, have value bits outside the
    mask or beyond the field's width, or name a field that sdn-orch does not use.
    """
    found: list[tuple[str, int, int | None]] = []
    offset = 0
    while offset < len(data):
        fields, offset = decode_field(data, offset)
        found += fields
    if len({name for name, _, _ in found}) != len(found):
        raise MalformedMessage(f"match repeats a field: {data.hex()}")
    found.sort(key=lambda item: FIELDS[item[0]].order)
    return Match(tuple(found))


def field_of(data: bytes, offset: int) -> Field:
    """The field that an OXM header without payload names (in copy-field, for one)."""
    head = bytes(data[offset : offset + 4])
    known = _BY_HEADER.get(head)
    if known is None or known[1]:
        raise MalformedMessage(f"OXM header {head.hex()} is not known")
    return known[0]


def decode_field(data: bytes, offset: int) -> tuple[list[tuple[str, int, int | None]], int]:
    """The field at `offset` (none or two for a pair of registers) and the offset behind it."""
    head = bytes(data[offset : offset + 4])
    if len(head) < 4 or offset + 4 + head[3] > len(data):
        raise MalformedMessage(f"OXM field at offset {offset} is cut short: {data.hex()}")
    end = offset + 4 + head[3]
    payload = data[offset + 4 : end]
    if head[0] << 8 | head[1] == PACKET_REGISTERS:
        return _decode_registers(head, payload), end
    known = _BY_HEADER.get(head)
    if known is None:
        raise MalformedMessage(f"OXM header {head.hex()} is not known")
    field, masked = known
    value = int.from_bytes(payload[: field.length], "big")
    mask = int.from_bytes(payload[field.length :], "big") if masked else None
    return _checked(field, value, mask), end


def _checked(field: Field, value: int, mask: int | None) -> list[tuple[str, int, int | None]]:
    full = (1 << field.bits) - 1
    if value > full or (mask is not None and (value & ~mask or mask > full)):
        raise MalformedMessage(f"{field.name}: value {value:#x} or mask {mask} does not fit")
    if mask == 0:
        return []
    return [(field.name, value, None if mask == full else mask)]


def _decode_registers(head: bytes, payload: bytes) -> list[tuple[str, int, int | None]]:
    pair, masked = head[2] >> 1, bool(head[2] & 1)
    if pair > 1 or len(payload) != 8 * (1 + masked):
        raise MalformedMessage(f"OXM header {head.hex()} is not known")
    value = int.from_bytes(payload[:8], "big")
    mask = int.from_bytes(payload[8:], "big") if masked else (1 << 64) - 1
    result: list[tuple[str, int, int | None]] = []
    for odd, shift in ((0, 32), (1, 0)):
        result += _checked(
            FIELDS[f"reg{2 * pair + odd}"], value >> shift & _ONES_32, mask >> shift & _ONES_32
        )
    return result
