"""Flows, groups and meters as people and ovs-ofctl read them."""

from __future__ import annotations

import pytest

from sdn_orch.openflow.text import (
    flow_to_ofctl,
    format_match,
    group_to_ofctl,
    meter_to_ofctl,
)
from sdn_orch.openflow.values import (
    CONTROLLER,
    IN_PORT,
    LOCAL,
    NO_BUFFER,
    ApplyGroup,
    Bucket,
    CheckPacketLarger,
    Clone,
    CopyField,
    DecrementTtl,
    Flow,
    Foreign,
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


@pytest.mark.parametrize(
    ("match", "text"),
    [
        (Match.of(), ""),
        (Match.of(in_port=LOCAL, eth_type=0x88CC), "in_port=LOCAL,eth_type=0x88cc"),
        (Match.of(eth_dst=(0x020009 << 24, 0xE3FFFF << 24)), "eth_dst=02:00:09:00:00:00/e3:ff:ff:00:00:00"),
        (Match.of(ipv4_dst=(0x0A010200, 0xFFFFFF00), ip_ttl=1), "ip_dst=10.1.2.0/24,nw_ttl=1"),
        (Match.of(ip_frag=0, ip_proto=17), "nw_frag=no,nw_proto=17"),
        (Match.of(ip_frag=1), "nw_frag=first"),
        (Match.of(ip_frag=3), "nw_frag=later"),
        (Match.of(ipv4_src=0, arp_tpa=(1, 1)), "ip_src=0.0.0.0,arp_tpa=0.0.0.1/0.0.0.1"),
        (Match.of(ipv6_dst=(0xFF02 << 112, 0xFFFF << 112)), "ipv6_dst=ff02::/16"),
        (Match.of(ipv6_src=(1, 3)), "ipv6_src=::1/::3"),
        (
            Match.of(metadata=(7, 0xFFFFFF), tcp_dst=(0x400, 0xFC00)),
            "tcp_dst=1024/0xfc00,metadata=0x7/0xffffff",
        ),
        (Match.of(ipv6_nd_target=1, ipv6_nd_sll=2), "nd_target=::1,nd_sll=00:00:00:00:00:02"),
    ],
)
def test_a_match(match: Match, text: str) -> None:
    assert format_match(match) == text


def test_a_flow_with_every_action() -> None:
    flow = Flow(
        4,
        100,
        Match.of(in_port=1),
        (
            UseMeter(7),
            PopVlan(),
            PushVlan(),
            DecrementTtl(),
            SetField("eth_dst", 0x020000000001),
            SetField("eth_dst", 0x06 << 40, 0xFC << 40),
            CopyField("eth_src", "eth_dst", 48),
            CopyField("ipv4_dst", "eth_dst", 23),
            CopyField("reg0", "reg1", 1, 3, 4),
            CheckPacketLarger(1514, "reg0", 1),
            Resubmit(10),
            Clone((SetField("metadata", 1, 3), UseMeter(7), Resubmit(10))),
            ApplyGroup(3),
            Output(5),
            Output(IN_PORT),
            Output(CONTROLLER, NO_BUFFER),
            Foreign(b"\x00\x15"),
        ),
        (5, 0xFF),
        9,
    )
    names = {4: "ANSWER", 9: "FORWARD", 10: "TRANSIT"}
    assert flow_to_ofctl(flow, names.__getitem__, 0x1F).split(" actions=") == [
        "cookie=0x1f,table=ANSWER,priority=100,in_port=1",
        "meter:7,pop_vlan,push_vlan:0x8100,dec_ttl,set_field:02:00:00:00:00:01->eth_dst,"
        "set_field:04:00:00:00:00:00/fc:00:00:00:00:00->eth_dst,move:eth_src[]->eth_dst[],"
        "move:ip_dst[0..22]->eth_dst[0..22],move:reg0[3]->reg1[4],check_pkt_larger(1514)->reg0[1],"
        "resubmit(,TRANSIT),clone(set_field:0x1/0x3->metadata,meter:7,resubmit(,TRANSIT)),group:3,output:5,IN_PORT,CONTROLLER:65535,foreign(0015),"
        "write_metadata:0x5/0xff,goto_table:FORWARD",
    ]


def test_a_flow_that_drops_everything() -> None:
    assert flow_to_ofctl(Flow(1, 0, Match.of())) == "table=1,priority=0 actions=drop"


def test_groups() -> None:
    buckets = (Bucket((Output(1),), 2, watch_port=1), Bucket((), 3, watch_group=8))
    assert group_to_ofctl(Group(7, GroupType.SELECT, buckets)) == (
        "group_id=7,type=select,selection_method=dp_hash,"
        "bucket=bucket_id:0,weight:2,watch_port:1,actions=output:1,"
        "bucket=bucket_id:1,weight:3,watch_group:8,actions=drop"
    )
    assert group_to_ofctl(Group(7, GroupType.FAST_FAILOVER, ())) == "group_id=7,type=fast_failover"


def test_meters() -> None:
    assert meter_to_ofctl(Meter(1, 10, 5)) == "meter=1,pktps,burst,bands=type=drop,rate=10,burst_size=5"
    assert meter_to_ofctl(Meter(2, 10, 0, False)) == "meter=2,kbps,bands=type=drop,rate=10"
