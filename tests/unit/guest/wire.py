"""A network that loses, doubles and reorders segments, and a guest's TCP on the other side of it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from sdn_orch.guest.connection import distance
from sdn_orch.guest.segment import Flag, Segment
from sdn_orch.guest.tcp import Peer, Responder

PEER = Peer("nic", b"\x0a\x01\x01\x0b", 40000, b"\xa9\xfe\xa9\xfe", 80)
#: Seconds that a segment takes, at least, and between two attempts of the guest.
DELAY, PAUSE = 0.01, 0.6


def segment(
    sequence: int, acknowledged: int, flags: Flag, payload: bytes = b"", window: int = 65535
) -> Segment:
    """What the guest sends."""
    return Segment(PEER.port, PEER.service, sequence & 0xFFFFFFFF, acknowledged, flags, window, payload)


class Guest:
    """Sends a request and takes the answer; sends again what is not heard, until both ends are through."""

    def __init__(self, request: bytes, first: int, window: int, size: int, largest: int) -> None:
        self.request, self.first, self.window, self.size, self.largest = request, first, window, size, largest
        self.heard = 0
        self.expected: int | None = None
        self.answer = b""
        self.has_end = self.was_reset = False
        self._ahead: dict[int, Segment] = {}

    @property
    def is_done(self) -> bool:
        """Whether the answer is there and the server knows it."""
        return self.has_end and self.heard > len(self.request)

    def take(self, got: Segment) -> list[Segment]:
        """A segment has come."""
        if got.flags & Flag.RST:
            self.was_reset = True
            return []
        if got.flags & Flag.SYN:
            if self.expected is None:
                self.expected = got.sequence + 1 & 0xFFFFFFFF
            return self.say()
        if self.expected is None:
            return []
        self.heard = max(self.heard, distance(got.acknowledged, self.first + 1))
        assert len(got.payload) <= self.largest
        self._ahead[got.sequence] = got
        while (now := self._ahead.pop(self.expected, None)) is not None and now.length:
            self.answer += now.payload
            self.expected = self.expected + now.length & 0xFFFFFFFF
            self.has_end = self.has_end or bool(now.flags & Flag.FIN)
        if self.has_end:
            return self.say() if got.length else []
        return [self._acknowledgement()] if got.length else []

    def say(self) -> list[Segment]:
        """All that has not been heard."""
        if self.expected is None:
            return [replace(segment(self.first, 0, Flag.SYN), largest=self.largest)]
        sent = [
            segment(
                self.first + 1 + at, self.expected, Flag.ACK, self.request[at : at + self.size], self.window
            )
            for at in range(self.heard, len(self.request), self.size)
        ]
        if self.has_end:
            sent.append(segment(self.first + 1 + len(self.request), self.expected, Flag.ACK | Flag.FIN))
        return sent or [self._acknowledgement()]

    def _acknowledgement(self) -> Segment:
        assert self.expected is not None
        place = self.first + 1 + min(self.heard, len(self.request) + 1)
        return segment(place, self.expected, Flag.ACK, window=self.window)


def converse(
    guest: Guest, responder: Responder, random: Random, trouble: float, seconds: float = 100.0
) -> float:
    """Let both speak until the guest is done or the time is over; the time that it took."""
    now, say_at = 1000.0, 1000.0
    to_server: list[tuple[float, Segment]] = []
    to_guest: list[tuple[float, Segment]] = []

    def send(way: list[tuple[float, Segment]], sent: list[Segment]) -> None:
        for each in sent:
            for _ in range(1 + (random.random() < trouble / 2)):
                if random.random() >= trouble:
                    late = random.random() * 0.05 if random.random() < trouble else 0.0
                    way.append((now + DELAY + late, each))

    while now < 1000.0 + seconds and not (guest.is_done and not len(responder)) and not guest.was_reset:
        if now >= say_at:
            send(to_server, guest.say())
            say_at = now + PAUSE
        for way in (to_server, to_guest):
            arrived = [each for each in way if each[0] <= now]
            way[:] = [each for each in way if each[0] > now]
            for _, each in sorted(arrived, key=lambda one: one[0]):
                if way is to_server:
                    send(to_guest, responder.receive(PEER, each, now))
                else:
                    send(to_server, guest.take(each))
        send(to_guest, [each for _, each in responder.due(now)])
        now += DELAY
    return now - 1000.0
