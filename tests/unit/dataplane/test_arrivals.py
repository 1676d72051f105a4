"""A NIC that is about to come to a place is programmed there, unless somebody would have to make way."""

from __future__ import annotations

import dataclasses

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.pipeline import METERED_NICS, Table
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.dataplane.world import World
from sdn_orch.intent.model import Arrival, Attachment, Link, Nic, Record, Switch, SwitchRole
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.values import OPENFLOW_15, Flow, Group
from tests.unit.dataplane.worlds import PLAIN, attach, leaf_spine, network, nic, tenant

HOME, OTHER = dataclasses.replace(network("home"), rate=10), network("other")
MOVER, RECEIVER = nic(HOME, 10), nic(HOME, 11)
THERE = attach(MOVER.id, "leaf1", 10)
ARRIVAL = Arrival(id="arrival", nic_id=MOVER.id, switch_id="leaf3", port=40)


def world(*records: Record) -> World:
    """Three leaves: one with the NIC that moves, one with its neighbour, and one that has neither network."""
    known = [*tenant(), *leaf_spine(1, 3), HOME, OTHER, MOVER, RECEIVER, attach(RECEIVER.id, "leaf2", 10)]
    by_id = {record.id: record for record in (*known, THERE, ARRIVAL, *records)}
    return World.of(Snapshot.of(*by_id.values()))


def rules(here: World, switch_id: str, table: Table) -> list[Flow]:
    held = compile_switch(here, switch_id).rules.get(Owner(OwnerKind.NIC, MOVER.id))
    flows = [] if held is None else [decode_flow(entry, OPENFLOW_15) for entry in held.flows.values()]
    return [flow for flow in flows if flow.table == table]


def groups(here: World, switch_id: str) -> list[Group]:
    return list(compile_switch(here, switch_id).state.groups.values())


def test_it_may_send_where_it_comes_to_and_others_send_to_where_it_is() -> None:
    before, ahead = world(dataclasses.replace(ARRIVAL, admitted=False)), world()
    left = dataclasses.replace(ARRIVAL, switch_id="leaf1", admitted=False)
    came = world(attach(MOVER.id, "leaf3", 40), left)
    for table in (Table.CLASSIFY, Table.SOURCE, Table.DELIVER):
        assert rules(ahead, "leaf1", table) == rules(before, "leaf1", table) != []
        assert [flow.match for flow in rules(ahead, "leaf3", table)] == [
            flow.match for flow in rules(came, "leaf3", table)
        ]
        assert not rules(before, "leaf3", table) and not rules(came, "leaf1", table)
    assert rules(ahead, "leaf2", Table.FORWARD) == rules(before, "leaf2", Table.FORWARD) != []
    assert rules(ahead, "leaf2", Table.FORWARD) != rules(came, "leaf2", Table.FORWARD) != []
    # What comes over the fabric is for it there as soon as the others send it.
    assert rules(ahead, "leaf3", Table.DELIVER) == rules(came, "leaf3", Table.DELIVER)
    assert rules(ahead, "leaf3", Table.ARRIVE) == rules(came, "leaf3", Table.ARRIVE) != []


def test_nothing_that_is_flooded_waits_for_it_there() -> None:
    (empty,) = {group.buckets for group in groups(world(), "leaf3") if group.number >> 28 == 2}
    assert empty == ()


@pytest.mark.parametrize(
    "records",
    [
        (dataclasses.replace(ARRIVAL, admitted=False),),
        (dataclasses.replace(ARRIVAL, switch_id="leaf1"),),
        (dataclasses.replace(MOVER, active=False),),
        (dataclasses.replace(ARRIVAL, port=0xFF00),),
        (Link(id="cable", a_switch_id="leaf2", a_port=70, b_switch_id="leaf3", b_port=40),),
        # Somebody of another network is there, though with a higher number; or arrives with a lower one.
        (nic(OTHER, 12), attach(nic(OTHER, 12).id, "leaf3", 40)),
        # Somebody has its meters there.
        (
            dataclasses.replace(nic(HOME, 12), number=METERED_NICS + 1),
            attach(nic(HOME, 12).id, "leaf3", 41),
        ),
    ],
    ids=("not admitted", "same switch", "stopped", "high port", "a cable", "taken", "meters"),
)
def test_it_is_only_awaited(records: tuple[Record, ...]) -> None:
    here = world(*records)
    assert world().place_at(MOVER.id, "leaf3") is not None
    assert here.places(MOVER.id) == () or [at.switch_id for at in here.places(MOVER.id)] == ["leaf1"]
    for record in records:
        if isinstance(record, Nic) and record.id != MOVER.id:
            assert here.is_placed(record.id)


@pytest.mark.parametrize(
    "change", [{"capabilities": PLAIN}, {"role": SwitchRole.FABRIC}, {"public_port": 40}], ids=str
)
def test_not_every_switch_can_hold_it_ahead(change: dict[str, object]) -> None:
    here = world().snapshot
    leaf = dataclasses.replace(here.need(Switch, "leaf3"), **change)  # type: ignore[arg-type]
    assert World.of(here.change([Put(leaf)])).place_at(MOVER.id, "leaf3") is None


def test_of_two_that_arrive_at_a_port_one_is_let_in() -> None:
    later = nic(OTHER, 12)
    here = world(
        later, attach(later.id, "leaf2", 12), Arrival(id="later", nic_id=later.id, switch_id="leaf3", port=40)
    )
    assert here.place_at(MOVER.id, "leaf3") is not None and here.place_at(later.id, "leaf3") is None


def test_who_is_nowhere_is_not_let_in_where_it_is_awaited() -> None:
    nowhere = world().snapshot.change([Delete(Attachment, THERE.id)])
    assert World.of(nowhere).places(MOVER.id) == ()
