"""What CloudStack's extension costs its management server, a process a command.

The daemon runs as always, with SQLite and durable commits, and without switches. A management server starts
machines in networks that it brings up, with all commands of each in CloudStack's order: from the start of
each process to its end, alone and with eight at once. Then it restores a network of 1,000 machines, each
with 2 KB of user data: into a daemon that has lost its store, and into one that knows them all.
Bars: p50 below 150 ms and p99 below 500 ms with eight at once, 3 s for the network of 1,000.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from bench.common import report
from tests.extension import run
from tests.management_server import JSON, ManagementServer, Net, Vm
from topologies.controller import Controller

P50, P99, RESTORE = 0.15, 0.5, 3.0
_AT_ONCE = 8


class Site:
    """A daemon, and management servers whose commands are timed."""

    def __init__(self, controller: Controller, directory: Path) -> None:
        self.spans: list[tuple[str, float]] = []
        token = controller.command("token", "create", "bench", "--scope", "operate").stdout.strip()
        self._details = {"url": f"http://127.0.0.1:{controller.api_port}", "password": token}
        self._directory = directory
        self._numbers = count(1)

    def manager(self) -> ManagementServer:
        """One more of them, at the same database; public addresses are many."""
        made = ManagementServer(self._timed, self._details)
        made.numbers = self._numbers
        made.public |= {"prefix": 8, "public_gateway": "203.0.0.1"}
        return made

    def _timed(self, command: str, document: JSON) -> str:
        started = time.monotonic()
        printed = run(self._directory, command, document)
        self.spans.append((command, time.monotonic() - started))
        return printed

    def take(self) -> list[tuple[str, float]]:
        """What was measured since it was last asked."""
        spans, self.spans = self.spans, []
        return spans


@contextmanager
def site() -> Iterator[Site]:
    """A daemon of its own."""
    directory = Path(tempfile.mkdtemp(prefix="sdn-orch-bench-"))
    controller = Controller(directory, [], {}, databases=())
    try:
        controller.start()
        yield Site(controller, directory)
    finally:
        controller.stop()
        shutil.rmtree(directory)


def bring_up(manager: ManagementServer, number: int, machines: int) -> None:
    """A network with machines, an address that leads to one of them, and its firewall."""
    net = Net(number, "10.1.0.0/16", vlan=str(number % 4000 + 1), source_nat=_public(2 * number))
    for index in range(machines):
        manager.start(net, _vm(number, index))
    manager.enable_static_nat(net, _public(2 * number + 1), net.vms[0].ip)
    manager.open(net, _public(2 * number + 1), "tcp", 22)


def restore(site: Site, machines: int) -> float:
    """Seconds of the command that tells the daemon all machines of a network."""
    net = Net(9, "10.1.0.0/16", vlan="9", state="implemented")
    net.vms = [_vm(9, index) for index in range(machines)]
    site.take()
    site.manager().restore(net)
    return dict(site.take())["restore-network"]


def _vm(network: int, index: int) -> Vm:
    """Machines are told apart by a number of five digits in their MAC address and their UUID."""
    unique = network * 1000 + index
    octets = f"{unique:08x}"
    mac = ":".join(("02", "01", *(octets[place : place + 2] for place in range(0, 8, 2))))
    ip = f"10.1.{index // 200 + 1}.{index % 200 + 1}"
    return Vm(unique, f"vm-{unique}", mac, ip, user_data="#cloud-config\n" + "# ünïcode\n" * 180)


def _public(number: int) -> str:
    return f"203.{number // 40_000 + 1}.{number // 200 % 200}.{number % 200 + 20}"


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=24, help="brought up with eight at once")
    parser.add_argument("--machines", type=int, default=1000, help="of the network that is restored")
    options = parser.parse_args()

    figures: dict[str, list[tuple[str, float]]] = {}
    with site() as made:
        bring_up(made.manager(), 1, 1)
        made.take()
        for number in range(2, 6):
            bring_up(made.manager(), number, 2)
        figures["alone"] = made.take()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            work = [
                pool.submit(partial(bring_up, made.manager(), 10 + number, 2))
                for number in range(options.networks)
            ]
            for each in work:
                each.result()
        figures[f"{_AT_ONCE} at once"] = made.take()
        lost = restore(made, options.machines)
        known = restore(made, options.machines)

    rows = []
    for name, spans in figures.items():
        for command in ("ensure-network-device", "prepare-nic", "apply-fw-rules", None):
            chosen = [seconds for each, seconds in spans if command in (None, each)]
            p50, p99 = report.percentile(chosen, 50), report.percentile(chosen, 99)
            rows.append((f"{command or 'all commands'}, {name}", len(chosen), p50 * 1000, p99 * 1000))
    report.show("Wall time of a command's process, ms", ("command", "runs", "p50", "p99"), rows)
    report.note(
        f"restore-network of {options.machines} machines: {lost:.2f} s into a daemon that has lost its store,"
        f" {known:.2f} s into one that knows them"
    )
    loaded = [seconds for _, seconds in figures[f"{_AT_ONCE} at once"]]
    p50, p99 = report.percentile(loaded, 50), report.percentile(loaded, 99)
    report.Result(
        "extension",
        ours=p50,
        peer=None,
        ratio=None,
        holds=p50 < P50 and p99 < P99 and max(lost, known) < RESTORE,
        more={"p99": p99, "restore_lost": lost, "restore_known": known, "cpus": os.cpu_count()},
    ).tell()


if __name__ == "__main__":
    main()
