"""Source NAT and firewall: throughput and new connections, beside CloudStack's way and OVN's.

A machine behind source NAT, which an egress rule lets out, sends to a host in the public network. Three ways
on one Open vSwitch: ours, in the gateway switch; a Linux router in a namespace between two bridges, with the
rules of iptables that CloudStack's virtual router has for it; and OVN with a gateway router and a stateful
rule. Throughput is measured in turns. Bars, of medians: our throughput by OVN's at least 1.0, by the router's
1.5, and our new connections by OVN's 1.0.

Sender, receiver and switch share the processors: a side that needs less for a packet has more left to send.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from mininet.topo import Topo

from bench.common import ovn, report
from bench.common.namespaces import Namespace, learning_bridge
from bench.common.sandbox import inside, run, start_open_vswitch
from topologies.cloud import Cloud
from topologies.demo.outside import NEAR, open_outside
from topologies.demo.tenants import ISOLATED, Cloudstack
from topologies.leaf_spine import INTERNET

#: Ours by theirs. Where Open vSwitch does not outlive theirs, there is nothing to compare with.
BARS = {"throughput by ovn": 1.0, "throughput by router": 1.5, "connections by ovn": 1.0}
#: Side -> what it did in each round.
Found = dict[str, list[float]]
_PORT = 7000
_PUBLIC = "203.0.113.2"


@dataclass(frozen=True, slots=True)
class Pair:
    """Who sends, and who receives at an address outside."""

    client: Any
    server: Any
    address: str = NEAR


class OneGateway(Topo):  # type: ignore[misc]
    """A machine and the outside, at one switch that is edge and gateway."""

    def build(self, prefix: str = "", **_params: Any) -> None:
        """Called by Mininet."""
        leaf = self.addSwitch(f"{prefix}leaf1", dpid=f"{1:016x}", role="edge", public_port=2)
        for port, host in enumerate(("h1", INTERNET), start=1):
            self.addLink(self.addHost(host), leaf, port1=0, port2=port)


@contextmanager
def ours() -> Iterator[Pair]:
    """A leaf that is edge and gateway."""
    with Cloud(OneGateway) as cloud:
        cloud.start()
        open_outside(cloud)
        made = Cloudstack(cloud.controller)
        made.public_range()
        tenant = made.tenant("tenant")
        network = made.network(tenant, "net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machine = made.machine(tenant, "h1", "one", ("net", network))
        tenant.call.createEgressFirewallRule(networkid=network, protocol="tcp")
        cloud.plug([(machine.host, machine.nic_id, machine.mac)])
        cloud.wait_realised([machine.nic_id])
        cloud.wait_objects()
        node = cloud.node(machine.host)
        node.cmd(f"ip address add {machine.ipv4}/24 dev {node.defaultIntf()}")
        node.cmd("ip route add default via 10.1.1.1")
        yield Pair(node, cloud.node(INTERNET))


@contextmanager
def router() -> Iterator[Pair]:
    """A Linux router between the tenant's bridge and the public one, as CloudStack's virtual router is."""
    learning_bridge("vr-inside")
    learning_bridge("vr-public")
    client, middle, server = (Namespace(name) for name in ("vr-client", "vr-router", "vr-net"))
    client.plug("vr-inside", "eth0", "10.1.1.10/24")
    middle.plug("vr-inside", "eth0", "10.1.1.1/24")
    middle.plug("vr-public", "eth2", f"{_PUBLIC}/24")
    server.plug("vr-public", "eth0", f"{NEAR}/24")
    client.cmd("ip route add default via 10.1.1.1")
    for rule in (
        "-t nat -A POSTROUTING -o eth2 -j MASQUERADE",
        "-P FORWARD DROP",
        "-N FW_OUTBOUND",
        "-A FORWARD -i eth2 -o eth0 -m state --state RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -i eth0 -o eth2 -j FW_OUTBOUND",
        "-A FW_OUTBOUND -m state --state RELATED,ESTABLISHED -j ACCEPT",
        "-A FW_OUTBOUND -p tcp -s 10.1.1.0/24 -j ACCEPT",
    ):
        if said := middle.cmd(f"iptables {rule}"):
            raise RuntimeError(f"iptables {rule}: {said}")
    middle.cmd("sysctl -q -w net.ipv4.ip_forward=1")
    yield Pair(client, server)


@contextmanager
def peer() -> Iterator[Pair]:
    """OVN: a logical switch with a stateful rule, a gateway router with source NAT, a localnet port."""
    learning_bridge("br-ex")
    run("ovs-vsctl", "set", "Open_vSwitch", ".", "external_ids:ovn-bridge-mappings=public:br-ex")
    made = ovn.Ovn()
    ovn.wait_for_bridge()
    client, server = Namespace("ovn-client"), Namespace("ovn-net")
    mac = "0a:00:00:00:00:10"
    client.plug("br-int", "eth0", "10.1.1.10/24", "external_ids:iface-id=port")
    server.plug("br-ex", "eth0", f"{NEAR}/24")
    client.cmd(f"ip link set eth0 address {mac}; ip route add default via 10.1.1.1")
    public = f"0a:00:00:00:00:02 {_PUBLIC}/24"
    for line in (
        "ls-add inside",
        "lr-add router",
        "set logical_router router options:chassis=host1",
        "lrp-add router to-inside 0a:00:00:00:00:01 10.1.1.1/24",
        "lsp-add inside inside-router",
        "lsp-set-type inside-router router",
        "lsp-set-addresses inside-router router",
        "lsp-set-options inside-router router-port=to-inside",
        "lsp-add inside port",
        f"lsp-set-addresses port '{mac} 10.1.1.10'",
        "acl-add inside from-lport 100 'inport==\"port\" && tcp' allow-related",
        "acl-add inside from-lport 50 'inport==\"port\" && ip' drop",
        "ls-add public",
        f"lrp-add router to-public {public}",
        "lsp-add public public-router",
        "lsp-set-type public-router router",
        "lsp-set-addresses public-router router",
        "lsp-set-options public-router router-port=to-public",
        "lsp-add public outside",
        "lsp-set-type outside localnet",
        "lsp-set-addresses outside unknown",
        "lsp-set-options outside network_name=public",
        f"lr-nat-add router snat {_PUBLIC} 10.1.1.0/24",
    ):
        made.change(shlex.split(line))
    made.change(["sync"], wait="hv")
    yield Pair(client, server)


_SIDES: dict[str, Callable[[], Any]] = {"sdn-orch": ours, "router": router, "ovn": peer}


def gigabits(pair: Pair, seconds: float) -> float:
    """One TCP connection at full speed: what arrives."""
    serving = pair.server.popen(["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
    try:
        _wait(lambda: ":5201" in pair.server.cmd("ss -Hltn"), "iperf3 to listen")
        said = pair.client.cmd(f"iperf3 -J -t {seconds} -c {pair.address}")
        found: float = json.loads(said)["end"]["sum_received"]["bits_per_second"] / 1e9
        return found
    finally:
        serving.terminate()
        serving.wait()


def connections(pair: Pair, seconds: float) -> float:
    """New TCP connections per second."""
    program = f"{sys.executable} -m bench.common.connections"
    accepting = pair.server.popen([*program.split(), "accept", str(_PORT)])
    try:
        _wait(lambda: f":{_PORT}" in pair.server.cmd("ss -Hltn"), "the server to listen")
        made = pair.client.cmd(f"{program} open {pair.address} {_PORT} {seconds}")
        return int(made.strip().splitlines()[-1]) / seconds
    finally:
        accepting.terminate()
        accepting.wait()
        # What is left of them would slow down whoever is next.
        run("ovs-appctl", "revalidator/purge")
        run("ovs-appctl", "dpctl/flush-conntrack")


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waiting for {what}")
        time.sleep(0.02)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    start_open_vswitch()
    throughput: Found = {side: [] for side in _SIDES}
    opened: Found = {side: [] for side in _SIDES}
    with ExitStack() as stack:
        pairs = {side: stack.enter_context(make()) for side, make in _SIDES.items()}
        for turn in range(options.rounds):
            order = list(pairs)[turn % len(pairs) :] + list(pairs)[: turn % len(pairs)]
            for side in order:
                throughput[side].append(gigabits(pairs[side], options.seconds))
        # OVN last: Open vSwitch 3.1 dies of an assertion under many connections through its rules.
        for side, pair in pairs.items():
            try:
                for _ in range(options.rounds):
                    opened[side].append(connections(pair, options.seconds))
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
        f"source NAT and firewall, median of rounds of {seconds:g} s (ratio: sdn-orch by it)",
        ["", "Gbit/s", "ratio", "connections/s", "ratio"],
        rows,
    )
    report.Result(
        "nat",
        report.median(throughput["sdn-orch"]),
        report.median(throughput["ovn"]),
        ratios["throughput by ovn"],
        holds=all(ratios.get(name, bar) >= bar for name, bar in BARS.items()),
        unit="Gbit/s",
        more={"ratios": ratios, "rounds": len(throughput["sdn-orch"])},
    ).tell()


if __name__ == "__main__":
    lacking = ovn.fetch()
    if lacking:
        sys.exit(f"OVN cannot be had: {lacking}")
    inside(main, "bench.nat")
