"""Open vSwitch takes from members what they may answer from their balancer's address, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.world import World
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import OPENFLOW_15
from tests.golden.worlds import WORLDS
from tests.ovs.bridges import Bridge, run
from tests.ovs.test_trace_agrees import programmed

pytestmark = pytest.mark.ovs

PUBLIC_PORT, MEMBER_PORT, FABRIC_PORT = 9, 1, 101
FRONT, INNER, PEER, NEAR = "203.0.113.10", "10.1.0.200", "198.51.100.7", "10.1.0.10"
GATEWAY, OTHER, MEMBER = "0e:5d:00:00:00:01", "06:00:00:00:00:0a", "06:00:00:00:00:0b"
#: How other edges send to the member here.
LABEL = "02:00:02:00:00:02"


@contextmanager
def switch() -> Iterator[Bridge]:
    """The gateway of the golden world, which is the edge of one of the members."""
    state = compile_switch(World.of(Snapshot.of(*WORLDS["balancer-direct"])), "edge2").state
    with programmed(state, OPENFLOW_15, (PUBLIC_PORT, MEMBER_PORT, FABRIC_PORT)) as (made, _):
        yield made


def traced(made: Bridge, packet: str, *states: str) -> list[str]:
    """The datapath's actions for a packet, anew after each look-up of its connection."""
    following = [word for state in states for word in ("--ct-next", state)]
    said = run("ovs-appctl", "ofproto/trace", made.name, packet, *following)
    return re.findall(r"^Datapath actions: (.*)$", said, re.MULTILINE)


def said(protocol: str, source: str, port: int, to: str, eth_dst: str = GATEWAY, more: str = "") -> str:
    """What the member says."""
    ends = f"nw_src={source},nw_dst={to},nw_ttl=64,{protocol}_src={port},{protocol}_dst=5000"
    return f"in_port={MEMBER_PORT},{protocol},dl_src={MEMBER},dl_dst={eth_dst},{ends}{more}"


def test_what_begins_a_connection_becomes_known_and_stays_as_it_is() -> None:
    asking = (
        f"in_port={PUBLIC_PORT},tcp,dl_vlan=7,dl_src=52:54:00:00:00:01,nw_src={PEER},nw_dst={FRONT},nw_ttl=64"
    )
    with switch() as made:
        for port in range(4000, 4128, 16):
            found = traced(made, f"{asking},tcp_src={port},tcp_dst=8081", "trk,new", "trk,new")
            (commit,) = (each for each in found if "commit" in each)
            assert re.search(r"ct\(commit,zone=1,mark=0x[23]/0xffffffff\)", commit), found
            assert not any("dst=" in each and "nat(dst" in each for each in found), found


def test_members_answer_from_the_ports_alone() -> None:
    with switch() as made:
        found = traced(made, said("tcp", FRONT, 8080, PEER), "trk,est,rpl")
        assert "ct(" in found[0], found
        # To the edge of whoever asked, as it is.
        assert traced(made, said("udp", INNER, 8081, NEAR, OTHER))[0] not in ("drop", ""), found
        for wrong in (
            said("tcp", FRONT, 8082, PEER),
            said("udp", FRONT, 8080, PEER),
            said("tcp", FRONT, 8080, NEAR, OTHER),
            said("tcp", FRONT, 8080, NEAR, "ff:ff:ff:ff:ff:ff"),
            said("tcp", INNER, 8080, NEAR, OTHER),
            said("udp", INNER, 8079, NEAR, OTHER),
            said("udp", INNER, 8080, NEAR, "ff:ff:ff:ff:ff:ff"),
            said("udp", INNER, 0, NEAR, OTHER, ",nw_frag=later"),
        ):
            assert traced(made, wrong) == ["drop"], wrong


def test_what_was_not_asked_goes_nowhere() -> None:
    with switch() as made:
        # Also to machines near by, whom the public address does not answer.
        for to in (PEER, NEAR):
            assert traced(made, said("tcp", FRONT, 8080, to), "trk,new")[-1] == "drop"
        assert traced(made, said("udp", INNER, 8080, PEER), "trk,new")[-1] == "drop"
        # From another edge, to the machine here.
        arriving = f"in_port={FABRIC_PORT},udp,dl_src={OTHER},nw_src={INNER},nw_dst=10.1.0.11,nw_ttl=64"
        found = traced(made, f"{arriving},dl_dst={LABEL},udp_src=8080,udp_dst=5000", "trk,new")
        assert "ct(" in found[0] and found[-1] == "drop", found
        # What is no balancer's is let through.
        found = traced(made, f"{arriving},dl_dst={LABEL},udp_src=8079,udp_dst=5000", "trk,new")
        assert found[-1] != "drop", found
