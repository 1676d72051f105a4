"""What is encoded reads back as what it was."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.dataplane.plan import diff
from sdn_orch.openflow.actions import decode_actions, encode_actions
from sdn_orch.openflow.bundle import bundle_add
from sdn_orch.openflow.codec import decode_flow, encode_flow
from sdn_orch.openflow.groups import Change, group_mod, parse_groups
from sdn_orch.openflow.messages import (
    FlowCommand,
    Kind,
    echo_reply,
    echo_request,
    flow_mod,
    hello,
    hello_versions,
    packet_out,
)
from sdn_orch.openflow.meters import meter_mod, parse_meters
from sdn_orch.openflow.multipart import parse_counters, parse_flows
from sdn_orch.openflow.oxm import decode_match, encode_field, encode_match
from sdn_orch.openflow.values import (
    OPENFLOW_13,
    OPENFLOW_15,
    Flow,
    FlowEntry,
    Foreign,
    Group,
    Match,
    Meter,
    Output,
    SetField,
    State,
    UseMeter,
)
from tests.unit.openflow.strategies import VERSIONS, action_lists, drop_meters, flows, groups, matches

versions = st.sampled_from(VERSIONS)


@given(matches(), versions)
def test_a_match_reads_back(match: Match, version: int) -> None:
    assert decode_match(encode_match(match, version)) == match


@given(versions.flatmap(lambda version: st.tuples(st.just(version), flows(version))))
def test_a_flow_reads_back(case: tuple[int, Flow]) -> None:
    version, flow = case
    entry = encode_flow(flow, version)
    assert decode_flow(entry, version) == flow
    assert 0 < entry.cookie < 1 << 64


@given(st.data(), versions)
def test_flows_with_different_content_have_different_cookies(data: st.DataObject, version: int) -> None:
    one, other = data.draw(flows(version)), data.draw(flows(version))
    same = encode_flow(one, version).cookie == encode_flow(other, version).cookie
    assert same == (one == other)


def test_the_cookie_tells_match_and_instructions_apart() -> None:
    # Bytes that move from the end of the match to the start of the instructions are another flow.
    drop = encode_flow(Flow(1, 2, Match.of(in_port=3)), OPENFLOW_15)
    assert drop.cookie == encode_flow(Flow(1, 2, Match.of(in_port=3)), OPENFLOW_15).cookie
    assert drop.cookie != encode_flow(Flow(1, 2, Match.of(in_port=3), goto=2), OPENFLOW_15).cookie
    assert drop.cookie != encode_flow(Flow(2, 2, Match.of(in_port=3)), OPENFLOW_15).cookie
    assert drop.cookie != encode_flow(Flow(1, 3, Match.of(in_port=3)), OPENFLOW_15).cookie


def test_openflow_13_has_its_meter_before_the_actions() -> None:
    flow = Flow(0, 1, Match.of(), (Output(1), UseMeter(2)))
    with pytest.raises(ValueError, match="meter 2"):
        encode_flow(flow, OPENFLOW_13)
    first = Flow(0, 1, Match.of(), (UseMeter(2), Output(1)))
    assert encode_flow(first, OPENFLOW_13).instructions[:8] == pack("!HHI", 6, 8, 2)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_set_field_is_written_in_one_form(version: int) -> None:
    full, exact = SetField("eth_dst", 5, (1 << 48) - 1), SetField("eth_dst", 5)
    assert encode_actions((full,), version) == encode_actions((exact,), version)
    loose, tight = SetField("reg0", 0xFF, 0x0F), SetField("reg0", 0x0F, 0x0F)
    assert encode_actions((loose,), version) == encode_actions((tight,), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_action_of_others_is_kept_as_bytes(version: int) -> None:
    enqueue = pack("!HHI", 21, 8, 7)
    actions = decode_actions(enqueue + encode_actions((Output(1),), version))
    assert actions == (Foreign(enqueue), Output(1))
    assert encode_actions(actions, version) == enqueue + encode_actions((Output(1),), version)


@given(st.data(), versions)
def test_a_flow_shown_in_another_order_is_still_the_same(data: st.DataObject, version: int) -> None:
    entry = encode_flow(data.draw(flows(version)), version)
    shuffled = data.draw(st.permutations(decode_match(entry.match).fields))
    match = b"".join(encode_field(*field) for field in shuffled)
    shown = FlowEntry(entry.table, entry.priority, match, entry.instructions, entry.cookie)
    wanted, held = (State({each.key: each}, {}, {}) for each in (entry, shown))
    assert not diff(wanted, held, version)


def _described_flow(entry: FlowEntry, version: int) -> bytes:
    match = pack("!HH", 1, 4 + len(entry.match)) + entry.match
    match += bytes(-len(match) % 8)
    if version == OPENFLOW_13:
        head = pack(
            "!BxIIHHHH4xQQQ", entry.table, 3, 500_000_000, entry.priority, 0, 0, 0, entry.cookie, 7, 420
        )
        return pack("!H", 48 + len(match) + len(entry.instructions)) + head + match + entry.instructions
    counters = pack("!HBBII", 0x8002, 0, 8, 3, 500_000_000) + pack("!HBBQ", 0x8002, 8, 8, 7)
    counters += pack("!HBBQ", 0x8002, 10, 8, 420)
    statistics = pack("!HH", 0, 4 + len(counters)) + counters
    statistics += bytes(-len(statistics) % 8)
    head = pack("!2xBxHHHHHQ", entry.table, entry.priority, 0, 0, 0, 0, entry.cookie)
    return (
        pack("!H", 24 + len(match) + len(statistics) + len(entry.instructions))
        + head
        + match
        + (statistics + entry.instructions)
    )


@given(versions.flatmap(lambda version: st.tuples(st.just(version), st.lists(flows(version), max_size=5))))
def test_flows_of_a_dump_are_read_with_their_counters(case: tuple[int, list[Flow]]) -> None:
    version, wanted = case
    entries = [encode_flow(flow, version) for flow in wanted]
    body = b"".join(_described_flow(entry, version) for entry in entries)
    found = [
        (FlowEntry(*key, instructions, cookie), parse_counters(counted, version))
        for key, instructions, cookie, counted in parse_flows(body, version)
    ]
    assert found == [(entry, (7, 420, 3.5)) for entry in entries]


@given(groups(), versions)
def test_a_group_reads_back(group: Group, version: int) -> None:
    sent = group_mod(group, Change.ADD, version, 1)
    # A description differs from a group-mod only in its head, and by the experimenter property behind it.
    buckets = sent[16:] if version == OPENFLOW_13 else sent[24 : 24 + int.from_bytes(sent[16:18], "big")]
    head = pack("!BxI", group.type, group.number)
    if version == OPENFLOW_15:
        head += pack("!H6x", len(buckets))
    body = pack("!H", 2 + len(head) + len(buckets)) + head + buckets
    assert list(parse_groups(body * 2, version)) == [group, group]


@given(drop_meters, versions)
def test_a_meter_reads_back(meter: Meter, version: int) -> None:
    sent = meter_mod(meter, Change.ADD, version, 1)
    body = pack("!H", len(sent) - 8) + sent[10:]
    assert list(parse_meters(body)) == [meter]


def test_a_meter_of_others_never_looks_like_ours() -> None:
    remark = pack("!HHI", 24, 1, 5) + pack("!HHIIB3x", 2, 16, 9, 9, 1)
    assert [meter.rate for meter in parse_meters(remark)] == [0]


@pytest.mark.parametrize("version", VERSIONS)
def test_deleting_says_nothing_but_the_identity(version: int) -> None:
    entry = encode_flow(Flow(3, 4, Match.of(in_port=5), (Output(6),)), version)
    other = encode_flow(Flow(3, 4, Match.of(in_port=5), (Output(7),)), version)
    assert entry.cookie != other.cookie
    delete = FlowCommand.DELETE_STRICT
    assert flow_mod(entry, delete, version, 1) == flow_mod(other, delete, version, 1)
    assert flow_mod(entry, FlowCommand.ADD, version, 1) != flow_mod(other, FlowCommand.ADD, version, 1)


def test_an_echo_reply_has_the_requests_xid_and_data() -> None:
    assert echo_reply(echo_request(4, 77, b"data")) == pack("!BBHI", 4, Kind.ECHO_REPLY, 12, 77) + b"data"


@given(st.sets(st.integers(1, 31), min_size=1), st.integers(0, 0xFFFFFFFF))
def test_a_hello_offers_its_versions(offered: set[int], xid: int) -> None:
    assert hello_versions(hello(offered, xid)) == offered


def test_a_hello_without_a_bitmap_offers_all_versions_up_to_its_own() -> None:
    assert hello_versions(pack("!BBHI", 4, 0, 8, 1)) == {1, 2, 3, 4}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_too_long_for_openflow_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        packet_out((Output(1),), bytes(0x10000), 1, version, 1)
    huge = FlowEntry(0, 0, b"", bytes(0xFFFF), 1)
    with pytest.raises(ValueError, match="table 0"):
        flow_mod(huge, FlowCommand.ADD, version, 1)
    with pytest.raises(ValueError, match="bundle"):
        bundle_add(echo_request(version, 1, bytes(0xFFF0)), 1)


@given(versions.flatmap(lambda version: st.tuples(st.just(version), action_lists(OPENFLOW_15))))
def test_what_a_version_cannot_say_is_refused_and_never_left_out(
    case: tuple[int, tuple[Output | UseMeter, ...]],
) -> None:
    version, actions = case
    if version == OPENFLOW_13 and any(isinstance(action, UseMeter) for action in actions):
        with pytest.raises(ValueError, match="meter"):
            encode_actions(actions, version)
    else:
        assert decode_actions(encode_actions(actions, version)) == actions
