"""Open vSwitch takes every compiled rule and shows it byte for byte, in both versions of OpenFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.plan import diff
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Link, Network, Record, Switch, Transport
from sdn_orch.intent.public import NextHop, PublicAddress
from sdn_orch.intent.routing import PrivateGateway, PrivateHop, StaticRoute
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction, Verdict
from sdn_orch.openflow.groups import Change, group_mod
from sdn_orch.openflow.messages import FlowCommand, flow_mod
from sdn_orch.openflow.meters import meter_mod
from sdn_orch.openflow.values import OPENFLOW_13, OPENFLOW_15, FlowEntry, Group, State
from tests.ovs.openflow_session import Session, bridge, run
from tests.refusals import refusals
from tests.unit.dataplane.worlds import (
    OPEN_VSWITCH,
    attach,
    l2_network,
    leaf_spine,
    network,
    nic,
    public_range,
    tenant,
    vpc,
)

pytestmark = pytest.mark.ovs

#: Ports 1 and 2 of every switch in the fabric exist, so that watched ports are live.
PORTS = ("compiled-p1", "compiled-p2")


@pytest.fixture(scope="module")
def switch() -> Iterator[str]:
    with bridge("compiled", *PORTS) as name:
        for port in PORTS:
            run("ip", "link", "set", port, "up")
        yield name


def world(version: int, transport: Transport = Transport.LABEL) -> World:
    """Three leaves with tiers of unequal MTU and an L2 network, ports shared as trunks, parallel links."""
    capabilities = dataclasses.replace(OPEN_VSWITCH, version=version)
    fabric = [_on(record, transport) for record in leaf_spine(2, 3, capabilities)]
    twin = Link(id="twin", a_switch_id="leaf1", a_port=21, b_switch_id="spine1", b_port=21)
    homes: list[Network] = [
        dataclasses.replace(network("tier1", 1, vpc_id="vpc"), vlan=11, cuts_connections=True),
        dataclasses.replace(network("tier2", 2, vpc_id="vpc", mtu=1400), vlan=12),
        dataclasses.replace(l2_network("l2"), vlan=13),
    ]
    homes = [dataclasses.replace(home, acl_id="list") for home in homes]
    records: list[Record] = [*tenant(), *fabric, twin, vpc("vpc"), *homes, *listed()]
    for place, home in enumerate(homes):
        for leaf in (1, 2, 3):
            one = nic(home, 9 + leaf)
            records += [one, attach(one.id, f"leaf{leaf}", 100 if place else 101, place or None)]
    records = [
        dataclasses.replace(record, public_port=9 if transport is Transport.LABEL else 10)
        if isinstance(record, Switch) and record.id == "leaf1"
        else record
        for record in records
    ]
    return World.of(Snapshot.of(*records, *outside(homes[0])))


def listed() -> list[Record]:
    """A list with items that are one flow, and conjunctions."""
    many = tuple(IPv4Network(f"198.51.100.{host}/32") for host in range(8))
    item: dict[str, Any] = {"list_id": "list", "verdict": Verdict.ALLOW, "protocol": 6}
    ingress, egress = item | {"direction": Direction.INGRESS}, item | {"direction": Direction.EGRESS}
    return [
        AclList(id="list", name="list", vpc_id="vpc"),
        AclItem(id="in", position=1, sources=many, ports=(1000, 1999), **ingress),
        AclItem(id="out", position=1, destinations=many, ports=(1000, 1999), **egress),
        AclItem(id="ssh", position=2, ports=(22, 22), **ingress),
    ]


def outside(tier: Network) -> list[Record]:
    """A public network, with an address of each use, and a rule of each kind."""
    public, public6 = IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8:ff::/64")
    address: dict[str, Any] = {
        "range_id": "range",
        "account_id": "tenant",
        "vpc_id": "vpc",
        "network_id": tier.id,
    }
    guest = nic(tier, 10)
    alone, private = network("alone", 3), IPv4Network("198.18.0.0/24")
    strict = dataclasses.replace(network("strict", 4), cuts_connections=True)
    web: dict[str, Any] = {"address_id": "source", "nic_id": guest.id, "guest": guest.ipv4, "protocol": 6}
    return [
        public_range(public, public6, vlan=7),
        NextHop(id="hop", range_id="range", mac="52:54:00:00:00:01"),
        NextHop(id="hop6", range_id="range", mac="52:54:00:00:00:01", version=6),
        PublicAddress(id="source", address=public[10], is_source_nat=True, **address),
        PublicAddress(id="own", address=public[11], nic_id=guest.id, guest=guest.ipv4, **address),
        PrivateGateway(
            id="office",
            vpc_id="vpc",
            address=private[7],
            ipv4=private,
            gateway=private[1],
            vlan=700,
            source_nat=True,
            acl_id="list",
        ),
        PrivateHop(id="office-hop", gateway_id="office", address=private[1], mac="52:54:00:00:00:02"),
        StaticRoute(
            id="behind",
            prefix=IPv4Network("198.19.0.0/16"),
            next_hop=private[1],
            gateway_id="office",
            vpc_id="vpc",
        ),
        StaticRoute(
            id="lab",
            prefix=IPv4Network("172.16.0.0/16"),
            next_hop=guest.ipv4 or private[1],
            network_id=tier.id,
            vpc_id="vpc",
        ),
        Forward(id="one", public=(80, 80), private=(8080, 8080), **web),
        Forward(id="many", public=(1000, 1999), private=(1000, 1999), sources=(public,), **web),
        alone,
        strict,
        *(
            PublicAddress(
                id=id,
                range_id="range",
                account_id="tenant",
                address=public[host],
                network_id=home.id,
                is_source_nat=True,
            )
            for id, host, home in (("other", 12, alone), ("strict", 13, strict))
        ),
        FirewallRule(id="open", address_id="other", protocol=1, icmp_type=8, icmp_code=0),
        FirewallRule(id="sctp", address_id="other", protocol=132, ports=(7, 9)),
        FirewallRule(id="cut", address_id="strict", protocol=6, ports=(7, 9), sources=(public,)),
        *(
            EgressRule(
                id=f"out of {home.id}",
                network_id=home.id,
                protocol=17,
                ports=(53, 53),
                destinations=(public,),
            )
            for home in (alone, strict)
        ),
        *(
            RoutedRule(
                id=f"routed {direction} {home.id}",
                network_id=home.id,
                direction=direction,
                version=6,
                protocol=58,
                icmp_type=128,
                icmp_code=0,
                sources=(public6,) if direction is Direction.INGRESS else (),
            )
            for direction in Direction
            for home in (alone, strict)
        ),
    ]


def _on(record: Record, transport: Transport) -> Record:
    if not isinstance(record, Switch) or record.id.startswith("spine"):
        return record
    number = int(record.id[-1])
    return dataclasses.replace(
        record,
        transport=transport,
        underlay=None if transport is Transport.LABEL else 9,
        tunnel_address=IPv4Address(f"192.0.2.{number}"),
        learn_ports=(105,),
    )


def program(session: Session, desired: State) -> State:
    """Send the plan from nothing; what the switch shows then."""
    session.clear()
    version = session.version
    for operation in diff(desired, State.empty(), version):
        subject, xid = operation.subject, session.xid()
        if isinstance(subject, FlowEntry):
            session.tell(flow_mod(subject, FlowCommand.ADD, version, xid))
        elif isinstance(subject, Group):
            session.tell(group_mod(subject, Change.ADD, version, xid))
        else:
            session.tell(meter_mod(subject, Change.ADD, version, xid))
    return State({entry.key: entry for entry, _ in session.flows()}, session.groups(), session.meters())


@pytest.mark.parametrize("version", [OPENFLOW_13, OPENFLOW_15])
@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("switch_id", ["leaf1", "spine1"])
def test_a_dump_shows_what_was_compiled(
    switch: str, version: int, transport: Transport, switch_id: str
) -> None:
    compiled = compile_switch(world(version, transport), switch_id)
    assert not refusals(compiled)
    with Session(switch, version) as session:
        assert program(session, compiled.state) == compiled.state


def test_a_detour_may_leave_where_the_packet_came_in(switch: str) -> None:
    """Spine 1's cable to leaf 3 is not there: what comes from leaf 2 goes back to leaf 2, on a detour."""
    compiled = compile_switch(world(OPENFLOW_15), "spine1")
    with Session(switch, OPENFLOW_15) as session:
        program(session, compiled.state)
    # Leaf 3 has number 5; paths 0 and 1 are the first octets 02 and 06.
    sent: dict[int, str] = {}
    for port in (1, 2):
        shown = run("ovs-appctl", "ofproto/trace", switch, f"in_port={port},dl_dst=02:00:05:00:00:07")
        [sent[port]] = [line for line in shown.splitlines() if line.startswith("Datapath actions")]
    # The way does not depend on where the packet came from, so one of the two goes back.
    assert all("set(eth(dst=06:00:05:00:00:00/ff:ff:ff:00:00:00))," in actions for actions in sent.values())
    assert sent[1] == sent[2]


def test_arp_is_answered_where_it_is_asked(switch: str) -> None:
    compiled = compile_switch(world(OPENFLOW_15), "leaf1")
    with Session(switch, OPENFLOW_15) as session:
        program(session, compiled.state)
    asking = (
        "in_port=101,dl_src=06:00:00:00:00:0a,dl_dst=ff:ff:ff:ff:ff:ff,dl_type=0x806,arp_op=1,"
        "arp_sha=06:00:00:00:00:0a,arp_spa=10.1.0.10,arp_tpa=10.1.0.11"
    )
    shown = run("ovs-appctl", "ofproto/trace", switch, asking)
    [final] = [line for line in shown.splitlines() if line.startswith("Final flow")]
    for part in ("arp_op=2", "arp_spa=10.1.0.11", "arp_sha=06:00:00:00:00:0b", "dl_dst=06:00:00:00:00:0a"):
        assert part in final
