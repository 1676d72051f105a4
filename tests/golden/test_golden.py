"""What the compiler makes of a dozen worlds, in full and in words.

`UPDATE_GOLDEN=1 pytest tests/golden` writes the files anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdn_orch.dataplane.compiler import Compiled, compile_switch
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.rules import Owner
from sdn_orch.dataplane.world import World
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.validate import check
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.text import format_instructions, format_match, group_to_ofctl, meter_to_ofctl
from tests.golden.worlds import WORLDS
from tests.refusals import refusals

HERE = Path(__file__).parent


def name(table: int) -> str:
    return Table(table).name


def describe(world: World, compiled: Compiled, version: int) -> Iterator[str]:
    """One switch: flows by table and priority with their owners, then groups, meters and refusals."""
    owners: dict[tuple[int, int, bytes], Owner] = {
        key: owner for owner, rules in compiled.rules.items() for key in rules.flows
    }
    yield f"switch {compiled.switch_id}"
    flows = [(decode_flow(entry, version), owners[key]) for key, entry in compiled.state.flows.items()]
    for table in Table:
        lines = [
            (-flow.priority, format_match(flow.match) or "any", str(owner), format_instructions(flow, name))
            for flow, owner in flows
            if flow.table == table
        ]
        if lines:
            yield f"\n  {table.name}"
        for priority, match, owner, instructions in sorted(lines):
            yield f"    {-priority:4} {match}"
            yield f"         {instructions}    # {owner}"
    if compiled.state.groups:
        yield "\n  groups"
    for number in sorted(compiled.state.groups):
        yield f"    {group_to_ofctl(compiled.state.groups[number], name)}"
    if compiled.state.meters:
        yield "\n  meters"
    for number in sorted(compiled.state.meters):
        yield f"    {meter_to_ofctl(compiled.state.meters[number])}"
    refused = sorted({f"    {owner}: {reason}" for owner, reason in refusals(compiled)})
    yield from ["\n  refused", *refused] if refused else []
    yield ""


@pytest.mark.parametrize("case", WORLDS)
def test_golden(case: str) -> None:
    changes = [Put(record) for record in WORLDS[case]]
    check(Snapshot.empty(), changes)
    world = World.of(Snapshot.empty().change(changes))
    switches = sorted(world.snapshot.all(Switch), key=lambda switch: switch.name)
    found = "\n".join(
        line
        for switch in switches
        for line in describe(world, compile_switch(world, switch.id), switch.capabilities.version)
    )
    path = HERE / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == path.read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == set(WORLDS)
