"""DHCPv4: every NIC has one address, the store says which (RFC 2131, RFC 2132).

There are no leases to keep: what a guest is told is a function of the snapshot, so any controller can
answer any message at any time. The lease is long, so that guests outlive a controller that is away, and
renewal comes early, so that a changed name server reaches them within half a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network
from typing import Final

from sdn_orch.guest.dhcp4_options import Option, encode_routes, read_options, write_options
from sdn_orch.guest.frame import IPV4, Frame, Ip, ethernet, read_udp, udp4
from sdn_orch.guest.guest import Guest, domain_name, gateway_mac, name_servers4
from sdn_orch.intent.snapshot import Snapshot

#: Seconds; RFC 2131, section 4.4.5 names the last two T1 and T2.
LEASE_TIME: Final = 7 * 86_400
RENEWAL_TIME: Final = 43_200
REBINDING_TIME: Final = 6 * 86_400

_SERVER_PORT, _CLIENT_PORT = 67, 68
_BROADCAST4, _BROADCAST = b"\xff" * 4, b"\xff" * 6
_NOWHERE = bytes(4)
_EVERYWHERE = IPv4Network("0.0.0.0/0")
#: Bytes of a message before the magic.
_FIXED = 236
#: Every client takes an IP packet of this length (RFC 2131, section 2).
_LEAST_MESSAGE = 576
#: Clients of the BOOTP kind want this much (RFC 1542, section 2.1).
_BOOTP_LENGTH = 300


class MessageType(IntEnum):
    """RFC 2132, section 9.6."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


@dataclass(frozen=True, slots=True)
class _Request:
    """The parts of a client's message that an answer depends on; `client` is its `ciaddr`."""

    kind: int
    transaction: bytes
    flags: bytes
    client: bytes
    hardware: bytes
    options: dict[int, bytes]


def reply(snapshot: Snapshot, guest: Guest, frame: Frame, ip: Ip) -> bytes | None:
    """The frame that answers a client's message, or None where nothing is to be said.

    A relayed message (`giaddr`) is not a guest's own and gets no answer, nor does one whose hardware
    address is not the NIC's; option 82 means nothing without a relay (RFC 3046, section 2.1).
    """
    datagram = read_udp(ip)
    if datagram is None or (datagram.source, datagram.destination) != (_CLIENT_PORT, _SERVER_PORT):
        return None
    request = _read(datagram.payload, guest.mac) if frame.source == guest.mac else None
    server, own = guest.network.gateway4, guest.nic.ipv4
    if request is None or server is None or own is None:
        return None
    if request.options.get(Option.SERVER, server.packed) != server.packed:
        return None
    answer = _decide(request, own.packed)
    if answer is None:
        return None
    options = write_options(_told(snapshot, guest, request, answer), _room(request, guest.network.mtu))
    return _frame(guest, request, answer, server.packed, own.packed, options)


def _read(message: bytes, mac: bytes) -> _Request | None:
    """A request over Ethernet, not relayed, of this hardware address."""
    options = read_options(message)
    if options is None or message[:3] != b"\x01\x01\x06":
        return None
    if message[24:28] != _NOWHERE or message[28:34] != mac:
        return None
    kind = options.get(Option.MESSAGE_TYPE, b"")
    if len(kind) != 1:
        return None
    return _Request(kind[0], message[4:8], message[10:12], message[12:16], message[28:44], options)


def _decide(request: _Request, own: bytes) -> MessageType | None:
    """RFC 2131, section 4.3: OFFER, ACK, NAK or silence."""
    match request.kind:
        case MessageType.DISCOVER:
            return MessageType.OFFER
        case MessageType.REQUEST:
            # Selecting and rebooting clients state the address in an option, renewing and rebinding
            # ones in ciaddr.
            wanted = request.options.get(Option.REQUESTED_ADDRESS, request.client)
            return MessageType.ACK if wanted == own else MessageType.NAK
        case MessageType.INFORM:
            return MessageType.ACK if request.client == own else None
        case _:
            return None


def _told(
    snapshot: Snapshot, guest: Guest, request: _Request, answer: MessageType
) -> list[tuple[int, bytes]]:
    """The options of the answer, most needed first."""
    gateway = guest.network.gateway4
    told: list[tuple[int, bytes]] = [
        (Option.MESSAGE_TYPE, bytes((answer,))),
        (Option.SERVER, gateway.packed if gateway is not None else b""),
    ]
    if Option.CLIENT in request.options:
        told.append((Option.CLIENT, request.options[Option.CLIENT]))  # RFC 6842
    if answer is MessageType.NAK:
        told.append((Option.MESSAGE, f"this NIC has the address {guest.nic.ipv4}".encode()))
        return told
    if request.kind != MessageType.INFORM:
        told += [
            (Option.LEASE_TIME, LEASE_TIME.to_bytes(4)),
            (Option.RENEWAL_TIME, RENEWAL_TIME.to_bytes(4)),
            (Option.REBINDING_TIME, REBINDING_TIME.to_bytes(4)),
        ]
    asked = request.options.get(Option.PARAMETERS)
    told += [
        (code, value)
        for code, value in _parameters(snapshot, guest)
        if value and (asked is None or code in asked)
    ]
    return told


def _parameters(snapshot: Snapshot, guest: Guest) -> list[tuple[int, bytes]]:
    """What a client may ask for. A NIC that is not its machine's default one gets no default route."""
    nic, network = guest.nic, guest.network
    router = network.gateway4 if nic.is_default else None
    routes = nic.routes4
    if routes and router is not None:
        # A client that takes classless routes does not look at the router option (RFC 3442).
        routes = (*routes, (_EVERYWHERE, router))
    return [
        (Option.MASK, network.ipv4.netmask.packed if network.ipv4 is not None else b""),
        (Option.ROUTES, encode_routes(routes)),
        (Option.ROUTER, router.packed if router is not None else b""),
        (Option.NAME_SERVERS, name_servers4(snapshot, network)),
        (Option.MTU, network.mtu.to_bytes(2)),
        (Option.HOST_NAME, nic.hostname.encode("ascii", "ignore")),
        (Option.DOMAIN_NAME, domain_name(snapshot, network).encode("ascii", "ignore")),
    ]


def _room(request: _Request, mtu: int) -> int:
    """Bytes for magic and options that the client and its link take."""
    largest = request.options.get(Option.LARGEST_MESSAGE, b"")
    size = int.from_bytes(largest) if len(largest) == 2 else _LEAST_MESSAGE
    return max(_LEAST_MESSAGE, min(size, mtu)) - 28 - _FIXED


def _frame(
    guest: Guest, request: _Request, answer: MessageType, server: bytes, own: bytes, options: bytes
) -> bytes:
    is_nak = answer is MessageType.NAK
    given = _NOWHERE if is_nak or request.kind == MessageType.INFORM else own
    header = b"\x02\x01\x06\x00" + request.transaction + b"\0\0" + request.flags
    header += (_NOWHERE if is_nak else request.client) + given + _NOWHERE * 2 + request.hardware
    # RFC 2131, section 4.1: a NAK is broadcast; a client that has its address is answered there; one
    # that cannot take unicast before it has one says so by the broadcast flag.
    if is_nak or (request.client == _NOWHERE and request.flags[0] & 0x80):
        destination, mac = _BROADCAST4, _BROADCAST
    else:
        destination, mac = own, guest.mac
    payload = (header + bytes(192) + options).ljust(_BOOTP_LENGTH, b"\0")
    packet = udp4(server, destination, (_SERVER_PORT, _CLIENT_PORT), payload)
    return ethernet(mac, gateway_mac(guest.network), IPV4, packet)
