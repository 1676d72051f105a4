"""Open vSwitch gives connections the members of their slots."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.spread import spread
from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.model import Network, Record, Switch
from sdn_orch.intent.public import NextHop, PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import OPENFLOW_15, State
from tests.ovs.bridges import run
from tests.ovs.test_trace_agrees import programmed
from tests.unit.dataplane.worlds import OPEN_VSWITCH, attach, network, nic, public_range, tenant

pytestmark = pytest.mark.ovs

PUBLIC, PORTS_OF_A_SLOT = 9, 16


def gateway(members: int) -> State:
    """What a gateway holds with a balancer of as many members, beside two others that cost it nothing."""
    home: Network = replace(network("blue"), ipv6=None, gateway6=None)
    address = PublicAddress(
        id="address",
        range_id="range",
        account_id="tenant",
        address=IPv4Address("203.0.113.10"),
        network_id=home.id,
        is_source_nat=True,
    )
    records: list[Record] = [
        *tenant(),
        Switch(id="edge", dpid=1, name="edge", capabilities=OPEN_VSWITCH, public_port=PUBLIC),
        public_range(IPv4Network("203.0.113.0/24")),
        NextHop(id="hop", range_id="range", mac="52:54:00:00:00:01"),
        home,
        address,
        FirewallRule(id="open", address_id=address.id, protocol=6, ports=(80, 90)),
    ]
    for host in range(2, 2 + max(members, 5)):
        guest = nic(home, host)
        records += [guest, attach(guest.id, "edge", host - 1)]
    for port, count in ((80, members), (81, 3), (82, 5)):
        web = Balancer(
            id=f"pool{port}",
            account_id="tenant",
            network_id=home.id,
            address_id=address.id,
            name=f"pool{port}",
            protocol=6,
            ports=(port, port),
            guest_ports=(port, port),
        )
        records.append(web)
        for seat in range(count):
            guest = nic(home, 2 + seat)
            records.append(Member(id=f"{web.id}-{seat}", balancer_id=web.id, nic_id=guest.id, seat=seat))
    return compile_switch(World.of(Snapshot.of(*records)), "edge").state


@pytest.mark.parametrize("members", [1, 2, 4])
def test_each_slot_leads_to_its_member(members: int) -> None:
    owners = spread((1,) * members, frozenset(range(members)))
    with programmed(gateway(members), OPENFLOW_15, (PUBLIC, *range(1, 6))) as (made, _):
        for slot, owner in enumerate(owners):
            packet = (
                f"in_port={PUBLIC},tcp,dl_src=52:54:00:00:00:01,nw_src=198.51.100.7,nw_dst=203.0.113.10,"
                f"nw_ttl=64,tp_src={0x5000 + slot * PORTS_OF_A_SLOT},tp_dst=80"
            )
            said = run("ovs-appctl", "ofproto/trace", made.name, packet, "--ct-next", "trk,new")
            first, chosen = re.findall(r"^Megaflow: (.*)\nDatapath actions: (.*)$", said, re.MULTILINE)[:2]
            assert "tp_src" not in first[0] and f"nat(dst=10.1.0.{2 + owner})" in chosen[1], said
