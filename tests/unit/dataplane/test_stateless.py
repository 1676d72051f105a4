"""Static NAT at gateways that track no connections: where it is, and what is refused instead."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.rules import NO_RULES, Owner, OwnerKind
from sdn_orch.dataplane.simulate import trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Affinity, Algorithm, Balancer, Member, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Network, Record, Switch, Transport
from sdn_orch.intent.packet import IPV4, TCP, UDP, Packet
from sdn_orch.intent.public import NextHop, PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.values import OPENFLOW_13
from tests.refusals import refusals
from tests.unit.dataplane.worlds import PLAIN, attach, network, nic, public_range, tenant, vpc

_PUBLIC = IPv4Network("203.0.113.0/24")
_PEER, _UPSTREAM = int(IPv4Address("192.0.2.80")), "52:54:00:00:00:01"


def world(home: Network, *more: Record, **address: Any) -> World:
    """One plain switch with a machine at port 1 and the outside at port 9, and an address for the machine."""
    guest = nic(home, 10)
    own: dict[str, Any] = {"network_id": home.id, "nic_id": guest.id, "guest": guest.ipv4} | address
    return World.of(
        Snapshot.of(
            *tenant(),
            Switch(
                id="edge", dpid=1, name="edge", transport=Transport.LABEL, public_port=9, capabilities=PLAIN
            ),
            home,
            guest,
            attach(guest.id, "edge", 1),
            public_range(_PUBLIC, vlan=7),
            NextHop(id="hop", range_id="range", mac=_UPSTREAM),
            PublicAddress(id="own", range_id="range", account_id="tenant", address=_PUBLIC[11], **own),
            *more,
        )
    )


OPEN = dataclasses.replace(network("home"), egress_open=True)
ALL = FirewallRule(id="all", address_id="own")


#: An address that no machine has alone, and a balancer of it.
SHARED: dict[str, Any] = {"nic_id": None, "guest": None}
POOL = Balancer(
    id="pool",
    account_id="tenant",
    network_id="home",
    address_id="own",
    name="pool",
    protocol=TCP,
    ports=(80, 80),
    guest_ports=(8080, 8080),
    algorithm=Algorithm.SOURCE,
)
MEMBER = Member(id="member", balancer_id="pool", nic_id=nic(OPEN, 10).id)


def refused(here: World, owner: str = "address own") -> list[str]:
    return [reason for found, reason in refusals(compile_switch(here, "edge")) if found == owner]


@pytest.mark.parametrize(
    ("home", "more", "address", "said"),
    [
        (OPEN, (ALL,), {}, ""),
        (dataclasses.replace(OPEN, vpc_id="shop"), (vpc("shop"),), {"vpc_id": "shop"}, ""),
        (OPEN, (), {}, "a firewall that does not let everything in"),
        (OPEN, (dataclasses.replace(ALL, protocol=6),), {}, "a firewall that does not let everything in"),
        (dataclasses.replace(OPEN, egress_open=False), (ALL,), {}, "the egress rules of network home"),
        (OPEN, (ALL, EgressRule(id="out", network_id="home")), {}, "the egress rules of network home"),
        (OPEN, (ALL,), {"nic_id": None, "guest": None, "is_source_nat": True}, "source NAT, forwarded ports"),
        (OPEN, (ALL,), SHARED, "source NAT, forwarded ports"),
        (OPEN, (ALL, POOL), SHARED, ""),
        (OPEN, (ALL, POOL), SHARED | {"is_source_nat": True}, "source NAT, forwarded ports"),
        (OPEN, (POOL,), SHARED, "a firewall that does not let everything in"),
        (
            dataclasses.replace(OPEN, routed4=True),
            (ALL, POOL),
            SHARED,
            "network home, whose machines have public addresses",
        ),
    ],
)
def test_what_needs_state_is_refused_and_nothing_else(
    home: Network, more: tuple[Record, ...], address: dict[str, Any], said: str
) -> None:
    found = refused(world(home, *more, **address))
    assert bool(found) == bool(said)
    assert all(said in reason and "connection tracking" in reason for reason in found)


def test_packets_are_rewritten_both_ways_with_nothing_but_openflow_13() -> None:
    here = world(OPEN, ALL)
    state = compile_switch(here, "edge").state
    fields = {
        name
        for entry in state.flows.values()
        if entry.table in (Table.LEAVE, Table.ENTER, Table.UPLINK, Table.INWARD)
        for name, _, _ in decode_flow(entry, OPENFLOW_13).match
    }
    assert fields == {"metadata", "eth_type", "ipv4_src", "ipv4_dst"}
    tables, wires = {"edge": Tables(state, OPENFLOW_13, open_vswitch=False)}, Wires.of(here.snapshot)
    guest, home = nic(OPEN, 10), here.snapshot.need(Network, "home")
    common = {"eth_type": IPV4, "ip_dscp": 0, "ip_ecn": 0, "ip_frag": 0, "ip_ttl": 64, "ip_proto": UDP}
    outward = Packet.from_fields(
        {
            **common,
            "eth_src": mac_number(guest.mac),
            "eth_dst": mac_number(home.gateway_mac),
            "ipv4_src": int(guest.ipv4 or 0),
            "ipv4_dst": _PEER,
            "udp_src": 1024,
            "udp_dst": 53,
        },
        bytes(20),
    )
    ((end, sent),) = trace(tables, wires, ("edge", 1), outward, lambda *_: 0).exits
    assert end == ("edge", 9)
    assert (sent["ipv4_src"], sent["ipv4_dst"], sent["vlan_vid"]) == (int(_PUBLIC[11]), _PEER, 0x1007)
    assert (sent["eth_dst"], sent["ip_ttl"]) == (mac_number(_UPSTREAM), 63)
    answer = sent.replace(
        eth_src=sent["eth_dst"], eth_dst=sent["eth_src"], ipv4_src=_PEER, ipv4_dst=sent["ipv4_src"], ip_ttl=64
    )
    ((end, got),) = trace(tables, wires, ("edge", 9), answer, lambda *_: 0).exits
    assert end == ("edge", 1)
    assert (got["eth_dst"], got["ipv4_dst"]) == (mac_number(guest.mac), int(guest.ipv4 or 0))
    assert (got["eth_src"], got["ip_ttl"], got.get("vlan_vid")) == (mac_number(home.gateway_mac), 63, None)
    stranger = answer.replace(ipv4_dst=int(_PUBLIC[12]))
    assert not trace(tables, wires, ("edge", 9), stranger, lambda *_: 0).exits


def _again(**more: Any) -> tuple[Record, ...]:
    """Another balancer of the address with the same member, made later."""
    other = dataclasses.replace(POOL, id="other", name="other", ports=(81, 81), **more)
    return other, Member(id="again", balancer_id="other", nic_id=MEMBER.nic_id)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((POOL, MEMBER), ""),
        ((dataclasses.replace(POOL, protocol=UDP), MEMBER), ""),
        ((dataclasses.replace(POOL, algorithm=Algorithm.ROUND_ROBIN), MEMBER), "algorithm round-robin keeps"),
        ((dataclasses.replace(POOL, algorithm=Algorithm.LEAST_CONNECTIONS),), "algorithm least-connections"),
        ((dataclasses.replace(POOL, ports=(80, 82)), MEMBER), "several of its ports lead to one"),
        ((dataclasses.replace(POOL, ports=(80, 82), guest_ports=(8080, 8082)), MEMBER), ""),
        ((dataclasses.replace(POOL, proxy_protocol=True), MEMBER), "a proxy does"),
        (
            (
                POOL,
                Stickiness(
                    id="s", balancer_id="pool", name="s", affinity=Affinity.SOURCE, expire=60, clients=9
                ),
            ),
            "to remember clients",
        ),
        (
            (
                POOL,
                MEMBER,
                PublicAddress(
                    id="alone",
                    range_id="range",
                    account_id="tenant",
                    address=_PUBLIC[12],
                    network_id="home",
                    nic_id=MEMBER.nic_id,
                    guest=nic(OPEN, 10).ipv4,
                ),
            ),
            "member 10.1.0.10 has public address 203.0.113.12 alone",
        ),
        ((*_again(), POOL, MEMBER), "balancer other (other) leads to a port of member 10.1.0.10"),
        ((*_again(guest_ports=(8081, 8081)), POOL, MEMBER), ""),
        ((*_again(protocol=UDP), POOL, MEMBER), ""),
        # What is refused itself is in nobody's way, nor is who came later.
        ((*_again(algorithm=Algorithm.ROUND_ROBIN), POOL, MEMBER), ""),
        ((POOL, MEMBER, *_again()), ""),
    ],
)
def test_balancers_are_there_where_answers_can_be_told_by_their_member(
    more: tuple[Record, ...], said: str
) -> None:
    here = world(OPEN, ALL, *more, **SHARED)
    found = refused(here, "rule pool")
    assert bool(found) == bool(said)
    assert all(said in reason for reason in found)
    held = compile_switch(here, "edge").rules.get(Owner(OwnerKind.RULE, "pool"), NO_RULES).flows
    assert bool(held) == (not said)


def test_forwarded_ports_of_the_same_address_are_refused_by_themselves() -> None:
    port: dict[str, Any] = {"public": (443, 443), "private": (443, 443), "protocol": TCP}
    forward = Forward(
        id="port", address_id="own", nic_id=MEMBER.nic_id, guest=IPv4Address("10.1.0.10"), **port
    )
    here = world(OPEN, ALL, POOL, MEMBER, forward, **SHARED)
    assert refused(here) == refused(here, "rule pool") == []
    assert refused(here, "rule port") == ["forwarded ports need connection tracking: Open vSwitch"]


def test_inside_of_networks_answers_could_be_to_either() -> None:
    inside = dataclasses.replace(
        POOL, address_id=None, inner_network_id="home", inner=IPv4Address("10.1.0.200")
    )
    (reason,) = refused(world(OPEN, ALL, inside, MEMBER), "rule pool")
    assert "inside of networks members are spoken to themselves" in reason
