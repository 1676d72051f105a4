"""Red's machines behind one address: how connections are spread, and a member that goes and comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.bar import Bar
from rich.table import Table

from topologies.balancing import Balanced, ended
from topologies.cloud import Cloud
from topologies.demo.machines import Machine
from topologies.demo.tenants import administrator

#: The port of the address, connections in each spread, and connections that stand all the while.
PORT, COUNT, STANDING = 8000, 1200, 30
MEMBERS = ("red1", "red2", "red3")
#: Who goes and comes back.
_LEAVES = "red2"
#: Of new connections, the most that one member may have by the mean. Chance goes above it once in thousands.
BAR = 1.15


@dataclass(frozen=True, slots=True)
class Outcome:
    """What clients saw: who answered before, while a member was away, and after; and what broke."""

    before: Counter[str]
    without: Counter[str]
    after: Counter[str]
    #: Connections that were made all the while, one after the other, and those that stood.
    made: int
    stood: int
    broken: Sequence[str]

    def faults(self) -> list[str]:
        """What was not as expected."""
        found = [f"a connection broke: {error}" for error in self.broken[:3]]
        staying = {name for name in MEMBERS if name != _LEAVES}
        for when, answered, wanted in (
            ("at first", self.before, set(MEMBERS)),
            (f"without {_LEAVES}", self.without, staying),
            (f"with {_LEAVES} again", self.after, set(MEMBERS)),
        ):
            if set(answered) != wanted:
                found.append(f"{when} connections were answered by {sorted(answered)}, not {sorted(wanted)}")
            elif max(answered.values()) > BAR * answered.total() / len(answered):
                found.append(f"{when} connections were spread unevenly: {dict(answered)}")
        return found


def balance(cloud: Cloud, machines: Sequence[Machine]) -> Outcome:
    """Put red's machines behind a port, and take one out and back in while clients come and stay."""
    call = administrator(cloud.controller)
    network = call.call.listNetworks(listall=True, keyword="red-net")["network"][0]["id"]
    addresses = call.call.listPublicIpAddresses(listall=True, associatednetworkid=network)["publicipaddress"]
    listed = call.call.listVirtualMachines(listall=True)["virtualmachine"]
    members = {machine.name: machine for machine in machines if machine.name in MEMBERS}
    balanced = Balanced(cloud, members, call, {row["name"]: row["id"] for row in listed}, addresses[0])
    with balanced.rule(PORT, list(MEMBERS)) as rule:
        before = balanced.asked("fresh", PORT, COUNT)
        standing = balanced.clients("steady", PORT, STANDING)
        coming = balanced.clients("endless", PORT, 2)
        balanced.remove(rule, _LEAVES)
        without = balanced.asked("fresh", PORT, COUNT)
        balanced.assign(rule, _LEAVES)
        after = balanced.asked("fresh", PORT, COUNT)
        (made, broken), (stood, lost) = ended(coming), ended(standing)
    return Outcome(before, without, after, made.total(), stood.total(), [*broken, *lost])


def chart(outcome: Outcome) -> Table:
    """How many connections each member had, as bars."""
    table = Table("", box=None, header_style="bold")
    spreads: list[tuple[str, Mapping[str, int]]] = [
        (f"of {COUNT} connections", outcome.before),
        (f"without {_LEAVES}", outcome.without),
        ("put back", outcome.after),
    ]
    for title, _ in spreads:
        table.add_column("", justify="right")
        table.add_column(title, width=24)
    for name in MEMBERS:
        cells: list[str | Bar] = []
        for _, answered in spreads:
            count = answered.get(name, 0)
            cells += [str(count), Bar(COUNT / 2, 0, count, width=24, color="green")]
        table.add_row(name, *cells)
    return table
