"""Flows, groups and meters of every form that the pipeline has, by what they are for."""

from __future__ import annotations

from sdn_orch.openflow.values import (
    ALL,
    ANY,
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
    Group,
    GroupType,
    HashSource,
    Learn,
    Match,
    Meter,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    Side,
    Track,
    Translate,
    UseMeter,
)

MAC = 0x02A1B2C3D4E5
GATEWAY = 0x0E0000000007
IPV4 = 0x0A010203
LABEL = 1 << 48 | IPV4 << 16 | 8080
IPV6 = 0x20010DB8 << 96 | 7
NETWORK, ROUTER = 0xFFFFFF, 0xFFFFF << 24
TO_CONTROLLER = Output(CONTROLLER, NO_BUFFER)
ARP, IP, IP6, LLDP = 0x0806, 0x0800, 0x86DD, 0x88CC

#: The flows that OpenFlow 1.3 has no words for.
ONLY_IN_15 = ("ended",)
FLOWS: dict[str, Flow] = {
    "lldp": Flow(0, 900, Match.of(eth_type=LLDP), (TO_CONTROLLER,)),
    "access port": Flow(0, 500, Match.of(in_port=1), metadata=(7 | 3 << 24, NETWORK | ROUTER), goto=1),
    "trunk": Flow(0, 500, Match.of(in_port=1, vlan_vid=0x1005), (PopVlan(),), (7, NETWORK), 1),
    "trunk, untagged": Flow(0, 501, Match.of(in_port=1, vlan_vid=0), metadata=(7, NETWORK), goto=1),
    "trunk, any tag": Flow(0, 502, Match.of(in_port=1, vlan_vid=(0x1000, 0x1000), vlan_pcp=3), (PopVlan(),)),
    "label, self": Flow(0, 400, Match.of(in_port=2, eth_dst=(0x02 << 40 | 9 << 24, 0xE3FFFF << 24)), goto=11),
    "label, other": Flow(0, 300, Match.of(in_port=2, eth_dst=(0x02 << 40, 0x03 << 40)), goto=10),
    "vxlan": Flow(
        0, 400, Match.of(in_port=2, tunnel_id=9, tun_src=IPV4, tun_dst=1), metadata=(7, NETWORK), goto=12
    ),
    "learning": Flow(0, 1, Match.of(in_port=1), (UseMeter(7), TO_CONTROLLER)),
    "everything": Flow(0, 0, Match.of(), metadata=(0, (1 << 64) - 1), goto=1),
    "arp source": Flow(
        1,
        100,
        Match.of(
            in_port=1,
            eth_src=MAC,
            eth_dst=MAC,
            eth_type=ARP,
            arp_op=1,
            arp_spa=IPV4,
            arp_tpa=(0x0A000000, 0xFF000000),
            arp_sha=MAC,
            arp_tha=(0, 0x010000000000),
            metadata=(7, NETWORK),
        ),
        goto=3,
    ),
    "dhcp source": Flow(
        1,
        100,
        Match.of(
            in_port=1,
            eth_src=MAC,
            eth_type=IP,
            ipv4_src=0,
            ipv4_dst=0xFFFFFFFF,
            ip_proto=17,
            udp_src=68,
            udp_dst=67,
        ),
        goto=3,
    ),
    "no multicast source": Flow(1, 900, Match.of(eth_src=(1 << 40, 1 << 40))),
    "ipv6 source": Flow(1, 100, Match.of(in_port=1, eth_src=MAC, eth_type=IP6, ipv6_src=IPV6), goto=3),
    "solicitation": Flow(
        2,
        100,
        Match.of(
            in_port=1,
            eth_type=IP6,
            ipv6_src=IPV6,
            ipv6_dst=(0xFF02 << 112, 0xFFFF << 112),
            ip_ttl=255,
            ip_proto=58,
            icmpv6_type=135,
            icmpv6_code=0,
            ipv6_nd_target=IPV6,
            ipv6_nd_sll=MAC,
        ),
        goto=3,
    ),
    "advertisement": Flow(
        2,
        100,
        Match.of(
            eth_type=IP6,
            ip_proto=58,
            icmpv6_type=136,
            ipv6_nd_target=(IPV6, (1 << 128) - 16),
            ipv6_nd_reserved=0x60000000,
            ipv6_nd_options_type=2,
            ipv6_nd_tll=MAC,
            metadata=(7, NETWORK),
        ),
        goto=3,
    ),
    "service": Flow(
        3,
        100,
        Match.of(in_port=1, eth_type=IP6, ip_proto=17, udp_src=546, udp_dst=547),
        (UseMeter(1), TO_CONTROLLER),
    ),
    "arp answer": Flow(
        4,
        100,
        Match.of(eth_type=ARP, arp_op=1, arp_tpa=IPV4, metadata=(7, NETWORK)),
        (
            CopyField("eth_src", "eth_dst", 48),
            SetField("eth_src", MAC),
            SetField("arp_op", 2),
            CopyField("arp_sha", "arp_tha", 48),
            SetField("arp_sha", MAC),
            CopyField("arp_spa", "arp_tpa", 32),
            SetField("arp_spa", IPV4),
            Output(IN_PORT),
        ),
    ),
    "ping answer": Flow(
        4,
        100,
        Match.of(eth_type=IP, ipv4_dst=IPV4, ip_proto=1, icmpv4_type=8, icmpv4_code=0),
        (
            CopyField("eth_src", "eth_dst", 48),
            SetField("eth_src", GATEWAY),
            CopyField("ipv4_src", "ipv4_dst", 32),
            SetField("ipv4_src", IPV4),
            SetField("icmpv4_type", 0),
            SetField("ip_ttl", 64),
            Output(IN_PORT),
        ),
    ),
    "ping6 answer": Flow(
        4,
        100,
        Match.of(eth_type=IP6, ipv6_dst=IPV6, ip_proto=58, icmpv6_type=128, icmpv6_code=0),
        (
            CopyField("ipv6_src", "ipv6_dst", 128),
            SetField("ipv6_src", IPV6),
            SetField("icmpv6_type", 129),
            SetField("icmpv6_code", 0),
            Output(IN_PORT),
        ),
    ),
    "solicited": Flow(
        4,
        100,
        Match.of(eth_type=IP6, ip_proto=58, icmpv6_type=135, ipv6_nd_target=IPV6),
        (SetField("icmpv6_type", 136), CopyField("ipv6_src", "ipv6_dst", 128), SetField("ipv6_src", IPV6)),
        goto=5,
    ),
    "neighbour answer": Flow(
        5,
        100,
        Match.of(eth_type=IP6, ip_proto=58, icmpv6_type=136),
        (
            SetField("ipv6_nd_reserved", 0x60000000),
            SetField("ipv6_nd_options_type", 2),
            SetField("ipv6_nd_tll", MAC),
            SetField("ipv6_nd_target", IPV6),
            Output(IN_PORT),
        ),
    ),
    "first fragment": Flow(
        2,
        600,
        Match.of(
            eth_type=IP6, ipv6_src=IPV6, ip_frag=1, ip_dscp=46, ip_proto=58, icmpv6_type=136, icmpv6_code=0
        ),
    ),
    "later fragment": Flow(
        2, 600, Match.of(eth_type=IP, ipv4_dst=0x0A010203, ip_frag=3, ip_ttl=9, ip_proto=17)
    ),
    "no fragment": Flow(2, 600, Match.of(eth_type=IP, ip_frag=0, ip_proto=1, icmpv4_type=8)),
    "hop limit": Flow(6, 900, Match.of(eth_type=IP, ip_ttl=1), (UseMeter(1), TO_CONTROLLER)),
    "route": Flow(
        6,
        124,
        Match.of(eth_type=IP, ipv4_dst=(0x0A010200, 0xFFFFFF00), metadata=(3 << 24, ROUTER)),
        (DecrementTtl(), SetField("eth_src", GATEWAY), CheckPacketLarger(1464, "reg0", 1)),
        (8, NETWORK),
        7,
    ),
    "too big": Flow(7, 100, Match.of(reg0=(2, 2)), (UseMeter(1), TO_CONTROLLER)),
    "registers": Flow(
        7,
        90,
        Match.of(reg0=1, reg1=(2, 0xFF), reg2=3, reg3=4),
        (SetField("reg0", 0), SetField("reg1", 2, 2), CopyField("reg2", "reg3", 16, 16, 0)),
    ),
    "slot": Flow(
        7,
        80,
        Match.of(eth_type=IP, ip_proto=6),
        (SetField("reg3", 5 << 10), HashSource("reg3", 10), CopyField("tcp_src", "reg3", 8, 4)),
    ),
    "client": Flow(
        7,
        70,
        Match.of(eth_type=IP, reg3=5 << 10),
        (
            Learn(
                8,
                500,
                cookie=5,
                idle_timeout=1800,
                limit=1024,
                match=Match.of(eth_type=IP, reg3=(5 << 10, 0xFFFFFC00)),
                own=("ipv4_src",),
                then=(SetField("reg0", 7),),
            ),
            SetField("reg3", 7),
        ),
        goto=9,
    ),
    "next hop": Flow(
        8,
        100,
        Match.of(eth_type=IP6, ipv6_dst=IPV6, metadata=(7, NETWORK)),
        (SetField("eth_dst", MAC),),
        goto=9,
    ),
    "forward, label": Flow(
        9, 100, Match.of(eth_dst=MAC, metadata=(7, NETWORK)), (SetField("eth_dst", 0x020009000007),), goto=10
    ),
    "forward, vxlan": Flow(
        9, 101, Match.of(eth_dst=MAC), (SetField("tunnel_id", 77), SetField("tun_dst", IPV4), Output(2))
    ),
    "forward, vlan": Flow(
        9,
        102,
        Match.of(eth_dst=MAC),
        (PushVlan(), SetField("vlan_vid", 0x1005), SetField("vlan_pcp", 3), Output(2)),
    ),
    "flood": Flow(9, 50, Match.of(eth_dst=(1 << 40, 1 << 40), metadata=(7, NETWORK)), (ApplyGroup(1),)),
    "transit": Flow(10, 100, Match.of(eth_dst=(0x020009000000, 0xFFFFFF000000)), (ApplyGroup(2),)),
    "back out": Flow(10, 90, Match.of(in_port=LOCAL), (Output(IN_PORT), Output(LOCAL), Output(ALL))),
    "change of path": Flow(
        10, 80, Match.of(in_port=2), (SetField("eth_dst", 0x04 << 40, 0xFC << 40), Output(1))
    ),
    "arrival": Flow(11, 100, Match.of(eth_dst=0x020009000007), (SetField("eth_dst", MAC),), (7, NETWORK), 12),
    "multicast": Flow(
        11,
        100,
        Match.of(eth_type=IP, ipv4_dst=(0xE0000000, 0xF0000000)),
        (
            SetField("eth_dst", 0x01005E000000),
            CopyField("ipv4_dst", "eth_dst", 23),
            SetField("metadata", 7, NETWORK),
        ),
        goto=12,
    ),
    "multicast6": Flow(
        11,
        100,
        Match.of(eth_type=IP6, ipv6_dst=(0xFF << 120, 0xFF << 120)),
        (SetField("eth_dst", 0x333300000000, 0xFFFF00000000), CopyField("ipv6_dst", "eth_dst", 32)),
        goto=12,
    ),
    "detour through a table": Flow(
        12, 100, Match.of(in_port=2), (Resubmit(10), Output(1), Output(CONTROLLER, 128))
    ),
    "a copy for the controller": Flow(
        12,
        100,
        Match.of(in_port=3),
        (Clone((SetField("metadata", 1 << 60, 0xF << 60), Resubmit(13))), TO_CONTROLLER),
    ),
    "tcp": Flow(
        12, 90, Match.of(eth_type=IP, ip_dscp=10, ip_ecn=1, ip_proto=6, tcp_src=1, tcp_dst=(0x400, 0xFC00))
    ),
    "udp": Flow(
        12, 90, Match.of(eth_type=IP6, ip_proto=17, udp_src=(1, 3), udp_dst=53), (SetField("ip_dscp", 46),)
    ),
    "member": Flow(
        12,
        70,
        Match.of(eth_type=IP, ip_proto=6, reg3=7),
        (Track(5, 22, commit=True, to=Translate(Side.DESTINATION, IPV4, 8080), mark=7),),
    ),
    "member by IPv6": Flow(
        12,
        71,
        Match.of(eth_type=IP6, ip_proto=6, reg3=7),
        (Track(5, 22, commit=True, to=Translate(Side.DESTINATION, IPV6, 8080, 6), mark=7),),
    ),
    "member by IPv6 at the same port": Flow(
        12,
        72,
        Match.of(eth_type=IP6, ip_proto=132, reg3=7),
        (Track(5, 22, commit=True, to=Translate(Side.DESTINATION, IPV6, None, 6), mark=7),),
    ),
    "forward": Flow(
        12,
        65,
        Match.of(eth_type=IP, ip_proto=6),
        (Track(5, 22, commit=True, to=Translate(Side.DESTINATION, IPV4, 8080), label=LABEL),),
    ),
    "known as forwarded": Flow(
        12, 65, Match.of(ct_state=(0x20, 0x30), ct_label=LABEL, ct_nw_dst=IPV4, eth_type=IP), goto=13
    ),
    "known as no machine's": Flow(12, 55, Match.of(ct_label=(1 << 48, 1 << 48)), goto=13),
    "known as a member's": Flow(12, 60, Match.of(ct_state=(0x22, 0x22), ct_mark=7), goto=13),
    "ended": Flow(
        12,
        65,
        Match.of(ct_mark=7, ct_label=1, eth_type=IP, ip_proto=6, tcp_flags=(1, 5)),
        (Track(5, 22, commit=True, label=2),),
    ),
    "marked and labelled": Flow(
        12, 66, Match.of(eth_type=IP, ct_label=(0, 3)), (Track(5, commit=True, mark=7, label=1 << 90),)
    ),
    "known as nobody's": Flow(12, 60, Match.of(ct_mark=(0, 0xFFFF), reg3=7, metadata=(7, NETWORK)), goto=13),
    "ports": Flow(
        12, 80, Match.of(eth_type=IP, ip_proto=6), (SetField("tcp_dst", 80), SetField("ip_ecn", 2), Output(1))
    ),
}

GROUPS: dict[str, Group] = {
    "flood": Group(
        1, GroupType.ALL, (Bucket((Output(1),)), Bucket((SetField("eth_dst", 0x020009800007), Output(2))))
    ),
    "next hops": Group(2, GroupType.SELECT, (Bucket((Output(1),), 2, 1), Bucket((Output(2),), 3, 2))),
    "failover": Group(
        3,
        GroupType.FAST_FAILOVER,
        (
            Bucket((Output(1),), watch_port=1),
            Bucket((SetField("eth_dst", 0x04 << 40, 0xFC << 40), Output(2)), watch_port=2),
            Bucket((ApplyGroup(1),), watch_group=1),
        ),
    ),
    "one": Group(4, GroupType.INDIRECT, (Bucket((SetField("tunnel_id", 5), Output(2))),)),
    "nobody": Group(5, GroupType.ALL, ()),
    "nowhere": Group(6, GroupType.FAST_FAILOVER, ()),
    "drop": Group(7, GroupType.SELECT, (Bucket((), 1, ANY),)),
}

METERS: dict[str, Meter] = {
    "packets": Meter(1, 100, 50),
    "kilobits": Meter(2, 10_000, 1_000, packets=False),
    "no burst": Meter(3, 100, 0),
    "one": Meter(7, 1, 1),
}
