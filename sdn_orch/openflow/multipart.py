"""Multipart requests, and the flows of a reply read at the speed of a full audit.

OpenFlow Switch Specification 1.3.5, section 7.3.5; 1.5.1, sections 7.2.4 (OXS) and 7.3.5. A reply comes
in parts; each part ends between two entries, so bodies are parsed one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct, error

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.messages import Kind, message
from sdn_orch.openflow.values import ANY, OPENFLOW_13, FlowKey


class Part(IntEnum):
    """The type of a multipart message."""

    DESCRIPTION = 0
    FLOW = 1
    GROUP_DESCRIPTION = 7
    GROUP_FEATURES = 8
    METER_CONFIG = 10
    METER_FEATURES = 11
    PORT_DESCRIPTION = 13


_ALL_METERS = 0xFFFFFFFF
_ALL_GROUPS = 0xFFFFFFFC
ALL_TABLES = 0xFF


def multipart_request(part: Part, version: int, xid: int, table: int = ALL_TABLES) -> bytes:
    """Ask for all there is of one kind: every flow, group, meter, port, or the switch's own features.

    Of flows for those of one table, where it is given.
    """
    body = b""
    if part == Part.FLOW:
        body = Struct("!B3xII4xQQHH4x").pack(table, ANY, ANY, 0, 0, 1, 4)
    elif part == Part.GROUP_DESCRIPTION and version != OPENFLOW_13:
        body = Struct("!I4x").pack(_ALL_GROUPS)
    elif part == Part.METER_CONFIG:
        body = Struct("!I4x").pack(_ALL_METERS)
    elif part == Part.PORT_DESCRIPTION and version != OPENFLOW_13:
        body = Struct("!I4x").pack(ANY)
    return message(version, Kind.MULTIPART_REQUEST, xid, Struct("!HH4x").pack(part, 0) + body)


def parse_multipart(data: bytes) -> tuple[int, bool, bytes]:
    """Type, whether more parts follow, and body of a multipart reply. Raises MalformedMessage."""
    if len(data) < 16 or data[1] != Kind.MULTIPART_REPLY:
        raise MalformedMessage(f"not a multipart reply: {data[:16].hex()}")
    part, flags = Struct("!HH").unpack_from(data, 8)
    return part, bool(flags & 1), data[16:]


#: Packets, bytes, and seconds since the flow was installed.
Counters = tuple[int, int, float]
#: The bytes that hold the counters of a flow: most who read flows do not ask for them.
Statistics = bytes

_FLOW_13 = Struct("!HBx8xH10xQ16xHH")
_COUNTERS_13 = Struct("!4xII20xQQ")
_FLOW_15 = Struct("!H2xBxH8xQHH")
#: The statistics that Open vSwitch sends: duration, idle time, packets, bytes, each with its OXS header.
_STATISTICS = Struct("!4xIIIIQIQIQ")
_OVS_HEADERS = (0x80020008, 0x80020208, 0x80020808, 0x80020A08)
_OXS_BASIC = 0x8002
_DURATION, _PACKET_COUNT, _BYTE_COUNT = 0, 4, 5


def parse_flows(body: bytes, version: int) -> Iterator[tuple[FlowKey, bytes, int, Statistics]]:
    """The flows of a flow reply (the body of one part): identity, instructions, cookie, and what
    `parse_counters` takes.

    Matches and instructions stay bytes. Raises MalformedMessage.
    """
    try:
        yield from _flows_13(body) if version == OPENFLOW_13 else _flows_15(body)
    except (error, IndexError) as short:
        raise MalformedMessage(f"flow description is cut short: {short}") from None


def _flows_13(body: bytes) -> Iterator[tuple[FlowKey, bytes, int, Statistics]]:
    unpack, offset, end = _FLOW_13.unpack_from, 0, len(body)
    while offset < end:
        length, table, priority, cookie, kind, match_length = unpack(body, offset)
        instructions = 48 + (match_length + 7 & ~7)
        if kind != 1 or match_length < 4 or instructions > length or offset + length > end:
            raise MalformedMessage(f"flow description has length {length}, its match {match_length}")
        match = body[offset + 52 : offset + 48 + match_length]
        stop = offset + length
        yield (table, priority, match), body[offset + instructions : stop], cookie, body[offset : offset + 48]
        offset = stop


def _flows_15(body: bytes) -> Iterator[tuple[FlowKey, bytes, int, Statistics]]:
    unpack, offset, end = _FLOW_15.unpack_from, 0, len(body)
    while offset < end:
        length, table, priority, cookie, kind, match_length = unpack(body, offset)
        statistics = offset + 24 + (match_length + 7 & ~7)
        size = body[statistics + 2] << 8 | body[statistics + 3]
        instructions = statistics + (size + 7 & ~7)
        stop = offset + length
        if kind != 1 or match_length < 4 or size < 4 or instructions > stop or stop > end:
            raise MalformedMessage(f"flow description has length {length}, its match {match_length}")
        match = body[offset + 28 : offset + 24 + match_length]
        counted = body[statistics : statistics + size]
        yield (table, priority, match), body[instructions:stop], cookie, counted
        offset = stop


def parse_counters(statistics: Statistics, version: int) -> Counters:
    """What a flow has counted. Raises MalformedMessage."""
    if version == OPENFLOW_13:
        seconds, fraction, packets, count = _COUNTERS_13.unpack(statistics)
        return packets, count, seconds + fraction * 1e-9
    if len(statistics) == _STATISTICS.size:
        head, seconds, fraction, head_2, _, head_3, packets, head_4, count = _STATISTICS.unpack(statistics)
        if (head, head_2, head_3, head_4) == _OVS_HEADERS:
            return packets, count, seconds + fraction * 1e-9
    try:
        return _counters_15(statistics)
    except error as short:
        raise MalformedMessage(f"statistics are cut short: {short}") from None


def _counters_15(statistics: Statistics) -> Counters:
    values = {_DURATION: 0, _PACKET_COUNT: 0, _BYTE_COUNT: 0}
    offset = 4
    while offset < len(statistics):
        oxs_class, field, length = Struct("!HBB").unpack_from(statistics, offset)
        payload = statistics[offset + 4 : offset + 4 + length]
        if len(payload) < length:
            raise MalformedMessage(f"statistics are cut short: {statistics.hex()}")
        if oxs_class == _OXS_BASIC:
            values[field >> 1] = int.from_bytes(payload, "big")
        offset += 4 + length
    duration = values[_DURATION]
    return values[_PACKET_COUNT], values[_BYTE_COUNT], (duration >> 32) + (duration & 0xFFFFFFFF) * 1e-9


@dataclass(frozen=True, slots=True)
class Description:
    """Who made the switch (1.3.5, section 7.3.5.1)."""

    manufacturer: str
    hardware: str
    software: str
    serial: str
    datapath: str


def parse_description(body: bytes) -> Description:
    """The switch's description of itself. Raises MalformedMessage."""
    try:
        texts = Struct("!256s256s256s32s256s").unpack(body)
    except error:
        raise MalformedMessage(f"switch description of {len(body)} bytes") from None
    return Description(*(text.split(b"\0")[0].decode("utf-8", "replace") for text in texts))


@dataclass(frozen=True, slots=True)
class GroupFeatures:
    """What groups the switch can have: a bitmap by group type, and OFPGFC_ flags."""

    types: int
    capabilities: int


def parse_group_features(body: bytes) -> GroupFeatures:
    """Group features (1.3.5, section 7.3.5.11). Raises MalformedMessage."""
    try:
        return GroupFeatures(*Struct("!II32x").unpack_from(body))
    except error:
        raise MalformedMessage(f"group features of {len(body)} bytes") from None


@dataclass(frozen=True, slots=True)
class MeterFeatures:
    """What meters the switch can have: how many, a bitmap by band type, and OFPMF_ flags."""

    limit: int
    band_types: int
    capabilities: int

    @property
    def suffices(self) -> bool:
        """Whether meters such as ours can be had: a drop band, kilobits or packets per second, a burst."""
        drop_band, kilobits_packets_and_burst = 1 << 1, 0b111
        has_flags = self.capabilities & kilobits_packets_and_burst == kilobits_packets_and_burst
        return self.limit > 0 and bool(self.band_types & drop_band) and has_flags


def parse_meter_features(body: bytes) -> MeterFeatures:
    """Meter features (1.3.5, section 7.3.5.14). Raises MalformedMessage."""
    try:
        return MeterFeatures(*Struct("!III4x").unpack_from(body))
    except error:
        raise MalformedMessage(f"meter features of {len(body)} bytes") from None
