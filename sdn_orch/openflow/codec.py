"""Flows as table entries: instructions as bytes, and the cookie that hashes the whole flow.

OpenFlow Switch Specification 1.3.5, section 7.2.4 (1.5.1: 7.2.5).
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.actions import decode_actions, encode_actions
from sdn_orch.openflow.oxm import decode_match, encode_match
from sdn_orch.openflow.values import OPENFLOW_13, Action, Flow, FlowEntry, UseMeter

__all__ = [
    "cookie_of",
    "decode_flow",
    "decode_instructions",
    "decode_match",
    "encode_flow",
    "encode_instructions",
    "encode_match",
]

_GOTO, _WRITE_METADATA, _APPLY_ACTIONS, _METER = 1, 2, 4, 6
_HEAD = Struct("!HH")
_PUT_GOTO = Struct("!HHB3x").pack
_PUT_METADATA = Struct("!HH4xQQ").pack
_PUT_APPLY = Struct("!HH4x").pack
_PUT_METER = Struct("!HHI").pack
_PUT_PLACE = Struct("!BHH").pack
_COOKIE = Struct("!Q").unpack


def encode_instructions(
    actions: tuple[Action, ...], metadata: tuple[int, int] | None, goto: int | None, version: int
) -> bytes:
    """The instruction list, in the order in which a switch carries it out.

    Raises ValueError for an action that the version cannot say.
    """
    data = b""
    if actions:
        first = actions[0]
        if version == OPENFLOW_13 and isinstance(first, UseMeter):
            data = _PUT_METER(_METER, 8, first.meter)
            actions = actions[1:]
        if actions:
            applied = encode_actions(actions, version)
            data += _PUT_APPLY(_APPLY_ACTIONS, 8 + len(applied)) + applied
    if metadata is not None:
        value, mask = metadata
        data += _PUT_METADATA(_WRITE_METADATA, 24, value & mask, mask)
    return data if goto is None else data + _PUT_GOTO(_GOTO, 8, goto)


def cookie_of(table: int, priority: int, match: bytes, instructions: bytes) -> int:
    """A hash of all that a flow is; never 0, which foreign flows have."""
    place = _PUT_PLACE(table, priority, len(match))
    (cookie,) = _COOKIE(blake2b(place + match + instructions, digest_size=8).digest())
    return cookie or 1


def encode_flow(flow: Flow, version: int) -> FlowEntry:
    """The flow as a switch of that OpenFlow version holds it.

    Raises ValueError for an action that the version cannot say.
    """
    match = encode_match(flow.match, version)
    instructions = encode_instructions(flow.actions, flow.metadata, flow.goto, version)
    table, priority = flow.table, flow.priority
    return FlowEntry(table, priority, match, instructions, cookie_of(table, priority, match, instructions))


def decode_flow(entry: FlowEntry, version: int) -> Flow:
    """What a table entry means.

    Raises MalformedMessage for fields, instructions and actions that sdn-orch does not use, too.
    """
    actions, metadata, goto = decode_instructions(entry.instructions, version)
    return Flow(entry.table, entry.priority, decode_match(entry.match), actions, metadata, goto)


def decode_instructions(
    data: bytes, version: int
) -> tuple[tuple[Action, ...], tuple[int, int] | None, int | None]:
    """Actions, metadata and goto of an instruction list. Raises MalformedMessage."""
    actions: tuple[Action, ...] = ()
    meter: tuple[Action, ...] = ()
    metadata: tuple[int, int] | None = None
    goto: int | None = None
    seen: set[int] = set()
    offset = 0
    while offset < len(data):
        if offset + 8 > len(data):
            raise MalformedMessage(f"instruction list is cut short: {data.hex()}")
        kind, length = _HEAD.unpack_from(data, offset)
        body = data[offset : offset + length]
        if kind in seen or length < 8 or length % 8 or len(body) < length:
            raise MalformedMessage(f"instruction of type {kind} is repeated or has a wrong length")
        seen.add(kind)
        offset += length
        if kind == _APPLY_ACTIONS:
            actions = decode_actions(body[8:])
        elif kind == _WRITE_METADATA and length == 24:
            value, mask = Struct("!8xQQ").unpack(body)
            metadata = (value & mask, mask)
        elif kind == _GOTO and length == 8:
            goto = body[4]
        elif kind == _METER and length == 8 and version == OPENFLOW_13:
            meter = (UseMeter(int.from_bytes(body[4:], "big")),)
        else:
            raise MalformedMessage(f"instruction is not known: {body.hex()}")
    return meter + actions, metadata, goto
