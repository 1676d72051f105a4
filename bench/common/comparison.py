"""Our way of packets beside those of peers, measured in turns on one Open vSwitch.

Open vSwitch polls all ports of all bridges, however idle, so that whichever is measured would pay for those
that wait, the quickest most. So each is made, measured and taken away again, turn after turn, beginning with
another one each time. For all of them a port of Open vSwitch has room for as many packets as a host has that
is set up as README says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from bench.common import buffers, report
from bench.common.sandbox import inside
from bench.common.ways import MEASURES, Measured, Way, serve

OURS = "sdn-orch"
_PART = "--part"
#: By measure, what each side did, round after round.
Found = dict[str, dict[str, list[Measured]]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is measured: `title` says what packets go through, `sides` how each way is made.

    `bars` are for ours by theirs, named "throughput by <side>" and "connections by <side>". Where Open
    vSwitch does not outlive theirs, there is nothing to compare with.
    """

    bench: str
    title: str
    sides: Mapping[str, Callable[[], AbstractContextManager[Way]]]
    bars: Mapping[str, float]

    def main(self, description: str | None, rounds: int) -> None:
        """Read the options, measure all in turns, and tell; a part measures what it is asked to."""
        parser = argparse.ArgumentParser(description=description and description.splitlines()[0])
        parser.add_argument("--rounds", type=int, default=rounds)
        parser.add_argument("--seconds", type=float, default=2.0)
        parser.add_argument(
            "--buffer",
            type=int,
            default=buffers.DEPLOYED,
            help="bytes that wait at a port of Open vSwitch (default: %(default)s)",
        )
        parser.add_argument(_PART, action="store_true", help=argparse.SUPPRESS)
        options = parser.parse_args()
        if options.part:
            inside(lambda: serve(self.sides, options.seconds), f"bench.{self.bench}")
            return
        with buffers.of(options.buffer):
            found = self._measure(options.rounds, options.seconds)
        self._tell(
            found, f"{self.title}, median of rounds of {options.seconds:g} s, {options.buffer:,} B buffers"
        )

    def _measure(self, rounds: int, seconds: float) -> Found:
        found: Found = {measure: {side: [] for side in self.sides} for measure in MEASURES}
        alive = list(self.sides)
        with ExitStack() as stack:
            part = stack.enter_context(_Part(self.bench, seconds))
            for turn, side, measure in self._order(rounds):
                if side not in alive:
                    continue
                if "error" in (said := part.ask(side, measure)):
                    report.note(
                        f"{side}: Open vSwitch has died of {measure} in round {turn}; with another one …"
                    )
                    alive.remove(side)
                    stack.close()
                    part = stack.enter_context(_Part(self.bench, seconds))
                else:
                    found[measure][side].append(Measured(**said))
        return found

    def _order(self, rounds: int) -> Iterator[tuple[int, str, str]]:
        for turn in range(rounds):
            report.note(f"round {turn + 1} of {rounds} …")
            for side in islice(cycle(self.sides), turn, turn + len(self.sides)):
                yield from ((turn + 1, side, measure) for measure in MEASURES)

    def _tell(self, found: Found, title: str) -> None:
        rows: list[list[object]] = []
        ratios: dict[str, float] = {}
        latency: dict[str, tuple[float, float]] = {}
        for side in self.sides:
            row: list[object] = [side]
            for name, unit in (("throughput", 1), ("connections", 1_000_000)):
                if not found[name][side]:
                    row += ["-"] * 3
                    continue
                own = report.median(_values(found[name][side]))
                ratio = report.median(_values(found[name][OURS])) / own
                row += [own, ratio, unit * report.median(one.computed for one in found[name][side])]
                if side != OURS:
                    ratios[f"{name} by {side}"] = ratio
            if taken := [1000 * value for value in _values(found["latency"][side])]:
                latency[side] = report.median(taken), report.percentile(taken, 99)
            rows.append([*row, *latency.get(side, ("-", "-"))])
        report.show(
            f"{title} (ratio: {OURS} by it; CPU: of Open vSwitch)",
            [
                "",
                "Gbit/s",
                "ratio",
                "CPU s/GB",
                "connections/s",
                "ratio",
                "CPU µs each",
                "ms each, p50",
                "p99",
            ],
            rows,
        )
        throughput = found["throughput"]
        report.Result(
            self.bench,
            report.median(_values(throughput[OURS])),
            report.median(_values(throughput["ovn"])),
            ratios["throughput by ovn"],
            holds=all(ratios.get(name, bar) >= bar for name, bar in self.bars.items()),
            unit="Gbit/s",
            more={"ratios": ratios, "latency_ms": latency, "rounds": len(throughput[OURS])},
        ).tell()


def _values(rounds: Iterable[Measured]) -> list[float]:
    return [value for one in rounds for value in one.values]


class _Part:
    """A process in a sandbox with an Open vSwitch, which ends when nobody can ask it any more."""

    def __init__(self, bench: str, seconds: float) -> None:
        command = [sys.executable, "-m", f"bench.{bench}", "--seconds", str(seconds), _PART]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, side: str, measure: str) -> dict[str, Any]:
        """What it finds, or an "error". Raises CalledProcessError if it has ended."""
        print(side, measure, file=self._process.stdin, flush=True)
        for line in self._process.stdout or ():
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told
        raise subprocess.CalledProcessError(self._process.wait(), self._process.args)
