"""One check of a member of a balancer, as its network's gateway asks it: by TCP, by HTTP, or by a ping.

Pure: packets go in and out. What is sent is not repeated; a check without an answer has failed. A connection
ends with a reset as soon as it has told what it was made for, so that nothing of it is left at the member.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from enum import Enum, auto

from sdn_orch.guest.connection import distance
from sdn_orch.guest.frame import ICMP, ICMPV6, Ip, icmp4, icmp6
from sdn_orch.guest.segment import Flag, Segment, packet_of, read_tcp
from sdn_orch.intent.health import ASKING_PORTS, Checked
from sdn_orch.intent.traffic import LARGEST_PORT, TCP

_WORD = 0xFFFFFFFF
_WINDOW, _LARGEST = 65_535, 1220
#: Bytes of the longest first line of an answer that is waited for.
_LONGEST_LINE = 1024
_LIVES = re.compile(rb"HTTP/1\.[01] [23]\d\d[ \r\n]")
#: What pings are, by the version of IP: what makes the packet, the protocol, the question and the answer.
_PINGS = {4: (icmp4, ICMP, 8, 0), 6: (icmp6, ICMPV6, 128, 129)}


class Outcome(Enum):
    """What a check has come to."""

    OPEN = auto()
    LIVES = auto()
    FAILED = auto()


def _asking_port() -> int:
    value, mask = ASKING_PORTS
    return value | secrets.randbelow(LARGEST_PORT + 1) & ~mask


@dataclass(slots=True)
class Probe:
    """See the module. `until`: when the answer has to be there, by the clock of whoever asks."""

    target: Checked
    until: float
    port: int = field(default_factory=_asking_port)
    #: The sequence number of its first segment; of a ping, what tells it from others.
    first: int = field(default_factory=lambda: secrets.randbits(32))
    outcome: Outcome = Outcome.OPEN
    _expected: int | None = None
    _heard: bytes = b""

    def begin(self) -> bytes:
        """The packet that asks."""
        if self.target.balancer.protocol != TCP:
            make, _, question, _ = _PINGS[self.target.address.version]
            return make(*self._ends, question, 0, self.first.to_bytes(4))
        return self._packet(Flag.SYN, 0, largest=_LARGEST)

    def receive(self, ip: Ip) -> bytes | None:
        """What is to be said to a packet of the member; nothing to what has to do with something else."""
        if (ip.destination, ip.source) != self._ends or self.outcome is not Outcome.OPEN:
            return None
        _, pinging, _, answer = _PINGS[self.target.address.version]
        if ip.protocol == pinging:
            is_answer = ip.payload[:1] == bytes((answer,)) and ip.payload[4:8] == self.first.to_bytes(4)
            if is_answer and self.target.balancer.protocol != TCP:
                self.outcome = Outcome.LIVES
            return None
        segment = read_tcp(ip)
        if segment is None or (segment.destination, segment.source) != (self.port, self._service):
            return None
        return self._take(segment)

    def _take(self, segment: Segment) -> bytes | None:
        spoken = 1 if self._expected is None else 1 + len(self._request)
        heard = distance(segment.acknowledged, self.first)
        if not segment.flags & Flag.ACK or not 0 < heard <= spoken:
            return None
        if segment.flags & Flag.RST:
            self.outcome = Outcome.FAILED
            return None
        if self._expected is None:
            if not segment.flags & Flag.SYN:
                return None
            self._expected = (segment.sequence + 1) & _WORD
            if not self.target.check.path:
                return self._end(Outcome.LIVES, 1)
            return self._packet(Flag.ACK | Flag.PSH, 1, self._request)
        if distance(segment.sequence, self._expected) != 0 or not segment.length:
            return None
        self._heard += segment.payload
        self._expected = (self._expected + len(segment.payload)) & _WORD
        is_whole = b"\n" in self._heard or len(self._heard) > _LONGEST_LINE or bool(segment.flags & Flag.FIN)
        if is_whole:
            return self._end(Outcome.LIVES if _LIVES.match(self._heard) else Outcome.FAILED, spoken)
        return self._packet(Flag.ACK, spoken)

    def _end(self, outcome: Outcome, at: int) -> bytes:
        self.outcome = outcome
        return self._packet(Flag.RST | Flag.ACK, at)

    def _packet(self, flags: Flag, at: int, payload: bytes = b"", largest: int | None = None) -> bytes:
        sequence = (self.first + at) & _WORD
        segment = Segment(
            self.port, self._service, sequence, self._expected or 0, flags, _WINDOW, payload, largest
        )
        return packet_of(*self._ends, segment)

    @property
    def _service(self) -> int:
        return self.target.balancer.guest_ports[0]

    @property
    def _ends(self) -> tuple[bytes, bytes]:
        return self.target.gateway.packed, self.target.address.packed

    @property
    def _request(self) -> bytes:
        address = self.target.address
        lines = (
            f"GET {self.target.check.path} HTTP/1.0",
            f"Host: {address if address.version == 4 else f'[{address}]'}",
            "User-Agent: sdn-orch",
            "Connection: close",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
