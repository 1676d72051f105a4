"""Our bytes are those of os-ken's classes, for every message that os-ken knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from os_ken.ofproto import (
    ofproto_parser,
    ofproto_v1_3,
    ofproto_v1_3_parser,
    ofproto_v1_5,
    ofproto_v1_5_parser,
)
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from sdn_orch.dataplane.connections import OF_CONNECTION
from sdn_orch.openflow.bundle import BundleStep, bundle_add, bundle_control
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.events import parse_error, parse_packet_in
from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.groups import Change, group_mod
from sdn_orch.openflow.messages import (
    FlowCommand,
    FragmentHandling,
    PacketInReason,
    barrier_request,
    echo_request,
    features_request,
    flow_mod,
    packet_out,
    set_async,
    set_config,
)
from sdn_orch.openflow.meters import meter_mod
from sdn_orch.openflow.multipart import Part, multipart_request
from sdn_orch.openflow.oxm import encode_match
from sdn_orch.openflow.ports import parse_port_status
from sdn_orch.openflow.text import format_value
from sdn_orch.openflow.values import (
    ANY,
    CONTROLLER,
    NO_BUFFER,
    OPENFLOW_13,
    OPENFLOW_15,
    ApplyGroup,
    Bucket,
    CopyField,
    DecrementTtl,
    Flow,
    Group,
    GroupType,
    Match,
    Meter,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    UseMeter,
)
from tests.effort import examples
from tests.unit.openflow.strategies import VERSIONS, matches

XID = 0x1234
MODULES: dict[int, tuple[Any, Any]] = {
    OPENFLOW_13: (ofproto_v1_3, ofproto_v1_3_parser),
    OPENFLOW_15: (ofproto_v1_5, ofproto_v1_5_parser),
}
DATAPATHS = {version: ProtocolDesc(version) for version in VERSIONS}
#: Fields that os-ken calls otherwise, and extensions of Open vSwitch that it does not know.
OS_KEN_NAMES = {"tun_src": "tun_ipv4_src", "tun_dst": "tun_ipv4_dst"}
UNKNOWN = {"ip_ttl", "ip_frag", "ipv6_nd_reserved", "ipv6_nd_options_type", "tcp_flags", *OF_CONNECTION}
UNKNOWN |= {f"reg{i}" for i in range(4)}
ADDRESSES = {name for name, field in FIELDS.items() if field.bits in (48, 128)} | {
    name for name in FIELDS if name.startswith(("ipv4", "arp_spa", "arp_tpa", "tun_"))
}

parametrize_version = pytest.mark.parametrize("version", VERSIONS)


def _bytes(message: Any) -> bytes:
    message.set_xid(XID)
    message.serialize()
    return bytes(message.buf)


def _user_value(name: str, value: int) -> int | str:
    return format_value(name, value) if name in ADDRESSES else value


def _os_ken_match(version: int, match: Match) -> Any:
    fields = []
    for name, value, mask in match:
        user = _user_value(name, value)
        known = OS_KEN_NAMES.get(name, name)
        fields.append((known, user if mask is None else (user, _user_value(name, mask))))
    return MODULES[version][1].OFPMatch(_ordered_fields=fields)


@settings(max_examples=examples(300))
@given(matches(), st.sampled_from(VERSIONS))
def test_matches(match: Match, version: int) -> None:
    known = Match(tuple(item for item in match if item[0] not in UNKNOWN))
    buffer = bytearray()
    _os_ken_match(version, known).serialize(buffer, 0)
    length = int.from_bytes(buffer[2:4], "big")
    assert encode_match(known, version) == bytes(buffer[4:length])


def _flow_13() -> tuple[Flow, list[Any]]:
    _, parser = MODULES[OPENFLOW_13]
    flow = Flow(
        3,
        400,
        Match.of(in_port=7, eth_type=0x0800, ipv4_dst=(0x0A000000, 0xFF000000), metadata=(5, 0xFFFFFF)),
        (
            UseMeter(9),
            PushVlan(),
            SetField("vlan_vid", 0x1005),
            PopVlan(),
            DecrementTtl(),
            SetField("eth_dst", 0x020000000001),
            CopyField("arp_sha", "arp_tha", 48),
            CopyField("reg0", "reg1", 16, 3, 5),
            Resubmit(9),
            ApplyGroup(4),
            Output(CONTROLLER, NO_BUFFER),
        ),
        (6, 0xFFFFFF),
        4,
    )
    actions = [
        parser.OFPActionPushVlan(0x8100),
        parser.OFPActionSetField(vlan_vid=0x1005),
        parser.OFPActionPopVlan(),
        parser.OFPActionDecNwTtl(),
        parser.OFPActionSetField(eth_dst="02:00:00:00:00:01"),
        parser.NXActionRegMove("arp_sha_nxm", "arp_tha_nxm", 48),
        parser.NXActionRegMove("reg0", "reg1", 16, 3, 5),
        parser.NXActionResubmitTable(0xFFF8, 9),
        parser.OFPActionGroup(4),
        parser.OFPActionOutput(CONTROLLER, NO_BUFFER),
    ]
    instructions = [
        parser.OFPInstructionMeter(9),
        parser.OFPInstructionActions(ofproto_v1_3.OFPIT_APPLY_ACTIONS, actions),
        parser.OFPInstructionWriteMetadata(6, 0xFFFFFF),
        parser.OFPInstructionGotoTable(4),
    ]
    return flow, instructions


def _flow_15() -> tuple[Flow, list[Any]]:
    ofproto, parser = MODULES[OPENFLOW_15]
    flow, _ = _flow_13()
    actions: list[Any] = [
        parser.OFPActionMeter(9),
        parser.OFPActionPushVlan(0x8100),
        parser.OFPActionSetField(vlan_vid=0x1005),
        parser.OFPActionPopVlan(),
        parser.OFPActionDecNwTtl(),
        parser.OFPActionSetField(eth_dst="02:00:00:00:00:01"),
        _copy_field("arp_sha", "arp_tha", 48),
        _copy_field("reg0", "reg1", 16, 3, 5),
        parser.NXActionResubmitTable(0xFFF8, 9),
        parser.OFPActionGroup(4),
        parser.OFPActionOutput(CONTROLLER, NO_BUFFER),
    ]
    instructions = [
        parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions),
        parser.OFPInstructionWriteMetadata(6, 0xFFFFFF),
        parser.OFPInstructionGotoTable(4),
    ]
    return flow, instructions


def _copy_field(source: str, target: str, bits: int, *offsets: int) -> Any:
    parser = MODULES[OPENFLOW_15][1]
    oxm_ids = [parser.OFPOxmId(source), parser.OFPOxmId(target)]
    return parser.OFPActionCopyField(bits, *(offsets or (0, 0)), oxm_ids)


@parametrize_version
@pytest.mark.parametrize("command", [FlowCommand.ADD, FlowCommand.MODIFY_STRICT, FlowCommand.DELETE_STRICT])
def test_flow_mods(version: int, command: FlowCommand) -> None:
    flow, instructions = _flow_13() if version == OPENFLOW_13 else _flow_15()
    entry = encode_flow(flow, version)
    theirs = MODULES[version][1].OFPFlowMod(
        DATAPATHS[version],
        cookie=entry.cookie if command == FlowCommand.ADD else 0,
        table_id=3,
        command=int(command),
        priority=400,
        out_port=ANY,
        out_group=ANY,
        match=_os_ken_match(version, flow.match),
        instructions=[] if command == FlowCommand.DELETE_STRICT else instructions,
    )
    assert flow_mod(entry, command, version, XID) == _bytes(theirs)


BUCKETS = (
    Bucket((SetField("tunnel_id", 5), Output(1)), weight=3, watch_port=1),
    Bucket((ApplyGroup(8),), weight=2, watch_group=8),
    Bucket((), weight=1),
)


@parametrize_version
@pytest.mark.parametrize("kind", [GroupType.SELECT, GroupType.FAST_FAILOVER])
@pytest.mark.parametrize("change", Change)
def test_group_mods(version: int, kind: GroupType, change: Change) -> None:
    ofproto, parser = MODULES[version]
    actions = [
        [parser.OFPActionSetField(tunnel_id=5), parser.OFPActionOutput(1, 0)],
        [parser.OFPActionGroup(8)],
        [],
    ]
    select = kind == GroupType.SELECT
    theirs: list[Any] = []
    extra: dict[str, Any] = {}
    for number, (bucket, does) in enumerate(zip(BUCKETS, actions, strict=True)):
        if version == OPENFLOW_13:
            weight = bucket.weight if select else 0
            theirs.append(parser.OFPBucket(weight, bucket.watch_port, bucket.watch_group, does))
            continue
        properties = (
            [parser.OFPGroupBucketPropWeight(type_=0, length=8, weight=bucket.weight)] if select else []
        )
        if bucket.watch_port != ANY:
            properties.append(_watch(parser, ofproto.OFPGBPT_WATCH_PORT, bucket.watch_port))
        if bucket.watch_group != ANY:
            properties.append(_watch(parser, ofproto.OFPGBPT_WATCH_GROUP, bucket.watch_group))
        theirs.append(parser.OFPBucket(number, does, properties))
    if version == OPENFLOW_15:
        extra["command_bucket_id"] = ofproto.OFPG_BUCKET_ALL
    if change == Change.DELETE:
        theirs = []
    expected = _bytes(parser.OFPGroupMod(DATAPATHS[version], int(change), kind, 77, buckets=theirs, **extra))
    ours = group_mod(Group(77, kind, BUCKETS), change, version, XID)
    if version == OPENFLOW_15 and select and change != Change.DELETE:
        # os-ken does not know the selection method, which comes last.
        assert ours[-40:] == bytes.fromhex("ffff00280000154d0000000100000000") + b"dp_hash".ljust(24, b"\0")
        ours = ours[:2] + len(expected).to_bytes(2, "big") + ours[4:-40]
    assert ours == expected


def _watch(parser: Any, kind: int, watch: int) -> Any:
    return parser.OFPGroupBucketPropWatch(type_=kind, watch=watch)


@parametrize_version
@pytest.mark.parametrize("packets", [True, False])
def test_meter_mods(version: int, packets: bool) -> None:
    ofproto, parser = MODULES[version]
    flags = (ofproto.OFPMF_PKTPS if packets else ofproto.OFPMF_KBPS) | ofproto.OFPMF_BURST
    theirs = parser.OFPMeterMod(
        DATAPATHS[version],
        ofproto.OFPMC_MODIFY,
        flags,
        5,
        [parser.OFPMeterBandDrop(rate=100, burst_size=50)],
    )
    assert meter_mod(Meter(5, 100, 50, packets), Change.MODIFY, version, XID) == _bytes(theirs)


@parametrize_version
def test_packet_outs(version: int) -> None:
    ofproto, parser = MODULES[version]
    actions, data = [parser.OFPActionOutput(4, 0)], b"a frame of thirty-one bytes, say"
    if version == OPENFLOW_13:
        where = {"in_port": 9}
    else:
        where = {"match": parser.OFPMatch(in_port=9)}
    theirs = parser.OFPPacketOut(
        DATAPATHS[version], ofproto.OFP_NO_BUFFER, actions=actions, data=data, **where
    )
    assert packet_out((Output(4),), data, 9, version, XID) == _bytes(theirs)


@parametrize_version
def test_small_messages(version: int) -> None:
    ofproto, parser = MODULES[version]
    datapath = DATAPATHS[version]
    assert barrier_request(version, XID) == _bytes(parser.OFPBarrierRequest(datapath))
    assert echo_request(version, XID, b"ping") == _bytes(parser.OFPEchoRequest(datapath, b"ping"))
    assert features_request(version, XID) == _bytes(parser.OFPFeaturesRequest(datapath))
    assert set_config(version, XID, FragmentHandling.DROP, 128) == _bytes(
        parser.OFPSetConfig(datapath, ofproto.OFPC_FRAG_DROP, 128)
    )


def test_asynchronous_messages() -> None:
    reasons = (PacketInReason.ACTION, PacketInReason.INVALID_TTL)
    _, parser = MODULES[OPENFLOW_13]
    theirs = parser.OFPSetAsync(DATAPATHS[OPENFLOW_13], [0b110, 0], [0b111, 0b111], [0, 0])
    assert set_async(OPENFLOW_13, XID, reasons) == _bytes(theirs)
    _, parser = MODULES[OPENFLOW_15]
    properties = [
        parser.OFPAsyncConfigPropReasons(type_=number, length=8, mask=mask)
        for number, mask in enumerate((0, 0b110, 0b111, 0b111, 0, 0b1111))
    ]
    theirs = parser.OFPSetAsync(DATAPATHS[OPENFLOW_15], properties)
    assert set_async(OPENFLOW_15, XID, reasons, flow_removed=True) == _bytes(theirs)


@parametrize_version
def test_bundles(version: int) -> None:
    _, parser = MODULES[version]
    datapath = DATAPATHS[version]
    control = parser.ONFBundleCtrlMsg if version == OPENFLOW_13 else parser.OFPBundleCtrlMsg
    add = parser.ONFBundleAddMsg if version == OPENFLOW_13 else parser.OFPBundleAddMsg
    for step in BundleStep:
        theirs = control(datapath, 7, int(step), 3, [])
        assert bundle_control(step, 7, version, XID) == _bytes(theirs)
    theirs = add(datapath, 7, 3, parser.OFPBarrierRequest(datapath), [])
    assert bundle_add(barrier_request(version, XID), 7) == _bytes(theirs)


@parametrize_version
def test_multipart_requests(version: int) -> None:
    ofproto, parser = MODULES[version]
    datapath = DATAPATHS[version]
    newer = version == OPENFLOW_15
    flows = parser.OFPFlowDescStatsRequest if newer else parser.OFPFlowStatsRequest
    meters = parser.OFPMeterDescStatsRequest if newer else parser.OFPMeterConfigStatsRequest
    theirs = {
        Part.DESCRIPTION: parser.OFPDescStatsRequest(datapath, 0),
        Part.FLOW: flows(datapath, 0, 255, ANY, ANY, 0, 0, parser.OFPMatch()),
        Part.GROUP_FEATURES: parser.OFPGroupFeaturesStatsRequest(datapath, 0),
        Part.METER_CONFIG: meters(datapath, 0, ofproto.OFPM_ALL),
        Part.METER_FEATURES: parser.OFPMeterFeaturesStatsRequest(datapath, 0),
    }
    if newer:
        theirs[Part.GROUP_DESCRIPTION] = parser.OFPGroupDescStatsRequest(datapath, 0, ofproto.OFPG_ALL)
        theirs[Part.PORT_DESCRIPTION] = parser.OFPPortDescStatsRequest(datapath, 0, ANY)
    else:
        theirs[Part.GROUP_DESCRIPTION] = parser.OFPGroupDescStatsRequest(datapath, 0)
        theirs[Part.PORT_DESCRIPTION] = parser.OFPPortDescStatsRequest(datapath, 0)
    for part, request in theirs.items():
        assert multipart_request(part, version, XID) == _bytes(request), part


@parametrize_version
def test_packet_ins_are_read_as_os_ken_reads_them(version: int) -> None:
    match = bytes.fromhex("0001002080000004000000098000040800000000000000070001420401020304")
    frame = bytes(range(60))
    body = bytes.fromhex("ffffffff05dc01030000000000000bad") + match.ljust(32, b"\0") + b"\0\0" + frame
    data = bytes((version, 10)) + (8 + len(body)).to_bytes(2, "big") + bytes(4) + body
    theirs = ofproto_parser.msg(DATAPATHS[version], version, 10, len(data), 0, data)
    ours = parse_packet_in(data)
    assert (ours.reason, ours.table, ours.cookie) == (theirs.reason, theirs.table_id, theirs.cookie)
    assert (ours.in_port, ours.metadata) == (theirs.match["in_port"], theirs.match["metadata"])
    assert (ours.length, ours.frame) == (theirs.total_len, bytes(theirs.data)) == (1500, frame)


@pytest.mark.parametrize(
    ("state", "asked"), [(0xA1, True), (0xA2, True), (0xAA, False), (0x22, False), (0x62, False)]
)
def test_packet_ins_tell_what_connection_tracking_has_changed(state: int, asked: bool) -> None:
    """The destination of whoever began, and not the source that answers are sent to."""
    address = bytes(range(16))
    match = bytes.fromhex("80000004000000090001d308") + state.to_bytes(4, "big") + bytes.fromhex("000000ff")
    match += bytes.fromhex("0001f610") + address + bytes.fromhex("0001fa021b58")
    body = bytes.fromhex("ffffffff05dc01030000000000000bad0001") + (4 + len(match)).to_bytes(2, "big")
    body += match + bytes(-(4 + len(match)) % 8) + b"\0\0" + bytes(60)
    data = bytes((OPENFLOW_15, 10)) + (8 + len(body)).to_bytes(2, "big") + bytes(4) + body
    assert parse_packet_in(data).asked == ((address, 7000) if asked else None)


@parametrize_version
def test_port_changes_are_read_as_os_ken_reads_them(version: int) -> None:
    name, mac = b"leaf1-eth3".ljust(16, b"\0"), bytes.fromhex("0200000000ab")
    if version == OPENFLOW_13:
        tail = b"".join(value.to_bytes(4, "big") for value in (0, 1, 64, 0, 0, 0, 1_000_000, 0))
    else:
        ethernet = bytes.fromhex("0000002000000000") + b"".join(
            value.to_bytes(4, "big") for value in (64, 0, 0, 0, 1_000_000, 0)
        )
        tail = bytes.fromhex("0000000000000001") + ethernet
    length = bytes(2) if version == OPENFLOW_13 else (72).to_bytes(2, "big")
    port = (3).to_bytes(4, "big") + length + bytes(2) + mac + bytes(2) + name + tail
    data = bytes((version, 12)) + (16 + len(port)).to_bytes(2, "big") + bytes(4) + b"\x02" + bytes(7) + port
    theirs = ofproto_parser.msg(DATAPATHS[version], version, 12, len(data), 0, data)
    change, ours = parse_port_status(data, version)
    assert change == theirs.reason == 2
    described = theirs.desc
    assert (ours.number, format_value("eth_src", ours.mac)) == (described.port_no, described.hw_addr)
    assert ours.name == described.name.decode().rstrip("\0")
    assert (ours.config, ours.state, ours.up) == (described.config, described.state, False)
    assert ours.speed == (
        described.curr_speed if version == OPENFLOW_13 else described.properties[0].curr_speed
    )


@pytest.mark.parametrize(
    ("kind", "code", "name"),
    [
        (kind, code, f"{family}: {name.removeprefix(prefix)}")
        for family, prefix in (
            ("BAD_REQUEST", "OFPBRC_"),
            ("BAD_ACTION", "OFPBAC_"),
            ("BAD_INSTRUCTION", "OFPBIC_"),
            ("BAD_MATCH", "OFPBMC_"),
            ("FLOW_MOD_FAILED", "OFPFMFC_"),
            ("GROUP_MOD_FAILED", "OFPGMFC_"),
            ("METER_MOD_FAILED", "OFPMMFC_"),
            ("ROLE_REQUEST_FAILED", "OFPRRFC_"),
            ("BAD_PROPERTY", "OFPBPC_"),
            ("BUNDLE_FAILED", "OFPBFC_"),
        )
        for kind in [getattr(ofproto_v1_5, f"OFPET_{family}")]
        for name, code in vars(ofproto_v1_5).items()
        if name.startswith(prefix)
    ],
)
def test_errors_have_the_names_of_the_specification(kind: int, code: int, name: str) -> None:
    data = bytes((6, 1, 0, 20)) + XID.to_bytes(4, "big") + kind.to_bytes(2, "big") + code.to_bytes(2, "big")
    error = parse_error(data + b"whatever")
    assert (error.text, error.xid, error.data) == (name, XID, b"whatever")


def test_errors_of_extensions_are_named_too() -> None:
    head = bytes((4, 1, 0, 16)) + bytes(4) + b"\xff\xff"
    assert parse_error(head + (2304).to_bytes(2, "big") + b"ONF\0").text == "BUNDLE_FAILED: BUNDLE_CLOSED"
    assert parse_error(head + (2).to_bytes(2, "big") + bytes.fromhex("00002320")).text == "Nicira error 2"
    assert parse_error(head[:8] + bytes.fromhex("00630007")).text == "error of type 99: code 7"
