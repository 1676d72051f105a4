"""What a session needs from around it: its times, who admits it, and who gets what nobody asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sdn_orch.openflow.values import OPENFLOW_13, OPENFLOW_15

if TYPE_CHECKING:
    from sdn_orch.southbound.session import Session

#: What we speak: 1.5 to Open vSwitch, 1.3 to all others.
VERSIONS = frozenset({OPENFLOW_13, OPENFLOW_15})


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. After `echo_interval` of silence an echo is sent, after twice that the switch is dead;
    `handshake` is for the whole of it, `answer` for the answer to one request."""

    echo_interval: float = 5.0
    handshake: float = 10.0
    answer: float = 30.0


class Applications(Protocol):
    """Loaded Ryu applications. Called from the receiving thread; must not block."""

    versions: frozenset[int]

    def opened(self, session: Session) -> None:
        """The features are known."""

    def deliver(self, session: Session, message: bytes) -> None:
        """A message that was not an answer to us."""

    def closed(self, session: Session) -> None:
        """The session is over; only after `opened`."""


class Registry(Protocol):
    """Knows all sessions."""

    def versions(self, session: Session) -> frozenset[int]:
        """The OpenFlow versions to offer in this session."""

    def speak_13(self, session: Session) -> None:
        """The next session from this switch's address is to be offered OpenFlow 1.3 only."""

    def is_plain(self, dpid: int) -> bool:
        """Whether a switch is to be treated as a plain one, whatever it says of itself."""

    def admit(self, session: Session) -> bool:
        """Let the session stand for its datapath id, or refuse it because another one lives; may block."""

    def remove(self, session: Session) -> None:
        """The session is over."""
