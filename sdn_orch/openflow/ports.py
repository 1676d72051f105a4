"""Ports: descriptions and status changes.

OpenFlow Switch Specification 1.3.5, sections 7.2.1, 7.3.5.6 and 7.4.3; 1.5.1, section 7.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.messages import Kind
from sdn_orch.openflow.values import OPENFLOW_13

_PORT_13 = Struct("!I4x6s2x16sIIIIIIII")
_PORT_15 = Struct("!IH2x6s2x16sII")
_ETHERNET = Struct("!HH4xIIIIII")
_PORT_DOWN, _LINK_DOWN, _LIVE = 1, 1, 4


@dataclass(frozen=True, slots=True)
class PortDescription:
    """A port as the switch describes it; `config` and `state` are its bitmaps, `speed` is in kbit/s."""

    number: int
    mac: int
    name: str
    config: int
    state: int
    speed: int

    @property
    def up(self) -> bool:
        """Administratively up, and the link is up."""
        return not self.config & _PORT_DOWN and not self.state & _LINK_DOWN

    @property
    def live(self) -> bool:
        """Whether groups that watch it use it, so far as the switch tells: many never do."""
        return bool(self.state & _LIVE)


class PortChange(IntEnum):
    """Why a port status came."""

    ADD = 0
    DELETE = 1
    MODIFY = 2


def parse_ports(body: bytes, version: int) -> Iterator[PortDescription]:
    """The ports of a port-description reply (the body of one part). Raises MalformedMessage."""
    offset = 0
    while offset < len(body):
        port, offset = _parse_port(body, offset, version)
        yield port


def parse_port_status(data: bytes, version: int) -> tuple[PortChange, PortDescription]:
    """What happened to which port, from a whole port-status message. Raises MalformedMessage."""
    if len(data) < 16 or data[1] != Kind.PORT_STATUS:
        raise MalformedMessage(f"not a port status: {data[:16].hex()}")
    try:
        change = PortChange(data[8])
    except ValueError:
        raise MalformedMessage(f"port status for reason {data[8]}") from None
    port, _ = _parse_port(data, 16, version)
    return change, port


def _parse_port(data: bytes, offset: int, version: int) -> tuple[PortDescription, int]:
    if version == OPENFLOW_13:
        end = offset + _PORT_13.size
        if end > len(data):
            raise MalformedMessage("port description is cut short")
        number, mac, name, config, state, *rest = _PORT_13.unpack_from(data, offset)
        speed = rest[4]
    else:
        if offset + _PORT_15.size > len(data):
            raise MalformedMessage("port description is cut short")
        number, length, mac, name, config, state = _PORT_15.unpack_from(data, offset)
        end = offset + length
        if length < _PORT_15.size or end > len(data):
            raise MalformedMessage(f"description of port {number} has length {length}")
        speed = _speed(data[offset + _PORT_15.size : end])
    text = name.split(b"\0")[0].decode("utf-8", "replace")
    return PortDescription(number, int.from_bytes(mac, "big"), text, config, state, speed), end


def _speed(properties: bytes) -> int:
    offset = 0
    while offset + 4 <= len(properties):
        kind, length = Struct("!HH").unpack_from(properties, offset)
        if length < 4 or offset + length > len(properties):
            raise MalformedMessage(f"port property has length {length}")
        if kind == 0 and length == _ETHERNET.size:
            speed: int = _ETHERNET.unpack_from(properties, offset)[6]
            return speed
        offset += (length + 7) & ~7
    return 0
