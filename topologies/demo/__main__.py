"""Leads through the demonstration; ends with 0 only if everything was as expected.

python -m topologies.demo [--no-prompt]      as root, with Open vSwitch running; ./dev run sees to that
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType

from mininet.cli import CLI
from rich.table import Table
from rich.text import Text

from sdn_orch import terminal
from topologies.cloud import Cloud
from topologies.demo.balance import balance, chart
from topologies.demo.failover import BAR, Outcome, across, cut_under_traffic, is_used
from topologies.demo.machines import Machine, take_addresses
from topologies.demo.outside import add_routes, answering, open_network, open_outside, show
from topologies.demo.reach import LEGEND, differences, expected, matrix, observe
from topologies.demo.tenants import administrator, make_tenants
from topologies.leaf_spine import INTERNET, LeafSpine

console = terminal.console(width=120)


def main() -> int:
    """The demonstration's exit status."""
    parser = argparse.ArgumentParser(prog="./dev run", description="Two tenants on a leaf-spine fabric.")
    parser.add_argument("--no-prompt", action="store_true", help="end without Mininet's prompt")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    faults: list[str] = []
    try:
        with Cloud(partial(LeafSpine, gateways=2)) as cloud:
            try:
                faults = demonstrate(cloud)
                if sys.stdin.isatty() and sys.stdout.isatty() and not options.no_prompt:
                    Prompt.open(cloud)
            finally:
                # From here on only clean-up follows, and nothing may cut it short.
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        console.print("interrupted; everything is removed again")
        return 130
    except RuntimeError as error:
        faults.append(str(error))
    for fault in faults:
        console.print(Text("✗ ", "red") + Text(fault))
    if faults:
        console.print(Text("not all was as expected", "red"))
    else:
        console.print(Text("all was as expected", "green"))
    return 1 if faults else 0


def demonstrate(cloud: Cloud) -> list[str]:
    """Everything up to the prompt; gives what was not as expected."""
    with step("controller with a store in SQLite"):
        cloud.controller.start()
    with step(f"leaf-spine fabric: {len(cloud.switches())} switches, {len(cloud.cables())} cables"):
        cloud.start_fabric()
    hosts = [host.name for host in cloud.network.hosts if host.name != INTERNET]
    with step("two tenants, by the cs client over signed HTTP"):
        machines = make_tenants(cloud.controller, hosts)
    with step(f"{len(machines)} machines plugged in, their rules in the switches"):
        cloud.plug((machine.host, machine.nic_id, machine.mac) for machine in machines)
        cloud.wait_realised(machine.nic_id for machine in machines)
    with step("addresses by DHCP and router advertisements"):
        take_addresses(cloud, machines)
    show_machines(machines)
    shown = (show_reach, show_outside, show_balance, show_failover)
    return [fault for show_one in shown for fault in show_one(cloud, machines)]


def show_machines(machines: Sequence[Machine]) -> None:
    """Who is who."""
    table = Table(
        "", "machine", "tenant", "network", "host", "MAC", "IPv4", "IPv6", box=None, header_style="bold"
    )
    for number, machine in enumerate(machines, start=1):
        row = (machine.name, machine.tenant, machine.network, machine.host, machine.mac, machine.ipv4)
        table.add_row(str(number), *row, machine.ipv6 or "")
    console.print(table)
    console.print()


def show_reach(cloud: Cloud, machines: Sequence[Machine]) -> list[str]:
    """The matrices, IPv4 and IPv6; gives what was not as expected."""
    wanted, observed = expected(machines), observe(cloud, machines)
    for version in (4, 6):
        console.print(matrix(machines, wanted, observed, version))
        console.print()
    console.print(LEGEND, style="dim")
    console.print()
    return differences(machines, wanted, observed)


def show_outside(cloud: Cloud, machines: Sequence[Machine]) -> list[str]:
    """Red's network opened to the outside; gives what was not as expected."""
    open_outside(cloud)
    hosts = {machine.name: machine.host for machine in machines} | {INTERNET: INTERNET}
    with answering(cloud, {name: hosts[name] for name in ("red1", "red2", "blue1", INTERNET)}):
        with step("red's network gets rules in and out and a forwarded port, by the API"):
            call = administrator(cloud.controller).call
            attempts = open_network(call, machines)
            add_routes(cloud, call)
            cloud.wait_objects()
        observed = [attempt.made(cloud, hosts) for attempt in attempts]
    table, faults = show(attempts, observed)
    console.print(table)
    console.print()
    return faults


def show_balance(cloud: Cloud, machines: Sequence[Machine]) -> list[str]:
    """Red's machines behind one address; gives what was not as expected."""
    hosts = {machine.name: machine.host for machine in machines if machine.tenant == "red"}
    told = "red's machines get a load balancer; one is taken out and put back under load"
    with answering(cloud, hosts), step(told):
        outcome = balance(cloud, machines)
    console.print(chart(outcome))
    meanwhile = f"{outcome.made} connections were made meanwhile and {outcome.stood} stood"
    console.print(f"    {meanwhile}: {len(outcome.broken)} of them broke")
    console.print()
    return outcome.faults()


def show_failover(cloud: Cloud, machines: Sequence[Machine]) -> list[str]:
    """A cable cut under traffic; gives what was not as expected."""
    source, target = across(cloud, machines)
    outcome = _cut(cloud, source, target)
    if not outcome.holds:
        console.print("    more than may be: other work may have held this machine up, so once more")
        outcome = _cut(cloud, source, target)
    console.print()
    return [] if outcome.holds else [f"{outcome.lost} of {outcome.sent} packets lost, at most {BAR} may be"]


def _cut(cloud: Cloud, source: Machine, target: Machine) -> Outcome:
    with step(
        f"{source.name} and {target.name} send each other 1,000 packets a second; a cable of theirs is cut"
    ):
        outcome = cut_under_traffic(cloud, source, target)
    cable = "–".join(outcome.cable)
    known = f"the controller's tables were without it after {outcome.known_after * 1000:.0f} ms"
    console.print(
        f"    {cable} was cut: {outcome.lost} of {outcome.sent} lost (at most {BAR} may be); {known}"
    )
    with step(f"{cable} is mended and used again"):
        cloud.controller.wait(cloud.in_sync, "the mended cable to be seen")
        cloud.controller.wait(lambda: is_used(cloud, source, target, outcome.cable), "it to be used")
    return outcome


class Prompt(CLI):  # type: ignore[misc]
    """Mininet's prompt, with `sdn` for our own command line."""

    prompt = "mininet> "

    @classmethod
    def open(cls, cloud: Cloud) -> None:
        """Show hints and read commands until the end."""
        console.print("Try:", style="bold")
        console.print(
            "  h1 ping -c2 10.1.1.10           a host's command; addresses are in the table above\n"
            "  sdn status | networks | ports | topology\n"
            "  sdn flows leaf1                 what a switch holds, and for whom\n"
            "  sdn trace --from red1 --to 10.1.1.11\n"
            "  sdn explain red1                what a machine has become in the switches\n"
            "  sh ovs-vsctl show               a command of this machine\n"
            "  exit                            remove everything\n"
        )
        cls.cloud = cloud
        cls(cloud.network)

    cloud: Cloud

    def do_sdn(self, line: str) -> None:
        """sdn COMMAND: run sdn-orch for this cloud."""
        subprocess.run(self.cloud.controller.command_line(*line.split()), check=False)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show that something is under way, and then how long it took."""
    started = time.monotonic()
    with console.status(Text(text)):
        yield
    took = Text(f" {time.monotonic() - started:.1f} s", "dim")
    console.print(Text("✓ ", "green") + Text(text) + took)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
