"""A whole cloud compiled from nothing: 1,000, 3,000 and 10,000 NICs, time, memory and growth.

Networks of 10 NICs, each NIC on another leaf, a switch for every 100 NICs: 100 switches for 10,000. What
is measured is what a controller does at its start, from the snapshot to the encoded flows of every switch,
in a process of its own for each size, so that memory can be told. Growth is that of processor time: the
compiler waits for nothing, and what else runs on the machine meanwhile tells nothing of it. Bar: it grows
with the number of NICs to a power of at most 1.1.
"""

from __future__ import annotations

import argparse
import math
import resource
import time

from bench.common import report
from bench.common.cloud import Size, build
from bench.common.parts import run_part, tell
from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.world import World
from sdn_orch.intent.model import Switch
from sdn_orch.uncollected import uncollected

BAR = 1.1
_SIZES = (1_000, 3_000, 10_000)


def size_of(nics: int) -> Size:
    """The cloud with this many NICs; ten leaves at least, so that no two of a network share one."""
    return Size(nics, switches=max(11, nics // 100))


def measure(nics: int) -> dict[str, float]:
    """Compile once; seconds by the clock and of the processor, flows in all switches, and megabytes that the
    compiled state takes."""
    snapshot = build(size_of(nics))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, used = time.perf_counter(), time.process_time()
    with uncollected():
        world = World.of(snapshot)
        compiled = [compile_switch(world, switch.id) for switch in snapshot.all(Switch)]
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "seconds": seconds,
        "processor": processor,
        "flows": sum(len(one.state.flows) for one in compiled),
        "largest": max(len(one.state.flows) for one in compiled),
        "megabytes": memory / 1024,
    }


def exponent(points: list[tuple[float, float]]) -> float:
    """The power with which the second figure grows with the first: the slope of the line through the logs."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    middle_x = sum(x for x, _ in logs) / len(logs)
    middle_y = sum(y for _, y in logs) / len(logs)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in logs)
    return rise / sum((x - middle_x) ** 2 for x, _ in logs)


def main() -> None:
    """Measure each size several times, in turns, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", type=int, help="measure one size in this process and print JSON")
    options = parser.parse_args()
    if options.one:
        tell(measure(options.one))
        return
    found: dict[int, list[dict[str, float]]] = {nics: [] for nics in _SIZES}
    for _ in range(options.rounds):
        for nics in _SIZES:
            found[nics].append(run_part("bench.compile", "--one", str(nics)))
    medians = {
        nics: {name: report.median(one[name] for one in rounds) for name in rounds[0]}
        for nics, rounds in found.items()
    }
    power = exponent([(nics, row["processor"]) for nics, row in medians.items()])
    report.show(
        f"compile from nothing, median of {options.rounds}; time grows with NICs to the power {power:.2f}",
        ["NICs", "switches", "flows", "largest switch", "seconds", "of processor", "µs/flow", "MB"],
        [
            [
                f"{nics:,}",
                size_of(nics).switches,
                row["flows"],
                row["largest"],
                row["seconds"],
                row["processor"],
                row["processor"] / row["flows"] * 1e6,
                row["megabytes"],
            ]
            for nics, row in medians.items()
        ],
    )
    largest = medians[_SIZES[-1]]
    report.Result(
        "compile",
        power,
        BAR,
        BAR / power,
        holds=power <= BAR,
        unit="exponent",
        more={"seconds": largest["seconds"], "megabytes": largest["megabytes"], "flows": largest["flows"]},
    ).tell()


if __name__ == "__main__":
    main()
