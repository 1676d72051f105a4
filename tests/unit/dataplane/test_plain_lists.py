"""Lists of rules and security groups on plain switches: which are served, why others are not; and ICMP."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.dataplane.simulate import Trace, trace
from sdn_orch.dataplane.touched import touched
from sdn_orch.dataplane.wires import Wires
from sdn_orch.dataplane.world import World
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.mirrored import unmirrored
from sdn_orch.intent.model import Network, Nic, Record, Switch
from sdn_orch.intent.packet import ICMP, ICMPV6, IPV4, IPV6, TCP, Packet
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.traffic import Direction, Verdict
from tests.golden.worlds import edges, pair
from tests.property.compiled import reasons
from tests.property.test_incremental import assert_same
from tests.refusals import refusals
from tests.unit.dataplane.worlds import PLAIN, attach, network, nic, tenant, vpc

NEAR, FAR = IPv4Network("10.2.0.0/16"), IPv4Network("198.51.100.0/24")
HALVES = IPv4Network("0.0.0.0/0"), IPv6Network("::/0")
IN, OUT = Direction.INGRESS, Direction.EGRESS
Item = dict[str, Any]


def into(*sources: Any, **more: Any) -> Item:
    return {"direction": IN, "sources": sources, **more}


def out(*destinations: Any, **more: Any) -> Item:
    return {"direction": OUT, "destinations": destinations, **more}


DENY: Item = {"verdict": Verdict.DENY}


def snapshot_of(*items: Item) -> Snapshot:
    """Two tiers at one plain switch, the first under a list of these items, at the positions 10, 20…"""
    records: list[Record] = [
        replace(record, capabilities=PLAIN) if isinstance(record, Switch) else record for record in edges(1)
    ]
    records += [*tenant(), vpc("shop"), AclList(id="list", name="list", vpc_id="shop")]
    for number, item in enumerate(items, 1):
        records.append(AclItem(id=f"item{number}", list_id="list", position=10 * number, **item))
    records += pair(replace(network("web", 1, vpc_id="shop"), acl_id="list"), ("edge1", 1))
    return Snapshot.of(*records, *pair(network("db", 2, vpc_id="shop"), ("edge1", 2)))


@pytest.mark.parametrize(
    "items",
    [
        (into(**DENY), out(**DENY)),
        (into(NEAR), out(NEAR)),
        (out(NEAR, FAR), into(FAR, NEAR)),
        # Two halves are the whole, and what is said of a part first counts there.
        (into(NEAR), out(IPv4Network("10.2.0.0/17")), out(IPv4Network("10.2.128.0/17"))),
        (into(protocol=TCP), into(FAR, **DENY), out(protocol=TCP), out(FAR, **DENY)),
        (into(FAR, **DENY), into(), out(FAR, **DENY), out()),
        # Nothing is said of what goes out, so all may, and all may come in.
        (into(protocol=TCP), into()),
        (into(), into(), *[into(NEAR, **DENY)] * 9),
    ],
)
def test_lists_that_let_the_same_in_and_out_are_served(items: tuple[Item, ...]) -> None:
    snapshot = snapshot_of(*items)
    assert unmirrored(snapshot, "list", (4, 6)) == ""
    world = World.of(snapshot)
    assert all(world.is_placed(nic.id) for nic in snapshot.all(Nic))
    compiled = compile_switch(world, "edge1")
    assert {owner.partition(" ")[0] for owner, _ in refusals(compiled)} <= {"switch", "network"}


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ((into(protocol=TCP, ports=(80, 80)), out()), "item 10 names ports: to know the answers"),
        ((into(protocol=ICMP, icmp_type=8), into()), "item 10 names a type of ICMP: to know the answers"),
        ((into(destinations=(NEAR,)),), "item 10 names addresses of the tier: to know the answers"),
        ((), "the list, without items about what goes out, lets IPv4 to 0.0.0.0/0 out, and no item lets"),
        (
            (into(NEAR), out(FAR)),
            "item 10 lets IPv4 from 10.2.0.0/16 in, and no item lets IPv4 to 10.2.0.0/16 out",
        ),
        (
            (into(NEAR, FAR), out(NEAR), out(FAR, **DENY)),
            "item 10 lets IPv4 from 198.51.100.0/24 in, and item 30 does not let IPv4 to 198.51.100.0/24 out",
        ),
        (
            (into(**DENY), out(protocol=TCP)),
            "item 20 lets TCP to 0.0.0.0/0 out, and item 10 does not let TCP from 0.0.0.0/0 in",
        ),
        (
            (into(IPv6Network("2001:db8::/32")), out(IPv6Network("2001:db8::/33"))),
            "item 10 lets IPv6 from 2001:db8:8000::/33 in, and no item lets IPv6 to 2001:db8:8000::/33 out",
        ),
        (
            (into(protocol=99), out(protocol=98)),
            "item 20 lets protocol 98 to 0.0.0.0/0 out, and no item lets protocol 98 from 0.0.0.0/0 in",
        ),
    ],
)  # fmt: skip
def test_others_are_refused_with_the_item_that_is_in_the_way(items: tuple[Item, ...], reason: str) -> None:
    snapshot = snapshot_of(*items)
    world = World.of(snapshot)
    place = world.place("web-10")
    assert place is not None
    assert place.refusal.startswith(reason) and "needs connection tracking, Open vSwitch" in place.refusal
    told = dict(refusals(compile_switch(world, "edge1")))
    refused = {"nic web-10", "list list", *(f"item item{number}" for number in range(1, len(items) + 1))}
    assert {owner for owner, text in told.items() if text == place.refusal} == refused


def test_only_versions_of_ip_that_a_tier_has_count() -> None:
    """Items about 0.0.0.0/0 leave IPv6 open outwards and closed inwards."""
    everywhere = IPv4Network("0.0.0.0/0")
    snapshot = snapshot_of(into(everywhere, protocol=TCP), into(everywhere))
    dual = snapshot.need(Network, "web")
    only4 = replace(dual, id="web4", number=0, name="web4", ipv4=IPv4Network("10.3.0.0/16"), ipv6=None)
    only4 = replace(only4, gateway4=IPv4Address("10.3.0.1"), gateway6=None)
    more = [Put(record) for record in pair(only4, ("edge1", 3))]
    world = World.of(snapshot.change(more))
    assert world.is_placed("web4-10") and not world.is_placed("web-10")
    compiled = compile_switch(world, "edge1")
    reason = "the list, without items about what goes out, lets IPv6 to ::/0 out, and no item lets IPv6 from"
    told = {owner for owner, text in refusals(compiled) if text.startswith(reason)}
    assert told == {"nic web-10", "list list", "item item1", "item item2"}
    assert all(compiled.rules[Owner(OwnerKind.ITEM, f"item{number}")].flows for number in (1, 2))


def test_a_tier_that_gives_up_ipv6_is_served_from_then_on() -> None:
    before = snapshot_of(into(HALVES[0]))
    dual = before.need(Network, "web")
    change = [Put(replace(dual, ipv6=None, gateway6=None))]
    after = before.change(change)
    differences = after.differences(before, change)
    old = World.of(before)
    new, fresh = old.advance(differences, after), World.of(after)
    compiled = compile_switch(old, "edge1")
    compiled.replace(new, [owner for owner, _ in touched(old, new, differences)])
    assert not old.is_placed("web-10") and new.is_placed("web-10")
    assert_same(compiled, compile_switch(fresh, "edge1"))


@pytest.mark.parametrize(
    ("rules", "is_served"),
    [
        ((into(),), True),
        ((into(), out()), True),
        ((into(HALVES[0]), into(HALVES[1])), True),
        ((into(protocol=TCP, ports=(80, 80)), into()), True),
        ((), False),
        ((into(HALVES[0]),), False),
        ((into(), out(protocol=TCP)), False),
        ((into(protocol=TCP), out(protocol=TCP)), False),
    ],
)
def test_security_groups_that_let_everything_through_are_served(
    rules: tuple[Item, ...], is_served: bool
) -> None:
    group = SecurityGroup(id="group", account_id="tenant", name="group")
    said = [SecurityRule(id=f"rule{at}", group_id="group", **rule) for at, rule in enumerate(rules)]
    home = network("home", 5)
    machine = replace(nic(home, 10), group_ids=("group",))
    records: list[Record] = [group, *said, home, machine, attach(machine.id, "edge1", 3)]
    world = World.of(snapshot_of().change([Put(record) for record in records]))
    found = world.place(machine.id)
    assert found is not None
    reason = "security groups that do not let everything through need connection tracking: Open vSwitch"
    assert found.refusal == ("" if is_served else reason)
    refused = {owner for owner, text in refusals(compile_switch(world, "edge1")) if text == reason}
    assert refused == (set() if is_served else {f"nic {machine.id}", "group group"})


def sent(snapshot: Snapshot, port: int, packet: Packet) -> Trace:
    """What becomes of a frame that a machine sends."""
    (switch,) = snapshot.all(Switch)
    state = compile_switch(World.of(snapshot), switch.id).state
    tables = {switch.id: Tables(state, switch.capabilities.version, open_vswitch=False)}
    return trace(tables, Wires.of(snapshot), (switch.id, port), packet, lambda _group, live, _packet: live[0])


def between(source: str, target: str, **fields: int) -> Packet:
    """A packet from one of the two machines to the other's tier, by its gateway."""
    mac = "0e:5d:00:00:00:01" if source == "10.1.0.10" else "0e:5d:00:00:00:02"
    ends = {"ipv4_src": int(IPv4Address(source)), "ipv4_dst": int(IPv4Address(target))}
    macs = {"eth_dst": mac_number(mac), "eth_src": mac_number("06:00:00:00:00:0a")}
    common = {"eth_type": IPV4, "ip_frag": 0, "ip_ttl": 64}
    return Packet.from_fields({**macs, **common, **ends, **fields}, bytes(20))


def test_errors_of_icmp_pass_where_the_list_lets_icmp() -> None:
    """Without connections nobody knows what they answer; and they come from anybody on the way."""
    web, db = "10.1.0.10", "10.2.0.10"
    tcp = {"ip_proto": TCP, "tcp_src": 80, "tcp_dst": 1024}
    too_big = {"ip_proto": ICMP, "icmpv4_type": 3, "icmpv4_code": 4}
    for protocol, errors in ((None, True), (TCP, False)):
        snapshot = snapshot_of(into(NEAR, protocol=protocol), out(NEAR, protocol=protocol))
        for source, target, port in ((web, db, 1), (db, web, 2)):
            assert bool(sent(snapshot, port, between(source, target, **tcp)).exits)
            assert bool(sent(snapshot, port, between(source, target, **too_big)).exits) is errors


def test_a_closed_tier_still_has_its_gateway_and_finds_it() -> None:
    snapshot = snapshot_of(into(**DENY), out(**DENY))
    gateway, own = mac_number("0e:5d:00:00:00:01"), mac_number("06:00:00:00:00:0a")
    asking = Packet.of(
        eth_dst=gateway, eth_src=own, eth_type=IPV6, ip_frag=0, ip_ttl=255, ip_proto=ICMPV6,
        ipv6_src=link_local(own), ipv6_dst=link_local(gateway), icmpv6_type=135, icmpv6_code=0,
        ipv6_nd_reserved=0, ipv6_nd_target=link_local(gateway), ipv6_nd_options_type=1, ipv6_nd_sll=own,
        ipv6_nd_tll=0,
    )  # fmt: skip
    assert reasons(sent(snapshot, 1, asking)) == {Punt.NEIGHBOUR_SOLICITATION}
    # As to one more hop of its own, it is asked whether it is there yet.
    elsewhere = asking.replace(ipv6_dst=int(IPv6Network("2001:db8:2::/64")[10]))
    assert reasons(sent(snapshot, 1, elsewhere)) == {Punt.NEIGHBOUR_SOLICITATION}
    ping = between("10.1.0.10", "10.1.0.1", ip_proto=ICMP, icmpv4_type=8, icmpv4_code=0)
    assert reasons(sent(snapshot, 1, ping)) == {Punt.GATEWAY_ECHO}
    assert not sent(snapshot, 1, ping.replace(ipv4_dst=int(IPv4Address("10.2.0.10")))).exits
