"""What a switch says by itself or in answer: features, packet-ins, errors.

OpenFlow Switch Specification 1.3.5, sections 7.3.1, 7.4.1 and 7.4.4. Frames inside are from
tenants: they are passed on as bytes, never looked into here.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.error_names import error_text
from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.messages import Kind
from sdn_orch.openflow.values import ConnectionState

_PACKET_IN = Struct("!IHBBQHH")
_OXM = Struct("!HBB")
_BASIC_IN_PORT = (0x8000, 0)
_BASIC_METADATA = (0x8000, 4)
_BASIC_TUNNEL_ID = (0x8000, 76)
_CT_STATE, _CT_IPV6_DST, _CT_TP_DST = (
    (FIELDS[name].oxm_class, FIELDS[name].code << 1) for name in ("ct_state", "ct_ipv6_dst", "ct_tp_dst")
)
#: Of the state Open vSwitch says behind it which bits it knows.
_CT_STATE_KNOWN = (_CT_STATE[0], _CT_STATE[1] | 1)
_ADDRESS = (1 << 128) - 1


@dataclass(frozen=True, slots=True)
class SwitchFeatures:
    """The datapath's identity and size (1.3.5, section 7.3.1)."""

    dpid: int
    buffers: int
    tables: int
    auxiliary: int
    capabilities: int


def parse_features(data: bytes) -> SwitchFeatures:
    """A features reply. Raises MalformedMessage."""
    if len(data) < 32 or data[1] != Kind.FEATURES_REPLY:
        raise MalformedMessage(f"not a features reply: {data[:32].hex()}")
    return SwitchFeatures(*Struct("!QIBB2xI").unpack_from(data, 8))


@dataclass(frozen=True, slots=True)
class PacketInMessage:
    """A packet-in: the flow that sent it, where the packet came in, and (part of) the frame.

    `length` is that of the whole frame; `metadata` and `tunnel_id` are 0 where the switch said nothing.
    `asked` are the IPv6 address and the port that it was sent to, where connection tracking changed them.
    """

    reason: int
    table: int
    cookie: int
    in_port: int
    metadata: int
    tunnel_id: int
    length: int
    frame: bytes
    asked: tuple[bytes, int] | None


def parse_packet_in(data: bytes) -> PacketInMessage:
    """A whole packet-in message, the same in 1.3 and 1.5. Raises MalformedMessage."""
    if len(data) < 32 or data[1] != Kind.PACKET_IN:
        raise MalformedMessage(f"not a packet-in: {data[:32].hex()}")
    _, length, reason, table, cookie, kind, match_length = _PACKET_IN.unpack_from(data, 8)
    end = 24 + match_length
    frame = 24 + (match_length + 7 & ~7) + 2
    if kind != 1 or match_length < 4 or frame > len(data):
        raise MalformedMessage(f"packet-in with a match of type {kind} and length {match_length}")
    found: dict[tuple[int, int], int] = {}
    offset = 28
    while offset < end:
        if end - offset < 4:
            raise MalformedMessage("packet-in's match is cut short")
        oxm_class, field, size = _OXM.unpack_from(data, offset)
        if offset + 4 + size > end:
            raise MalformedMessage("packet-in's match is cut short")
        found[oxm_class, field] = int.from_bytes(data[offset + 4 : offset + 4 + size], "big")
        offset += 4 + size
    in_port = found.get(_BASIC_IN_PORT)
    if in_port is None:
        raise MalformedMessage("packet-in without a port")
    return PacketInMessage(
        reason,
        table,
        cookie,
        in_port,
        found.get(_BASIC_METADATA, 0),
        found.get(_BASIC_TUNNEL_ID, 0),
        length,
        data[frame:],
        _asked(found),
    )


def _asked(found: dict[tuple[int, int], int]) -> tuple[bytes, int] | None:
    state = found.get(_CT_STATE, found.get(_CT_STATE_KNOWN, 0) >> 32)
    state &= ConnectionState.DESTINATION_NAT | ConnectionState.REPLY
    if state != ConnectionState.DESTINATION_NAT or _CT_IPV6_DST not in found:
        return None
    return (found[_CT_IPV6_DST] & _ADDRESS).to_bytes(16), found.get(_CT_TP_DST, 0) & 0xFFFF


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """An error: `text` in the specification's words, `data` the start of the message that failed."""

    xid: int
    type: int
    code: int
    text: str
    data: bytes


def parse_error(data: bytes) -> ErrorMessage:
    """A whole error message. Raises MalformedMessage."""
    if len(data) < 12 or data[1] != Kind.ERROR:
        raise MalformedMessage(f"not an error: {data[:16].hex()}")
    xid, kind, code = Struct("!IHH").unpack_from(data, 4)
    if kind == 0xFFFF:
        experimenter = int.from_bytes(data[12:16], "big")
        return ErrorMessage(xid, kind, code, error_text(kind, code, experimenter), data[16:])
    return ErrorMessage(xid, kind, code, error_text(kind, code), data[12:])
