"""Our way of packets beside those of peers, measured in turns.

Each way has a sandbox of its own, and in it an Open vSwitch, the same program with the same settings. That
polls all its ports, however idle: if all ways had one, each packet of whichever is measured would pay for the
ports of those that wait, which no host has.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from bench.common import report
from bench.common.sandbox import inside
from bench.common.ways import MEASURES, Measured, Way, serve

OURS = "sdn-orch"
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
        """Read the options, measure all in turns, and tell; a single part does what it is asked to."""
        parser = argparse.ArgumentParser(description=description and description.splitlines()[0])
        parser.add_argument("--rounds", type=int, default=rounds)
        parser.add_argument("--seconds", type=float, default=2.0)
        parser.add_argument("--part", choices=tuple(self.sides), help="only this, measured when asked to")
        options = parser.parse_args()
        if options.part:
            make = self.sides[options.part]
            inside(lambda: serve(make, options.seconds), f"bench.{self.bench}")
        else:
            self._tell(self._measure(options.rounds, options.seconds), options.seconds)

    def _measure(self, rounds: int, seconds: float) -> Found:
        found: Found = {measure: {side: [] for side in self.sides} for measure in MEASURES}
        with ExitStack() as stack:
            parts = {
                side: stack.enter_context(_Part(f"bench.{self.bench}", side, seconds)) for side in self.sides
            }
            for part in parts.values():
                part.hear()
            for measure, turn in ((measure, turn) for measure in MEASURES for turn in range(rounds)):
                for side in (*list(parts)[turn % len(parts) :], *list(parts)[: turn % len(parts)]):
                    if "error" in (said := parts[side].ask(measure)):
                        report.note(f"{side}: Open vSwitch has died of {measure} after {turn} rounds")
                        del parts[side]
                    else:
                        found[measure][side].append(Measured(**said))
        return found

    def _tell(self, found: Found, seconds: float) -> None:
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
            f"{self.title}, median of rounds of {seconds:g} s (ratio: {OURS} by it; CPU: of Open vSwitch)",
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
    """A way in a process and a sandbox of its own, which ends when nobody can ask it any more."""

    def __init__(self, module: str, side: str, seconds: float) -> None:
        command = [sys.executable, "-m", module, "--part", side, "--seconds", str(seconds)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, measure: str) -> dict[str, Any]:
        """What it finds. Raises CalledProcessError if it has ended."""
        print(measure, file=self._process.stdin, flush=True)
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """The next object that it tells. Raises CalledProcessError if it has ended."""
        for line in self._process.stdout or ():
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told
        raise subprocess.CalledProcessError(self._process.wait(), self._process.args)
