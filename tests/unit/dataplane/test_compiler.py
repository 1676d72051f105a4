"""What is compiled where, what is refused and why, and whose each rule is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

import pytest

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.compiler import Compiled, compile_switch, compile_unit, units
from sdn_orch.dataplane.pipeline import GroupKind, Table, group_number
from sdn_orch.dataplane.rules import Owner, OwnerKind, Rules, encode
from sdn_orch.dataplane.world import World
from sdn_orch.errors import OwnerConflict
from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.model import Capabilities, Network, Nic, Record, Switch, Transport
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.values import OPENFLOW_15, Flow, Group, Match, Meter
from sdn_orch.processors import shared
from tests.refusals import refusals
from tests.unit.dataplane.worlds import (
    OPEN_VSWITCH,
    PLAIN,
    attach,
    l2_network,
    leaf_spine,
    network,
    nic,
    own_address,
    public_range,
    tenant,
    vpc,
)


def world(*records: Record, capabilities: Capabilities = OPEN_VSWITCH) -> World:
    """Two spines, three leaves, and these records; those with an id there is replace it."""
    own = {record.id: record for record in records}
    common = [record for record in leaf_spine(2, 3, capabilities) if record.id not in own]
    return World.of(Snapshot.of(*tenant(), *common, *records))


def on(home: Network, *leaves: int, port: int = 10) -> list[Record]:
    """NICs of a network, the first on the first of these leaves and so on."""
    nics = [nic(home, 10 + index) for index in range(len(leaves))]
    return [
        *nics,
        *(attach(one.id, f"leaf{leaf}", port) for one, leaf in zip(nics, leaves, strict=True)),
    ]


def flows(compiled: Compiled, table: Table | None = None) -> list[Flow]:
    found = [decode_flow(entry, OPENFLOW_15) for entry in compiled.state.flows.values()]
    return [flow for flow in found if table is None or flow.table == table]


def refused(world: World, switch_id: str) -> dict[str, str]:
    return dict(refusals(compile_switch(world, switch_id)))


def test_a_network_is_only_where_its_nics_are() -> None:
    home = network("home")
    here = world(home, *on(home, 1, 2))
    own, other, none = (compile_switch(here, f"leaf{leaf}") for leaf in (1, 2, 3))
    assert Owner(OwnerKind.NETWORK, "home") in own.rules
    assert Owner(OwnerKind.NIC, "home-10") in other.rules
    assert {owner.kind for owner in none.rules} == {OwnerKind.SWITCH}


def test_a_fabric_switch_has_labels_only() -> None:
    home = network("home")
    compiled = compile_switch(world(home, *on(home, 1, 2)), "spine1")
    assert {flow.table for flow in flows(compiled)} == {Table.CLASSIFY}
    matched = {name for flow in flows(compiled) for name, _, _ in flow.match}
    assert matched == {"eth_type", "eth_dst"}


def test_equal_macs_and_addresses_in_different_networks_do_not_meet() -> None:
    one, other = network("one"), network("other")
    here = world(one, other, *on(one, 1, 2), *on(other, 1, 2, port=11))
    compiled = compile_switch(here, "leaf1")
    assert not refusals(compiled)
    assert here.snapshot.need(Nic, "one-10").mac == here.snapshot.need(Nic, "other-10").mac


def test_what_is_not_active_has_no_rules_at_all() -> None:
    home = network("home")
    silent = dataclasses.replace(nic(home, 10), active=False)
    here = world(home, silent, attach(silent.id, "leaf1", 10))
    assert {owner.kind for owner in compile_switch(here, "leaf1").rules} == {OwnerKind.SWITCH}


def test_switches_share_what_they_hold_alike() -> None:
    home = network("home")
    here = world(home, *on(home, 1, 2, 3))
    owner = Owner(OwnerKind.NIC, "home-10")
    second, third = (compile_unit(here, owner, leaf) for leaf in ("leaf2", "leaf3"))
    assert second.flows is third.flows


def test_machines_behind_one_port_get_one_copy_of_a_flood() -> None:
    home = network("home")
    first, second = nic(home, 10), nic(home, 11)
    here = world(home, first, second, attach(first.id, "leaf1", 10), attach(second.id, "leaf1", 10))
    compiled = compile_switch(here, "leaf1")
    number = group_number(GroupKind.LOCAL_FLOOD, here.snapshot.need(Network, "home").number)
    assert len(compiled.state.groups[number].buckets) == 1
    assert not refusals(compiled)


@pytest.mark.parametrize(
    ("home", "place", "reason"),
    [
        (network("home"), ("leaf1", 1), "port 1 of switch leaf1 leads to other switches"),
        (network("home"), ("spine1", 10), "switch spine1 is not an edge"),
        (network("home"), ("leaf1", 0xFF00), "port 65280 of switch leaf1 is above 65279"),
    ],
)
def test_places_that_cannot_be(home: Network, place: tuple[str, int], reason: str) -> None:
    one = nic(home, 10)
    found = compile_switch(world(home, one, attach(one.id, *place)), place[0])
    assert refusals(found) == [("nic home-10", reason)]
    assert not found.rules[Owner(OwnerKind.NIC, one.id)].flows


def test_a_gateways_mac_is_no_nics() -> None:
    home = network("home")
    one = dataclasses.replace(nic(home, 10), mac="0e:5d:00:00:00:01")
    here = world(home, one, attach(one.id, "leaf1", 10))
    assert "kept for gateways" in refused(here, "leaf1")["nic home-10"]


def test_a_port_is_in_one_network() -> None:
    one, other = network("one"), network("other")
    first, second = nic(one, 10), nic(other, 11)
    here = world(one, other, first, second, attach(first.id, "leaf1", 10), attach(second.id, "leaf1", 10))
    assert refused(here, "leaf1") == {"nic other-11": "port 10 of switch leaf1 is taken by NIC one-10"}
    trunk = world(
        one, other, first, second, attach(first.id, "leaf1", 10, 5), attach(second.id, "leaf1", 10, 6)
    )
    assert refused(trunk, "leaf1") == {}


def test_a_switch_with_too_few_tables_is_no_edge() -> None:
    home = network("home")
    small = Switch(id="leaf1", dpid=1, name="leaf1", capabilities=Capabilities(tables=1))
    compiled = compile_switch(world(home, small, *on(home, 1)), "leaf1")
    assert [reason for _, reason in refusals(compiled)] == ["an edge needs 37 tables, it has 1"]
    assert not compiled.state.flows


def test_what_a_plain_switch_cannot_do_is_refused() -> None:
    wide, narrow = network("wide", 1, vpc_id="vpc"), network("narrow", 2, vpc_id="vpc", mtu=1400)
    here = world(vpc("vpc"), wide, narrow, *on(wide, 1, 2), *on(narrow, 1, 2, port=11), capabilities=PLAIN)
    found = refused(here, "leaf1")
    assert set(found) == {"switch leaf1", "router vpc", "network wide", "network narrow"}
    assert "detours" in found["switch leaf1"]
    assert "MTU" in found["router vpc"]
    assert "multicast" in found["network wide"]
    into = [flow for flow in flows(compile_switch(here, "leaf1"), Table.ROUTE) if flow.metadata]
    number = here.snapshot.need(Network, "narrow").number
    assert all(flow.metadata and flow.metadata[0] != number for flow in into), "refused, not weakened"


def test_a_plain_gateway_refuses_networks_into_which_less_fits_than_public_ones_carry() -> None:
    narrow = network("narrow", 1, mtu=1400)
    address = own_address(nic(narrow, 10), IPv4Address("203.0.113.11"))
    for home in (narrow, dataclasses.replace(narrow, mtu=1500)):
        here = world(home, *on(home, 1), capabilities=PLAIN)
        gateway = dataclasses.replace(here.snapshot.need(Switch, "leaf1"), public_port=9)
        outside = (gateway, public_range(IPv4Network("203.0.113.0/24")), address)
        compiled = compile_switch(World.of(here.snapshot.change([Put(each) for each in outside])), "leaf1")
        reasons = [reason for owner, reason in refusals(compiled) if owner == "network narrow"]
        inward = flows(compiled, Table.INWARD)
        assert (any("MTU" in reason for reason in reasons), bool(inward)) == (home == narrow, home != narrow)


@pytest.mark.parametrize(
    ("transport", "capabilities", "reason"),
    [
        (Transport.VXLAN, PLAIN, "tunnels need Open vSwitch"),
        (Transport.VLAN, OPEN_VSWITCH, "network home has no VLAN for the underlay"),
    ],
)
def test_transports_that_cannot_be(transport: Transport, capabilities: Capabilities, reason: str) -> None:
    home = network("home")
    edges = [
        Switch(
            id=f"leaf{leaf}",
            dpid=leaf,
            name=f"leaf{leaf}",
            transport=transport,
            underlay=9,
            tunnel_address=IPv4Address(f"192.0.2.{leaf}"),
            capabilities=capabilities,
        )
        for leaf in (1, 2)
    ]
    assert refused(world(home, *edges, *on(home, 1, 2)), "leaf1")["nic home-11"] == reason


def test_edges_of_different_transports_do_not_reach_each_other() -> None:
    home = network("home")
    far = Switch(
        id="leaf2", dpid=2, name="far", transport=Transport.VLAN, underlay=9, capabilities=OPEN_VSWITCH
    )
    found = refused(world(home, far, *on(home, 1, 2)), "leaf1")
    assert found == {"nic home-11": "the way to switch far: it has the vlan transport"}


def test_group_addresses_that_labels_cannot_carry_stay_on_the_switch() -> None:
    home = l2_network("home")
    here = world(home, *on(home, 1, 2))
    number = here.snapshot.need(Network, "home").number
    groups = {
        flow.priority: flow.actions[0]
        for flow in flows(compile_switch(here, "leaf1"), Table.FORWARD)
        if flow.match.get("eth_dst") == addresses.GROUP_BIT
    }
    assert len(set(groups.values())) == 2
    assert group_number(GroupKind.LOCAL_FLOOD, number) in {
        getattr(action, "group", None) for action in groups.values()
    }


def test_one_identity_has_one_owner() -> None:
    home = network("home")
    here = world(home, *on(home, 1))
    compiled = compile_switch(here, "leaf1")
    owner = Owner(OwnerKind.NIC, "home-10")
    # As if these flows were somebody else's.
    del compiled.rules[owner]
    with pytest.raises(OwnerConflict, match="nic home-10: another flow has table"):
        compiled.replace(here, [owner])
    with pytest.raises(OwnerConflict):
        encode([Flow(0, 1, Match.of()), Flow(0, 1, Match.of(), goto=1)], OPENFLOW_15)


def test_every_owner_is_compiled_once() -> None:
    """Also where an address still names a network alone that a VPC has joined."""
    home = network("home", vpc_id="shop")
    prefix = IPv4Network("203.0.113.0/24")
    outside = [
        public_range(prefix),
        PublicAddress(
            id="address", range_id="range", account_id="tenant", address=prefix[10], network_id="home"
        ),
    ]
    leaf1 = next(record for record in leaf_spine(2, 3) if record.id == "leaf1" and isinstance(record, Switch))
    here = world(dataclasses.replace(leaf1, public_port=70), vpc("shop"), home, *on(home, 1, 2), *outside)
    found = list(units(here, "leaf1"))
    assert len(found) == len(set(found))
    assert compile_switch(here, "leaf1").state.flows


def test_every_rule_has_its_owner() -> None:
    home = network("home")
    compiled = compile_switch(world(home, *on(home, 1, 2)), "leaf1")
    for owner, rules in compiled.rules.items():
        for entry in rules.flows.values():
            assert compiled.owner_of(entry) == owner
        assert all(compiled.owner_of(group) == owner for group in rules.groups)
    assert compiled.owner_of(Group(7, next(iter(compiled.state.groups.values())).type, ())) is None
    assert compiled.owner_of(Meter(10, 1, 1)) == Owner(OwnerKind.PORT, "leaf1:10")


def test_the_derived_macs_are_those_of_the_model() -> None:
    home = dataclasses.replace(network("home"), number=0x123456)
    assert mac_number(home.gateway_mac) == addresses.gateway_mac(home.number)
    assert addresses.is_reserved(addresses.gateway_mac(home.number))
    assert addresses.is_reserved(addresses.edge_mac(0xFFFF))
    assert addresses.is_reserved(addresses.public_mac(0xFFFF))
    assert addresses.is_reserved(addresses.way_out_mac(0xFFFF))
    assert not addresses.is_reserved(0x0E5D04000000)
    assert link_local(0x0242AC110002) == 0xFE80 << 112 | 0x0042ACFFFE110002


@pytest.mark.slow
def test_a_large_switch_is_compiled_alike_wherever_and_in_whatever_order() -> None:
    homes = [network(f"home{number}") for number in range(320)]
    nics = [nic(home, 10 + index) for home in homes for index in range(10)]
    here = world(*homes, *nics, *(attach(one.id, "leaf1", 10 + port) for port, one in enumerate(nics)))

    def backwards(work: Callable[[int], list[Rules]], pieces: int) -> list[list[Rules]]:
        asked.append(pieces)
        return [work(piece) for piece in reversed(range(pieces))][::-1]

    asked: list[int] = []
    alone = compile_switch(here, "leaf1")
    for share in (backwards, shared):
        # A world of its own, in which nothing is known yet.
        compiled = compile_switch(World.of(here.snapshot), "leaf1", share)
        assert compiled == alone
        assert list(compiled.state.flows) == list(alone.state.flows)
    assert asked[0] > 48
