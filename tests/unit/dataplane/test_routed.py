"""A gateway answers for its routers' IPv6 addresses in the public network, tagged as it is asked."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv6Address

import pytest

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.execute import Outcome, Visit, execute
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Punt, punt_of
from sdn_orch.dataplane.world import World
from sdn_orch.intent.packet import ICMPV6, IPV6, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, Packet
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routed import uplink_of
from sdn_orch.intent.snapshot import Put, Snapshot
from tests.golden.worlds import WORLDS
from tests.unit.dataplane.worlds import OPEN_VSWITCH

PORT, UPSTREAM = 9, 0x525400000001
NEAR, STRANGER = IPv6Address("2001:db8:ff::1"), IPv6Address("2001:db8:ff::77")


def snapshot(vlan: int | None) -> Snapshot:
    """The golden world of a gateway with IPv6, its public network in another VLAN or in none."""
    records = WORLDS["gateway6"]
    return Snapshot.of(
        *(dataclasses.replace(each, vlan=vlan) if isinstance(each, PublicRange) else each for each in records)
    )


def router_address(here: Snapshot) -> IPv6Address:
    found = uplink_of(here, "blue", 6)
    assert found is not None and isinstance(found.address, IPv6Address)
    return found.address


def told(here: Snapshot, packet: Packet) -> Outcome:
    """What the gateway makes of a packet that comes to its public port."""
    state = compile_switch(World.of(here), "edge2").state
    tables = Tables(state, OPEN_VSWITCH.version)
    return execute(tables, PORT, packet, None, lambda _port: True, lambda _group, live, _packet: live[0])


def neighbour(kind: int, target: IPv6Address, vlan: int | None, source: IPv6Address = NEAR) -> Packet:
    tag = {} if vlan is None else {"vlan_vid": 0x1000 | vlan, "vlan_pcp": 0}
    is_asking = kind == NEIGHBOUR_SOLICITATION
    packet = Packet.of(
        eth_dst=0x3333FF000001,
        eth_src=UPSTREAM,
        eth_type=IPV6,
        ip_dscp=0,
        ip_ecn=0,
        ip_frag=0,
        ip_ttl=255,
        ip_proto=ICMPV6,
        ipv6_src=int(source),
        ipv6_dst=int(IPv6Address("ff02::1:ff00:1")),
        icmpv6_type=kind,
        icmpv6_code=0,
        ipv6_nd_reserved=0,
        ipv6_nd_target=int(target),
        ipv6_nd_options_type=1 if is_asking else 2,
        ipv6_nd_sll=UPSTREAM if is_asking else 0,
        ipv6_nd_tll=0 if is_asking else UPSTREAM,
    )
    return packet.replace(**tag)


@pytest.mark.parametrize("vlan", [None, 7])
def test_a_solicitation_of_a_router_is_answered_where_it_came_in(vlan: int | None) -> None:
    here = snapshot(vlan)
    own, mac = router_address(here), addresses.public_mac(1)
    (answer,) = told(here, neighbour(NEIGHBOUR_SOLICITATION, own, vlan)).emissions
    assert answer.port == PORT
    assert answer.packet.get("vlan_vid") == (None if vlan is None else 0x1000 | vlan)
    wanted = {
        "eth_dst": UPSTREAM,
        "eth_src": mac,
        "ipv6_src": int(own),
        "ipv6_dst": int(NEAR),
        "ip_ttl": 255,
        "icmpv6_type": NEIGHBOUR_ADVERTISEMENT,
        "ipv6_nd_target": int(own),
        "ipv6_nd_tll": mac,
    }
    assert wanted.items() <= dict(answer.packet.fields).items()


@pytest.mark.parametrize("target", [STRANGER, IPv6Address("2001:db8:1::a"), IPv6Address("2001:db8:1::1")])
def test_others_are_not_answered_for(target: IPv6Address) -> None:
    """Neither machines inside nor their gateway are neighbours of who is outside."""
    outcome = told(snapshot(7), neighbour(NEIGHBOUR_SOLICITATION, target, 7))
    assert not outcome.emissions and not outcome.punts


def test_a_solicitation_in_another_vlan_is_not_answered() -> None:
    here = snapshot(7)
    for vlan in (None, 8):
        assert not told(here, neighbour(NEIGHBOUR_SOLICITATION, router_address(here), vlan)).emissions


def test_what_the_upstream_says_of_itself_goes_to_the_controller_alone() -> None:
    here = snapshot(7)
    outcome = told(here, neighbour(NEIGHBOUR_ADVERTISEMENT, NEAR, 7))
    assert not outcome.emissions
    (punt,) = outcome.punts
    visits = (step for step in outcome.steps if isinstance(step, Visit) and step.table == punt.table)
    metadata = next(visits).metadata
    assert punt_of(punt.table, metadata) is Punt.UPSTREAM
    other = told(here, neighbour(NEIGHBOUR_ADVERTISEMENT, STRANGER, 7))
    assert not other.emissions and not other.punts


def test_the_address_of_a_router_stays_while_its_public_addresses_come_and_go() -> None:
    """It has the router's number, not that of the address under which the router goes out."""
    before = snapshot(7)
    old = before.need(PublicAddress, "source")
    new = dataclasses.replace(old, id="new", number=0, address=old.address + 1)
    after = before.change([Put(dataclasses.replace(old, is_source_nat=False)), Put(new)])
    first, second = uplink_of(before, "blue", 6), uplink_of(after, "blue", 6)
    assert first is not None and second is not None
    assert (first.first.id, second.first.id) == ("source", "new")
    assert first.address == second.address == IPv6Address("2001:db8:ff:0:c5d:2ff:fe00:1")
