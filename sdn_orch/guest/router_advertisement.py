"""Router advertisements: the answer to a solicitation, and the same sent from time to time (RFC 4861).

Each NIC is advertised to alone, in a frame to its own MAC (RFC 6085), so that what it is told can differ:
a NIC whose address is the one it forms itself is told to, one with any other address to ask DHCPv6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from sdn_orch.guest.frame import (
    ICMPV6,
    IPV6,
    Frame,
    Ip,
    checksum,
    ethernet,
    icmp6,
    is_autonomous,
    pseudo_header6,
)
from sdn_orch.guest.guest import (
    Guest,
    domain_name,
    encode_domain,
    gateway_link_local,
    gateway_mac,
    name_servers6,
)
from sdn_orch.intent.model import Attachment, Network, Nic
from sdn_orch.intent.snapshot import Snapshot

#: Seconds between unsolicited advertisements to one NIC.
INTERVAL: Final = 1_200
#: Seconds that a guest keeps its router and name servers unheard: the longest that RFC 4861, section 6.2.1
#: allows, so that guests outlive a controller that is away for hours.
LIFETIME: Final = 9_000
#: Seconds that the prefix is on the link and its addresses are good (RFC 4861, section 6.2.1).
VALID: Final = 30 * 86_400
PREFERRED: Final = 7 * 86_400

SOLICITATION: Final = 133
ADVERTISEMENT: Final = 134
_ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
_UNSPECIFIED = bytes(16)
_MANAGED, _OTHER = 0x80, 0x40
_ON_LINK, _AUTONOMOUS = 0x80, 0x40
_SOURCE, _PREFIX, _MTU, _NAME_SERVERS, _SEARCH = 1, 3, 5, 25, 31


def reply(snapshot: Snapshot, guest: Guest, frame: Frame, ip: Ip) -> bytes | None:
    """The advertisement that answers a valid solicitation (RFC 4861, section 6.1.1), else None."""
    if ip.protocol != ICMPV6 or ip.fragment or ip.hops != 255 or frame.source != guest.mac:
        return None
    message = ip.payload
    if len(message) < 8 or message[0] != SOLICITATION or message[1]:
        return None
    if checksum(pseudo_header6(ip.source, ip.destination, ICMPV6, len(message)) + message):
        return None
    options = read_options(message[8:])
    if options is None or (ip.source == _UNSPECIFIED and _SOURCE in options):
        return None
    return advertise(snapshot, guest, _ALL_NODES if ip.source == _UNSPECIFIED else ip.source)


def advertise(snapshot: Snapshot, guest: Guest, destination: bytes = _ALL_NODES) -> bytes | None:
    """The advertisement to a guest; None where its network has no IPv6 or the NIC no IPv6 address."""
    network, nic = guest.network, guest.nic
    if network.ipv6 is None or nic.ipv6 is None:
        return None
    autonomous = is_autonomous(network.ipv6, nic.ipv6, guest.mac)
    servers = name_servers6(snapshot, network)
    search = domain_name(snapshot, network)
    flags = (0 if autonomous else _MANAGED) | (_OTHER if autonomous and (servers or search) else 0)
    lifetime = LIFETIME if network.gateway6 is not None and nic.is_default else 0
    mac = gateway_mac(network)
    rest = struct.pack("!BBHII", 64, flags, lifetime, 0, 0)
    rest += bytes((_SOURCE, 1)) + mac
    rest += struct.pack("!BBHI", _MTU, 1, 0, network.mtu)
    rest += struct.pack(
        "!BBBBIII",
        _PREFIX,
        4,
        network.ipv6.prefixlen,
        _ON_LINK | (_AUTONOMOUS if autonomous else 0),
        VALID,
        PREFERRED,
        0,
    )
    rest += network.ipv6.network_address.packed
    if servers:
        rest += struct.pack("!BBHI", _NAME_SERVERS, 1 + len(servers) // 8, 0, LIFETIME) + servers
    if search:
        name = encode_domain(search)
        name += bytes(-len(name) % 8)
        rest += struct.pack("!BBHI", _SEARCH, 1 + len(name) // 8, 0, LIFETIME) + name
    packet = icmp6(gateway_link_local(network), destination, ADVERTISEMENT, 0, rest, hops=255)
    return ethernet(guest.mac, mac, IPV6, packet)


def read_options(data: bytes) -> dict[int, bytes] | None:
    """Neighbour discovery options by type, the first of each; None where one is malformed (RFC 4861, 4.6)."""
    options: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if at + 2 > len(data) or data[at + 1] == 0 or at + data[at + 1] * 8 > len(data):
            return None
        after = at + data[at + 1] * 8
        options.setdefault(data[at], data[at + 2 : after])
        at = after
    return options


def due(snapshot: Snapshot, after: int, until: int) -> Iterator[Guest]:
    """The guests whose unsolicited advertisement falls into the seconds `after` < s <= `until`.

    Every NIC has its own second of the interval, by its number: the load is even, and nobody keeps a list.
    """
    last = snapshot.last_number(Nic)
    for second in range(max(after + 1, until - INTERVAL + 1), until + 1):
        for number in range(second % INTERVAL, last + 1, INTERVAL):
            nic = snapshot.numbered(Nic, number)
            network = snapshot.get(Network, nic.network_id) if nic is not None and nic.active else None
            if nic is not None and network is not None and network.ipv6 is not None:
                for attachment in snapshot.where(Attachment, "nic_id", nic.id):
                    yield Guest(nic, network, attachment)
