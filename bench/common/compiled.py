"""A cloud with every switch compiled, as a controller holds it, and what a change of it costs."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.plan import Plan, diff
from sdn_orch.dataplane.rules import Owner
from sdn_orch.dataplane.touched import touched
from sdn_orch.dataplane.world import World
from sdn_orch.intent.model import Switch
from sdn_orch.intent.snapshot import Change, Snapshot


@dataclass(frozen=True, slots=True)
class Cost:
    """What one change took, in seconds, and how much it was."""

    seconds: float
    switches: int
    messages: int


class CompiledCloud:
    """The snapshot after all changes, and all that is compiled; `seconds` is what it took at first."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._world = World.of(snapshot)
        begun = time.perf_counter()
        self.compiled = {switch.id: compile_switch(self._world, switch.id) for switch in snapshot.all(Switch)}
        self.seconds = time.perf_counter() - begun
        # As a switch's loop does.
        gc.freeze()

    def change(self, changes: Sequence[Change], apply: Callable[[Plan], object] | None = None) -> Cost:
        """From the new records to the plans of all switches concerned, each of which goes to `apply`."""
        snapshot = self.snapshot.change(changes)
        begun = time.perf_counter()
        differences = snapshot.differences(self.snapshot, changes)
        world = self._world.advance(differences, snapshot)
        owners: dict[str, list[Owner]] = defaultdict(list)
        for owner, switch_id in touched(self._world, world, differences):
            owners[switch_id].append(owner)
        messages = 0
        for switch_id, concerned in owners.items():
            before, after = self.compiled[switch_id].replace(world, concerned)
            plan = diff(after, before, snapshot.need(Switch, switch_id).capabilities.version)
            messages += sum(map(len, plan.chunks))
            if apply:
                apply(plan)
        seconds = time.perf_counter() - begun
        self.snapshot, self._world = snapshot, world
        return Cost(seconds, len(owners), messages)
