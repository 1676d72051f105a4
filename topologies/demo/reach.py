"""Who reaches whom: what should be, from who shares a network or a VPC, beside what the hosts observed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from topologies.cloud import Cloud
from topologies.demo.machines import Machine

#: Who answers, by (asking machine, address).
Answers = Mapping[tuple[str, str], str | None]


def expected(machines: Sequence[Machine]) -> Answers:
    """Every address is answered by the machine of one's own realm that has it, or by nobody."""
    addresses = [
        address for machine in machines for version in (4, 6) if (address := machine.address(version))
    ]
    answers: dict[tuple[str, str], str | None] = {}
    for asker in machines:
        own = {
            address: other.name
            for other in machines
            if other.realm == asker.realm
            for version in (4, 6)
            if (address := other.address(version))
        }
        for address in addresses:
            answers[asker.name, address] = own.get(address)
    return answers


def observe(cloud: Cloud, machines: Sequence[Machine]) -> Answers:
    """Every machine asks at the address of every machine, all at the same time."""
    addresses = sorted({address for machine in machines for v in (4, 6) if (address := machine.address(v))})
    command = [sys.executable, "-m", "topologies.demo.probe"]
    probes: list[tuple[Machine, subprocess.Popen[str]]] = [
        (
            machine,
            cloud.node(machine.host).popen(
                [*command, machine.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ),
        )
        for machine in machines
    ]
    try:
        # The first round, without addresses, tells that everybody is there to answer.
        for question in ("", " ".join(addresses)):
            for _, probe in probes:
                print(question, file=probe.stdin, flush=True)
            answers = {
                (machine.name, address): who
                for machine, probe in probes
                for address, who in json.loads(probe.stdout.readline() if probe.stdout else "{}").items()
            }
    finally:
        for _, probe in probes:
            probe.communicate()
    return answers


def differences(machines: Sequence[Machine], wanted: Answers, observed: Answers) -> list[str]:
    """Every asker and address where it was not as expected, in words."""
    names = {(machine.name, version): machine.address(version) for machine in machines for version in (4, 6)}
    return [
        f"{asker} asked at {address} ({'/'.join(n for (n, _), a in names.items() if a == address)}): "
        f"expected {who or 'nobody'}, got {observed[asker, address] or 'nobody'}"
        for (asker, address), who in wanted.items()
        if observed[asker, address] != who
    ]


def matrix(machines: Sequence[Machine], wanted: Answers, observed: Answers, version: int) -> Columns:
    """Expected beside observed; what differs is red."""
    tables = []
    for title, answers in (("expected", wanted), ("observed", observed)):
        table = Table(title=f"IPv{version} {title}", box=None, padding=(0, 0, 0, 1), title_justify="left")
        table.add_column("")
        for number, _ in enumerate(machines, start=1):
            table.add_column(str(number), justify="right", header_style="dim")
        for number, asker in enumerate(machines, start=1):
            cells = [_cell(asker, other, version, answers, wanted) for other in machines]
            table.add_row(Text(f"{number:2} {asker.name}"), *cells)
        tables.append(table)
    return Columns(tables, padding=(0, 4))


LEGEND = "● that machine answers   ○ one's own machine with that address answers   · nobody answers"


def _cell(asker: Machine, other: Machine, version: int, answers: Answers, wanted: Answers) -> Text:
    address = other.address(version)
    if address is None:
        return Text(" ")
    who = answers[asker.name, address]
    style = "red bold" if who != wanted[asker.name, address] else "green" if who else "dim"
    return Text("·" if who is None else "●" if who == other.name else "○", style)
