"""Packets lost, and flows changed, while the controller is killed and started again under traffic.

Datagrams go both ways between two leaves, 1,000 a second each way; the daemon gets SIGKILL, a second later
it is started again, and when it is in sync a machine asks for its address by DHCP anew. What changed in the
flow tables is told by the switches themselves, from before the SIGKILL to after the lease, and by the daemon.
Bar: no packet lost, no flow-mod.

The peer is what controllers do that do not know what is in a switch: every switch's flows are deleted and
added again (by ovs-ofctl, in a moment when nothing else happens), under the same traffic.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.common import report
from bench.common.fabric import fabric
from bench.common.flow_watch import FlowWatch
from bench.common.sandbox import inside, run, start_open_vswitch
from topologies.cloud import Cloud
from topologies.demo.machines import Machine
from topologies.stream import Heard, Stream

_OFCTL = ("ovs-ofctl", "-O", "OpenFlow15")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a restart did; times are seconds."""

    lost: int
    told_by_switches: int
    told_by_daemon: int
    in_sync_after: float
    lease_after: float


class Traffic:
    """Streams both ways between two machines."""

    def __init__(self, cloud: Cloud, source: Machine, target: Machine) -> None:
        one, other = cloud.node(source.host), cloud.node(target.host)
        self._streams = [Stream(one, other, target.ipv4), Stream(other, one, source.ipv4)]
        time.sleep(0.5)

    def lost(self) -> int:
        """End it, after another half second; how many did not arrive."""
        time.sleep(0.5)
        heard: list[Heard] = [stream.finish() for stream in self._streams]
        return sum(way.lost() for way in heard)


def restart(cloud: Cloud, source: Machine, target: Machine, client: Machine) -> Outcome:
    """Kill the daemon and start it again, and let a client ask it for an address."""
    bridges = [cloud.node(switch).name for switch in cloud.switches()]
    with FlowWatch(bridges) as watch:
        traffic = Traffic(cloud, source, target)
        cloud.controller.kill()
        time.sleep(1)
        started = time.monotonic()
        cloud.controller.start()
        cloud.controller.wait(cloud.in_sync, "all switches to be in sync again")
        in_sync_after = time.monotonic() - started
        lease_after = lease(cloud, client)
        lost = traffic.lost()
        told_by_switches = watch.count(1.0)
    told_by_daemon = sum(row["sent"] for row in cloud.controller.ask("/v1/status")["switches"])
    return Outcome(lost, told_by_switches, told_by_daemon, in_sync_after, lease_after)


def lease(cloud: Cloud, machine: Machine) -> float:
    """Seconds until a DHCP client that remembers nothing has its address."""
    leases, pid = (cloud.directory / f"{machine.host}.dhclient4.{kind}" for kind in ("leases", "pid"))
    started = time.monotonic()
    output, _ = cloud.lease4(machine.host).communicate(timeout=60)
    taken = time.monotonic() - started
    if machine.ipv4 not in cloud.addresses(machine.host):
        raise RuntimeError(f"{machine.name} has another address than {machine.ipv4}:\n{output}")
    # It goes on in the background, where it says a little later who it is; the next one is to be without it.
    cloud.controller.wait(lambda: pid.exists() and pid.read_text().strip(), "the client's process id")
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGKILL)
    for file in (leases, pid):
        file.unlink()
    return taken


def program_anew(cloud: Cloud, source: Machine, target: Machine) -> int:
    """Delete the flows of every switch and add them again; how many packets were lost."""
    bridges = [cloud.node(switch).name for switch in cloud.switches()]
    flows = {bridge: run(*_OFCTL, "--no-stats", "dump-flows", bridge) for bridge in bridges}
    traffic = Traffic(cloud, source, target)
    for bridge, text in flows.items():
        lines = [line for line in text.splitlines() if "actions=" in line]
        run(*_OFCTL, "del-flows", bridge)
        run(*_OFCTL, "--bundle", "add-flows", bridge, "-", input="\n".join(lines) + "\n")
    return traffic.lost()


def measure(rounds: int) -> None:
    """Restart several times, then program anew as often, and tell."""
    with fabric() as (cloud, machines):
        source, client, target = machines
        outcomes = [restart(cloud, source, target, client) for _ in range(rounds)]
        anew = [program_anew(cloud, source, target) for _ in range(rounds)]
    rows: dict[str, Sequence[float]] = {
        "packets lost": [one.lost for one in outcomes],
        "flows changed, by the switches": [one.told_by_switches for one in outcomes],
        "messages sent, by the daemon": [one.told_by_daemon for one in outcomes],
        "in sync, s after the start": [one.in_sync_after for one in outcomes],
        "DHCP lease, s": [one.lease_after for one in outcomes],
        "packets lost when programmed anew": anew,
    }
    report.show(
        f"SIGKILL and restart under 1,000 packets a second each way, {rounds} times",
        ["", "median", "worst"],
        [[name, report.median(values), max(values)] for name, values in rows.items()],
    )
    worst = {name: max(values) for name, values in rows.items()}
    lost, peer = worst["packets lost"], report.median(anew)
    changed = max(worst["flows changed, by the switches"], worst["messages sent, by the daemon"])
    report.Result(
        "restart",
        lost,
        peer,
        # Nothing lost is not infinitely better than something.
        peer / max(lost, 1),
        holds=lost == changed == 0,
        unit="packets",
        more={
            "flow_mods": changed,
            "in_sync_after": report.median(rows["in sync, s after the start"]),
            "lease_after": report.median(rows["DHCP lease, s"]),
            "rounds": rounds,
        },
    ).tell()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    start_open_vswitch()
    measure(options.rounds)


if __name__ == "__main__":
    inside(main, "bench.restart")
