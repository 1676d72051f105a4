"""A stream is cut into messages wherever the pieces of it end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.messages import echo_request
from sdn_orch.openflow.values import OPENFLOW_15
from sdn_orch.southbound.framing import Framing


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(0, 67), st.integers(1, 50))
def test_whole_messages_come_out_in_order(bodies: list[bytes], rest: int, piece: int) -> None:
    whole = [echo_request(OPENFLOW_15, number, body) for number, body in enumerate(bodies)]
    cut = echo_request(OPENFLOW_15, 9, bytes(60))[:rest]
    stream = b"".join(whole) + cut
    framing, found = Framing(), []
    for at in range(0, len(stream), piece):
        framing.feed(stream[at : at + piece])
        while (message := framing.next()) is not None:
            found.append(message)
    assert found == whole
    assert framing.peek() == cut


def test_a_length_shorter_than_the_header_is_refused() -> None:
    framing = Framing()
    framing.feed(bytes.fromhex("0400000700000001"))
    with pytest.raises(MalformedMessage, match="length 7"):
        framing.next()
