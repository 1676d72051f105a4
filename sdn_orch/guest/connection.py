"""One TCP connection of a guest: its request taken in order, its answer sent until it is heard."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from sdn_orch.guest.segment import Flag, Segment

#: Bytes of the largest request, and so of the window.
MOST_REQUEST = 16384
#: Seconds to the first repetition, and between two at most; how many there are (RFC 6298).
_PAUSE, _LONGEST_PAUSE, _REPETITIONS = 0.5, 8.0, 7
#: Segments on their way at first (RFC 6928) and at most: their acknowledgements come through a meter.
_FLIGHT, _MOST_FLIGHT = 10, 24
_WORD, _HALF = 0xFFFFFFFF, 1 << 31


class Wait(Enum):
    """Why there is no answer yet."""

    #: The request is not whole.
    MORE = auto()
    #: The answer is told later.
    LATER = auto()


#: From what a guest has sent so far to the answer.
Handler = Callable[[bytes], bytes | Wait]


def distance(one: int, other: int) -> int:
    """How far a sequence number is behind another, negative if it is before it."""
    return ((one - other + _HALF) & _WORD) - _HALF


class Connection:
    """See the module. Places in the answer are counted from its first byte; its end takes one more."""

    def __init__(self, service: int, port: int, theirs: int, ours: int, size: int, now: float) -> None:
        """`theirs` and `ours`: the sequence numbers of the first bytes; `size`: that of segments."""
        self.begun = self.heard = now
        self.is_over = False
        self._ports = service, port
        self._expected = theirs
        self._request = bytearray()
        self._has_ended = False
        self._is_asked = False
        self._first = ours
        self._size = size
        self._answer: bytes | None = None
        self._heard_to = self._sent_to = self._ever_sent_to = 0
        self._window = 0
        self._flight = _FLIGHT
        self._repeat_at = 0.0
        self._pause = _PAUSE
        self._repetitions = 0

    def receive(self, segment: Segment, now: float, handle: Handler) -> list[Segment]:
        """What is to be sent back. `handle` gives the answer once the request is whole, or says later."""
        ahead = distance(segment.sequence, self._expected)
        if segment.flags & Flag.RST:
            # One that is only nearly right may be a guess (RFC 5961).
            self.is_over = ahead == 0
            return [self._acknowledgement()] if 0 < ahead <= MOST_REQUEST else []
        if segment.flags & Flag.SYN:
            return [self._acknowledgement()]
        if not segment.flags & Flag.ACK:
            return []
        heard_to = distance(segment.acknowledged, self._first)
        if heard_to > self._ever_sent_to or abs(ahead) > MOST_REQUEST:
            return [self._acknowledgement()]
        self.heard = now
        self._acknowledge(heard_to, segment.window, now)
        if ahead <= 0:
            self._take(segment, -ahead)
        if self._answer is None and not self._is_asked and (self._request or self._has_ended):
            said = handle(bytes(self._request))
            if said is Wait.MORE and len(self._request) >= MOST_REQUEST:
                return [self.reset()]
            self._is_asked = said is Wait.LATER
            if isinstance(said, bytes):
                self._answer = said
            elif said is Wait.MORE and self._has_ended:
                self._answer = b""
        sent = self._send(now)
        if self._answer is not None and self._has_ended and self._heard_to > len(self._answer):
            self.is_over = True
        return sent or ([self._acknowledgement()] if segment.length or ahead else [])

    def tell(self, answer: bytes, now: float) -> list[Segment]:
        """What is to be sent of the answer that was to come later; nothing if none was."""
        if not self._is_asked or self._answer is not None:
            return []
        self._answer = answer
        return self._send(now)

    def expire(self, now: float) -> list[Segment]:
        """What is to be sent again by now; one segment, until the guest is heard again."""
        if not self._is_unheard() or now < self._repeat_at:
            return []
        self._repetitions += 1
        if self._repetitions > _REPETITIONS:
            return [self.reset()]
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._sent_to = self._heard_to
        self._flight = 1
        # A window may be open again without our having heard of it.
        self._window = max(self._window, 1)
        self._repeat_at = now + self._pause
        return self._send(now)

    def reset(self) -> Segment:
        """Give up, and say so."""
        self.is_over = True
        return self._segment(self._ever_sent_to, Flag.RST | Flag.ACK)

    def _acknowledge(self, heard_to: int, window: int, now: float) -> None:
        if heard_to < self._heard_to:
            return
        self._window = window
        if heard_to > self._heard_to:
            self._heard_to = heard_to
            self._sent_to = max(self._sent_to, heard_to)
            self._flight = min(self._flight + 1, _MOST_FLIGHT)
            self._pause, self._repetitions = _PAUSE, 0
            self._repeat_at = now + _PAUSE

    def _take(self, segment: Segment, known: int) -> None:
        """What is new in a segment of which so many bytes are known."""
        if self._has_ended:
            return
        room = MOST_REQUEST - len(self._request) if self._answer is None else MOST_REQUEST
        fresh = segment.payload[known : known + room]
        self._expected = (self._expected + len(fresh)) & _WORD
        if self._answer is None:
            self._request += fresh
        if segment.flags & Flag.FIN and known <= len(segment.payload) == known + len(fresh):
            self._has_ended = True
            self._expected = (self._expected + 1) & _WORD

    def _is_unheard(self) -> bool:
        return self._answer is not None and self._heard_to <= len(self._answer)

    def _send(self, now: float) -> list[Segment]:
        """As much of the answer as the guest's window and the way there take."""
        if self._answer is None:
            return []
        if self._sent_to == 0 and self._ever_sent_to == 0:
            self._repeat_at = now + self._pause
        limit = self._heard_to + min(self._window, self._flight * self._size)
        sent: list[Segment] = []
        while self._sent_to <= len(self._answer):
            text = self._answer[self._sent_to : min(self._sent_to + self._size, limit)]
            is_last = self._sent_to + len(text) == len(self._answer)
            if not text and not is_last:
                break
            flags = Flag.ACK | (Flag.FIN | Flag.PSH if is_last else Flag(0))
            sent.append(self._segment(self._sent_to, flags, text))
            self._sent_to += len(text) + is_last
        self._ever_sent_to = max(self._ever_sent_to, self._sent_to)
        return sent

    def _acknowledgement(self) -> Segment:
        return self._segment(self._ever_sent_to, Flag.ACK)

    def _segment(self, place: int, flags: Flag, text: bytes = b"") -> Segment:
        return Segment(
            *self._ports,
            (self._first + place) & _WORD,
            self._expected,
            flags,
            MOST_REQUEST - len(self._request) if self._answer is None else MOST_REQUEST,
            text,
        )
