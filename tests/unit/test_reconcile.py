"""The reconciler with strict switches in memory: whatever happens, they come to hold what is compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.dataplane.world import World
from sdn_orch.intent.model import (
    Account,
    Arrival,
    Attachment,
    Domain,
    Link,
    Network,
    NetworkKind,
    Nic,
    Switch,
    SwitchRole,
)
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.openflow.values import FlowEntry
from sdn_orch.reconcile import Reconciler
from sdn_orch.southbound.base import Datapath, PacketIn, Port
from sdn_orch.southbound.fake import OPEN_VSWITCH, FakeSwitch
from sdn_orch.status import Condition, Phase
from sdn_orch.store.memory import MemoryStore
from sdn_orch.store.transact import transact
from sdn_orch.switch_loop import ARRIVAL_GRACE

LEAVES = ("leaf1", "leaf2")
NIC4 = Owner(OwnerKind.NIC, "nic4")


def nic(number: int) -> Nic:
    return Nic(
        id=f"nic{number}",
        network_id="net",
        mac=f"02:00:00:00:00:{number:02x}",
        ipv4=IPv4Address("10.1.1.0") + number,
    )


def at(number: int, switch_id: str, port: int) -> Attachment:
    return Attachment(id=f"at{number}", nic_id=f"nic{number}", switch_id=switch_id, port=port)


CLOUD = Snapshot.of(
    Domain(id="root", name="ROOT", path="/"),
    Account(id="acme", name="acme", domain_id="root"),
    Network(
        id="net",
        account_id="acme",
        name="net",
        kind=NetworkKind.ISOLATED,
        ipv4=IPv4Network("10.1.1.0/24"),
        gateway4=IPv4Address("10.1.1.1"),
    ),
    *(
        Switch(id=name, dpid=dpid, name=name, capabilities=OPEN_VSWITCH)
        for dpid, name in enumerate(LEAVES, 1)
    ),
    Switch(id="spine", dpid=9, name="spine", role=SwitchRole.FABRIC, capabilities=OPEN_VSWITCH),
    Link(id="link1", a_switch_id="leaf1", a_port=50, b_switch_id="spine", b_port=1),
    Link(id="link2", a_switch_id="leaf2", a_port=50, b_switch_id="spine", b_port=2),
    nic(2),
    nic(3),
    nic(4),
    at(2, "leaf1", 2),
    at(3, "leaf2", 3),
)


class Fabric:
    """The reconciler as the daemon has it, with fake switches by the names of their records."""

    def __init__(
        self, audit_interval: float = 0.0, *, keep_foreign: bool = False, cloud: Snapshot = CLOUD
    ) -> None:
        self.store = MemoryStore(cloud)
        self.reconciler = Reconciler(self.store, audit_interval=audit_interval, keep_foreign=keep_foreign)
        self.switches = {switch.id: FakeSwitch(switch.dpid) for switch in cloud.all(Switch)}
        self._ids = {switch.dpid: switch.id for switch in cloud.all(Switch)}
        self.reconciler.start()

    def connected(self, datapath: Datapath) -> None:
        revision = self.store.snapshot().revision
        self.reconciler.attach(self._ids[datapath.dpid], datapath, revision)

    def disconnected(self, datapath: Datapath) -> None:
        self.reconciler.detach(self._ids[datapath.dpid], datapath)

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None: ...

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None: ...

    def connect(self, *names: str) -> None:
        for name in names or tuple(self.switches):
            self.switches[name].connect(self)
        self.settle(*names)

    def commit(self, *changes: Change) -> None:
        transact(self.store, lambda _snapshot: changes)

    def settle(self, *names: str) -> None:
        """Until the named switches (all by default) hold what a compile from nothing says."""
        eventually(lambda: all(self.is_right(name) for name in names or tuple(self.switches)))

    def is_right(self, name: str) -> bool:
        wanted = compile_switch(World.of(self.store.snapshot()), name).state
        held = self.switches[name].state
        return (held.flows, held.groups, held.meters) == (wanted.flows, wanted.groups, wanted.meters)


def eventually(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    made = Fabric()
    yield made
    made.reconciler.stop()
    made.store.close()


def test_connected_switches_get_what_is_compiled_and_say_so(fabric: Fabric) -> None:
    fabric.connect()
    eventually(lambda: fabric.reconciler.status(Owner(OwnerKind.NIC, "nic2")).condition is Condition.REALISED)
    status = fabric.reconciler.switch_status("leaf1")
    assert status.phase is Phase.IN_SYNC
    assert status.flows == len(fabric.switches["leaf1"].state.flows) > 20
    assert fabric.reconciler.status(Owner(OwnerKind.NIC, "nic2")).realised == LEAVES
    assert fabric.reconciler.status(NIC4).condition is Condition.IDLE


def test_what_waits_for_the_switches_goes_on_when_they_are_in_sync(fabric: Fabric) -> None:
    fabric.switches["leaf1"].delay = 0.2
    fabric.switches["leaf1"].connect(fabric)
    eventually(lambda: fabric.reconciler.datapath("leaf1"))
    fabric.reconciler.settle(20.0)
    assert fabric.reconciler.switch_status("leaf1").phase is Phase.IN_SYNC


def test_once_it_is_settled_every_switch_holds_every_change(fabric: Fabric) -> None:
    fabric.connect()
    for number in range(20):
        fabric.commit(Put(nic(50)), Put(at(50, "leaf1" if number % 2 else "leaf2", 9)))
        eventually(fabric.reconciler.is_settled)
        assert all(fabric.is_right(name) for name in fabric.switches)
        fabric.commit(Delete(Attachment, "at50"), Delete(Nic, "nic50"))
        eventually(fabric.reconciler.is_settled)
        assert all(fabric.is_right(name) for name in fabric.switches)


def test_nobody_waits_longer_than_he_wants_for_a_slow_switch(fabric: Fabric) -> None:
    fabric.switches["leaf1"].delay = 3.0
    fabric.switches["leaf1"].connect(fabric)
    eventually(lambda: fabric.reconciler.datapath("leaf1"))
    fabric.reconciler.settle(0.05)
    assert fabric.reconciler.switch_status("leaf1").phase is Phase.SYNCING
    fabric.switches["leaf1"].delay = 0.0


def test_a_switch_that_comes_back_as_it_was_is_sent_nothing(fabric: Fabric) -> None:
    fabric.connect()
    sent = len(fabric.switches["leaf1"].operations)
    fabric.connect("leaf1")
    eventually(lambda: fabric.reconciler.switch_status("leaf1").phase is Phase.IN_SYNC)
    assert len(fabric.switches["leaf1"].operations) == sent


def test_a_switch_that_comes_back_empty_is_filled_again(fabric: Fabric) -> None:
    fabric.connect()
    fabric.switches["leaf1"].restart()
    eventually(lambda: fabric.reconciler.status(Owner(OwnerKind.NIC, "nic2")).condition is Condition.PENDING)
    fabric.connect("leaf1")


def test_a_new_nic_reaches_every_member_and_its_own_edge_first(fabric: Fabric) -> None:
    fabric.connect()
    for name in LEAVES:
        fabric.switches[name].delay = 0.02
    before = {name: len(switch.operations) for name, switch in fabric.switches.items()}
    order: list[str] = []
    fabric.commit(Put(at(4, "leaf2", 4)))
    while len(order) < 2:
        for name in LEAVES:
            if name not in order and len(fabric.switches[name].operations) > before[name]:
                order.append(name)
        time.sleep(0.001)
    assert order == ["leaf2", "leaf1"]
    fabric.settle()
    assert len(fabric.switches["spine"].operations) == before["spine"]


def test_nobody_waits_for_a_switch_that_is_prepared_for_a_nic(fabric: Fabric) -> None:
    """What delivers to it is there; the others turn to it at once, however slow its switch is."""
    fabric.connect()
    fabric.commit(Put(Arrival(id="arrival", nic_id="nic2", switch_id="leaf2", port=7)))
    fabric.settle()
    fabric.switches["leaf2"].delay = 1.0
    snapshot = fabric.store.snapshot()
    there = snapshot.need(Attachment, "at2")
    left = replace(snapshot.need(Arrival, "arrival"), switch_id="leaf1", port=there.port, admitted=False)
    begun = time.monotonic()
    fabric.commit(Put(replace(there, switch_id="leaf2", port=7)), Put(left))
    eventually(lambda: fabric.is_right("leaf1"))
    assert time.monotonic() - begun < ARRIVAL_GRACE
    fabric.settle()


def test_a_nic_that_moves_leaves_nothing_behind(fabric: Fabric) -> None:
    fabric.connect()
    there = fabric.store.snapshot().need(Attachment, "at2")
    fabric.commit(Put(replace(there, switch_id="leaf2", port=7)))
    fabric.settle()
    fabric.commit(Delete(Attachment, "at2"), Delete(Attachment, "at3"))
    fabric.settle()


def test_one_failing_switch_does_not_delay_another(fabric: Fabric) -> None:
    fabric.connect()
    fabric.switches["leaf1"].delay = 3.0
    fabric.commit(Put(at(4, "leaf2", 4)))
    eventually(lambda: fabric.is_right("leaf2"))
    assert not fabric.is_right("leaf1")
    fabric.switches["leaf1"].delay = 0.0


def test_what_a_switch_refuses_is_left_out_with_the_reason_and_the_rest_stands(fabric: Fabric) -> None:
    fabric.connect()
    fabric.switches["leaf2"].refuse(1, "FLOW_MOD_FAILED: TABLE_FULL")
    fabric.commit(Put(at(4, "leaf2", 4)))
    eventually(lambda: fabric.reconciler.status(NIC4).condition is Condition.REFUSED)
    ((switch_id, reason),) = fabric.reconciler.status(NIC4).refusals
    assert switch_id == "leaf2"
    assert "TABLE_FULL" in reason
    held = fabric.switches["leaf2"].state.flows
    assert set(compile_switch(World.of(CLOUD), "leaf2").state.flows) <= set(held)


def test_a_refused_object_is_tried_again_when_it_changes(fabric: Fabric) -> None:
    fabric.connect()
    fabric.switches["leaf2"].refuse(1)
    fabric.commit(Put(at(4, "leaf2", 4)))
    eventually(lambda: fabric.reconciler.status(NIC4).condition is Condition.REFUSED)
    fabric.commit(Delete(Attachment, "at4"))
    fabric.settle()
    fabric.commit(Put(at(4, "leaf2", 5)))
    fabric.settle()


def test_a_session_that_ends_within_a_plan_loses_nothing(fabric: Fabric) -> None:
    fabric.connect()
    fabric.switches["leaf1"].disconnect_at(1)
    fabric.commit(Put(at(4, "leaf1", 4)))
    eventually(lambda: fabric.reconciler.switch_status("leaf1").phase is Phase.DISCONNECTED)
    fabric.connect("leaf1")


def test_an_audit_repairs_missing_and_foreign_rules_and_counts_them() -> None:
    fabric = Fabric(audit_interval=0.05)
    try:
        fabric.connect()
        state = fabric.switches["leaf1"].state
        state.flows.pop(next(iter(state.flows)))
        foreign = FlowEntry(5, 77, b"", b"", 0x1234)
        state.flows[foreign.key] = foreign
        eventually(lambda: fabric.reconciler.switch_status("leaf1").repaired == 2)
        fabric.settle()
    finally:
        fabric.reconciler.stop()


def test_foreign_rules_stay_where_they_are_to_be_kept() -> None:
    fabric = Fabric(audit_interval=0.05, keep_foreign=True)
    foreign = FlowEntry(5, 77, b"", b"", 0x1234)
    try:
        fabric.switches["leaf1"].state.flows[foreign.key] = foreign
        for switch in fabric.switches.values():
            switch.connect(fabric)
        eventually(lambda: fabric.reconciler.switch_status("leaf1").foreign == 1)
        assert foreign.key in fabric.switches["leaf1"].state.flows
    finally:
        fabric.reconciler.stop()


def test_what_an_absent_switch_should_hold_is_compiled_and_kept_up(fabric: Fabric) -> None:
    def is_kept_up() -> bool:
        world = World.of(fabric.store.snapshot())
        wanted = compile_switch(world, "leaf2").state.flows
        return fabric.reconciler.desired("leaf2").flows == wanted

    eventually(is_kept_up)
    fabric.commit(Put(at(4, "leaf2", 4)))
    eventually(is_kept_up)
    assert any(flow.priority for flow in fabric.reconciler.rules(NIC4, "leaf2"))
    fabric.connect()


def test_a_switch_that_is_no_longer_configured_keeps_what_it_holds(fabric: Fabric) -> None:
    fabric.connect()
    held = dict(fabric.switches["spine"].state.flows)
    fabric.commit(Delete(Link, "link1"), Delete(Link, "link2"), Delete(Switch, "spine"))
    fabric.settle("leaf1", "leaf2")
    assert fabric.reconciler.switch_status("spine").phase is Phase.DISCONNECTED
    assert fabric.switches["spine"].state.flows.keys() <= held.keys()
