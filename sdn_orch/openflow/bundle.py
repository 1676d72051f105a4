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
    """The type of a bundle control message; the reply's is one more than the request's."""

    OPEN_REQUEST = 0
    CLOSE_REQUEST = 2
    COMMIT_REQUEST = 4
    DISCARD_REQUEST = 6


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
