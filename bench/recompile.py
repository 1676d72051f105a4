"""One NIC more in clouds of 100 to 10,000 NICs: which units it touches, their compile and the plans.

This is the part of `increment` between the store's commit and the first byte to a switch, on all switches
that are concerned together: the world advanced, the units found, compiled and compared. Every NIC is taken
out again after it was measured, so that each meets a network of the same size.
Bars: 99 of 100 under 10 ms, and the median at 10,000 NICs at most 1.5 times that at 100.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections import defaultdict
from dataclasses import dataclass

from bench.common import report
from bench.common.cloud import Size, addition, build
from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.plan import diff
from sdn_orch.dataplane.rules import Owner
from sdn_orch.dataplane.touched import touched
from sdn_orch.dataplane.world import World
from sdn_orch.intent.model import Attachment, Nic, Switch
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot, target
from sdn_orch.openflow.values import OPENFLOW_15

BAR = 0.010
GROWTH_BAR = 1.5


@dataclass(frozen=True, slots=True)
class Added:
    """What one addition took, in seconds, and how much it was."""

    seconds: float
    switches: int
    messages: int


class Cloud:
    """A cloud with every switch compiled, as a controller holds it."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._snapshot = build(size)
        self._world = World.of(self._snapshot)
        self._compiled = {
            switch.id: compile_switch(self._world, switch.id) for switch in self._snapshot.all(Switch)
        }
        # As a switch's loop does.
        gc.freeze()

    def add_and_remove(self, home: int, seed: int) -> Added:
        """Add one NIC to a network, on a leaf that the seed says, and take it out again."""
        number = self.size.nics + seed
        changes = addition(number, home, self.size.network_size + 2, self.size)
        added = self._apply(changes)
        self._apply([Delete(Attachment, f"attachment{number}"), Delete(Nic, f"nic{number}")])
        return added

    def _apply(self, changes: list[Put] | list[Delete]) -> Added:
        snapshot = self._snapshot.change(changes)
        differences = [(_find(self._snapshot, one), _find(snapshot, one)) for one in changes]
        started = time.perf_counter()
        world = self._world.advance(differences, snapshot)
        owners: dict[str, list[Owner]] = defaultdict(list)
        for owner, switch_id in touched(self._world, world, differences):
            owners[switch_id].append(owner)
        messages = 0
        for switch_id, concerned in owners.items():
            before, after = self._compiled[switch_id].replace(world, concerned)
            messages += sum(len(chunk) for chunk in diff(after, before, OPENFLOW_15).chunks)
        seconds = time.perf_counter() - started
        self._snapshot, self._world = snapshot, world
        return Added(seconds, len(owners), messages)


def _find(snapshot: Snapshot, change: Change) -> Nic | Attachment | None:
    kind, id = target(change)
    if not issubclass(kind, Nic | Attachment):
        raise TypeError(f"{kind.__name__} is not added here")
    return snapshot.get(kind, id)


def measure(size: Size, samples: int) -> list[Added]:
    """Add one NIC after another, to networks and leaves in turn."""
    cloud = Cloud(size)
    chosen = random.Random(1)
    result = []
    for _ in range(samples + 20):
        result.append(cloud.add_and_remove(chosen.randint(1, size.networks), chosen.randint(1, 10_000)))
    # The first ones meet caches that a running controller has filled long ago.
    return result[20:]


CLOUDS = {
    "100 NICs, networks of 10": Size(100),
    "1,000 NICs, networks of 10": Size(1_000),
    "10,000 NICs, networks of 10": Size(10_000),
    "1,000 NICs in one network, 10 switches": Size(1_000, network_size=1_000, switches=10),
    "1,000 NICs in one network, 100 switches": Size(1_000, network_size=1_000),
}


def main() -> None:
    """Measure every cloud and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=500)
    options = parser.parse_args()
    found = {name: measure(size, options.samples) for name, size in CLOUDS.items()}
    seconds = {name: [added.seconds for added in all_] for name, all_ in found.items()}
    report.show(
        f"one NIC more, {options.samples} times: ms from the commit to the plans of all switches",
        ["cloud", "p50", "p99", "worst", "switches", "messages"],
        [
            [
                name,
                *(report.percentile(seconds[name], percent) * 1000 for percent in (50, 99, 100)),
                report.median(added.switches for added in all_),
                report.median(added.messages for added in all_),
            ]
            for name, all_ in found.items()
        ],
    )
    small, _, large, one, _ = (report.percentile(all_, 50) for all_ in seconds.values())
    ninety_nine = {name: report.percentile(all_, 99) for name, all_ in seconds.items()}
    judged = list(ninety_nine.values())[:4]
    growth = large / small
    report.Result(
        "recompile",
        max(judged) * 1000,
        BAR * 1000,
        BAR / max(judged),
        holds=max(judged) < BAR and growth <= GROWTH_BAR,
        unit="ms",
        more={
            "growth": growth,
            "growth_bar": GROWTH_BAR,
            "one_network_p50": one * 1000,
            "p99": {name: value * 1000 for name, value in ninety_nine.items()},
        },
    ).tell()


if __name__ == "__main__":
    main()
