"""What we send is, byte for byte, what Open vSwitch shows; so a dump can be compared as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sdn_orch.openflow.bundle import BundleStep, bundle_add, bundle_control
from sdn_orch.openflow.codec import decode_flow, encode_flow
from sdn_orch.openflow.events import parse_error, parse_features, parse_packet_in
from sdn_orch.openflow.groups import Change, group_mod
from sdn_orch.openflow.messages import (
    FlowCommand,
    FragmentHandling,
    Kind,
    PacketInReason,
    features_request,
    flow_mod,
    message,
    packet_out,
    set_async,
    set_config,
)
from sdn_orch.openflow.meters import meter_mod
from sdn_orch.openflow.multipart import (
    Part,
    parse_description,
    parse_group_features,
    parse_meter_features,
)
from sdn_orch.openflow.ports import PortChange, PortDescription, parse_port_status, parse_ports
from sdn_orch.openflow.text import flow_to_ofctl, group_to_ofctl, meter_to_ofctl
from sdn_orch.openflow.values import (
    ANY,
    CONTROLLER,
    LOCAL,
    NO_BUFFER,
    OPENFLOW_13,
    OPENFLOW_15,
    ApplyGroup,
    Bucket,
    DecrementTtl,
    Flow,
    Group,
    GroupType,
    Match,
    Output,
    SetField,
)
from tests.ovs.cases import FLOWS, GROUPS, METERS, ONLY_IN_15
from tests.ovs.openflow_session import Session, bridge, run

pytestmark = pytest.mark.ovs


@pytest.fixture(scope="module")
def switch() -> Iterator[str]:
    with bridge("echo-stable", "echo-p1", "echo-p2") as name:
        yield name


@pytest.fixture(params=[OPENFLOW_13, OPENFLOW_15], ids=["1.3", "1.5"])
def session(switch: str, request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(switch, request.param) as opened:
        opened.clear()
        yield opened
        opened.clear()


def _add_groups_and_meters(session: Session) -> None:
    for meter in METERS.values():
        session.tell(meter_mod(meter, Change.ADD, session.version, session.xid()))
    for group in GROUPS.values():
        session.tell(group_mod(group, Change.ADD, session.version, session.xid()))


@pytest.mark.parametrize(
    ("session", "name"),
    [
        pytest.param(version, name, id=f"{said}-{name}")
        for version, said in ((OPENFLOW_13, "1.3"), (OPENFLOW_15, "1.5"))
        for name in FLOWS
        if version == OPENFLOW_15 or name not in ONLY_IN_15
    ],
    indirect=["session"],
)
def test_a_dump_shows_a_flow_as_it_was_sent(session: Session, name: str) -> None:
    _add_groups_and_meters(session)
    entry = encode_flow(FLOWS[name], session.version)
    session.tell(flow_mod(entry, FlowCommand.ADD, session.version, session.xid()))
    [(shown, counters)] = session.flows()
    assert (shown.match.hex(), shown.instructions.hex()) == (entry.match.hex(), entry.instructions.hex())
    assert shown == entry
    assert decode_flow(shown, session.version) == FLOWS[name]
    assert counters[:2] == (0, 0)
    assert counters[2] < 10
    session.tell(flow_mod(entry, FlowCommand.DELETE_STRICT, session.version, session.xid()))
    assert session.flows() == []


def _watched(group: Group) -> int:
    """Only these types have buckets that can be dead; elsewhere Open vSwitch forgets what is watched."""
    return 2 if group.type in (GroupType.SELECT, GroupType.FAST_FAILOVER) else ANY


@pytest.mark.parametrize("name", GROUPS)
def test_a_dump_shows_a_group_as_it_was_sent(session: Session, name: str) -> None:
    version = session.version
    if name == "failover":
        session.tell(group_mod(GROUPS["flood"], Change.ADD, version, session.xid()))
    group = GROUPS[name]
    session.tell(group_mod(group, Change.ADD, version, session.xid()))
    assert session.groups()[group.number] == group
    changed = replace(group, buckets=(Bucket((Output(2),), watch_port=_watched(group)),))
    session.tell(group_mod(changed, Change.MODIFY, version, session.xid()))
    assert session.groups()[group.number] == changed
    session.tell(group_mod(group, Change.DELETE, version, session.xid()))
    assert group.number not in session.groups()


@pytest.mark.parametrize("name", METERS)
def test_a_dump_shows_a_meter_as_it_was_sent(session: Session, name: str) -> None:
    meter = METERS[name]
    session.tell(meter_mod(meter, Change.ADD, session.version, session.xid()))
    assert session.meters() == {meter.number: meter}
    changed = replace(meter, rate=meter.rate + 1)
    session.tell(meter_mod(changed, Change.MODIFY, session.version, session.xid()))
    assert session.meters() == {meter.number: changed}
    session.tell(meter_mod(meter, Change.DELETE, session.version, session.xid()))
    assert session.meters() == {}


def test_openflow_15_groups_hash_in_the_datapath(switch: str) -> None:
    with Session(switch, OPENFLOW_15) as session:
        session.clear()
        session.tell(group_mod(GROUPS["next hops"], Change.ADD, OPENFLOW_15, session.xid()))
        assert "selection_method=dp_hash" in run("ovs-ofctl", "-O", "OpenFlow15", "dump-groups", switch)
        session.clear()


def test_adding_a_flow_again_replaces_it_and_its_cookie(session: Session) -> None:
    version = session.version
    old, new = (encode_flow(Flow(0, 1, Match.of(in_port=1), (Output(port),)), version) for port in (1, 2))
    for entry in (old, new):
        session.tell(flow_mod(entry, FlowCommand.ADD, version, session.xid()))
    assert [shown for shown, _ in session.flows()] == [new]
    session.tell(flow_mod(old, FlowCommand.MODIFY_STRICT, version, session.xid()))
    [(shown, _)] = session.flows()
    assert (shown.instructions, shown.cookie) == (old.instructions, new.cookie)
    # The cookie is not looked at.
    session.tell(flow_mod(old, FlowCommand.DELETE_STRICT, version, session.xid()))
    assert session.flows() == []


def _step(reply: bytes) -> int:
    """The step that a bundle control reply answers for, one more than the request's."""
    return int.from_bytes(reply[-4:-2], "big")


def _commit(session: Session, *messages: bytes) -> tuple[list[bytes], list[bytes]]:
    """Put messages into a bundle and commit it; what was answered before the commit, and to it."""
    version, flags = session.version, 3
    opened = session.ask(bundle_control(BundleStep.OPEN_REQUEST, 1, version, session.xid(), flags))
    assert [_step(item) for item in opened] == [BundleStep.OPEN_REQUEST + 1]
    adding = session.ask(*(bundle_add(item, 1, flags) for item in messages))
    commit = session.ask(bundle_control(BundleStep.COMMIT_REQUEST, 1, version, session.xid(), flags))
    return adding, commit


def test_a_bundle_is_carried_out_as_one(session: Session) -> None:
    version, wrong = session.version, session.xid()
    group = group_mod(GROUPS["flood"], Change.ADD, version, session.xid())
    good = encode_flow(Flow(0, 1, Match.of(in_port=1), (Output(2),)), version)
    bad = encode_flow(Flow(3, 1, Match.of(in_port=1), (ApplyGroup(99),)), version)
    add_good = flow_mod(good, FlowCommand.ADD, version, session.xid())
    adding, commit = _commit(session, group, add_good, flow_mod(bad, FlowCommand.ADD, version, wrong))
    assert adding == []
    first, last = (parse_error(item) for item in commit)
    assert (first.xid, first.text) == (wrong, "BAD_ACTION: BAD_OUT_GROUP")
    assert last.text == "BUNDLE_FAILED: MSG_FAILED"
    assert session.flows() == []
    assert session.groups() == {}

    adding, commit = _commit(session, group, add_good)
    assert adding == []
    assert [_step(item) for item in commit] == [BundleStep.COMMIT_REQUEST + 1]
    assert [shown for shown, _ in session.flows()] == [good]
    assert session.groups() == {1: GROUPS["flood"]}


def test_a_message_that_a_bundle_refuses_is_left_out_of_it(session: Session) -> None:
    """So whoever commits has to have waited for the answers to the messages first."""
    version, wrong = session.version, session.xid()
    good = encode_flow(Flow(0, 1, Match.of(in_port=1), (Output(2),)), version)
    backwards = encode_flow(Flow(3, 1, Match.of(in_port=1), goto=3), version)
    adding, commit = _commit(
        session,
        flow_mod(good, FlowCommand.ADD, version, session.xid()),
        flow_mod(backwards, FlowCommand.ADD, version, wrong),
    )
    [error] = [parse_error(item) for item in adding]
    assert (error.xid, error.text) == (wrong, "BAD_INSTRUCTION: BAD_TABLE_ID")
    assert [_step(item) for item in commit] == [BundleStep.COMMIT_REQUEST + 1]
    assert [shown for shown, _ in session.flows()] == [good]


def test_what_the_switch_says_of_itself(session: Session) -> None:
    version = session.version
    [features] = session.ask(features_request(version, session.xid()))
    assert parse_features(features).tables == 254
    [description] = session.read(Part.DESCRIPTION)
    assert parse_description(description).hardware == "Open vSwitch"
    [groups] = session.read(Part.GROUP_FEATURES)
    assert parse_group_features(groups).types == sum(1 << kind for kind in GroupType)
    [meters] = session.read(Part.METER_FEATURES)
    assert parse_meter_features(meters).suffices
    ports = {
        port.name: port for body in session.read(Part.PORT_DESCRIPTION) for port in parse_ports(body, version)
    }
    assert {name: port.number for name, port in ports.items()} == {
        "echo-stable": LOCAL,
        "echo-p1": 1,
        "echo-p2": 2,
    }
    assert not ports["echo-p1"].up


def test_fragment_handling_is_kept(session: Session) -> None:
    for handling in (FragmentHandling.NX_MATCH, FragmentHandling.NORMAL):
        session.tell(set_config(session.version, session.xid(), handling))
        [config] = session.ask(message(session.version, Kind.GET_CONFIG_REQUEST, session.xid()))
        assert config[8:] == bytes((0, handling, 0xFF, 0xFF))


def test_a_packet_in_carries_metadata_and_the_whole_frame(session: Session) -> None:
    version = session.version
    session.tell(
        set_config(version, session.xid(), FragmentHandling.NORMAL),
        set_async(version, session.xid(), list(PacketInReason)),
    )
    punt = encode_flow(Flow(4, 7, Match.of(metadata=(99, 0xFF)), (Output(CONTROLLER, NO_BUFFER),)), version)
    start = encode_flow(
        Flow(0, 7, Match.of(in_port=1), (SetField("tunnel_id", 5),), (99, 0xFFFF), 4), version
    )
    for entry in (punt, start):
        session.tell(flow_mod(entry, FlowCommand.ADD, version, session.xid()))
    frame = bytes.fromhex("ffffffffffff02a1b2c3d4e588b5") + bytes(range(200))
    session.tell(packet_out((Output(0xFFFFFFF9),), frame, 1, version, session.xid()))
    packet = parse_packet_in(session.wait(Kind.PACKET_IN))
    assert (packet.table, packet.cookie, packet.in_port) == (4, punt.cookie, 1)
    assert (packet.metadata, packet.tunnel_id) == (99, 5)
    reason = PacketInReason.ACTION if version == OPENFLOW_13 else PacketInReason.PACKET_OUT
    assert (packet.reason, packet.length, packet.frame) == (reason, len(frame), frame)


def test_a_packet_whose_time_to_live_runs_out_comes_up_when_asked_for(session: Session) -> None:
    version = session.version
    route = encode_flow(Flow(0, 7, Match.of(eth_type=0x0800), (DecrementTtl(), Output(2))), version)
    session.tell(
        set_config(version, session.xid(), FragmentHandling.NORMAL),
        set_async(version, session.xid(), [PacketInReason.INVALID_TTL]),
        flow_mod(route, FlowCommand.ADD, version, session.xid()),
    )
    header = bytes.fromhex("4500001c000000000111") + bytes(2) + bytes.fromhex("0a0000010a000002")
    frame = (
        bytes.fromhex("0e000000000702a1b2c3d4e50800") + header + bytes.fromhex("0001000200080000") + bytes(18)
    )
    session.tell(packet_out((Output(0xFFFFFFF9),), frame, 1, version, session.xid()))
    packet = parse_packet_in(session.wait(Kind.PACKET_IN))
    assert (packet.reason, packet.in_port, packet.frame) == (PacketInReason.INVALID_TTL, 1, frame)


def test_a_new_port_is_told_at_once(switch: str, session: Session) -> None:
    version = session.version
    session.tell(
        set_config(version, session.xid(), FragmentHandling.NORMAL), set_async(version, session.xid(), [])
    )
    run("ovs-vsctl", "add-port", switch, "echo-p3", "--", "set", "interface", "echo-p3", "type=internal")
    added = _next_change(session, PortChange.ADD)
    run("ovs-vsctl", "del-port", switch, "echo-p3")
    removed = _next_change(session, PortChange.DELETE)
    assert added.name == removed.name == "echo-p3"
    assert added.number == removed.number


def _next_change(session: Session, wanted: PortChange) -> PortDescription:
    """The next port that was added or removed; the bridge's own port may change its address meanwhile."""
    while True:
        change, port = parse_port_status(session.wait(Kind.PORT_STATUS), session.version)
        if change == wanted:
            return port


def test_errors_name_what_was_wrong(session: Session) -> None:
    version = session.version
    nowhere = Group(9, GroupType.INDIRECT, (Bucket((Output(1),)),))
    cases = [
        (group_mod(nowhere, Change.MODIFY, version, session.xid()), "GROUP_MOD_FAILED: UNKNOWN_GROUP"),
        (meter_mod(METERS["one"], Change.MODIFY, version, session.xid()), "METER_MOD_FAILED: UNKNOWN_METER"),
    ]
    for refused, text in cases:
        [answer] = session.ask(refused)
        error = parse_error(answer)
        assert (error.text, error.xid) == (text, int.from_bytes(refused[4:8], "big"))
        assert refused.startswith(error.data[:8])


@pytest.mark.parametrize("name", FLOWS)
def test_ovs_ofctl_takes_a_flow_as_we_print_it(switch: str, name: str) -> None:
    with Session(switch, OPENFLOW_15) as session:
        session.clear()
        _add_groups_and_meters(session)
        flow = FLOWS[name]
        run("ovs-ofctl", "-O", "OpenFlow15", "add-flow", switch, flow_to_ofctl(flow, cookie=5))
        [(shown, _)] = session.flows()
        assert decode_flow(shown, OPENFLOW_15) == flow
        assert shown.cookie == 5
        session.clear()


def test_ovs_ofctl_takes_groups_and_meters_as_we_print_them(switch: str) -> None:
    with Session(switch, OPENFLOW_15) as session:
        session.clear()
        for meter in METERS.values():
            run("ovs-ofctl", "-O", "OpenFlow15", "add-meter", switch, meter_to_ofctl(meter))
        for group in GROUPS.values():
            run("ovs-ofctl", "-O", "OpenFlow15", "add-group", switch, group_to_ofctl(group))
        assert session.meters() == {meter.number: meter for meter in METERS.values()}
        assert session.groups() == {group.number: group for group in GROUPS.values()}
        session.clear()
