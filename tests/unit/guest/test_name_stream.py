"""Names by TCP: what a router knows at once, what resolvers know when they have said it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from dns import rcode
from dns.message import Message, from_wire, make_query, make_response
from dns.rcode import Rcode

from sdn_orch.guest.connection import Wait
from sdn_orch.guest.name_service import Asked
from sdn_orch.guest.name_stream import NameStream
from sdn_orch.guest.names import Address
from sdn_orch.guest.segment import Flag, Segment
from sdn_orch.guest.tcp import Peer, Responder
from tests.unit.guest.world import WORLD

PEER: Final = Peer("web1", bytes((10, 1, 1, 11)), 40000, bytes((10, 1, 1, 1)), 53)


class Asking:
    """A name service whose resolvers are the test."""

    def __init__(self, code: Rcode | None = None) -> None:
        self.code = code
        self.open: list[tuple[Asked, Callable[[Message], None]]] = []
        self.told: list[tuple[Peer, bytes]] = []
        self.names = NameStream(lambda: WORLD, self._resolve, lambda *said: self.told.append(said))

    def _resolve(
        self, asked: Asked, resolvers: tuple[Address, ...], tell: Callable[[Message], None]
    ) -> Rcode | None:
        self.open.append((asked, tell))
        return self.code


def question(name: str) -> bytes:
    return make_query(name, "A", id=7).to_wire(prepend_length=True)


def message(said: bytes | Wait) -> Message:
    assert isinstance(said, bytes) and int.from_bytes(said[:2]) == len(said) - 2
    return from_wire(said[2:])


def test_what_the_router_knows_it_says_at_once_to_a_whole_question() -> None:
    asking, whole = Asking(), question("web1.vpc.example")
    for size in range(len(whole)):
        assert asking.names.answer(PEER, whole[:size]) is Wait.MORE
    said = message(asking.names.answer(PEER, whole))
    assert said.id == 7 and [str(record) for each in said.answer for record in each] == ["10.1.1.11"]
    # More of them wait for a connection of their own.
    assert message(asking.names.answer(PEER, whole + whole)).id == 7


def test_what_others_know_is_said_later_to_who_has_asked() -> None:
    asking = Asking()
    assert asking.names.answer(PEER, question("example.org")) is Wait.LATER
    ((asked, tell),) = asking.open
    assert asked.by_tcp and asked.guest.nic.id == "web1"
    tell(make_response(asked.query))
    ((peer, answer),) = asking.told
    assert peer == PEER and message(answer).id == 7


def test_who_may_not_ask_them_hears_so() -> None:
    said = message(Asking(rcode.REFUSED).names.answer(PEER, question("example.org")))
    assert said.rcode() == rcode.REFUSED


@pytest.mark.parametrize(
    "peer",
    [
        Peer("nobody", PEER.address, 1, PEER.server, 53),
        Peer("web1", bytes((10, 1, 1, 12)), 1, PEER.server, 53),
        Peer("web1", PEER.address, 1, bytes((10, 9, 9, 9)), 53),
    ],
)
def test_to_others_and_elsewhere_nothing_is_said(peer: Peer) -> None:
    assert Asking().names.answer(peer, question("web1")) == b""


@pytest.mark.parametrize("data", [b"\0\0", b"\0\1x", b"\0\x0c" + bytes(12), question("x")[:2] + bytes(40)])
def test_to_what_is_no_question_nothing_is_said(data: bytes) -> None:
    assert Asking().names.answer(PEER, data) == b""


def test_the_connection_waits_for_an_answer_that_comes_later() -> None:
    asking = Asking()
    responder = Responder(asking.names.answer, b"key")
    (greeting,) = responder.receive(PEER, Segment(PEER.port, 53, 99, 0, Flag.SYN, 65535), 0.0)
    ours, asked = greeting.sequence + 1 & 0xFFFFFFFF, question("example.org")
    words = Segment(PEER.port, 53, 100, ours, Flag.ACK | Flag.FIN, 65535, asked)
    assert [sent.flags for sent in responder.receive(PEER, words, 0.0)] == [Flag.ACK]
    # Repeated, it is not asked again.
    responder.receive(PEER, words, 1.0)
    assert len(asking.open) == 1
    (said,) = responder.tell(PEER, b"answer", 2.0)
    assert said.payload == b"answer" and said.flags & Flag.FIN
    assert responder.tell(PEER, b"again", 2.0) == []
    heard = Segment(PEER.port, 53, 101 + len(asked), ours + 7, Flag.ACK, 65535)
    responder.receive(PEER, heard, 2.1)
    assert len(responder) == 0
    assert responder.tell(PEER, b"too late", 3.0) == []
