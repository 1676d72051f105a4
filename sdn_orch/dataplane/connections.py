"""Connections as Open vSwitch tracks them: what the simulator needs of conntrack, carried out on values.

A connection has two tuples: that of the packets of the one who began it, and that of the answers, which
differ where an address is translated. Neither timers nor the states of TCP are here; ICMP errors are not
related to the connections that they tell of, and none announces another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sdn_orch.dataplane.stages.protocols import (
    ECHO_REPLY,
    ECHO_REPLY_6,
    ECHO_REQUEST,
    ECHO_REQUEST_6,
    ICMP,
    ICMPV6,
    LATER_FRAGMENT,
    TCP,
    UDP,
)
from sdn_orch.openflow.values import ConnectionState, Side, Track, Translate

#: The types of ICMP that are part of a connection: questions and their answers.
_REQUESTS = frozenset(((ICMP, ECHO_REQUEST), (ICMPV6, ECHO_REQUEST_6)))
_REPLIES = frozenset(((ICMP, ECHO_REPLY), (ICMPV6, ECHO_REPLY_6)))
#: What stands for the port of whoever is asked for an echo, with the identifier.
_ECHO = 1 << 16
_PORTS = {TCP: "tcp", UDP: "udp"}
#: Fields of the packet that began a connection, as it was before any translation; its mark and its label.
OF_CONNECTION = (
    *("ct_nw_proto", "ct_nw_src", "ct_nw_dst", "ct_ipv6_src", "ct_ipv6_dst"),
    *("ct_tp_src", "ct_tp_dst", "ct_mark", "ct_label"),
)
_FIRST_FREE_PORT, _LAST_PORT = 1024, 65_535


@dataclass(frozen=True, slots=True)
class Tuple:
    """What tells connections of a zone apart.

    Of an echo the ports are its identifier, and of whoever is asked more than that: two that ask each other
    for echoes have two connections.
    """

    version: int
    protocol: int
    source: int
    destination: int
    from_port: int
    to_port: int

    @property
    def is_reply(self) -> bool:
        """Whether it is the answer to an echo, with which nothing begins."""
        return self.protocol in (ICMP, ICMPV6) and self.from_port >= _ECHO

    @property
    def reverse(self) -> Tuple:
        """That of a packet the other way."""
        return Tuple(self.version, self.protocol, self.destination, self.source, self.to_port, self.from_port)


@dataclass(slots=True)
class Connection:
    """`origin` is the tuple of the first packet, `answer` that of the packets which come back.

    `said` are the fields of `OF_CONNECTION`.
    """

    origin: Tuple
    answer: Tuple
    translation: Translate | None
    said: Mapping[str, int]
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up tells: `ct_state`, fields `OF_CONNECTION`, and those that a translation changes.

    `identifier`: that of an echo, which is none of the fields.
    """

    state: int
    said: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)
    identifier: int | None = None


class Connections:
    """The connections of one switch, by zone."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, Tuple], Connection] = {}

    def look_up(self, action: Track, fields: Mapping[str, int], payload: bytes) -> Found:
        """What a packet with these fields is to its zone, committed there if the action says so."""
        key = tuple_of(fields, payload)
        if key is None:
            return Found(ConnectionState.TRACKED | ConnectionState.INVALID)
        zone = action.zone if isinstance(action.zone, int) else fields[action.zone] & 0xFFFF
        known = self._known.get((zone, key))
        state = int(ConnectionState.TRACKED)
        if known is None and key.is_reply:
            return Found(state | ConnectionState.INVALID)
        if known is None:
            state |= ConnectionState.NEW
            # Open vSwitch takes fragments together; here each goes by itself.
            if not action.commit or fields.get("ip_frag") == LATER_FRAGMENT:
                return Found(state, _said(fields))
            answer = self._answer(zone, action.to, key)
            if answer is None:
                # Somebody else has the answers: Open vSwitch commits nothing.
                return Found(state, _said(fields))
            known_by = {"ct_mark": action.mark, "ct_label": action.label}
            known = Connection(key, answer, action.to, {**_said(fields), **known_by})
            self._known[zone, key] = self._known[zone, answer] = known
        if action.label and action.commit:
            known.said = {**known.said, "ct_label": action.label}
        is_answer = key == known.answer and key != known.origin
        known.answered |= is_answer
        state &= ~ConnectionState.NEW
        state |= ConnectionState.ESTABLISHED if known.answered else ConnectionState.NEW
        state |= ConnectionState.REPLY if is_answer else 0
        if not (action.translated or action.to) or known.translation is None:
            return Found(state, known.said)
        wanted = known.origin.reverse if is_answer else known.answer.reverse
        is_source = (known.translation.side is Side.SOURCE) != is_answer
        state |= ConnectionState.SOURCE_NAT if is_source else ConnectionState.DESTINATION_NAT
        identifier = wanted.from_port % _ECHO if key.protocol in (ICMP, ICMPV6) else None
        return Found(state, known.said, _changes(key, wanted), identifier)

    def _answer(self, zone: int, to: Translate | None, key: Tuple) -> Tuple | None:
        """The tuple of answers: to the translated address, at the same port if it is free; None: none is.

        Also whoever asks another address than its own gets another port, if somebody is asked from there
        already: by way of another address that leads to the same place.
        """
        back = key.reverse
        if to is None:
            return back
        is_to = to.side is Side.DESTINATION
        is_echo = back.protocol in (ICMP, ICMPV6)
        asked_port = to.port if is_to and to.port is not None else back.from_port
        source, destination = (to.address, back.destination) if is_to else (back.source, to.address)
        has_ports = back.protocol in _PORTS or (is_echo and not is_to)
        ports = (back.to_port, *(range(_FIRST_FREE_PORT, _LAST_PORT + 1) if has_ports else ()))
        for port in ports:
            answer = Tuple(back.version, back.protocol, source, destination, asked_port, port)
            if is_echo:
                answer = Tuple(back.version, back.protocol, source, destination, _ECHO | port, port)
            if (zone, answer) not in self._known:
                return answer
        return None


def tuple_of(fields: Mapping[str, int], payload: bytes) -> Tuple | None:
    """The tuple of a packet; None for what is no part of a connection."""
    version = 4 if "ipv4_src" in fields else 6
    source, destination = fields[f"ipv{version}_src"], fields[f"ipv{version}_dst"]
    protocol = fields["ip_proto"]
    if protocol in (ICMP, ICMPV6):
        kind = fields.get(f"icmpv{version}_type")
        if kind is None or (protocol, kind) not in _REQUESTS | _REPLIES:
            return None
        asker = int.from_bytes(payload[:2], "big")
        asked = _ECHO | asker
        ports = (asker, asked) if (protocol, kind) in _REQUESTS else (asked, asker)
        return Tuple(version, protocol, source, destination, *ports)
    name = _PORTS.get(protocol, "")
    ports = (fields.get(f"{name}_src", 0), fields.get(f"{name}_dst", 0))
    return Tuple(version, protocol, source, destination, *ports)


def _said(fields: Mapping[str, int]) -> dict[str, int]:
    """What a packet that begins a connection is; of ICMP the ports are type and code."""
    version, protocol = 4 if "ipv4_src" in fields else 6, fields["ip_proto"]
    prefix = "ct_nw" if version == 4 else "ct_ipv6"
    name = _PORTS.get(protocol)
    ports = ("", "") if name is None else (f"{name}_src", f"{name}_dst")
    if protocol in (ICMP, ICMPV6):
        ports = (f"icmpv{version}_type", f"icmpv{version}_code")
    return {
        "ct_nw_proto": protocol,
        f"{prefix}_src": fields[f"ipv{version}_src"],
        f"{prefix}_dst": fields[f"ipv{version}_dst"],
        "ct_tp_src": fields.get(ports[0], 0),
        "ct_tp_dst": fields.get(ports[1], 0),
    }


def _changes(key: Tuple, wanted: Tuple) -> dict[str, int]:
    name = _PORTS.get(key.protocol)
    changes = {f"ipv{key.version}_src": wanted.source, f"ipv{key.version}_dst": wanted.destination}
    if name is not None:
        changes |= {f"{name}_src": wanted.from_port, f"{name}_dst": wanted.to_port}
    return changes
