"""DNS at the gateway: what it knows it answers, for the rest it asks the network's resolvers.

An answer to a guest is a function of the snapshot and one frame, but for what resolvers say: for that
`forward` is called, which answers later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from dns import flags, rcode, rdataclass, rdatatype, rrset
from dns.message import Message, QueryMessage
from dns.rcode import Rcode

from sdn_orch.guest import dns_message
from sdn_orch.guest.frame import IPV4, IPV6, Ip, ethernet, read_udp, udp4, udp6
from sdn_orch.guest.guest import Guest, configured_name_servers, gateway_mac
from sdn_orch.guest.names import Address, Known, look_up
from sdn_orch.intent.gateways import realm_of
from sdn_orch.intent.snapshot import Snapshot

#: Seconds that a guest may keep what it was told of a machine.
TIME_TO_LIVE: Final = 30
#: Bytes of the longest headers of network and transport.
_HEADERS: Final = 48


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a guest, the addresses and the port that it was asked from and to, and by what."""

    guest: Guest
    source: bytes
    destination: bytes
    port: int
    query: QueryMessage
    by_tcp: bool = False


#: Asks resolvers, the first one first; gives the code to answer with where nobody will be asked.
Forward = Callable[[Asked, tuple[Address, ...]], Rcode | None]


def refuse(_asked: Asked, _resolvers: tuple[Address, ...]) -> Rcode | None:
    """Forwards nothing."""
    return rcode.REFUSED


def reply(snapshot: Snapshot, guest: Guest, ip: Ip, forward: Forward) -> bytes | None:
    """The frame that answers a guest's question, or None: nothing is to be said, or it is said later."""
    datagram = read_udp(ip)
    if datagram is None or datagram.destination != dns_message.PORT or not datagram.source:
        return None
    query = dns_message.read_query(datagram.payload)
    if query is None or not may_ask(snapshot, guest, ip.source, ip.destination):
        return None
    asked = Asked(guest, ip.source, ip.destination, datagram.source, query)
    message = answer(snapshot, asked, forward)
    return None if message is None else frame_of(asked, message)


def answer(snapshot: Snapshot, asked: Asked, forward: Forward) -> Message | None:
    """What is said to a question; None where it is said later."""
    guest = asked.guest
    code = dns_message.refusal(asked.query)
    question = asked.query.question[0]
    if code is None:
        labels = tuple(label.decode("latin-1").lower() for label in question.name.labels[:-1])
        known = look_up(snapshot, guest.network, labels)
        if known is not None:
            return _told(asked.query, known)
        code = forward(asked, resolvers(snapshot, guest))
    return None if code is None else dns_message.response(asked.query, code)


def resolvers(snapshot: Snapshot, guest: Guest) -> tuple[Address, ...]:
    """Whom to ask for a guest: the network's name servers without the gateway itself."""
    on_router = realm_of(snapshot, guest.network)
    own = {gateway for tier in on_router for gateway in (tier.gateway4, tier.gateway6)}
    return tuple(server for server in configured_name_servers(snapshot, guest.network) if server not in own)


def frame_of(asked: Asked, message: Message) -> bytes:
    """The frame to the guest with an answer by UDP."""
    guest, ports = asked.guest, (dns_message.PORT, asked.port)
    payload = dns_message.write(asked.query, message, guest.network.mtu - _HEADERS)
    if len(asked.source) == 4:
        ethertype, packet = IPV4, udp4(asked.destination, asked.source, ports, payload)
    else:
        ethertype, packet = IPV6, udp6(asked.destination, asked.source, ports, payload)
    return ethernet(guest.mac, gateway_mac(guest.network), ethertype, packet)


def may_ask(snapshot: Snapshot, guest: Guest, source: bytes, destination: bytes) -> bool:
    """Whether the one is the guest's address, and the other a gateway of its router that answers."""
    gateways = (
        gateway
        for tier in realm_of(snapshot, guest.network)
        if tier.answers_names
        for gateway in (tier.gateway4, tier.gateway6)
    )
    return _is_among(source, guest.nic.addresses) and _is_among(destination, gateways)


def _is_among(packed: bytes, addresses: Iterable[Address | None]) -> bool:
    return any(address is not None and address.packed == packed for address in addresses)


def _told(query: QueryMessage, known: Known) -> Message:
    """What the router knows of the name, of the type that was asked for."""
    question = query.question[0]
    message = dns_message.response(query, rcode.NOERROR if known.exists else rcode.NXDOMAIN)
    message.flags |= flags.AA
    records = [
        *(
            (rdatatype.A if address.version == 4 else rdatatype.AAAA, str(address))
            for address in known.addresses
        ),
        *((rdatatype.PTR, f"{name}.") for name in known.names),
    ]
    for kind in (rdatatype.A, rdatatype.AAAA, rdatatype.PTR):
        texts = [text for type, text in records if type is kind]
        if texts and question.rdtype in (kind, rdatatype.ANY):
            message.answer.append(
                rrset.from_text_list(question.name, TIME_TO_LIVE, rdataclass.IN, kind, texts)
            )
    return message
