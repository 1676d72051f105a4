"""Group-mods and group descriptions.

OpenFlow Switch Specification 1.3.5, sections 7.3.4.2 and 7.3.5.10; 1.5.1, sections 7.3.4.3 and 7.3.5.11.
The hash of a SELECT group is chosen by an experimenter property that Open vSwitch inherited from
Netronome (`Documentation/topics/group-selection-method-property.txt` there).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.actions import decode_actions, encode_actions
from sdn_orch.openflow.messages import Kind, message
from sdn_orch.openflow.values import ANY, OPENFLOW_13, OPENFLOW_15, Bucket, Group, GroupType

_ALL_BUCKETS = 0xFFFFFFFF
_WEIGHT, _WATCH_PORT, _WATCH_GROUP = 0, 1, 2
_BUCKET_13 = Struct("!HHII4x")
_BUCKET_15 = Struct("!HHI")
_PROPERTY = Struct("!HH")
#: Property 0xffff of vendor NTR, type 1: hash by `dp_hash`, with its default algorithm.
_DP_HASH = Struct("!HHII4x16sQ").pack(0xFFFF, 40, 0x0000154D, 1, b"dp_hash", 0)


class Change(IntEnum):
    """The command of a group-mod or a meter-mod; ADD fails when there is one, MODIFY when there is none."""

    ADD = 0
    MODIFY = 1
    DELETE = 2


def group_mod(group: Group, change: Change, version: int, xid: int) -> bytes:
    """Add, modify or delete a group; deleting looks at the number only.

    Raises ValueError for an action that the version cannot say.
    """
    buckets = b""
    if change != Change.DELETE:
        encode = _bucket_13 if version == OPENFLOW_13 else _bucket_15
        buckets = b"".join(encode(group.type, number, item) for number, item in enumerate(group.buckets))
    head = Struct("!HBxI").pack(change, group.type, group.number)
    if version != OPENFLOW_13:
        head += Struct("!H2xI").pack(len(buckets), _ALL_BUCKETS)
        if group.type == GroupType.SELECT and change != Change.DELETE:
            buckets += _DP_HASH
    return message(version, Kind.GROUP_MOD, xid, head + buckets)


def _bucket_13(kind: GroupType, _: int, bucket: Bucket) -> bytes:
    actions = encode_actions(bucket.actions, OPENFLOW_13)
    weight = bucket.weight if kind == GroupType.SELECT else 0
    head = _BUCKET_13.pack(16 + len(actions), weight, bucket.watch_port, bucket.watch_group)
    return head + actions


def _bucket_15(kind: GroupType, number: int, bucket: Bucket) -> bytes:
    actions = encode_actions(bucket.actions, OPENFLOW_15)
    properties = b""
    if kind == GroupType.SELECT:
        properties += Struct("!HHH2x").pack(_WEIGHT, 8, bucket.weight)
    if bucket.watch_port != ANY:
        properties += Struct("!HHI").pack(_WATCH_PORT, 8, bucket.watch_port)
    if bucket.watch_group != ANY:
        properties += Struct("!HHI").pack(_WATCH_GROUP, 8, bucket.watch_group)
    length = 8 + len(actions) + len(properties)
    return _BUCKET_15.pack(length, len(actions), number) + actions + properties


def parse_groups(body: bytes, version: int) -> Iterator[Group]:
    """The groups of a group-description reply (the body of one part).

    Weights are 1 where they mean nothing. Raises MalformedMessage.
    """
    offset = 0
    while offset < len(body):
        if len(body) - offset < 8:
            raise MalformedMessage("group description is cut short")
        length, kind, number = Struct("!HBxI").unpack_from(body, offset)
        head = 8 if version == OPENFLOW_13 else 16
        if length < head or offset + length > len(body):
            raise MalformedMessage(f"description of group {number} has length {length}")
        try:
            group_type = GroupType(kind)
        except ValueError:
            raise MalformedMessage(f"group {number} has type {kind}") from None
        end = offset + length
        if version == OPENFLOW_13:
            buckets = tuple(_parse_buckets_13(body[offset + 8 : end], group_type))
        else:
            size = int.from_bytes(body[offset + 8 : offset + 10], "big")
            if size > length - head:
                raise MalformedMessage(f"group {number} has {size} bytes of buckets in {length}")
            buckets = tuple(_parse_buckets_15(body[offset + 16 : offset + 16 + size], group_type))
        yield Group(number, group_type, buckets)
        offset = end


def _parse_buckets_13(data: bytes, kind: GroupType) -> Iterator[Bucket]:
    offset = 0
    while offset < len(data):
        if len(data) - offset < 16:
            raise MalformedMessage("bucket is cut short")
        length, weight, watch_port, watch_group = _BUCKET_13.unpack_from(data, offset)
        if length < 16 or offset + length > len(data):
            raise MalformedMessage(f"bucket has length {length}")
        actions = decode_actions(data[offset + 16 : offset + length])
        yield Bucket(actions, weight if kind == GroupType.SELECT else 1, watch_port, watch_group)
        offset += length


def _parse_buckets_15(data: bytes, kind: GroupType) -> Iterator[Bucket]:
    offset = 0
    while offset < len(data):
        if len(data) - offset < 8:
            raise MalformedMessage("bucket is cut short")
        length, size, _ = _BUCKET_15.unpack_from(data, offset)
        if length < 8 + size or offset + length > len(data):
            raise MalformedMessage(f"bucket has length {length} and {size} bytes of actions")
        actions = decode_actions(data[offset + 8 : offset + 8 + size])
        found = dict(_parse_properties(data[offset + 8 + size : offset + length]))
        weight = found.get(_WEIGHT, 1 << 16) >> 16
        yield Bucket(
            actions,
            weight if kind == GroupType.SELECT else 1,
            found.get(_WATCH_PORT, ANY),
            found.get(_WATCH_GROUP, ANY),
        )
        offset += length


def _parse_properties(data: bytes) -> Iterator[tuple[int, int]]:
    offset = 0
    while offset < len(data):
        if len(data) - offset < 8:
            raise MalformedMessage("bucket property is cut short")
        kind, length = _PROPERTY.unpack_from(data, offset)
        if length < 8 or offset + length > len(data):
            raise MalformedMessage(f"bucket property has length {length}")
        yield kind, int.from_bytes(data[offset + 4 : offset + 8], "big")
        offset += (length + 7) & ~7
