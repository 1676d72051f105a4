"""Which cables are watched, one after another, and what becomes of those that are not there any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest

from sdn_orch.heartbeats import Heartbeats
from sdn_orch.intent.model import Capabilities, Link, Switch, SwitchRole
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.openflow.values import OPENFLOW_13
from sdn_orch.southbound.base import Port
from sdn_orch.southbound.bridges import Bridge, Edit, Watch
from sdn_orch.southbound.fake import OPEN_VSWITCH

#: Two leaves under two spines; a leaf's port is the spine's number, a spine's the leaf's.
LEAVES, SPINES = (1, 2), (11, 12)
CABLES = [(leaf, spine) for leaf in LEAVES for spine in SPINES]


def cable(leaf: int, spine: int) -> Link:
    id = f"{leaf}-{spine}"
    return Link(id=id, a_switch_id=f"s{leaf}", a_port=spine, b_switch_id=f"s{spine}", b_port=leaf)


def mark(leaf: int, spine: int) -> str:
    return f"{leaf:016x}:{spine}-{spine:016x}:{leaf}"


@dataclass
class Fabric:
    """Databases that do as they are told, and time that passes."""

    snapshot: Snapshot = field(
        default_factory=lambda: Snapshot.of(
            *(Switch(id=f"s{dpid}", dpid=dpid, name=f"s{dpid}") for dpid in LEAVES),
            *(Switch(id=f"s{dpid}", dpid=dpid, name=f"s{dpid}", role=SwitchRole.FABRIC) for dpid in SPINES),
            *(cable(*ends) for ends in CABLES),
        )
    )
    now: float = 100.0
    all_told: bool = True
    #: By datapath id.
    endpoints: dict[int, str] = field(
        default_factory=lambda: {dpid: f"db{dpid}" for dpid in (*LEAVES, *SPINES)}
    )
    watches: dict[tuple[int, int], str] = field(default_factory=dict)
    sessions: dict[int, Capabilities] = field(
        default_factory=lambda: dict.fromkeys((*LEAVES, *SPINES), OPEN_VSWITCH)
    )

    def __post_init__(self) -> None:
        self.heartbeats = Heartbeats(self.write)

    def bridge(self, dpid: int) -> Bridge:
        watches = frozenset(Watch(port, mark) for (at, port), mark in self.watches.items() if at == dpid)
        return Bridge(UUID(int=dpid), f"br{dpid}", dpid, "secure", frozenset(), True, (), watches)

    def write(self, endpoint: str, edits: Sequence[Edit]) -> None:
        for edit in edits:
            assert edit.port is not None and isinstance(edit.value, Mapping)
            dpid = edit.row.int
            assert self.endpoints[dpid] == endpoint
            if edit.column == "external_ids":
                (told,) = edit.value.values()
                if told is None:
                    self.watches.pop((dpid, edit.port), None)
                else:
                    self.watches[dpid, edit.port] = told

    def fail(self, leaf: int, spine: int) -> None:
        """A cable is down by the store."""
        link = self.snapshot.need(Link, f"{leaf}-{spine}")
        self.snapshot = self.snapshot.change([Put(replace(link, up=False))])

    def look(self, seconds: float = 0.5) -> None:
        self.now += seconds
        bridges = {dpid: (endpoint, self.bridge(dpid)) for dpid, endpoint in self.endpoints.items()}
        self.heartbeats.tick(self.now, self.snapshot, bridges, self.sessions, self.all_told)

    def tell(self, dpid: int, port: int, live: bool) -> bool:
        """A switch tells of a port; whether that is taken as live."""
        told = Port(port, f"p{port}", "02:00:00:00:00:01", True, 10_000, live)
        return self.heartbeats.understood(dpid, told).live

    def find(self, leaf: int, spine: int) -> None:
        """Both ends begin to watch, and hear each other."""
        for live in (False, True):
            assert self.tell(leaf, spine, live) and self.tell(spine, leaf, live)

    def watched(self) -> list[tuple[int, int]]:
        """The cables at both ends of which watching is on."""
        names = list(self.watches.values())
        return [ends for ends in CABLES if names.count(mark(*ends)) == 2]

    def watch_all(self) -> None:
        for _ in CABLES:
            self.look()
            self.find(*self.watched()[-1])
            self.look()


def test_cables_are_watched_one_after_another() -> None:
    fabric = Fabric()
    for number, (leaf, spine) in enumerate(CABLES, start=1):
        fabric.look()
        assert fabric.watched() == CABLES[:number]
        # As long as one end has not heard the other no other cable is touched, and the tables keep this one.
        assert fabric.tell(leaf, spine, False) and fabric.tell(leaf, spine, True)
        assert fabric.tell(spine, leaf, False)
        fabric.look()
        assert fabric.watched() == CABLES[:number]
        assert fabric.tell(spine, leaf, True)
        # From now on dead is dead.
        assert not fabric.tell(spine, leaf, False)
        fabric.look(0.4)
    fabric.look()
    assert fabric.watched() == CABLES


def test_ends_that_do_not_hear_each_other_go_on_without(caplog: pytest.LogCaptureFixture) -> None:
    fabric = Fabric()
    fabric.look()
    leaf, spine = CABLES[0]
    fabric.tell(leaf, spine, False)
    fabric.tell(spine, leaf, False)
    fabric.look(11)
    assert mark(leaf, spine) not in fabric.watches.values()
    assert "do not hear each other" in caplog.text
    # The others are tried, and this one much later again.
    for _ in CABLES[1:]:
        fabric.find(*fabric.watched()[-1])
        fabric.look()
        fabric.look()
    assert fabric.watched() == CABLES[1:]
    fabric.look(700)
    assert fabric.watched() == CABLES


@pytest.mark.parametrize(
    "reason", ["only way", "one Open vSwitch", "no database", "no session", "plain", "1.3"]
)
def test_where_it_is_of_no_use_or_not_possible_nothing_is_watched(reason: str) -> None:
    fabric = Fabric()
    if reason == "only way":
        fabric.fail(1, 11)
        fabric.fail(2, 11)
    elif reason == "one Open vSwitch":
        fabric.endpoints = dict.fromkeys(fabric.endpoints, "db")
    elif reason == "no database":
        del fabric.endpoints[11], fabric.endpoints[12]
    elif reason == "no session":
        del fabric.sessions[1], fabric.sessions[2]
    else:
        change = {"open_vswitch": False} if reason == "plain" else {"version": OPENFLOW_13}
        for spine in SPINES:
            fabric.sessions[spine] = replace(OPEN_VSWITCH, **change)
    for _ in range(5):
        fabric.look()
    assert fabric.watches == {}


def test_what_somebody_else_watches_is_left_alone() -> None:
    fabric = Fabric()
    fabric.watches = {(1, 11): "", (2, 40): ""}
    for _ in CABLES[1:]:
        fabric.look()
        fabric.find(*fabric.watched()[-1])
        fabric.look()
    fabric.look()
    assert fabric.watched() == CABLES[1:]
    assert fabric.watches[1, 11] == fabric.watches[2, 40] == "" and (11, 1) not in fabric.watches


def test_a_cable_that_was_replaced_is_watched_no_more() -> None:
    fabric = Fabric()
    fabric.watch_all()
    moved = Link(id="new", a_switch_id="s1", a_port=11, b_switch_id="s12", b_port=9)
    fabric.snapshot = fabric.snapshot.change([Delete(Link, "1-11"), Put(replace(moved, up=False))])
    fabric.look()
    # At neither of its ends; the new one is not up before that.
    assert fabric.watched() == CABLES[1:] and len(fabric.watches) == 6
    made = fabric.snapshot.need(Link, "new")
    fabric.snapshot = fabric.snapshot.change([Put(replace(made, up=True))])
    fabric.look()
    assert fabric.watches[1, 11] == fabric.watches[12, 9]


def test_a_cable_that_is_down_is_watched_on() -> None:
    fabric = Fabric()
    fabric.watch_all()
    fabric.fail(1, 11)
    fabric.look(1000)
    assert fabric.watched() == CABLES


def test_an_end_whose_peer_has_no_database_any_more_watches_no_more() -> None:
    fabric = Fabric()
    fabric.watch_all()
    del fabric.endpoints[11]
    fabric.all_told = False
    fabric.look()
    assert (1, 11) in fabric.watches
    fabric.all_told = True
    fabric.look()
    assert (1, 11) not in fabric.watches and (1, 12) in fabric.watches


def test_an_end_that_has_lost_its_settings_gets_them_again() -> None:
    fabric = Fabric()
    fabric.watch_all()
    del fabric.watches[11, 1]
    fabric.fail(1, 11)
    # Its other end is dead to the switch since then, and is so until it is heard.
    assert not fabric.tell(1, 11, False)
    fabric.look()
    assert fabric.watched() == CABLES
    assert not fabric.tell(1, 11, False)
