"""Through a balancer of two members: throughput and new connections, beside OVN's and HAProxy.

A host outside speaks to machines behind a balancer. Three ways on one Open vSwitch: ours, in the gateway
switch; OVN's load balancer on a gateway router; and HAProxy in a namespace between two bridges. Throughput
is measured in turns, of one TCP connection. Bars, of medians: our throughput by OVN's at least 1.0, by
HAProxy's 1.5, and our new connections by OVN's 1.0.

Everybody shares the processors: a side that needs less for a packet has more left to send.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mininet.topo import Topo

from bench.common import haproxy, ovn, report
from bench.common.namespaces import Namespace, learning_bridge
from bench.common.sandbox import inside, run, start_open_vswitch
from topologies.cloud import Cloud
from topologies.demo.outside import NEAR, open_outside
from topologies.demo.tenants import ISOLATED, Cloudstack
from topologies.leaf_spine import INTERNET

BARS = {"throughput by ovn": 1.0, "throughput by haproxy": 1.5, "connections by ovn": 1.0}
#: Where iperf3 listens, and what opens connections.
_STREAM, _FIRST, _PORTS = 5201, 7000, 16
#: iperf3 has two connections, which must come to the same server.
_RULES = {_STREAM: "source"} | dict.fromkeys(range(_FIRST, _FIRST + _PORTS), "roundrobin")
_BALANCER = "203.0.113.50"
_MEMBERS = ("10.1.1.10", "10.1.1.11")
#: Side -> what it did in each round.
Found = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Way:
    """Who asks whom, and who answers."""

    client: Any
    servers: Sequence[Any]
    address: str


class OneLeaf(Topo):  # type: ignore[misc]
    """Two machines and the outside, at one switch that is edge and gateway."""

    def build(self, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet."""
        leaf = self.addSwitch(f"{prefix}leaf1", dpid=f"{1:016x}", role="edge", public_port=3)
        for port, host in enumerate(("h1", "h2", INTERNET), start=1):
            self.addLink(self.addHost(host), leaf, port1=0, port2=port)


@contextmanager
def ours() -> Iterator[Way]:
    """A leaf that is edge and gateway, with a rule for each port."""
    with Cloud(OneLeaf) as cloud:
        cloud.start()
        open_outside(cloud)
        made = Cloudstack(cloud.controller)
        made.public_range()
        tenant = made.tenant("tenant")
        network = made.network(tenant, "net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machines = [
            made.machine(tenant, f"h{number}", f"h{number}", ("net", network), ipaddress=address)
            for number, address in enumerate(_MEMBERS, start=1)
        ]
        cloud.plug((machine.host, machine.nic_id, machine.mac) for machine in machines)
        address = tenant.call.associateIpAddress(networkid=network)["ipaddress"]
        ids = ",".join(row["id"] for row in tenant.call.listVirtualMachines()["virtualmachine"])
        for port, algorithm in _RULES.items():
            rule = tenant.call.createLoadBalancerRule(
                publicipid=address["id"], algorithm=algorithm, name=f"lb{port}", publicport=port,
                privateport=port,
            )["loadbalancer"]["id"]  # fmt: skip
            tenant.call.assignToLoadBalancerRule(id=rule, virtualmachineids=ids)
        for machine in machines:
            node = cloud.node(machine.host)
            node.cmd(f"ip address add {machine.ipv4}/24 dev {node.defaultIntf()}")
            node.cmd("ip route add default via 10.1.1.1")
        cloud.wait_objects()
        nodes = [cloud.node(machine.host) for machine in machines]
        yield Way(cloud.node(INTERNET), nodes, address["ipaddress"])


@contextmanager
def proxy() -> Iterator[Way]:
    """HAProxy in a namespace, as CloudStack's virtual router has it."""
    learning_bridge("ha-inside")
    learning_bridge("ha-public")
    client, middle = Namespace("ha-client"), Namespace("ha-proxy")
    client.plug("ha-public", "eth0", f"{NEAR}/24")
    middle.plug("ha-public", "eth2", f"{_BALANCER}/24")
    middle.plug("ha-inside", "eth0", "10.1.1.1/24")
    servers = [Namespace(f"ha-web{number}") for number, _ in enumerate(_MEMBERS)]
    for server, address in zip(servers, _MEMBERS, strict=True):
        server.plug("ha-inside", "eth0", f"{address}/24")
    running = middle.popen(haproxy.command(Path("/run/haproxy.cfg"), _BALANCER, _RULES, _MEMBERS))
    try:
        _wait(lambda: f":{_STREAM}" in middle.cmd("ss -Hltn"), "HAProxy to listen")
        yield Way(client, servers, _BALANCER)
    finally:
        running.terminate()
        running.wait()


@contextmanager
def peer() -> Iterator[Way]:
    """OVN: a logical switch, a gateway router with a load balancer, a localnet port."""
    learning_bridge("br-ex")
    run("ovs-vsctl", "set", "Open_vSwitch", ".", "external_ids:ovn-bridge-mappings=public:br-ex")
    made = ovn.Ovn()
    ovn.wait_for_bridge()
    client = Namespace("ovn-client")
    client.plug("br-ex", "eth0", f"{NEAR}/24")
    lines = [
        "ls-add inside",
        "lr-add router",
        "set logical_router router options:chassis=host1",
        "lrp-add router to-inside 0a:00:00:00:00:01 10.1.1.1/24",
        "lsp-add inside inside-router",
        "lsp-set-type inside-router router",
        "lsp-set-addresses inside-router router",
        "lsp-set-options inside-router router-port=to-inside",
        "ls-add public",
        "lrp-add router to-public 0a:00:00:00:00:02 203.0.113.2/24",
        "lsp-add public public-router",
        "lsp-set-type public-router router",
        "lsp-set-addresses public-router router",
        "lsp-set-options public-router router-port=to-public",
        "lsp-add public outside",
        "lsp-set-type outside localnet",
        "lsp-set-addresses outside unknown",
        "lsp-set-options outside network_name=public",
    ]
    servers = []
    for number, address in enumerate(_MEMBERS):
        mac, server = f"0a:00:00:00:00:1{number}", Namespace(f"ovn-web{number}")
        server.plug("br-int", "eth0", f"{address}/24", f"external_ids:iface-id=port{number}")
        server.cmd(f"ip link set eth0 address {mac}; ip route add default via 10.1.1.1")
        lines += [f"lsp-add inside port{number}", f"lsp-set-addresses port{number} '{mac} {address}'"]
        servers.append(server)
    for port, algorithm in _RULES.items():
        behind = ",".join(f"{address}:{port}" for address in _MEMBERS)
        lines.append(f"lb-add {algorithm} {_BALANCER}:{port} {behind} tcp")
    lines += ["set load_balancer source selection_fields=ip_src"]
    for line in (*lines, "lr-lb-add router source", "lr-lb-add router roundrobin"):
        made.change(shlex.split(line))
    made.change(["sync"], wait="hv")
    yield Way(client, servers, _BALANCER)


_SIDES: dict[str, Callable[[], Any]] = {"sdn-orch": ours, "haproxy": proxy, "ovn": peer}


def gigabits(way: Way, seconds: float) -> float:
    """One TCP connection at full speed, from the host outside to whichever member it gets."""
    serving = [
        server.popen(["iperf3", "-s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for server in way.servers
    ]
    try:
        for server in way.servers:
            _listens(server, _STREAM)
        said = way.client.cmd(f"iperf3 -J -t {seconds} -c {way.address}")
        found: float = json.loads(said)["end"]["sum_received"]["bits_per_second"] / 1e9
        return found
    finally:
        for process in serving:
            process.terminate()
            process.wait()


def connections(way: Way, seconds: float) -> float:
    """New TCP connections per second."""
    program = [sys.executable, "-m", "bench.common.connections"]
    accepting = [server.popen([*program, "accept", str(_FIRST)]) for server in way.servers]
    try:
        for server in way.servers:
            _listens(server, _FIRST)
        made = way.client.cmd(f"{shlex.join(program)} open {way.address} {_FIRST} {seconds}")
        return int(made.strip().splitlines()[-1]) / seconds
    finally:
        for process in accepting:
            process.terminate()
            process.wait()
        # What is left of them would slow down whoever is next.
        run("ovs-appctl", "revalidator/purge")
        run("ovs-appctl", "dpctl/flush-conntrack")


def _listens(server: Any, port: int) -> None:
    _wait(lambda: f":{port}" in server.cmd("ss -Hltn"), "a server to listen")


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waiting for {what}")
        time.sleep(0.02)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    start_open_vswitch()
    throughput: Found = {side: [] for side in _SIDES}
    opened: Found = {side: [] for side in _SIDES}
    with ExitStack() as stack:
        ways = {side: stack.enter_context(make()) for side, make in _SIDES.items()}
        for turn in range(options.rounds):
            order = list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]
            for side in order:
                throughput[side].append(gigabits(ways[side], options.seconds))
        # OVN last: Open vSwitch 3.1 dies of an assertion under many connections through its rules.
        for side, way in ways.items():
            try:
                for _ in range(options.rounds):
                    opened[side].append(connections(way, options.seconds))
            except subprocess.CalledProcessError as error:
                report.note(f"{side}: Open vSwitch has died of it after {len(opened[side])} rounds: {error}")
        tell(throughput, opened, options.seconds)
        sys.stdout.flush()
        # The kernel ends and removes all of the sandbox; there may be no Open vSwitch left to ask.
        os._exit(0)


def tell(throughput: Found, opened: Found, seconds: float) -> None:
    """The table, and the result."""
    rows: list[list[object]] = []
    ratios: dict[str, float] = {}
    for side in _SIDES:
        row: list[object] = [side]
        for name, found in (("throughput", throughput), ("connections", opened)):
            if not found[side]:
                row += ["-", "-"]
                continue
            own = report.median(found[side])
            ratio = report.median(found["sdn-orch"]) / own
            row += [own, ratio]
            if side != "sdn-orch":
                ratios[f"{name} by {side}"] = ratio
        rows.append(row)
    report.show(
        f"through a balancer, median of rounds of {seconds:g} s (ratio: sdn-orch by it)",
        ["", "Gbit/s", "ratio", "connections/s", "ratio"],
        rows,
    )
    report.Result(
        "lb_speed",
        report.median(throughput["sdn-orch"]),
        report.median(throughput["ovn"]),
        ratios["throughput by ovn"],
        holds=all(ratios.get(name, bar) >= bar for name, bar in BARS.items()),
        unit="Gbit/s",
        more={"ratios": ratios, "rounds": len(throughput["sdn-orch"])},
    ).tell()


if __name__ == "__main__":
    for lacking in (ovn.fetch(), haproxy.fetch()):
        if lacking:
            sys.exit(f"a peer cannot be had: {lacking}")
    inside(main, "bench.lb_speed")
