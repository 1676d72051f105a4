"""Bundles: several messages carried out as one.

Native in OpenFlow 1.4 and later (1.5.1, section 7.3.9); in 1.3 the same bodies travel as the ONF's
extension EXT-230 (experimenter 0x4f4e4600, types 2300 and 2301).

Open vSwitch checks a message's form when it is put into the bundle, answers an error, and *leaves it out*:
a commit then carries out the rest. Before committing, wait for a barrier (or the close reply) behind the
last message, and discard the bundle when there was any error.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.messages import Kind, message
from sdn_orch.openflow.values import OPENFLOW_13

ONF = 0x4F4E4600
_CONTROL, _ADD_MESSAGE = 2300, 2301
#: All or nothing, and in order.
ATOMIC, ORDERED = 1, 2

_BODY = Struct("!IHH")
_PUT_ADD_13 = Struct("!BBHIIII2xH").pack
_PUT_ADD = Struct("!BBHII2xH").pack


class BundleStep(IntEnum):
    """The type of a bundle control message; replies are one more than requests."""

    OPEN_REQUEST = 0
    OPEN_REPLY = 1
    CLOSE_REQUEST = 2
    CLOSE_REPLY = 3
    COMMIT_REQUEST = 4
    COMMIT_REPLY = 5
    DISCARD_REQUEST = 6
    DISCARD_REPLY = 7


def bundle_control(
    step: BundleStep, bundle: int, version: int, xid: int, flags: int = ATOMIC | ORDERED
) -> bytes:
    """Open, close, commit or discard a bundle. Flags have to be the same in all messages of it."""
    body = _BODY.pack(bundle, step, flags)
    if version == OPENFLOW_13:
        return message(version, Kind.EXPERIMENTER, xid, Struct("!II").pack(ONF, _CONTROL) + body)
    return message(version, Kind.BUNDLE_CONTROL, xid, body)


def bundle_add(inner: bytes, bundle: int, flags: int = ATOMIC | ORDERED) -> bytes:
    """Put a message into a bundle; version and xid are the message's own.

    Raises ValueError when the two do not fit in 64 KiB.
    """
    version = inner[0]
    xid = int.from_bytes(inner[4:8], "big")
    if len(inner) > 0xFFFF - 24:
        raise ValueError(f"message of {len(inner)} bytes does not fit in a bundle")
    if version == OPENFLOW_13:
        length = 24 + len(inner)
        return _PUT_ADD_13(version, Kind.EXPERIMENTER, length, xid, ONF, _ADD_MESSAGE, bundle, flags) + inner
    return _PUT_ADD(version, Kind.BUNDLE_ADD_MESSAGE, 16 + len(inner), xid, bundle, flags) + inner


def parse_bundle_control(data: bytes) -> tuple[int, BundleStep] | None:
    """Bundle and step of a bundle control message; None for any other message.

    Raises MalformedMessage for one that is cut short or has an unknown step.
    """
    if len(data) < 8:
        raise MalformedMessage(f"message is cut short: {data.hex()}")
    offset = 8
    if data[1] == Kind.EXPERIMENTER:
        if data[8:16] != Struct("!II").pack(ONF, _CONTROL):
            return None
        offset = 16
    elif data[1] != Kind.BUNDLE_CONTROL:
        return None
    if len(data) < offset + 8:
        raise MalformedMessage(f"bundle control is cut short: {data.hex()}")
    bundle, step, _ = _BODY.unpack_from(data, offset)
    try:
        return bundle, BundleStep(step)
    except ValueError:
        raise MalformedMessage(f"bundle control of type {step}") from None
