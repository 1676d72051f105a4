"""Garbage is refused with one exception class, whatever it is, and never takes long."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdn_orch.errors import MalformedMessage
from sdn_orch.openflow.actions import decode_actions
from sdn_orch.openflow.codec import decode_flow, decode_instructions, encode_flow
from sdn_orch.openflow.events import parse_error, parse_features, parse_packet_in
from sdn_orch.openflow.groups import Change, group_mod, parse_groups
from sdn_orch.openflow.messages import hello, hello_versions
from sdn_orch.openflow.meters import parse_meters
from sdn_orch.openflow.multipart import (
    parse_counters,
    parse_description,
    parse_flows,
    parse_group_features,
    parse_meter_features,
    parse_multipart,
)
from sdn_orch.openflow.oxm import decode_match, encode_match
from sdn_orch.openflow.ports import parse_port_status, parse_ports
from sdn_orch.openflow.values import Flow, FlowEntry, Foreign, Learn, Match
from sdn_orch.southbound.framing import Framing
from tests.effort import examples
from tests.unit.openflow.strategies import VERSIONS, flows, groups, matches

Parser = Callable[[bytes], object]


def _frame(data: bytes) -> None:
    framing = Framing()
    framing.feed(data)
    while framing.next() is not None:
        pass


PARSERS: dict[str, Parser] = {
    "match": decode_match,
    "actions": decode_actions,
    "error": parse_error,
    "packet-in": parse_packet_in,
    "features": parse_features,
    "hello": hello_versions,
    "stream": _frame,
    "multipart": parse_multipart,
    "meters": lambda data: list(parse_meters(data)),
    "description": parse_description,
    "group features": parse_group_features,
    "meter features": parse_meter_features,
}


def _parsers(version: int) -> dict[str, Parser]:
    return {
        f"flows {version}": lambda data: [
            parse_counters(counted, version) for *_, counted in parse_flows(data, version)
        ],
        f"groups {version}": lambda data: list(parse_groups(data, version)),
        f"ports {version}": lambda data: list(parse_ports(data, version)),
        f"port status {version}": lambda data: parse_port_status(data, version),
        f"instructions {version}": lambda data: decode_instructions(data, version),
    }


PARSERS |= {name: parse for version in VERSIONS for name, parse in _parsers(version).items()}
#: The message type that a parser of whole messages looks for.
TYPES = {
    "error": 1,
    "packet-in": 10,
    "features": 6,
    "hello": 0,
    "multipart": 19,
}
TYPES |= {f"port status {version}": 12 for version in VERSIONS}


def _survives(parse: Parser, data: bytes) -> None:
    try:
        parse(data)
    except MalformedMessage as refused:
        assert str(refused)


@settings(max_examples=examples(1500))
@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=300))
def test_noise(name: str, data: bytes) -> None:
    _survives(PARSERS[name], data)
    if name in TYPES:
        _survives(PARSERS[name], pack("!BBHI", 4, TYPES[name], 8 + len(data), 1) + data)


#: Plausible words make lengths and types that come further than noise does.
words = st.lists(
    st.sampled_from(
        [0, 1, 4, 8, 12, 16, 24, 25, 28, 32, 40, 64, 0x8000, 0x8001, 0x8002, 0x0010, 0xFFFF, 0x2320]
    ),
    max_size=60,
)


@settings(max_examples=examples(1500))
@given(st.sampled_from(sorted(PARSERS)), words)
def test_plausible_noise(name: str, data: list[int]) -> None:
    raw = pack(f"!{len(data)}H", *data)
    _survives(PARSERS[name], raw)
    if name in TYPES:
        _survives(PARSERS[name], pack("!BBHI", 4, TYPES[name], 8 + len(raw), 1) + raw)


@settings(max_examples=examples(400))
@given(st.data(), st.sampled_from(VERSIONS))
def test_true_bytes_with_a_fault(data: st.DataObject, version: int) -> None:
    """One changed byte, or a cut anywhere, in what would be right."""
    entry = encode_flow(data.draw(flows(version)), version)
    group = group_mod(data.draw(groups()), Change.ADD, version, 1)
    good: list[tuple[Parser, bytes]] = [
        (decode_match, entry.match),
        (PARSERS[f"instructions {version}"], entry.instructions),
        (PARSERS[f"groups {version}"], pack("!H", len(group) - 8) + group[10:]),
        (hello_versions, hello(VERSIONS, 1)),
    ]
    for parse, raw in good:
        if raw:
            at = data.draw(st.integers(0, len(raw) - 1))
            _survives(parse, raw[:at])
            _survives(parse, raw[:at] + bytes((data.draw(st.integers(0, 255)),)) + raw[at + 1 :])


@given(matches().filter(lambda match: match.fields), st.sampled_from(VERSIONS))
@example(Match.of(in_port=1), 4)
def test_a_match_that_is_cut_short_is_refused(match: Match, version: int) -> None:
    whole = encode_match(match, version)
    # Cutting at the end of a field leaves a shorter match; anywhere else is a fault.
    ends, at = set(), 0
    while at < len(whole):
        at += 4 + whole[at + 3]
        ends.add(at)
    for length in range(1, len(whole)):
        if length not in ends:
            with pytest.raises(MalformedMessage):
                decode_match(whole[:length])


@pytest.mark.parametrize(
    "match",
    [
        "80000004" + "00000001" + "80000004" + "00000001",  # in_port twice
        "80000102" + "0001",  # in_port of two bytes
        "80000d04" + "0003" + "1001",  # vlan_vid with value bits outside the mask
        "80000c02" + "3005",  # vlan_vid of 14 bits
        "ffff0008" + "4f4e4600" + "00000000",  # experimenter
        "80010408" + "0000000000000001",  # the third pair of registers
    ],
)
def test_matches_that_no_controller_of_ours_wrote(match: str) -> None:
    with pytest.raises(MalformedMessage):
        decode_match(bytes.fromhex(match))


@pytest.mark.parametrize(
    "instructions",
    [
        "0001000803000000" + "0001000804000000",  # goto twice
        "0003000800000000",  # write-actions
        "0001001003000000" + "0000000000000000",  # goto of 16 bytes
        "00010008",
        "0001000c0300000000000000",
        "0004000800000000" + "0005000800000000",  # clear-actions
    ],
)
def test_instructions_that_no_controller_of_ours_wrote(instructions: str) -> None:
    entry = FlowEntry(0, 0, b"", bytes.fromhex(instructions), 1)
    for version in VERSIONS:
        with pytest.raises(MalformedMessage):
            decode_flow(entry, version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("body", ["0000" + "00" * 70, "0007" + "00" * 70, "ffff" + "00" * 70, "00" * 3])
def test_flow_descriptions_with_a_wrong_length(version: int, body: str) -> None:
    with pytest.raises(MalformedMessage):
        list(parse_flows(bytes.fromhex(body), version))


def test_a_learned_value_with_more_bits_than_it_says_is_not_taken_for_ours() -> None:
    learn = Learn(0, 0, 1, 0, 0, Match.of(eth_type=0x0800), (), ())
    entry = encode_flow(Flow(0, 0, Match.of(), (learn,)), 0x06)
    said, wrong = ((0x2000 | width).to_bytes(2, "big") for width in (16, 8))
    assert entry.instructions.count(said) == 1
    changed = FlowEntry(0, 0, entry.match, entry.instructions.replace(said, wrong), 1)
    (action,) = decode_flow(changed, 0x06).actions
    assert isinstance(action, Foreign)
