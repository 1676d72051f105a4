"""Every action and group type of the simulator, one by one."""

from __future__ import annotations

import pytest

from sdn_orch.dataplane.execute import Outcome, execute
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.wires import Tunnel
from sdn_orch.intent.packet import Packet
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.values import (
    CONTROLLER,
    IN_PORT,
    OPENFLOW_15,
    Action,
    ApplyGroup,
    Bucket,
    CheckPacketLarger,
    Clone,
    CopyField,
    DecrementTtl,
    Flow,
    Group,
    GroupType,
    Match,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    State,
    UseMeter,
)

PACKET = Packet.of(
    payload=bytes(100),
    eth_dst=0x060000000002,
    eth_src=0x060000000001,
    eth_type=0x0800,
    ip_dscp=0,
    ip_ecn=0,
    ip_frag=0,
    ip_ttl=64,
    ip_proto=17,
    ipv4_src=0x0A000001,
    ipv4_dst=0x0A000002,
    udp_src=1024,
    udp_dst=53,
)


def run(
    *flows: Flow,
    groups: tuple[Group, ...] = (),
    packet: Packet = PACKET,
    dead: frozenset[int] = frozenset(),
    choice: int = 0,
    tunnel: Tunnel | None = None,
    open_vswitch: bool = True,
) -> Outcome:
    entries = [encode_flow(flow, OPENFLOW_15) for flow in flows]
    state = State({entry.key: entry for entry in entries}, {group.number: group for group in groups}, {})
    tables = Tables(state, OPENFLOW_15, open_vswitch=open_vswitch)
    return execute(
        tables, 1, packet, tunnel, lambda port: port not in dead, lambda _g, live, _p: live[choice]
    )


def sent(outcome: Outcome) -> dict[int, Packet]:
    return {emission.port: emission.packet for emission in outcome.emissions}


def act(*actions: Action, packet: Packet = PACKET) -> Packet:
    """The packet after some actions."""
    return sent(run(Flow(0, 1, Match(), (*actions, Output(2))), packet=packet))[2]


def test_the_highest_priority_that_matches_wins() -> None:
    low = Flow(0, 1, Match.of(eth_type=0x0800), (Output(2),))
    high = Flow(0, 9, Match.of(eth_type=0x0800, udp_dst=53), (Output(3),))
    other = Flow(0, 99, Match.of(eth_type=0x0800, udp_dst=54), (Output(4),))
    assert sent(run(low, high, other)).keys() == {3}


def test_masks() -> None:
    inside = Flow(0, 1, Match.of(eth_type=0x0800, ipv4_dst=(0x0A000000, 0xFF000000)), (Output(2),))
    assert sent(run(inside)).keys() == {2}
    assert not run(inside, packet=PACKET.replace(ipv4_dst=0x0B000002)).emissions


def test_a_field_that_the_packet_lacks_never_matches() -> None:
    assert not run(Flow(0, 1, Match.of(tcp_dst=0), (Output(2),))).emissions


def test_an_untagged_packet_has_vlan_vid_zero() -> None:
    untagged = Flow(0, 1, Match.of(vlan_vid=0), (Output(2),))
    assert run(untagged).emissions
    assert not run(untagged, packet=PACKET.replace(vlan_vid=0x1007)).emissions


def test_ports_of_fragments_are_not_seen_by_plain_switches_and_stay() -> None:
    by_port = Flow(0, 2, Match.of(eth_type=0x0800, ip_proto=17, udp_dst=53), (Output(3),))
    fragment = PACKET.replace(ip_frag=1)
    others = Flow(0, 1, Match(), (Output(2),))
    assert sent(run(by_port, others, packet=fragment, open_vswitch=False)) == {2: fragment}
    assert sent(run(by_port, others, packet=fragment)) == {3: fragment}


def test_ports_that_are_not_in_a_first_fragment_are_zero_and_stay_away() -> None:
    nowhere = Flow(0, 2, Match.of(eth_type=0x0800, ip_proto=17, udp_src=0, udp_dst=0), (Output(3),))
    others = Flow(0, 1, Match(), (Output(2),))
    short = PACKET.replace(ip_frag=1).without("udp_src", "udp_dst")
    assert sent(run(nowhere, others, packet=short)) == {3: short}
    later = short.replace(ip_frag=3)
    assert sent(run(nowhere, others, packet=later)) == {2: later}


def test_a_miss_and_an_empty_flow_say_so() -> None:
    assert run().drops == [(0, "no flow matches")]
    assert run(Flow(0, 1, Match())).drops == [(0, "a flow drops it")]


def test_metadata_and_goto() -> None:
    first = Flow(0, 1, Match(), metadata=(0x12, 0xFF), goto=3)
    second = Flow(3, 1, Match.of(metadata=(0x10, 0xF0)), (Output(2),))
    outcome = run(first, second)
    assert sent(outcome) == {2: PACKET}


def test_it_never_leaves_where_it_came_in_but_by_in_port() -> None:
    assert run(Flow(0, 1, Match(), (Output(1),))).drops == [(0, "it would leave by port 1 where it came in")]
    assert sent(run(Flow(0, 1, Match(), (Output(IN_PORT),)))).keys() == {1}
    # Detours forget where it came in.
    assert sent(run(Flow(0, 1, Match(), (SetField("in_port", 0), Output(1))))).keys() == {1}


def test_set_and_copy() -> None:
    assert act(SetField("eth_dst", 5))["eth_dst"] == 5
    assert act(SetField("eth_dst", 0xFF0000000000, 0xFF0000000000))["eth_dst"] == 0xFF0000000002
    assert act(SetField("tcp_dst", 5)) == PACKET
    assert act(CopyField("eth_src", "eth_dst", 48))["eth_dst"] == PACKET["eth_src"]
    assert act(CopyField("ipv4_dst", "eth_dst", 8, 24, 40))["eth_dst"] == 0x0A0000000002


def test_vlan_tags() -> None:
    tagged = act(PushVlan(), SetField("vlan_vid", 0x1007))
    assert tagged["vlan_vid"] == 0x1007
    assert tagged.length == PACKET.length + 4
    assert act(PopVlan(), packet=tagged) == PACKET
    assert act(SetField("vlan_vid", 0x1007)) == PACKET


def test_a_spent_ttl_goes_to_the_controller_and_no_further() -> None:
    assert act(DecrementTtl())["ip_ttl"] == 63
    outcome = run(Flow(0, 1, Match(), (DecrementTtl(), Output(2)), goto=1), packet=PACKET.replace(ip_ttl=1))
    assert [punt.expired for punt in outcome.punts] == [True]
    assert not outcome.emissions
    assert len(outcome.steps) == 1


@pytest.mark.parametrize(("length", "is_larger"), [(PACKET.length, False), (PACKET.length - 1, True)])
def test_check_packet_larger(length: int, is_larger: bool) -> None:
    check = Flow(0, 1, Match(), (CheckPacketLarger(length, "reg0"),), goto=1)
    outcome = run(check, Flow(1, 2, Match.of(reg0=(1, 1)), (Output(9),)), Flow(1, 1, Match(), (Output(2),)))
    assert sent(outcome).keys() == ({9} if is_larger else {2})


def test_controller_and_meter() -> None:
    outcome = run(Flow(0, 1, Match(), (UseMeter(1), Output(CONTROLLER), Output(2))))
    assert [punt.packet for punt in outcome.punts] == [PACKET]
    assert sent(outcome) == {2: PACKET}


def test_resubmit_comes_back_with_what_was_changed() -> None:
    first = Flow(0, 1, Match(), (Resubmit(5), Output(2)))
    assert sent(run(first, Flow(5, 1, Match(), (SetField("eth_dst", 7), Output(3)))))[2]["eth_dst"] == 7


def test_a_clone_is_another_packet() -> None:
    copied = Clone((SetField("metadata", 9), SetField("eth_dst", 7), Output(CONTROLLER), Output(3)))
    outcome = run(Flow(0, 1, Match(), (copied, Output(2))))
    assert {port: packet["eth_dst"] for port, packet in sent(outcome).items()} == {3: 7, 2: PACKET["eth_dst"]}
    assert [(punt.packet["eth_dst"], punt.metadata) for punt in outcome.punts] == [(7, 9)]


def test_resubmits_without_end_are_cut() -> None:
    assert (0, "the tables loop") in run(Flow(0, 1, Match(), (Resubmit(0),))).drops


def test_all_works_on_copies() -> None:
    group = Group(7, GroupType.ALL, (Bucket((SetField("eth_dst", 5), Output(3))), Bucket((Output(4),))))
    outcome = run(Flow(0, 1, Match(), (ApplyGroup(7), Output(2))), groups=(group,))
    assert {port: packet["eth_dst"] for port, packet in sent(outcome).items()} == {
        3: 5,
        4: 0x060000000002,
        2: 0x060000000002,
    }


def test_select_takes_one_live_bucket() -> None:
    group = Group(7, GroupType.SELECT, tuple(Bucket((Output(port),), watch_port=port) for port in (3, 4, 5)))
    flow = Flow(0, 1, Match(), (ApplyGroup(7),))
    assert sent(run(flow, groups=(group,), choice=1)).keys() == {4}
    assert sent(run(flow, groups=(group,), choice=1, dead=frozenset({3}))).keys() == {5}


def test_fast_failover_takes_the_first_live_bucket_and_looks_into_groups() -> None:
    inner = Group(8, GroupType.SELECT, (Bucket((Output(3),), watch_port=3),))
    outer = Group(
        7,
        GroupType.FAST_FAILOVER,
        (Bucket((ApplyGroup(8),), watch_group=8), Bucket((Output(4),), watch_port=4)),
    )
    flow = Flow(0, 1, Match(), (ApplyGroup(7),))
    assert sent(run(flow, groups=(inner, outer))).keys() == {3}
    assert sent(run(flow, groups=(inner, outer), dead=frozenset({3}))).keys() == {4}
    assert run(flow, groups=(inner, outer), dead=frozenset({3, 4})).drops == [
        (0, "group 0x7 has no live bucket")
    ]


def test_a_group_that_is_not_there_says_so() -> None:
    assert run(Flow(0, 1, Match(), (ApplyGroup(7),))).drops == [(0, "group 0x7 does not exist")]


def test_tunnels() -> None:
    into = Flow(0, 1, Match(), (SetField("tunnel_id", 5), SetField("tun_dst", 9), Output(2)))
    assert run(into).emissions[0].tunnel == Tunnel(5, 0, 9)
    out = Flow(0, 1, Match.of(tunnel_id=5), (Output(3),))
    assert run(out, tunnel=Tunnel(5, 8, 9)).emissions
    assert not run(out, tunnel=Tunnel(6, 8, 9)).emissions
