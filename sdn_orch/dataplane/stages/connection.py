"""States of connections as matches, as value and mask."""

from __future__ import annotations

from typing import Final

from sdn_orch.openflow.values import ConnectionState

_TRACKED: Final = ConnectionState.TRACKED


def _is(state: ConnectionState) -> tuple[int, int]:
    return int(_TRACKED | state), int(_TRACKED | state)


#: From whoever began a connection, known or not, and from whoever answers.
BEGINNER = int(_TRACKED), int(_TRACKED | ConnectionState.INVALID | ConnectionState.REPLY)
ANSWERER = int(_TRACKED | ConnectionState.REPLY), BEGINNER[1]
#: From either.
ANYBODY = int(_TRACKED), int(_TRACKED | ConnectionState.INVALID)
#: Belongs to no connection, and does not begin one.
INVALID: Final = _is(ConnectionState.INVALID)
#: Not answered yet: it begins a connection, or repeats its beginning.
NEW: Final = _is(ConnectionState.NEW)
#: That, and nothing known translates it.
NEW_AS_SENT: Final = int(_TRACKED | ConnectionState.NEW), NEW[1] | int(ConnectionState.SOURCE_NAT)
#: Of a connection that was let through: answered, or told of by an ICMP error.
RELATED: Final = _is(ConnectionState.RELATED)
KNOWN: Final = (_is(ConnectionState.ESTABLISHED), RELATED)
#: It begins a connection that one of those has announced, and is not known itself yet.
ANNOUNCED: Final = _is(ConnectionState.RELATED | ConnectionState.NEW)
#: Also of one that is translated already, which a connection without an answer is as well.
KNOWN_OR_TRANSLATED: Final = (
    *KNOWN,
    _is(ConnectionState.SOURCE_NAT),
    _is(ConnectionState.DESTINATION_NAT),
)
