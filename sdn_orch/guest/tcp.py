"""A small TCP server for guests: one request, one answer, and the connection ends (RFC 9293).

It does no I/O: segments and the time go in, segments come out. A connection costs memory only once the
guest has sent something on it: until then its number in our first segment (a keyed hash, as SYN cookies
are) says that it was begun here. What is not in order is not kept, the guest sends it again. Answers are
sent again by `due`, with the pauses of RFC 6298. Whatever a guest sends, nothing is raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from sdn_orch.guest.connection import MOST_REQUEST, Connection, Wait, distance
from sdn_orch.guest.segment import Flag, Segment

#: Connections of one NIC, and in all.
PER_NIC = 32
IN_ALL = 4096
#: Seconds without a word of the guest, and altogether, after which a connection is given up.
SILENCE = 30.0
LIFETIME = 120.0
#: The largest segments that guests may take; the next smaller one of these is sent.
_LARGEST = (536, 1220, 1360, 1410, 1460, 8910)
#: Our own, which any network carries.
_OURS = 1220
#: Seconds for which a begun connection is known, at least and at most twice that.
_SLOT = 64
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Peer:
    """Both ends of a connection: a NIC with its address and port, and the address and port it speaks to."""

    nic_id: str
    address: bytes
    port: int
    server: bytes
    service: int


#: From whom, and from what it has sent so far, to the answer.
Handler = Callable[[Peer, bytes], bytes | Wait]


class Responder:
    """See the module. To be used by one thread at a time."""

    def __init__(self, handle: Handler, key: bytes) -> None:
        """`key`: random bytes, 64 at most, that no guest knows."""
        self._handle = handle
        self._key = key
        self._connections: dict[Peer, Connection] = {}
        self._per_nic: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._connections)

    def receive(self, peer: Peer, segment: Segment, now: float) -> list[Segment]:
        """What is to be sent back for a segment, `now` being the time of a clock that never goes back."""
        connection = self._connections.get(peer)
        if connection is None:
            if segment.flags & Flag.RST:
                return []
            if segment.flags & Flag.SYN:
                return [self._greet(peer, segment, now)] if not segment.flags & Flag.ACK else []
            if not segment.flags & Flag.ACK:
                return []
            begun = self._begun(peer, segment, now)
            if begun is None:
                return [Segment(peer.service, peer.port, segment.acknowledged, 0, Flag.RST, 0)]
            if not segment.length or len(self) >= IN_ALL or self._per_nic[peer.nic_id] >= PER_NIC:
                return []
            if not segment.payload and segment.sequence != begun[0]:
                # An end that comes early, and again with what is before it, or late, of what is over.
                return []
            connection = self._connections[peer] = Connection(peer.service, peer.port, *begun, now)
            self._per_nic[peer.nic_id] += 1
        try:
            return connection.receive(segment, now, lambda request: self._handle(peer, request))
        finally:
            if connection.is_over:
                self._forget(peer)

    def tell(self, peer: Peer, answer: bytes, now: float) -> list[Segment]:
        """What is to be sent of an answer that was to come later; nothing if nobody waits for it any more."""
        connection = self._connections.get(peer)
        return connection.tell(answer, now) if connection is not None else []

    def due(self, now: float) -> Iterator[tuple[Peer, Segment]]:
        """What is to be sent now without being asked; connections that have lasted too long are reset."""
        for peer, connection in tuple(self._connections.items()):
            if now - connection.heard >= SILENCE or now - connection.begun >= LIFETIME:
                yield peer, connection.reset()
            else:
                for segment in connection.expire(now):
                    yield peer, segment
            if connection.is_over:
                self._forget(peer)

    def _forget(self, peer: Peer) -> None:
        del self._connections[peer]
        self._per_nic[peer.nic_id] -= 1
        if not self._per_nic[peer.nic_id]:
            del self._per_nic[peer.nic_id]

    def _greet(self, peer: Peer, segment: Segment, now: float) -> Segment:
        """Our SYN, which remembers for us what we must know of theirs."""
        size = sum(largest <= (segment.largest or 0) for largest in _LARGEST[1:])
        sequence = (segment.sequence + self._mark(peer, int(now) // _SLOT, size)) & _WORD
        theirs = (segment.sequence + 1) & _WORD
        return Segment(
            peer.service, peer.port, sequence, theirs, Flag.SYN | Flag.ACK, MOST_REQUEST, b"", _OURS
        )

    def _begun(self, peer: Peer, segment: Segment, now: float) -> tuple[int, int, int] | None:
        """Their first sequence number, ours, and the size of segments, if the connection was begun here."""
        first = (segment.acknowledged - 1) & _WORD
        slot = int(now) // _SLOT
        for each in (slot, slot - 1):
            for size, largest in enumerate(_LARGEST):
                theirs = (first - self._mark(peer, each, size) + 1) & _WORD
                # What follows the first segment may overtake it; a probe lies one below.
                if -1 <= distance(segment.sequence, theirs) <= MOST_REQUEST:
                    return theirs, segment.acknowledged, largest
        return None

    def _mark(self, peer: Peer, slot: int, size: int) -> int:
        ends = f"{peer.address.hex()} {peer.port} {peer.server.hex()} {peer.service}"
        text = f"{peer.nic_id} {ends} {slot} {size}"
        return int.from_bytes(blake2b(text.encode(), digest_size=4, key=self._key).digest())
