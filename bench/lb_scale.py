"""1,000 balancers with ten members each on one gateway: flows, compile time, and a member that changes.

The change is measured from the new record to the switch's last reply: the new world, what is touched, its
compile, the comparison with what the switch holds, and the bundle with its barrier, on a real Open vSwitch
that holds all of it. Weights change, members go and come. Bar: p99 under 50 ms.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

from bench.common import report
from bench.common.compiled import CompiledCloud
from bench.common.sandbox import add_bridge, inside, start_open_vswitch
from bench.common.switch import connected
from sdn_orch.dataplane.plan import diff
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.model import (
    Account,
    Attachment,
    Capabilities,
    Domain,
    Network,
    NetworkKind,
    Nic,
    Record,
    Switch,
    Transport,
)
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.intent.traffic import TCP, UDP
from sdn_orch.openflow.values import State
from sdn_orch.southbound.base import Datapath

BAR = 0.050
_BRIDGE = "scale"
_INSIDE, _PUBLIC = IPv4Network("10.1.0.0/16"), IPv4Network("203.0.112.0/20")
_MACHINES, _PUBLIC_PORT = 250, 9999


def records(rules: int, members: int, capabilities: Capabilities) -> Iterator[Record]:
    """A gateway with one network's machines, and so many rules, every other one of UDP."""
    yield Domain(id="root", name="root", path="/")
    yield Account(id="tenant", name="tenant", domain_id="root")
    yield Network(
        id="net", account_id="tenant", name="net", kind=NetworkKind.ISOLATED, vlan=7, ipv4=_INSIDE,
        gateway4=_INSIDE[1],
    )  # fmt: skip
    yield Switch(
        id="gateway", dpid=1, name="gateway", transport=Transport.VLAN, underlay=10_000,
        public_port=_PUBLIC_PORT, capabilities=capabilities,
    )  # fmt: skip
    yield PublicRange(id="range", ipv4=_PUBLIC, gateway=_PUBLIC[1], first=_PUBLIC[10], last=_PUBLIC[4000])
    yield NextHop(id="hop", range_id="range", mac="52:54:00:00:00:01")
    for number in range(_MACHINES):
        mac = f"06:00:00:00:00:{number:02x}"
        yield Nic(id=f"nic{number}", network_id="net", mac=mac, ipv4=_INSIDE[10 + number])
        yield Attachment(id=f"at{number}", nic_id=f"nic{number}", switch_id="gateway", port=number + 1)
    for number in range(rules):
        address, balancer, protocol = f"address{number}", f"balancer{number}", UDP if number % 2 else TCP
        yield PublicAddress(
            id=address, range_id="range", account_id="tenant", address=_PUBLIC[10 + number],
            network_id="net", is_source_nat=not number,
        )  # fmt: skip
        yield FirewallRule(id=f"open{number}", address_id=address, protocol=protocol, ports=(80, 80))
        yield Balancer(
            id=balancer, account_id="tenant", network_id="net", address_id=address, name=balancer,
            protocol=protocol, ports=(80, 80), guest_ports=(8080, 8080),
        )  # fmt: skip
        for seat in range(members):
            nic = f"nic{(number * members + seat) % _MACHINES}"
            yield Member(id=f"{balancer}/{seat}", balancer_id=balancer, nic_id=nic, seat=seat)


def measure(datapath: Datapath, options: argparse.Namespace) -> None:
    """Fill the switch, change members, and tell."""
    cloud = CompiledCloud(Snapshot.of(*records(options.rules, options.members, datapath.capabilities)))
    compiled = cloud.compiled["gateway"]
    begun = time.perf_counter()
    datapath.apply(diff(compiled.state, State.empty(), datapath.capabilities.version))
    filled = time.perf_counter() - begun
    times: list[float] = []
    for sample in range(options.samples):
        balancer, seat = sample % options.rules, sample % options.members
        member = cloud.snapshot.need(Member, f"balancer{balancer}/{seat}")
        wanted: tuple[Change, ...] = (
            Put(replace(member, weight=3)),
            Delete(Member, member.id),
            Put(member),
        )
        times += [cloud.change([one], datapath.apply).seconds for one in wanted]
    if datapath.dump().state().flows != compiled.state.flows:
        raise AssertionError("the switch does not hold what it should")
    tell(options, len(compiled.state.flows), cloud.seconds, filled, times)


def tell(options: argparse.Namespace, flows: int, whole: float, filled: float, times: list[float]) -> None:
    """The table, and the result."""
    p50, p99 = report.percentile(times, 50), report.percentile(times, 99)
    report.show(
        f"{options.rules} balancers with {options.members} members on one gateway",
        ["", "figure"],
        [
            ["flows", flows],
            ["compiled from nothing, s", whole],
            ["into the empty switch, s", filled],
            ["one member changed, ms, p50", p50 * 1000],
            ["one member changed, ms, p99", p99 * 1000],
        ],
    )
    report.Result(
        "lb_scale", p99, BAR, BAR / p99, holds=p99 < BAR,
        more={"p50": p50, "flows": flows, "compile": whole, "fill": filled, "samples": len(times)},
    ).tell()  # fmt: skip


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--samples", type=int, default=100)
    options = parser.parse_args()
    start_open_vswitch()
    add_bridge(_BRIDGE, 0x1)
    with connected(_BRIDGE) as datapath:
        measure(datapath, options)


if __name__ == "__main__":
    inside(main, "bench.lb_scale")
