"""Meter-mods and meter configurations (OpenFlow Switch Specification 1.3.5, sections 7.3.4.4 and 7.3.5.13).

The formats are the same in 1.5 as far as they are used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.groups import Change
from sdn_orch.openflow.messages import Kind, message
from sdn_orch.openflow.values import Meter

_KILOBITS, _PACKETS, _BURST = 1, 2, 4
_DROP = 1
_DROP_HEAD = Struct("!HH").pack(_DROP, 16)
_BAND = Struct("!HHII4x")


def meter_mod(meter: Meter, change: Change, version: int, xid: int) -> bytes:
    """Add, modify or delete a meter with one drop band; deleting looks at the number only."""
    flags = _PACKETS if meter.packets else _KILOBITS
    band = b""
    if change != Change.DELETE:
        flags |= _BURST if meter.burst else 0
        band = _BAND.pack(_DROP, 16, meter.rate, meter.burst)
    return message(version, Kind.METER_MOD, xid, Struct("!HHI").pack(change, flags, meter.number) + band)


def parse_meters(body: bytes) -> Iterator[Meter]:
    """The meters of a meter-configuration reply (the body of one part).

    A meter that is not one drop band, so none of ours, comes with rate 0. Raises MalformedMessage.
    """
    offset = 0
    while offset < len(body):
        if len(body) - offset < 8:
            raise MalformedMessage("meter configuration is cut short")
        length, flags, number = Struct("!HHI").unpack_from(body, offset)
        if length < 8 or offset + length > len(body):
            raise MalformedMessage(f"configuration of meter {number} has length {length}")
        rate = burst = 0
        if length == 24 and body[offset + 8 : offset + 12] == _DROP_HEAD:
            _, _, rate, burst = _BAND.unpack_from(body, offset + 8)
        yield Meter(number, rate, burst if flags & _BURST else 0, bool(flags & _PACKETS))
        offset += length
