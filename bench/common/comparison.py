"""Our way of packets beside those of peers, measured in turns.

All ways are on one Open vSwitch. That polls all its ports, however idle, so that each packet of whichever is
measured pays for the ports of those that wait; with `--apart` each way has a sandbox of its own, and in it an
Open vSwitch, the same program with the same settings.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
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
        parser.add_argument("--apart", action="store_true", help="with an Open vSwitch for each")
        parser.add_argument(
            "--part", nargs="+", choices=tuple(self.sides), help="only these, measured when asked to"
        )
        options = parser.parse_args()
        if options.part:
            made = {side: self.sides[side] for side in options.part}
            inside(lambda: serve(made, options.seconds), f"bench.{self.bench}")
        else:
            found = self._measure(options.rounds, options.seconds, apart=options.apart)
            where = "each on an Open vSwitch of its own" if options.apart else "all on one Open vSwitch"
            self._tell(found, f"{self.title}, {where}, median of rounds of {options.seconds:g} s")

    def _measure(self, rounds: int, seconds: float, *, apart: bool) -> Found:
        found: Found = {measure: {side: [] for side in self.sides} for measure in MEASURES}
        together = [[side] for side in self.sides] if apart else [list(self.sides)]
        with ExitStack() as stack:
            parts: dict[str, _Part] = {}
            for sides in together:
                part = stack.enter_context(_Part(f"bench.{self.bench}", sides, seconds))
                parts |= dict.fromkeys(sides, part)
            for part in {*parts.values()}:
                part.hear()
            for side, measure in self._order(rounds):
                if side in parts and "error" in (said := parts[side].ask(side, measure)):
                    held = len(found[measure][side])
                    report.note(f"{side}: Open vSwitch has died of {measure} after {held} rounds")
                    parts = {other: part for other, part in parts.items() if part is not parts[side]}
                elif side in parts:
                    found[measure][side].append(Measured(**said))
        return found

    def _order(self, rounds: int) -> Iterator[tuple[str, str]]:
        """Who is measured, and what: throughput in turns, then connections, which may kill Open vSwitch."""
        for turn in range(rounds):
            for side in islice(cycle(self.sides), turn, turn + len(self.sides)):
                yield side, "throughput"
        for side in self.sides:
            for _ in range(rounds):
                yield side, "latency"
                yield side, "connections"

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
    """Ways in a process and a sandbox of their own, which ends when nobody can ask it any more."""

    def __init__(self, module: str, sides: Sequence[str], seconds: float) -> None:
        command = [sys.executable, "-m", module, "--seconds", str(seconds), "--part", *sides]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, side: str, measure: str) -> dict[str, Any]:
        """What it finds. Raises CalledProcessError if it has ended."""
        print(side, measure, file=self._process.stdin, flush=True)
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """The next object that it tells. Raises CalledProcessError if it has ended."""
        for line in self._process.stdout or ():
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told
        raise subprocess.CalledProcessError(self._process.wait(), self._process.args)
