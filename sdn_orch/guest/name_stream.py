"""DNS by TCP at the gateway: one question a connection (RFC 7766), what is asked and told being the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dns.message import Message
from dns.rcode import Rcode

from sdn_orch.guest import dns_message, name_service
from sdn_orch.guest.connection import Wait
from sdn_orch.guest.guest import guest_of
from sdn_orch.guest.name_service import Asked
from sdn_orch.guest.names import Address
from sdn_orch.guest.service import Resolve
from sdn_orch.guest.tcp import Peer
from sdn_orch.intent.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class NameStream:
    """Answers guests. `tell` is called, on any thread, with what was to be said later."""

    snapshot: Callable[[], Snapshot]
    resolve: Resolve
    tell: Callable[[Peer, bytes], None]

    def answer(self, peer: Peer, request: bytes) -> bytes | Wait:
        """The answer to a NIC's question, once that is whole; none at all to what is no question."""
        data = dns_message.from_stream(request)
        if data is None:
            return Wait.MORE
        snapshot = self.snapshot()
        guest, query = guest_of(snapshot, peer.nic_id), dns_message.read_query(data)
        if guest is None or query is None:
            return b""
        if not name_service.may_ask(snapshot, guest, peer.address, peer.server):
            return b""

        def forward(asked: Asked, resolvers: tuple[Address, ...]) -> Rcode | None:
            return self.resolve(asked, resolvers, tell)

        def tell(message: Message) -> None:
            self.tell(peer, dns_message.stream(message))

        asked = Asked(guest, peer.address, peer.server, peer.port, query, by_tcp=True)
        message = name_service.answer(snapshot, asked, forward)
        return Wait.LATER if message is None else dns_message.stream(message)
