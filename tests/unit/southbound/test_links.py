"""From what discovery saw to the store's links: the configuration wins, nothing is told twice."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from sdn_orch.intent.model import (
    Account,
    Arrival,
    Attachment,
    Domain,
    Link,
    Network,
    NetworkKind,
    Nic,
    Source,
    Switch,
)
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.validate import check
from sdn_orch.southbound.discovery import End, LinkSeen, PortSeen, Seen
from sdn_orch.southbound.links import discovered, is_tenants, link_changes

A, B, C = (0x30, 1), (0x20, 1), (0x10, 1)
WORLD = Snapshot.of(
    Domain(id="root", name="ROOT", path="/"),
    Account(id="acme", name="acme", domain_id="root"),
    Network(
        id="net",
        account_id="acme",
        name="net",
        kind=NetworkKind.ISOLATED,
        ipv4=IPv4Network("10.0.0.0/24"),
        gateway4=IPv4Address("10.0.0.1"),
    ),
    Nic(id="nic", network_id="net", mac="02:00:00:00:00:01"),
    Switch(id="a", dpid=0x30, name="a", learn_ports=(8,)),
    Switch(id="b", dpid=0x20, name="b", underlay=9),
    Switch(id="c", dpid=0x10, name="c"),
    Attachment(id="at", nic_id="nic", switch_id="c", port=5),
)


def stated(up: bool = True) -> Snapshot:
    link = Link(
        id="s", a_switch_id="a", a_port=1, b_switch_id="b", b_port=1, up=up, source=Source.CONFIGURATION
    )
    return WORLD.change([Put(link)])


def apply(snapshot: Snapshot, *seen: Seen, down: tuple[End, ...] = ()) -> Snapshot:
    changes = link_changes(snapshot, seen, lambda end: end not in down)
    check(snapshot, changes)
    return snapshot.change(changes) if changes else snapshot


def links(snapshot: Snapshot) -> list[tuple[str, int, str, int, bool]]:
    return [(x.a_switch_id, x.a_port, x.b_switch_id, x.b_port, x.up) for x in snapshot.all(Link)]


def test_a_link_is_made_once_in_the_order_of_ids() -> None:
    seen = LinkSeen((B, A), True, 25_000)
    world = apply(WORLD, seen)
    assert links(world) == [("a", 1, "b", 1, True)]
    (link,) = world.all(Link)
    assert (link.capacity, link.source) == (25_000, Source.DISCOVERY)
    assert apply(world, seen) is world
    assert list(discovered(world)) == [(A, B)]


def test_a_link_that_is_heard_but_dead_is_known_and_not_used() -> None:
    world = apply(WORLD, LinkSeen((B, A), True, 25_000, live=False))
    assert links(world) == [("a", 1, "b", 1, False)]
    assert links(apply(world, LinkSeen((B, A), True, 25_000))) == [("a", 1, "b", 1, True)]


def test_a_lost_link_is_kept_down_and_used_again() -> None:
    world = apply(WORLD, LinkSeen((B, A), True))
    number = next(world.all(Link)).number
    down = apply(world, LinkSeen((B, A), False))
    assert links(down) == [("a", 1, "b", 1, False)] and list(discovered(down)) == []
    again = apply(down, LinkSeen((B, A), True))
    assert links(again) == links(world) and next(again.all(Link)).number == number


def test_a_moved_cable_replaces_the_link_in_one_change() -> None:
    world = apply(WORLD, LinkSeen((B, A), True))
    moved = apply(world, LinkSeen((B, A), False), LinkSeen((C, A), True))
    assert links(moved) == [("a", 1, "c", 1, True)]


def test_stated_links_win() -> None:
    world = stated()
    assert apply(world, LinkSeen((C, A), True)) is world
    assert apply(world, LinkSeen((B, A), False)) is world
    assert apply(world, LinkSeen((B, A), True, 1)) is world


def test_stated_links_follow_their_ports() -> None:
    down = apply(stated(), PortSeen(A, False), down=(A,))
    assert links(down) == [("a", 1, "b", 1, False)]
    assert apply(down, PortSeen(A, True), down=(B,)) is down
    assert links(apply(down, PortSeen(A, True))) == [("a", 1, "b", 1, True)]


def test_a_port_that_is_up_does_not_bring_a_discovered_link_up() -> None:
    world = apply(WORLD, LinkSeen((B, A), True), PortSeen(A, False))
    assert links(world) == [("a", 1, "b", 1, False)]
    assert apply(world, PortSeen(A, True)) is world


def test_a_port_at_which_a_machine_is_awaited_gets_no_link() -> None:
    """It may run there already, and hand on what it hears."""
    assert not is_tenants(WORLD, *A)
    for admitted in (True, False):
        arrival = Arrival(id="arrival", nic_id="nic", switch_id="a", port=1, admitted=admitted)
        world = WORLD.change([Put(arrival)])
        assert is_tenants(world, *A)
        assert links(apply(world, LinkSeen((A, B), True, 10_000))) == []


def test_unknown_switches_and_tenants_ports_get_no_link() -> None:
    for end in ((0x99, 1), (0x10, 5), (0x20, 9), (0x30, 8)):
        assert is_tenants(WORLD, *end)
        other = (0x10, 2) if end != (0x10, 5) else (0x20, 2)
        a, b = sorted((end, other))
        assert apply(WORLD, LinkSeen((a, b), True)) is WORLD
    assert not is_tenants(WORLD, *A)
    assert apply(WORLD, PortSeen((0x99, 1), False)) is WORLD
