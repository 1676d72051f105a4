"""Forwarded ports, as many flows as they need and no more than a gateway should bear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.world import World
from sdn_orch.intent.forwards import MOST_SHIFTED, Forward
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.traffic import Ports
from tests.golden.worlds import WORLDS
from tests.refusals import refusals


@pytest.mark.parametrize(
    ("public", "private", "flows", "refused"),
    [
        ((80, 80), (8080, 8080), 1, 0),
        ((1024, 65_535), (1024, 65_535), 6, 0),
        ((1000, 1000 + MOST_SHIFTED - 1), (2000, 2000 + MOST_SHIFTED - 1), MOST_SHIFTED, 0),
        ((1000, 1000 + MOST_SHIFTED), (2000, 2000 + MOST_SHIFTED), 0, 1),
        ((1, 65_534), (2, 65_535), 0, 1),
    ],
)
def test_a_range_that_leads_to_other_ports_is_a_flow_a_port(
    public: Ports, private: Ports, flows: int, refused: int
) -> None:
    before = Snapshot.of(*WORLDS["gateway"])
    forward = replace(next(before.all(Forward)), public=public, private=private)
    compiled = compile_switch(World.of(before.change([Put(forward)])), "edge2")
    held = [rules for owner, rules in compiled.rules.items() if owner.id == forward.id]
    found = [table for rules in held for table, _, _ in rules.flows if table == Table.DESTINATION_NAT]
    assert len(found) == flows
    assert len(refusals(compiled)) == refused
