"""OpenFlow messages that a controller sends, as whole messages with their headers.

OpenFlow Switch Specification 1.3.5, section 7, and 1.5.1, section 7; `version` is the header's byte.
What a switch answers is read in `multipart.py`, `events.py`, `groups.py`, `meters.py` and `ports.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum
from struct import Struct

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.actions import encode_actions
from sdn_orch.openflow.oxm import encode_field
from sdn_orch.openflow.values import ANY, OPENFLOW_13, Action, FlowEntry

HEADER = Struct("!BBHI")
#: OFP_NO_BUFFER: the packet is not stored on the switch.
_NO_BUFFER_ID = 0xFFFFFFFF


class Kind(IntEnum):
    """The header's type byte; the same in 1.3 and 1.5 (bundles: 1.4 on)."""

    HELLO = 0
    ERROR = 1
    ECHO_REQUEST = 2
    ECHO_REPLY = 3
    EXPERIMENTER = 4
    FEATURES_REQUEST = 5
    FEATURES_REPLY = 6
    GET_CONFIG_REQUEST = 7
    GET_CONFIG_REPLY = 8
    SET_CONFIG = 9
    PACKET_IN = 10
    FLOW_REMOVED = 11
    PORT_STATUS = 12
    PACKET_OUT = 13
    FLOW_MOD = 14
    GROUP_MOD = 15
    PORT_MOD = 16
    TABLE_MOD = 17
    MULTIPART_REQUEST = 18
    MULTIPART_REPLY = 19
    BARRIER_REQUEST = 20
    BARRIER_REPLY = 21
    ROLE_REQUEST = 24
    ROLE_REPLY = 25
    GET_ASYNC_REQUEST = 26
    GET_ASYNC_REPLY = 27
    SET_ASYNC = 28
    METER_MOD = 29
    ROLE_STATUS = 30
    TABLE_STATUS = 31
    REQUEST_FORWARD = 32
    BUNDLE_CONTROL = 33
    BUNDLE_ADD_MESSAGE = 34


class FlowCommand(IntEnum):
    """What a flow-mod does. A modify keeps the old cookie, so a changed flow is an ADD, which replaces."""

    ADD = 0
    MODIFY_STRICT = 2
    DELETE = 3
    DELETE_STRICT = 4


class FragmentHandling(IntEnum):
    """How a switch treats IP fragments.

    NORMAL (in Open vSwitch) matches every fragment without ports; NX_MATCH, an extension, matches the
    first with them and later ones without, and lets flows match on `ip_frag`.
    """

    NORMAL = 0
    DROP = 1
    REASSEMBLE = 2
    NX_MATCH = 3


class PacketInReason(IntEnum):
    """Why a packet came up (1.5.1, section 7.4.1; 1.3 has the first three)."""

    NO_MATCH = 0
    ACTION = 1
    INVALID_TTL = 2
    ACTION_SET = 3
    GROUP = 4
    PACKET_OUT = 5


def message(version: int, kind: int, xid: int, body: bytes = b"") -> bytes:
    """A message with its header. Raises ValueError when it does not fit in 64 KiB."""
    length = 8 + len(body)
    if length > 0xFFFF:
        raise ValueError(f"OpenFlow message of type {kind} would be {length} bytes long")
    return HEADER.pack(version, kind, length, xid) + body


def hello(versions: Collection[int], xid: int) -> bytes:
    """Offer versions (1.3.5, section 7.5.1): the highest in the header, all of them in the bitmap."""
    bitmap = sum(1 << version for version in set(versions))
    return message(max(versions), Kind.HELLO, xid, Struct("!HHI").pack(1, 8, bitmap))


def hello_versions(data: bytes) -> frozenset[int]:
    """The versions that a hello offers; without a bitmap all up to the header's. Raises MalformedMessage."""
    if len(data) < 8 or data[1] != Kind.HELLO:
        raise MalformedMessage(f"not a hello: {data[:16].hex()}")
    offset = 8
    while offset + 4 <= len(data):
        kind, length = Struct("!HH").unpack_from(data, offset)
        if length < 4 or offset + length > len(data):
            raise MalformedMessage(f"hello element of length {length}")
        if kind == 1:
            words = data[offset + 4 : offset + length - length % 4]
            bitmap = sum(
                int.from_bytes(words[at : at + 4], "big") << (8 * at) for at in range(0, len(words), 4)
            )
            return frozenset(bit for bit in range(bitmap.bit_length()) if bitmap >> bit & 1)
        offset += (length + 7) & ~7
    return frozenset(range(1, data[0] + 1))


def barrier_request(version: int, xid: int) -> bytes:
    """Ask for an answer once everything before has been carried out."""
    return message(version, Kind.BARRIER_REQUEST, xid)


def echo_request(version: int, xid: int, data: bytes = b"") -> bytes:
    """Ask whether the switch is there."""
    return message(version, Kind.ECHO_REQUEST, xid, data)


def echo_reply(request: bytes) -> bytes:
    """The answer to an echo request, with its xid and data."""
    return request[:1] + bytes((Kind.ECHO_REPLY,)) + request[2:]


def features_request(version: int, xid: int) -> bytes:
    """Ask for the datapath's identity and size."""
    return message(version, Kind.FEATURES_REQUEST, xid)


def set_config(version: int, xid: int, fragments: FragmentHandling, miss_send_length: int = 0xFFFF) -> bytes:
    """Say how fragments are handled, and how much of an invalid-TTL packet comes up."""
    return message(version, Kind.SET_CONFIG, xid, Struct("!HH").pack(fragments, miss_send_length))


def set_async(
    version: int,
    xid: int,
    packet_in: Collection[PacketInReason],
    port_status: bool = True,
    flow_removed: bool = False,
) -> bytes:
    """Which messages a switch sends by itself while we are master or equal; as a slave only port status."""
    packets = sum(1 << reason for reason in set(packet_in))
    ports = 0b111 if port_status else 0
    flows = 0b1111 if flow_removed else 0
    if version == OPENFLOW_13:
        body = Struct("!6I").pack(packets, 0, ports, ports, flows, 0)
    else:
        # Properties come in pairs: even numbers are the slave's masks, odd ones the master's.
        masks = enumerate((0, packets, ports, ports, 0, flows))
        body = b"".join(Struct("!HHI").pack(number, 8, mask) for number, mask in masks)
    return message(version, Kind.SET_ASYNC, xid, body)


_PUT_FLOW_MOD = Struct("!BBHIQQBBHHHIIIHHHH").pack


def flow_mod(entry: FlowEntry, command: FlowCommand, version: int, xid: int) -> bytes:
    """Add (or replace), modify or delete the flow with this table, priority and match.

    A delete does not look at the cookie. Table 255 with an empty match and DELETE empties all tables.
    """
    match = entry.match
    instructions = entry.instructions if command <= FlowCommand.MODIFY_STRICT else b""
    match_length = 4 + len(match)
    padding = -match_length % 8
    length = 48 + match_length + padding + len(instructions)
    if length > 0xFFFF:
        raise ValueError(f"flow-mod for table {entry.table} would be {length} bytes long")
    return b"".join(
        (
            _PUT_FLOW_MOD(
                version,
                Kind.FLOW_MOD,
                length,
                xid,
                entry.cookie if command == FlowCommand.ADD else 0,
                0,
                entry.table,
                command,
                0,
                0,
                entry.priority,
                _NO_BUFFER_ID,
                ANY,
                ANY,
                0,
                0,
                1,
                match_length,
            ),
            match,
            bytes(padding),
            instructions,
        )
    )


def packet_out(actions: Sequence[Action], frame: bytes, in_port: int, version: int, xid: int) -> bytes:
    """Send one frame through actions. Raises ValueError for an action that the version cannot say."""
    encoded = encode_actions(actions, version)
    if version == OPENFLOW_13:
        head = Struct("!IIH6x").pack(_NO_BUFFER_ID, in_port, len(encoded))
    else:
        match = encode_field("in_port", in_port)
        head = Struct("!IH2xHH").pack(_NO_BUFFER_ID, len(encoded), 1, 4 + len(match)) + match + bytes(4)
    return message(version, Kind.PACKET_OUT, xid, head + encoded + frame)
