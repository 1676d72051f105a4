"""DHCPv6: every NIC has one address, the store says which (RFC 8415).

As with DHCPv4 there is nothing to keep; the server's DUID is that of the gateway's MAC, so every controller
is the same server.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Network
from typing import Final

from sdn_orch.guest.frame import IPV6, Frame, Ip, ethernet, link_local, read_udp, udp6
from sdn_orch.guest.guest import (
    Guest,
    domain_name,
    encode_domain,
    gateway_link_local,
    gateway_mac,
    name_servers6,
)
from sdn_orch.intent.model import Network
from sdn_orch.intent.snapshot import Snapshot

#: Seconds: renewal and rebinding (T1, T2), and how long an address is preferred and valid.
RENEWAL_TIME: Final = 43_200
REBINDING_TIME: Final = 6 * 86_400
PREFERRED: Final = 7 * 86_400
VALID: Final = 7 * 86_400

_CLIENT_PORT, _SERVER_PORT = 546, 547
_ALL_SERVERS = bytes.fromhex("ff020000000000000000000000010002")


class MessageType(IntEnum):
    """RFC 8415, section 7.3."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    CONFIRM = 4
    RENEW = 5
    REBIND = 6
    REPLY = 7
    RELEASE = 8
    DECLINE = 9
    INFORMATION_REQUEST = 11


class Option(IntEnum):
    """The options that we read or write (RFC 8415, section 21; RFC 3646)."""

    CLIENT = 1
    SERVER = 2
    IA_NA = 3
    IA_TA = 4
    IA_ADDRESS = 5
    REQUESTED = 6
    PREFERENCE = 7
    STATUS = 13
    RAPID_COMMIT = 14
    NAME_SERVERS = 23
    SEARCH = 24
    IA_PD = 25


class Status(IntEnum):
    """RFC 8415, section 21.13."""

    SUCCESS = 0
    NO_ADDRESSES = 2
    NO_BINDING = 3
    NOT_ON_LINK = 4
    NO_PREFIX = 6


#: Those that name the server they are for; all others but information requests must name none.
_TO_SERVER = frozenset((MessageType.REQUEST, MessageType.RENEW, MessageType.RELEASE, MessageType.DECLINE))
_OPEN = frozenset((MessageType.SOLICIT, MessageType.CONFIRM, MessageType.REBIND))


@dataclass(frozen=True, slots=True)
class _Request:
    kind: int
    transaction: bytes
    options: tuple[tuple[int, bytes], ...]

    def get(self, code: int) -> bytes | None:
        """The first option of this code."""
        return next((value for found, value in self.options if found == code), None)


def server_duid(network: Network) -> bytes:
    """The DUID-LL of the network's gateway (RFC 8415, section 11.4)."""
    return b"\x00\x03\x00\x01" + gateway_mac(network)


def reply(snapshot: Snapshot, guest: Guest, frame: Frame, ip: Ip) -> bytes | None:
    """The frame that answers a client's message, or None where nothing is to be said.

    Clients send to the multicast address, as no server here ever tells them that they may do otherwise;
    relays do not speak on guests' ports.
    """
    datagram = read_udp(ip)
    if datagram is None or (datagram.source, datagram.destination) != (_CLIENT_PORT, _SERVER_PORT):
        return None
    network = guest.network
    if ip.destination != _ALL_SERVERS or frame.source != guest.mac or ip.source != link_local(guest.mac):
        return None
    if network.ipv6 is None or guest.nic.ipv6 is None:
        return None
    request = _read(datagram.payload)
    if request is None or not _is_for_us(request, server_duid(network)):
        return None
    answer = _answer(snapshot, guest, network.ipv6, request)
    if answer is None:
        return None
    kind, options = answer
    message = bytes((kind,)) + request.transaction + options
    packet = udp6(gateway_link_local(network), ip.source, (_SERVER_PORT, _CLIENT_PORT), message)
    return ethernet(guest.mac, gateway_mac(network), IPV6, packet)


def _read(message: bytes) -> _Request | None:
    if len(message) < 4:
        return None
    options = read_options(message[4:])
    return None if options is None else _Request(message[0], message[1:4], options)


def read_options(data: bytes) -> tuple[tuple[int, bytes], ...] | None:
    """Options in their order; None where one is cut off."""
    options: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            return None
        code, length = struct.unpack_from("!HH", data, at)
        after = at + 4 + length
        if after > len(data):
            return None
        options.append((code, data[at + 4 : after]))
        at = after
    return tuple(options)


def _is_for_us(request: _Request, duid: bytes) -> bool:
    """RFC 8415, section 16: which identifiers each message must and must not carry."""
    client, server = request.get(Option.CLIENT), request.get(Option.SERVER)
    if request.kind == MessageType.INFORMATION_REQUEST:
        is_plain = all(request.get(code) is None for code in (Option.IA_NA, Option.IA_TA, Option.IA_PD))
        return server in (None, duid) and is_plain
    if client is None or not 3 <= len(client) <= 130:
        return False
    return (request.kind in _TO_SERVER and server == duid) or (request.kind in _OPEN and server is None)


def _answer(
    snapshot: Snapshot, guest: Guest, prefix: IPv6Network, request: _Request
) -> tuple[MessageType, bytes] | None:
    """Kind and options of the answer (RFC 8415, section 18.3)."""
    head = _option(Option.SERVER, server_duid(guest.network))
    if (client := request.get(Option.CLIENT)) is not None:
        head = _option(Option.CLIENT, client) + head
    told = b"".join(_told(snapshot, guest, request))
    match request.kind:
        case MessageType.SOLICIT if request.get(Option.RAPID_COMMIT) == b"":
            committed = _option(Option.RAPID_COMMIT, b"")
            return MessageType.REPLY, head + committed + _given(guest, prefix, request) + told
        case MessageType.SOLICIT:
            # The highest preference: the client need not wait for other servers.
            best = _option(Option.PREFERENCE, b"\xff")
            return MessageType.ADVERTISE, head + best + _given(guest, prefix, request) + told
        case MessageType.REQUEST | MessageType.RENEW | MessageType.REBIND:
            return MessageType.REPLY, head + _given(guest, prefix, request) + told
        case MessageType.CONFIRM:
            stated = [address for _, _, addresses in _associations(request) for address in addresses]
            if not stated:
                return None
            own = guest.nic.ipv6.packed if guest.nic.ipv6 is not None else b""
            is_right = all(address == own for address in stated)
            return MessageType.REPLY, head + _status(Status.SUCCESS if is_right else Status.NOT_ON_LINK)
        case MessageType.RELEASE | MessageType.DECLINE:
            return MessageType.REPLY, head + _status(Status.SUCCESS) + _unbound(guest, request)
        case MessageType.INFORMATION_REQUEST:
            return MessageType.REPLY, head + told
        case _:
            return None


def _told(snapshot: Snapshot, guest: Guest, request: _Request) -> Iterator[bytes]:
    """Name servers and search list, as far as the client asks; to one that asks for nothing, both."""
    asked = request.get(Option.REQUESTED)
    codes = None if asked is None else {asked[at : at + 2] for at in range(0, len(asked), 2)}
    servers, search = name_servers6(snapshot, guest.network), domain_name(snapshot, guest.network)
    if servers and (codes is None or Option.NAME_SERVERS.to_bytes(2) in codes):
        yield _option(Option.NAME_SERVERS, servers)
    if search and (codes is None or Option.SEARCH.to_bytes(2) in codes):
        yield _option(Option.SEARCH, encode_domain(search))


def _given(guest: Guest, prefix: IPv6Network, request: _Request) -> bytes:
    """The answer to each identity association: our address in the first, a refusal in the others."""
    assert guest.nic.ipv6 is not None  # noqa: S101 - the caller has looked
    own = guest.nic.ipv6.packed
    answers: list[bytes] = []
    for code, identity, addresses in _associations(request):
        is_first = not answers
        if code == Option.IA_PD:
            answers.append(_option(code, identity + bytes(8) + _status(Status.NO_PREFIX)))
            continue
        times = b"" if code == Option.IA_TA else struct.pack("!II", RENEWAL_TIME, REBINDING_TIME)
        foreign = [address for address in addresses if address != own]
        if code == Option.IA_TA or not is_first:
            inner = _status(Status.NO_ADDRESSES)
        elif request.kind == MessageType.REQUEST and any(
            not _is_inside(prefix, address) for address in foreign
        ):
            inner = _status(Status.NOT_ON_LINK)
        else:
            inner = _address(own, PREFERRED, VALID)
            if request.kind in (MessageType.RENEW, MessageType.REBIND):
                inner += b"".join(_address(address, 0, 0) for address in foreign)
        answers.append(_option(code, identity + times + inner))
    return b"".join(answers)


def _unbound(guest: Guest, request: _Request) -> bytes:
    """NoBinding for every association of which we do not know an address."""
    own = guest.nic.ipv6.packed if guest.nic.ipv6 is not None else b""
    answers: list[bytes] = []
    for code, identity, addresses in _associations(request):
        if own not in addresses:
            times = b"" if code == Option.IA_TA else bytes(8)
            answers.append(_option(code, identity + times + _status(Status.NO_BINDING)))
    return b"".join(answers)


def _associations(request: _Request) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """Kind, IAID and stated addresses of each well-formed identity association."""
    for code, value in request.options:
        if code not in (Option.IA_NA, Option.IA_TA, Option.IA_PD):
            continue
        fixed = 4 if code == Option.IA_TA else 12
        inner = read_options(value[fixed:]) if len(value) >= fixed else None
        if inner is not None:
            stated = [body[:16] for kind, body in inner if kind == Option.IA_ADDRESS and len(body) >= 24]
            yield code, value[:4], stated


def _is_inside(prefix: IPv6Network, address: bytes) -> bool:
    return int.from_bytes(address) & int(prefix.netmask) == int(prefix.network_address)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def _status(status: Status) -> bytes:
    return _option(Option.STATUS, status.to_bytes(2))


def _address(address: bytes, preferred: int, valid: int) -> bytes:
    return _option(Option.IA_ADDRESS, address + struct.pack("!II", preferred, valid))
