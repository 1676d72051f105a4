"""Floors for the bulk paths, far below what they reach, that a slip into object-by-object work would miss."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest

from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.multipart import parse_counters, parse_flows
from sdn_orch.openflow.values import Flow, FlowEntry, Match, SetField
from tests.scripted_switch import described
from tests.unit.openflow.strategies import VERSIONS

COUNT = 20_000


def _rate(work: Callable[[], object]) -> float:
    """Flows per CPU second, the best of three."""
    best = 0.0
    for _ in range(3):
        start = process_time()
        work()
        best = max(best, COUNT / (process_time() - start))
    return best


def _flows() -> list[Flow]:
    return [
        Flow(
            8,
            100,
            Match.of(metadata=(number, 0xFFFFFF), eth_type=0x0800, ipv4_dst=number),
            (SetField("eth_dst", number),),
            goto=9,
        )
        for number in range(COUNT)
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_flows_are_encoded_in_bulk(version: int) -> None:
    flows = _flows()
    assert _rate(lambda: [encode_flow(flow, version) for flow in flows]) > 100_000


@pytest.mark.parametrize("version", VERSIONS)
def test_dumps_are_read_in_bulk(version: int) -> None:
    entries = [encode_flow(flow, version) for flow in _flows()]
    body = b"".join(described(entry, version) for entry in entries)
    found = [
        (FlowEntry(*key, instructions, cookie), parse_counters(counted, version))
        for key, instructions, cookie, counted in parse_flows(body, version)
    ]
    assert found == [(entry, (3, 4, 1.000000002)) for entry in entries]
    assert _rate(lambda: list(parse_flows(body, version))) > 120_000
