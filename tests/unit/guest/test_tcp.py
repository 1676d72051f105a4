"""The TCP server: whole answers over any network, memory for who speaks, no harm from hostile words."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.guest.connection import MOST_REQUEST, Wait, distance
from sdn_orch.guest.segment import Flag, Segment
from sdn_orch.guest.tcp import LIFETIME, PER_NIC, SILENCE, Peer, Responder
from tests.unit.guest.wire import PEER, Guest, converse, segment

REQUEST = b"GET /latest/user-data HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = bytes(range(256)) * 130


def echo_of(answer: bytes) -> Responder:
    """A server that gives this answer to what ends with an empty line."""
    return Responder(lambda _, request: answer if request.endswith(b"\r\n\r\n") else Wait.MORE, b"key")


def begin(responder: Responder, now: float = 0.0, peer: Peer = PEER, first: int = 99) -> int:
    """A SYN and its answer: the first sequence number of the server's bytes."""
    (greeting,) = responder.receive(peer, segment(first, 0, Flag.SYN), now)
    assert greeting.flags == Flag.SYN | Flag.ACK and greeting.acknowledged == first + 1
    return greeting.sequence + 1 & 0xFFFFFFFF


def ask(responder: Responder, now: float = 0.0, window: int = 65535) -> tuple[int, list[Segment]]:
    ours = begin(responder, now)
    return ours, responder.receive(PEER, segment(100, ours, Flag.ACK, REQUEST, window), now)


def test_over_a_good_network_the_answer_comes_at_once() -> None:
    guest, responder = Guest(REQUEST, 0xFFFFFFF0, 65535, 1400, 1460), echo_of(ANSWER)
    assert converse(guest, responder, Random(0), trouble=0.0) < 0.6
    assert guest.answer == ANSWER
    assert not len(responder)


@given(
    st.integers(0, 2**32),
    st.floats(0.0, 0.25),
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from((700, 3000, 65535)),
    st.sampled_from((7, 20, 1400)),
    st.sampled_from((b"", b"x", ANSWER[:1460], ANSWER[:5000])),
)
def test_what_is_lost_doubled_or_late_arrives_all_the_same(
    seed: int, trouble: float, first: int, window: int, size: int, answer: bytes
) -> None:
    guest, responder = Guest(REQUEST, first, window, size, 536), echo_of(answer)
    converse(guest, responder, Random(seed), trouble)
    # A reset is what is said to latecomers of a connection that has ended.
    assert guest.answer == answer and (guest.has_end or guest.was_reset)


def test_an_end_that_comes_once_more_begins_nothing() -> None:
    responder = echo_of(b"x")
    ours, (answer,) = ask(responder)
    assert answer.payload == b"x" and answer.flags & Flag.FIN
    end = segment(100 + len(REQUEST), ours + 2, Flag.ACK | Flag.FIN)
    (heard,) = responder.receive(PEER, end, 0.1)
    assert heard.acknowledged == 100 + len(REQUEST) + 1 and not len(responder)
    assert responder.receive(PEER, end, 0.2) == [] and not len(responder)
    # Who ends without having asked for anything is told so.
    ours = begin(responder, 1.0)
    (empty,) = responder.receive(PEER, segment(100, ours, Flag.ACK | Flag.FIN), 1.0)
    assert empty.flags & Flag.FIN and empty.acknowledged == 101


def test_half_open_and_silent_connections_cost_nothing() -> None:
    responder = echo_of(b"")
    for port in range(1, 5000):
        peer = Peer("nic", PEER.address, port, PEER.server, 80)
        ours = begin(responder, peer=peer)
        assert responder.receive(peer, segment(100, ours, Flag.ACK), 0.0) == []
    assert len(responder) == 0


def test_a_nic_has_so_many_connections_and_others_still_have_theirs() -> None:
    responder = echo_of(b"")
    for port in range(1, 100):
        peer = Peer("greedy", PEER.address, port, PEER.server, 80)
        responder.receive(peer, segment(100, begin(responder, peer=peer), Flag.ACK, b"GET"), 0.0)
    assert len(responder) == PER_NIC
    assert ask(responder)[1][-1].flags & Flag.FIN


def test_who_says_nothing_more_or_never_ends_is_reset() -> None:
    responder = echo_of(b"")
    ours = begin(responder)
    responder.receive(PEER, segment(100, ours, Flag.ACK, b"G"), 0.0)
    assert list(responder.due(SILENCE - 1)) == []
    assert [each.flags for _, each in responder.due(SILENCE)] == [Flag.RST | Flag.ACK]
    ours = begin(responder)
    for second in range(int(LIFETIME)):
        assert responder.receive(PEER, segment(100 + second, ours, Flag.ACK, b"G"), second)
        assert list(responder.due(second)) == []
    assert [each.flags for _, each in responder.due(LIFETIME)] == [Flag.RST | Flag.ACK]
    assert len(responder) == 0


def test_an_answer_that_is_not_heard_is_sent_again_less_and_less_often_and_then_given_up() -> None:
    responder = echo_of(b"answer")
    _, (first,) = ask(responder)
    times = []
    for step in range(400):
        for _, again in responder.due(step / 10):
            assert again == first or again.flags & Flag.RST
            times.append(step / 10)
    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 23.5, 30.0]
    assert len(responder) == 0


def test_a_closed_window_is_probed_with_single_bytes() -> None:
    responder = echo_of(b"answer")
    ours, sent = ask(responder, window=0)
    assert [each.payload for each in sent] == [b""]
    assert [each.payload for _, each in responder.due(0.5)] == [b"a"]
    (rest,) = responder.receive(PEER, segment(100 + len(REQUEST), ours + 1, Flag.ACK), 0.6)
    assert rest.payload == b"nswer" and rest.flags & Flag.FIN


def test_a_request_that_is_too_long_is_reset() -> None:
    responder = echo_of(b"")
    ours, at = begin(responder), 100
    while (sent := responder.receive(PEER, segment(at, ours, Flag.ACK, bytes(1000)), 0.0))[
        0
    ].flags == Flag.ACK:
        at += 1000
        assert at <= 100 + MOST_REQUEST
    assert sent[0].flags == Flag.RST | Flag.ACK
    assert len(responder) == 0


def test_a_guest_that_ends_before_its_request_is_whole_gets_an_end() -> None:
    responder = echo_of(b"x")
    ours = begin(responder)
    (end,) = responder.receive(PEER, segment(100, ours, Flag.ACK | Flag.FIN, b"GET"), 0.0)
    assert (end.flags & Flag.FIN, end.payload, end.acknowledged) == (Flag.FIN, b"", 104)
    responder.receive(PEER, segment(104, end.sequence + 1, Flag.ACK), 0.0)
    assert len(responder) == 0


def test_a_connection_that_nobody_began_is_reset() -> None:
    (reset,) = echo_of(b"").receive(PEER, segment(1, 77, Flag.ACK, b"x"), 0.0)
    assert (reset.flags, reset.sequence) == (Flag.RST, 77)


def test_only_the_right_reset_ends_a_connection() -> None:
    responder = echo_of(b"")
    ours = begin(responder)
    responder.receive(PEER, segment(100, ours, Flag.ACK, b"G"), 0.0)
    assert responder.receive(PEER, segment(900_000, ours, Flag.RST), 0.0) == []
    (challenge,) = responder.receive(PEER, segment(102, ours, Flag.RST), 0.0)
    assert (challenge.flags, challenge.acknowledged) == (Flag.ACK, 101)
    assert responder.receive(PEER, segment(101, ours, Flag.RST), 0.0) == [] and len(responder) == 0


def test_a_begun_connection_is_known_for_a_minute_or_two() -> None:
    for waited, is_known in ((60, True), (200, False)):
        responder = echo_of(b"")
        ours = begin(responder)
        sent = responder.receive(PEER, segment(100, ours, Flag.ACK, b"G"), waited)
        assert (sent[0].flags == Flag.ACK) is is_known


_WORDS = st.builds(
    lambda sequence, acknowledged, flags, window, payload, largest: Segment(
        PEER.port, PEER.service, sequence, acknowledged, Flag(flags), window, payload, largest
    ),
    st.one_of(st.integers(90, 130), st.integers(0, 0xFFFFFFFF)),
    st.one_of(st.integers(-3, 3), st.integers(0, 0xFFFFFFFF)),
    st.integers(0, 31),
    st.integers(0, 65535),
    st.binary(max_size=60),
    st.none() | st.integers(0, 65535),
)


@given(st.lists(st.tuples(_WORDS, st.floats(0, 40))))
def test_hostile_segments_raise_nothing_and_are_not_amplified(words: list[tuple[Segment, float]]) -> None:
    responder, now = echo_of(ANSWER), 0.0
    ours = begin(responder)
    for word, pause in words:
        now += pause
        at = (ours + word.acknowledged) & 0xFFFFFFFF if abs(word.acknowledged) <= 3 else word.acknowledged
        given_word = Segment(
            word.source,
            word.destination,
            word.sequence,
            at,
            word.flags,
            word.window,
            word.payload,
            word.largest,
        )
        sent = responder.receive(PEER, given_word, now)
        assert len(sent) <= 10
        assert all(distance(each.acknowledged, 100) <= 65535 or each.flags & Flag.SYN for each in sent)
        assert len(list(responder.due(now))) <= 1
        assert len(responder) <= 1
    assert len(list(responder.due(now + LIFETIME))) <= 1 and len(responder) == 0
