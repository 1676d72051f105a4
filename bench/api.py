"""CloudStack's API under load, and what one rule more costs when there are many.

The daemon runs as always, with SQLite and durable commits, and without switches. Sixteen clients at once,
in four processes, list 1,000 networks in pages of 500, then create networks. Then one client adds a
firewall rule, a static NAT and a NIC where there are 10, 1,000 and 10,000 of them: the median call, from
signed request to answer, and the processor time that the daemon takes meanwhile, which says the same on a
busy machine. Beside it stands what CloudStack's users report of its virtual router, whose rules took from
3.9 s to 10 s each as they became more (apache/cloudstack#10313).
Bar: the last rule costs at most 1.5 times what the first did.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from bench.common import report
from sdn_orch.northbound.cloudstack.bootstrap import Credentials
from sdn_orch.northbound.cloudstack.signing import canonical, sign
from topologies.controller import Controller
from topologies.demo.tenants import ISOLATED, Cloudstack

BAR = 1.5
#: Seconds a rule of the virtual router, from few to many.
_ROUTER = (3.9, 10.0)
_PROCESSES, _THREADS = 4, 4
_POINTS = (10, 1_000, 10_000)


class Caller:
    """A client that keeps one connection, and costs little itself."""

    def __init__(self, port: int, keys: Credentials) -> None:
        self._keys = keys
        self._url = f"http://127.0.0.1:{port}/client/api"
        self._client = httpx.Client(timeout=60)

    def __call__(self, command: str, **arguments: object) -> dict[str, Any]:
        """What is inside the answer; raises RuntimeError with its text."""
        given = {"command": command, "response": "json", "apikey": self._keys.api_key}
        given |= {name: str(value) for name, value in arguments.items()}
        signature = sign(canonical(given), self._keys.secret_key).decode()
        text = "&".join(
            f"{name}={quote(value)}" for name, value in (given | {"signature": signature}).items()
        )
        answer = self._client.get(f"{self._url}?{text}")
        body: dict[str, Any] = next(iter(answer.json().values()))
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{command}: {body}")
        return body

    def job(self, command: str, **arguments: object) -> dict[str, Any]:
        """The result of an asynchronous call's job; raises RuntimeError."""
        job = self("queryAsyncJobResult", jobid=self(command, **arguments)["jobid"])
        if job["jobstatus"] != 1:
            raise RuntimeError(f"{command}: {job}")
        result: dict[str, Any] = job["jobresult"]
        return result


@contextmanager
def daemon() -> Iterator[tuple[Controller, Credentials, Cloudstack]]:
    """A controller with a zone, an account's keys, and the administrator."""
    directory = Path(tempfile.mkdtemp(prefix="sdn-orch-bench-"))
    controller = Controller(directory, [], {}, databases=())
    try:
        controller.start()
        cloud = Cloudstack(controller)
        tenant = cloud.tenant("tenant").call
        yield controller, Credentials(str(tenant.key), str(tenant.secret)), cloud
    finally:
        controller.stop()
        shutil.rmtree(directory)


def _work(
    port: int, keys: Credentials, command: str, rounds: int, arguments: dict[str, str], told: Any
) -> None:
    """One process's clients; tells when each call was made and answered."""
    spans: list[tuple[float, float]] = []

    def client(number: int) -> None:
        call = Caller(port, keys)
        for round_ in range(rounds):
            given = {
                name: value.format(f"{told.name}-{number}-{round_}") for name, value in arguments.items()
            }
            started = time.monotonic()
            call(command, **given)
            spans.append((started, time.monotonic()))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send(spans)


class _Told:
    """Where a process tells what it measured, and the name that its objects have."""

    def __init__(self, name: str, pipe: Any) -> None:
        self.name = name
        self.send = pipe.send


def load(
    port: int, keys: Credentials, command: str, rounds: int, **arguments: str
) -> tuple[float, list[float]]:
    """Calls a second of sixteen clients at once, and the seconds that each call took."""
    context = multiprocessing.get_context("fork")
    pipes, processes = [], []
    for number in range(_PROCESSES):
        mine, theirs = context.Pipe(duplex=False)
        told = _Told(str(number), theirs)
        process = context.Process(target=_work, args=(port, keys, command, rounds, arguments, told))
        process.start()
        pipes.append(mine)
        processes.append(process)
    spans = [span for pipe in pipes for span in pipe.recv()]
    for process in processes:
        process.join()
    wall = max(end for _, end in spans) - min(start for start, _ in spans)
    return len(spans) / wall, [end - start for start, end in spans]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one call, in seconds: until it is answered, and what the daemon's processors spend until then."""

    wall: float
    processor: float


class Tenant:
    """A tenant's large network, with machines, public addresses and firewall rules in it."""

    def __init__(self, call: Caller, cloud: Cloudstack, daemon: Controller) -> None:
        self._call = call
        self._cloud = cloud
        # The clock of a process's processor time (clock_getcpuclockid(3) makes its number so).
        self._processor_clock = ~daemon.pid << 3 | 2
        self.network: str = call(
            "createNetwork",
            name="large",
            displaytext="large",
            zoneid=cloud.zone,
            networkofferingid=cloud.offerings[ISOLATED],
            gateway="10.1.0.1",
            netmask="255.255.0.0",
        )["network"]["id"]
        cloud.admin.call.createVlanIpRange(
            zoneid=cloud.zone,
            vlan="untagged",
            forvirtualnetwork=True,
            gateway="198.18.0.1",
            netmask="255.254.0.0",
            startip="198.18.0.2",
            endip="198.18.255.254",
        )
        self._size = call("listServiceOfferings")["serviceoffering"][0]["id"]
        self._template = call("listTemplates", templatefilter="executable")["template"][0]["id"]
        self._machines: list[str] = []
        self._address = self.address()

    def address(self) -> str:
        """Another public address."""
        made = self._call("associateIpAddress", networkid=self.network)
        return str(made["id"])

    def machine(self) -> None:
        """Another machine with its NIC."""
        made = self._call(
            "deployVirtualMachine",
            name=f"vm{len(self._machines)}",
            zoneid=self._cloud.zone,
            serviceofferingid=self._size,
            templateid=self._template,
            networkids=self.network,
        )
        self._machines.append(made["id"])

    # --- what is measured: each gives the cost of one call ----------------------------------------

    def one_nic(self, _number: int) -> Cost:
        """A machine with a NIC."""
        return self._cost(self.machine)

    def one_firewall_rule(self, number: int) -> Cost:
        """A rule for a port of its own on the one address."""
        return self._cost(
            lambda: self._call(
                "createFirewallRule",
                ipaddressid=self._address,
                protocol="tcp",
                startport=number + 1,
                endport=number + 1,
                cidrlist="198.51.100.0/24",
            )
        )

    def one_static_nat(self, number: int) -> Cost:
        """A public address for a machine that has none yet."""
        while len(self._machines) <= number:
            self.machine()
        address = self.address()
        return self._cost(
            lambda: self._call(
                "enableStaticNat", ipaddressid=address, virtualmachineid=self._machines[number]
            )
        )

    def _cost(self, action: Callable[[], object]) -> Cost:
        started, spent = time.perf_counter(), time.clock_gettime(self._processor_clock)
        action()
        return Cost(time.perf_counter() - started, time.clock_gettime(self._processor_clock) - spent)


def growth(one_more: Callable[[int], Cost], points: Sequence[int], samples: int) -> dict[int, Cost]:
    """Medians of one more where there are so many already, by how many there are."""
    found: dict[int, Cost] = {}
    made = 0
    for point in points:
        for _ in range(made, point):
            one_more(made)
            made += 1
        costs = []
        for _ in range(samples):
            costs.append(one_more(made))
            made += 1
        found[point] = Cost(
            report.median(cost.wall for cost in costs), report.median(cost.processor for cost in costs)
        )
    return found


def measure(points: Sequence[int], samples: int, networks: int) -> None:
    """Both parts, and the tables."""
    with daemon() as (controller, keys, cloud):
        port = controller.api_port
        call = Caller(port, keys)
        arguments = {
            "name": "net-{}",
            "displaytext": "net-{}",
            "zoneid": cloud.zone,
            "networkofferingid": cloud.offerings[ISOLATED],
        }
        clients = _PROCESSES * _THREADS
        report.note(f"{networks:,} networks, by {clients} clients at once …")
        rate_of_writes, writes = load(port, keys, "createNetwork", -(-networks // clients), **arguments)
        report.note("and lists of them …")
        rate_of_reads, reads = load(port, keys, "listNetworks", 12, page="1", pagesize="500")
        rows = []
        for name, rate, seconds in (
            ("createNetwork, durable", rate_of_writes, writes),
            (f"listNetworks, 500 of {networks:,}", rate_of_reads, reads),
        ):
            rows.append([name, rate, *(report.percentile(seconds, part) * 1000 for part in (50, 99))])
        report.show(f"{clients} clients at once", ["", "a second", "p50, ms", "p99, ms"], rows)
        tenant = Tenant(call, cloud, controller)
        found: dict[str, dict[int, Cost]] = {}
        for what, one_more in (
            ("NIC", tenant.one_nic),
            ("firewall rule", tenant.one_firewall_rule),
            ("static NAT", tenant.one_static_nat),
        ):
            report.note(f"{what}s, up to {points[-1]:,} of them …")
            found[what] = growth(one_more, points, samples)
    first, last = points[0], points[-1]
    ratios = {what: by[last].wall / by[first].wall for what, by in found.items()}
    spent = {what: by[last].processor / by[first].processor for what, by in found.items()}
    rows = []
    for what, by in found.items():
        rows.append([what, *(by[point].wall * 1000 for point in points), ratios[what]])
        rows.append(
            ["  the daemon's processors", *(by[point].processor * 1000 for point in points), spent[what]]
        )
    report.show(
        "one more, ms from the call to the answer",
        ["", *(f"at {point:,}" for point in points), "last / first"],
        rows,
    )
    worst, peer = max(ratios.values()), _ROUTER[1] / _ROUTER[0]
    report.Result(
        "api",
        worst,
        peer,
        peer / worst,
        holds=worst <= BAR,
        unit="last / first",
        more={
            "create_networks_per_second": rate_of_writes,
            "create_network_p50_ms": report.percentile(writes, 50) * 1000,
            "create_network_p99_ms": report.percentile(writes, 99) * 1000,
            "list_networks_per_second": rate_of_reads,
            "list_networks_p50_ms": report.percentile(reads, 50) * 1000,
            "list_networks_p99_ms": report.percentile(reads, 99) * 1000,
            "growth": ratios,
            "growth_of_processor_time": spent,
        },
    ).tell()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--largest", type=int, default=10_000, help="how many rules there are at last")
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--networks", type=int, default=1_000)
    options = parser.parse_args()
    points = [point for point in _POINTS if point < options.largest] + [options.largest]
    measure(points, options.samples, options.networks)


if __name__ == "__main__":
    main()
