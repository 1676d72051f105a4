"""One NIC more in clouds of 100 to 10,000 NICs: which units it touches, their compile and the plans.

This is the part of `increment` between the store's commit and the first byte to a switch, on all switches
that are concerned together: the world advanced, the units found, compiled and compared. Every NIC is taken
out again after it was measured, so that each meets a network of the same size.
Bars: 99 of 100 under 10 ms, and the median at 10,000 NICs at most 1.5 times that at 100.
"""

from __future__ import annotations

import argparse
import random

from bench.common import report
from bench.common.cloud import Size, addition, build
from bench.common.compiled import CompiledCloud, Cost
from sdn_orch.intent.model import Attachment, Nic
from sdn_orch.intent.snapshot import Delete

BAR = 0.010
GROWTH_BAR = 1.5


def measure(size: Size, samples: int) -> list[Cost]:
    """Add one NIC after another, to networks and leaves in turn, and take each out again."""
    cloud = CompiledCloud(build(size))
    chosen = random.Random(1)
    result = []
    for _ in range(samples + 20):
        home, number = chosen.randint(1, size.networks), size.nics + chosen.randint(1, 10_000)
        result.append(cloud.change(addition(number, home, size.network_size + 2, size)))
        cloud.change([Delete(Attachment, f"attachment{number}"), Delete(Nic, f"nic{number}")])
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
