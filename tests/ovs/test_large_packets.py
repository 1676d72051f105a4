"""Open vSwitch measures what comes from outside, where it is too large for some network, and nowhere else."""

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
from tests.ovs.bridges import Bridge
from tests.ovs.test_direct_return import PUBLIC_PORT, traced
from tests.ovs.test_trace_agrees import programmed

pytestmark = pytest.mark.ovs

MEMBER_PORT, FABRIC_PORT = 1, 101
UPSTREAM, ROUTER = "52:54:00:00:00:01", "0e:5d:02:00:00:01"
HERE = f"in_port={PUBLIC_PORT},dl_vlan=7,dl_src={UPSTREAM},dl_dst={ROUTER}"
#: For whom it may be: a balancer with direct return, who has an address alone, a machine, and a balancer.
#: What conntrack translates a trace cannot show.
SHARED, OWN, MACHINE6, POOL6 = "203.0.113.10", "203.0.113.11", "2001:db8:1::a", "2001:db8:1::c8"
FROM4, FROM6 = "nw_src=198.51.100.7,nw_ttl=64", "ipv6_src=2001:db8:ffff::7,nw_ttl=64"
#: Larger than 1,400 bytes and the Ethernet header: to the controller. What fits: to the machine.
MEASURED = r"check_pkt_len\(size=1414,gt\(meter\(\d+\),userspace\(.*controller\(.*\),le\(.*\d\)\)"


@contextmanager
def gateway(world: str) -> Iterator[Bridge]:
    """That of a golden world."""
    state = compile_switch(World.of(Snapshot.of(*WORLDS[world])), "edge2").state
    with programmed(state, OPENFLOW_15, (PUBLIC_PORT, MEMBER_PORT, FABRIC_PORT)) as (made, _):
        yield made


def test_what_comes_from_outside_is_measured_where_less_fits_inside() -> None:
    with gateway("gateway-narrow") as made:
        for packet, *states in (
            (f"icmp,{FROM4},nw_dst={OWN},icmp_type=0", "trk,est,rpl"),
            (f"udp,{FROM4},nw_dst={OWN},udp_src=53,udp_dst=5000", "trk,est,rpl"),
            (f"tcp6,{FROM6},ipv6_dst={MACHINE6},tcp_src=4000,tcp_dst=80", "trk,new"),
            (f"tcp6,{FROM6},ipv6_dst={MACHINE6},tcp_src=4000,tcp_dst=22", "trk,est"),
        ):
            found = traced(made, f"{HERE},{packet}", *states)
            assert re.search(MEASURED, found[-1]), found
        # What begins a connection with a balancer's member, or is given to it as it was sent.
        for packet, *states in (
            (f"tcp6,{FROM6},ipv6_dst={POOL6},tcp_src=4000,tcp_dst=80", "trk,new", "trk,new"),
            (f"tcp,{FROM4},nw_dst={SHARED},tcp_src=4000,tcp_dst=8080", "trk,new", "trk,new"),
        ):
            found = traced(made, f"{HERE},{packet}", *states)
            assert any("check_pkt_len(size=1414" in actions for actions in found), found


def test_nothing_is_measured_where_as_much_fits() -> None:
    with gateway("gateway") as made:
        found = traced(made, f"{HERE},icmp,{FROM4},nw_dst={OWN},icmp_type=0", "trk,est,rpl")
        assert found[-1] not in ("drop", "") and "check_pkt_len" not in " ".join(found), found
