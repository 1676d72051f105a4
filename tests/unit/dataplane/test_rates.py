"""Rate limits: who is held to what, by which meters, and where that cannot be."""

from __future__ import annotations

import dataclasses

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.pipeline import METERED_NICS, SWITCH_METERS, Table, nic_meters
from sdn_orch.dataplane.world import World
from sdn_orch.errors import Invalid
from sdn_orch.intent.model import Capabilities, Machine, Nic, Record
from sdn_orch.intent.rates import LARGEST_RATE, limit_of
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.validate import check
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.values import OPENFLOW_13, OPENFLOW_15, Meter, UseMeter
from tests.refusals import refusals
from tests.unit.dataplane.worlds import OPEN_VSWITCH, PLAIN, attach, leaf_spine, network, nic, tenant

HOME = dataclasses.replace(network("home"), rate=10)


def world(*records: Record, capabilities: Capabilities = OPEN_VSWITCH) -> World:
    return World.of(Snapshot.of(*tenant(), *leaf_spine(1, 2, capabilities), *records))


def nic_meters_on(here: World, switch_id: str) -> list[Meter]:
    compiled = compile_switch(here, switch_id)
    return [meter for number, meter in compiled.state.meters.items() if number > 0xFFFF]


@pytest.mark.parametrize(
    ("of_network", "of_machine", "is_default", "expected"),
    [
        (None, None, True, None),
        (10, None, True, 10),
        (None, 20, True, 20),
        (10, 20, True, 10),
        (30, 20, True, 20),
        (30, 20, False, 30),
        (None, 20, False, None),
    ],
)
def test_the_lower_limit_holds(
    of_network: int | None, of_machine: int | None, is_default: bool, expected: int | None
) -> None:
    home = dataclasses.replace(HOME, rate=of_network)
    machine = Machine(id="vm", account_id="tenant", name="vm", rate=of_machine)
    one = dataclasses.replace(nic(home, 10), machine_id="vm", is_default=is_default)
    assert limit_of(Snapshot.of(*tenant(), home, machine, one), one) == expected


@pytest.mark.parametrize(
    ("capabilities", "version"),
    [(OPEN_VSWITCH, OPENFLOW_15), (dataclasses.replace(PLAIN, meters=True), OPENFLOW_13)],
)
def test_each_direction_has_a_meter_at_the_own_edge_only(capabilities: Capabilities, version: int) -> None:
    one, other = nic(HOME, 10), nic(HOME, 11)
    here = world(
        HOME,
        one,
        other,
        attach(one.id, "leaf1", 10),
        attach(other.id, "leaf2", 10),
        capabilities=capabilities,
    )
    compiled = compile_switch(here, "leaf1")
    sent, received = nic_meters(here.snapshot.need(Nic, one.id).number)
    assert nic_meters_on(here, "leaf1") == [
        Meter(number, 10_000, 10_000, packets=False) for number in (sent, received)
    ]
    used = [
        (entry.table, action.meter)
        for entry in compiled.state.flows.values()
        for action in decode_flow(entry, version).actions[:1]
        if isinstance(action, UseMeter) and action.meter > SWITCH_METERS + 1
    ]
    assert sorted(used) == [(0, sent), (Table.DELIVER, received), (Table.DELIVER, received)]


def test_a_limit_is_refused_where_there_are_no_meters() -> None:
    one = nic(HOME, 10)
    here = world(HOME, one, attach(one.id, "leaf1", 10), capabilities=PLAIN)
    compiled = compile_switch(here, "leaf1")
    assert (f"nic {one.id}", "rate limits need meters, and switch leaf1 has none") in refusals(compiled)
    free = dataclasses.replace(HOME, rate=None)
    here = world(free, one, attach(one.id, "leaf1", 10), capabilities=PLAIN)
    assert not [owner for owner, _ in refusals(compile_switch(here, "leaf1")) if owner.startswith("nic")]


def test_two_nics_never_share_meters() -> None:
    one = dataclasses.replace(nic(HOME, 10), number=7)
    other = dataclasses.replace(nic(HOME, 11), number=7 + METERED_NICS)
    places = attach(one.id, "leaf1", 10), attach(other.id, "leaf1", 11)
    here = world(HOME, one, other, *places)
    (reason,) = [why for owner, why in refusals(compile_switch(here, "leaf1")) if owner == f"nic {other.id}"]
    assert reason == f"its rate limit needs meters that NIC {one.id} has on switch leaf1"
    elsewhere = world(HOME, one, other, places[0], attach(other.id, "leaf2", 11))
    assert nic_meters_on(elsewhere, "leaf1")[0].number == nic_meters_on(elsewhere, "leaf2")[0].number
    assert not refusals(compile_switch(elsewhere, "leaf2"))


def test_numbers_of_meters_are_those_that_open_vswitch_has() -> None:
    every = [meter for number in range(METERED_NICS) for meter in nic_meters(number)]
    assert len(set(every)) == 2 * METERED_NICS
    assert min(every) > 0xFFFF and max(every) <= 2**18


@pytest.mark.parametrize("rate", [0, -1, LARGEST_RATE + 1])
def test_a_rate_that_cannot_be_is_refused(rate: int) -> None:
    snapshot = Snapshot.of(*tenant())
    machine = Machine(id="vm", account_id="tenant", name="vm", rate=rate)
    for record in (machine, dataclasses.replace(HOME, rate=rate)):
        with pytest.raises(Invalid, match=f"rate: {rate} is not in 1"):
            check(snapshot, [Put(record)])
