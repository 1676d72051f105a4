"""Sync with a CloudStack that has 1,000 networks and 10,000 NICs: a full comparison, and one event.

The CloudStack is a daemon of ours without switches, which answers CloudStack's calls; another daemon syncs
with it over HTTP by the cs client. First everything comes over, then nothing differs. Then a machine is
deployed there, the webhook's message is sent, and the end is when the last flow table has changed, as Open
vSwitch itself tells an observer: machines are on ports of one leaf. Beside the wall time stands what the
processors of each daemon did. CloudStack's own server answers slower than ours: the calls are what counts.
Bars: an event to the last flow, median under 500 ms, and a comparison in at most 60 calls.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from bench.common import report
from bench.common.flow_watch import FlowWatch
from bench.common.large import mac_of
from bench.common.sandbox import inside, run, start_open_vswitch
from sdn_orch.intent.model import Machine, Network, Nic, Record
from sdn_orch.intent.snapshot import Put
from sdn_orch.northbound.cloudstack.model import MachineDetails, NetworkDetails
from sdn_orch.northbound.sync import events
from sdn_orch.northbound.sync.webhook import PATH
from sdn_orch.store.sqlite import SqliteStore
from tests.managed import message
from topologies.controller import Controller
from topologies.demo.tenants import ISOLATED, Cloudstack

BAR, MOST_CALLS = 0.5, 60
_SECRET = "the webhook's secret"
#: Machines that are deployed before anything is measured.
_UNMEASURED = 3
_TICKS = os.sysconf("SC_CLK_TCK")


class Site:
    """Both daemons; `there` is the CloudStack."""

    def __init__(self, directory: Path, networks: int, nics: int, samples: int) -> None:
        self.there = _controller(directory / "there", [], {})
        self.there.start()
        self.cloud = Cloudstack(self.there, vlan="1-10")
        self.tenant = self.cloud.tenant("tenant")
        self.open = self.cloud.network(self.tenant, "open", ISOLATED, "10.1.0.1", "fd00::/64")
        self.cloud.machine(self.tenant, "", "first", ("open", self.open))
        call = self.tenant.call
        self._size = call.listServiceOfferings()["serviceoffering"][0]["id"]
        self._template = call.listTemplates(templatefilter="executable")["template"][0]["id"]
        self.there.stop()
        _fill(self.there.store, networks - 1, nics - 1)
        self.there.start(patience=120)
        secret, hook = directory / "secret", directory / "hook"
        secret.write_text(str(self.cloud.admin.call.secret))
        hook.write_text(_SECRET)
        attachments = [{"mac": mac_of(number), "port": f"leaf:{100 + number}"} for number in range(samples)]
        section = {
            "url": f"http://127.0.0.1:{self.there.api_port}/client/api",
            "key": self.cloud.admin.call.key,
            "secret_file": str(secret),
            "webhook_secret_file": str(hook),
            "interval": 86_400,
        }
        self.here = _controller(
            directory / "here", [{"dpid": 1, "name": "leaf"}], {"cloudstack": section}, attachments
        )

    def compare(self) -> dict[str, Any]:
        """What a comparison came to, with the seconds of processor time of both daemons."""
        spent = [_spent(each) for each in (self.here, self.there)]
        done = self.here.command("cloudstack", "sync", "--json")
        answer: dict[str, Any] = json.loads(done.stdout)
        here, there = (
            _spent(each) - before for each, before in zip((self.here, self.there), spent, strict=True)
        )
        return answer | {"here": here, "there": there}

    def bring(self, networks: int) -> dict[str, Any]:
        """The first comparison, which the daemon makes when it starts."""
        spent = _spent(self.there)
        self.here.start(patience=120)
        started = time.monotonic()
        self.here.wait(lambda: len(self.here.ask_all("/v1/networks")) >= networks, "all networks", 1800)
        seconds = time.monotonic() - started
        return {"seconds": seconds, "here": _spent(self.here), "there": _spent(self.there) - spent}

    def add_leaf(self) -> None:
        """The switch that NICs are on."""
        run(
            "ovs-vsctl", "add-br", "leaf", "--", "set", "bridge", "leaf", "datapath_type=netdev",
            "fail_mode=secure", f"other_config:datapath-id={1:016x}",
            "protocols=OpenFlow13,OpenFlow14,OpenFlow15",
            "--", "set-controller", "leaf", f"tcp:127.0.0.1:{self.here.openflow_port}",
        )  # fmt: skip
        self.here.wait(
            lambda: [row["phase"] for row in self.here.ask("/v1/status")["switches"]] == ["in-sync"],
            "the leaf to be in sync",
            60,
        )

    def deploy(self, number: int) -> bytes:
        """A machine more; the message that tells of it."""
        made = self.tenant.call.deployVirtualMachine(
            name=f"new{number}", zoneid=self.cloud.zone, networkids=self.open, macaddress=mac_of(number),
            serviceofferingid=self._size, templateid=self._template,
        )  # fmt: skip
        return message("VM.CREATE", datetime.now(UTC), entityuuid=made["virtualmachine"]["id"])


def _controller(
    directory: Path, switches: list[dict[str, Any]], settings: dict[str, Any], attachments: Any = ()
) -> Controller:
    directory.mkdir()
    quiet = {"discovery": {"enabled": False}}
    return Controller(directory, switches, quiet | settings, databases=(), attachments=attachments)


def _spent(controller: Controller) -> float:
    """Seconds of processor time of the daemon so far."""
    fields = Path(f"/proc/{controller.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _fill(path: Path, networks: int, nics: int) -> None:
    """Networks and machines like those that the API has made, so many more."""
    store = SqliteStore(path)
    snapshot = store.snapshot()
    (network,), (machine,), (nic,) = snapshot.all(Network), snapshot.all(Machine), snapshot.all(Nic)
    details, size = snapshot.need(NetworkDetails, network.id), snapshot.need(MachineDetails, machine.id)
    records: list[Record] = []
    prefix = IPv4Network("10.1.1.0/24")
    for number in range(networks):
        home = replace(
            network, id=_uuid(1, number), number=0, name=f"net{number}", vlan=None, vni=10_000 + number,
            ipv4=prefix, gateway4=prefix[1], ipv6=None, gateway6=None,
        )  # fmt: skip
        records += [home, replace(details, id=home.id, number=0, segment=None)]
    for number in range(nics):
        vm = replace(machine, id=_uuid(2, number), number=0, name=f"vm{number}")
        at = IPv4Address(int(prefix[2]) + number // networks)
        records += [
            vm,
            replace(size, id=vm.id, number=0),
            replace(
                nic, id=_uuid(3, number), number=0, machine_id=vm.id, network_id=_uuid(1, number % networks),
                mac=mac_of(1_000_000 + number), ipv4=at, ipv6=None, hostname=vm.name,
            ),
        ]  # fmt: skip
    store.commit([Put(record) for record in records], snapshot.revision)
    store.close()


def _uuid(kind: int, number: int) -> str:
    return str(UUID(int=kind << 96 | number, version=4))


def measure_events(site: Site, samples: int) -> list[float]:
    """Seconds from the webhook's message to the last flow."""
    found = []
    with FlowWatch(["leaf"]) as watch, httpx.Client(timeout=30) as client:
        for number in range(samples):
            body = site.deploy(number)
            headers = {
                "X-CS-Event-ID": str(number), "X-CS-Event": "VM.CREATE",
                "X-CS-Signature": events.signature(_SECRET, body), "Content-Type": "application/json",
            }  # fmt: skip
            started = time.perf_counter()
            url = f"http://127.0.0.1:{site.here.api_port}{PATH}"
            client.post(url, content=body, headers=headers).raise_for_status()
            found.append(watch.last_change(0.3)[0] - started)
    return found[_UNMEASURED:]


@contextmanager
def made_site(networks: int, nics: int, samples: int) -> Iterator[Site]:
    """Both daemons with their files, until the end."""
    directory = Path(tempfile.mkdtemp(prefix="sdn-orch-bench-"))
    made = Site(directory, networks, nics, samples)
    try:
        yield made
    finally:
        made.here.stop()
        made.there.stop()
        shutil.rmtree(directory)


def measure(networks: int, nics: int, samples: int) -> None:
    """Measure, print, judge."""
    start_open_vswitch()
    with made_site(networks, nics, samples + _UNMEASURED) as site:
        report.note(f"bringing {networks:,} networks with {nics:,} NICs …")
        first, again = site.bring(networks), site.compare()
        site.add_leaf()
        spans = measure_events(site, samples)
    rows = [
        ("everything comes over", first["seconds"], first["here"], first["there"], "–"),
        ("nothing differs", again["seconds"], again["here"], again["there"], again["calls"]),
    ]
    columns = ("comparison of everything", "wall s", "processor s here", "processor s there", "calls")
    report.show(f"{networks:,} networks, {nics:,} NICs", columns, rows)
    figures = [report.percentile(spans, percent) * 1000 for percent in (50, 90, 99)]
    report.show(
        "an event to the last flow, ms", ("", "samples", "p50", "p90", "p99"), [("", samples, *figures)]
    )
    report.Result(
        "sync",
        ours=figures[0],
        peer=None,
        ratio=None,
        holds=figures[0] < BAR * 1000 and again["calls"] <= MOST_CALLS and not again["changes"],
        unit="ms",
        more={"p99": figures[2], "first": first, "again": {k: v for k, v in again.items() if k != "changes"}},
    ).tell()


def main() -> None:
    """Read the options, and measure in a sandbox."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1_000)
    parser.add_argument("--nics", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=30)
    options = parser.parse_args()
    inside(partial(measure, options.networks, options.nics, options.samples), "bench.sync")


if __name__ == "__main__":
    main()
