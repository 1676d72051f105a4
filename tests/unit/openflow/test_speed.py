"""Floors for the bulk paths, far below what they reach, that a slip into object-by-object work would miss."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack
from time import process_time

import pytest

from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.multipart import parse_counters, parse_flows
from sdn_orch.openflow.values import OPENFLOW_13, Flow, FlowEntry, Match, SetField
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


def _shown(entry: FlowEntry, version: int) -> bytes:
    """A flow description as Open vSwitch sends it."""
    match = pack("!HH", 1, 4 + len(entry.match)) + entry.match
    match += bytes(-len(match) % 8)
    if version == OPENFLOW_13:
        length = 48 + len(match) + len(entry.instructions)
        head = pack("!HBxIIHHHH4xQQQ", length, entry.table, 1, 2, entry.priority, 0, 0, 0, entry.cookie, 3, 4)
        return head + match + entry.instructions
    statistics = pack(
        "!HHIQIQIQIQ4x", 0, 52, 0x80020008, 1 << 32 | 2, 0x80020208, 2, 0x80020808, 3, 0x80020A08, 4
    )
    length = 24 + len(match) + len(statistics) + len(entry.instructions)
    head = pack("!H2xBxHHHHHQ", length, entry.table, entry.priority, 0, 0, 0, 0, entry.cookie)
    return head + match + statistics + entry.instructions


@pytest.mark.parametrize("version", VERSIONS)
def test_flows_are_encoded_in_bulk(version: int) -> None:
    flows = _flows()
    assert _rate(lambda: [encode_flow(flow, version) for flow in flows]) > 100_000


@pytest.mark.parametrize("version", VERSIONS)
def test_dumps_are_read_in_bulk(version: int) -> None:
    entries = [encode_flow(flow, version) for flow in _flows()]
    body = b"".join(_shown(entry, version) for entry in entries)
    found = [(entry, parse_counters(counted, version)) for entry, counted in parse_flows(body, version)]
    assert found == [(entry, (3, 4, 1.000000002)) for entry in entries]
    assert _rate(lambda: list(parse_flows(body, version))) > 120_000
