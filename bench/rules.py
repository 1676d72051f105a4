"""One item changed in a list of 1,000, under which 1,000 machines on ten switches stand.

What the controller computes for it: the new world, what is touched, its compile and the comparison with
what the switches hold. Bar: p99 under 10 ms. Flows and the compile of everything from nothing are reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

from bench.common import report
from bench.common.compiled import CompiledCloud
from sdn_orch.intent.acls import AclItem, AclList
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
    Vpc,
)
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.traffic import TCP, Verdict
from sdn_orch.openflow.values import OPENFLOW_15

BAR = 0.010
SWITCHES = 10
_PREFIX = IPv4Network("10.1.0.0/16")


def records(machines: int, items: int) -> Iterator[Record]:
    """A tier with that many machines, spread over the switches, and a list with that many items."""
    yield Domain(id="root", name="root", path="/")
    yield Account(id="tenant", name="tenant", domain_id="root")
    yield Vpc(id="vpc", account_id="tenant", name="vpc", ipv4=IPv4Network("10.0.0.0/8"))
    yield AclList(id="list", name="list", vpc_id="vpc")
    yield Network(
        id="tier", account_id="tenant", name="tier", kind=NetworkKind.ISOLATED, vpc_id="vpc",
        ipv4=_PREFIX, gateway4=_PREFIX[1], acl_id="list", vlan=7,
    )  # fmt: skip
    can = Capabilities(open_vswitch=True, version=OPENFLOW_15, group_chaining=True, meters=True)
    for number in range(1, SWITCHES + 1):
        yield Switch(
            id=f"edge{number}", dpid=number, name=f"edge{number}", transport=Transport.VLAN, underlay=10_000,
            capabilities=can,
        )  # fmt: skip
    for number in range(machines):
        mac = f"06:00:00:00:{number >> 8:02x}:{number & 255:02x}"
        yield Nic(id=f"nic{number}", network_id="tier", mac=mac, ipv4=_PREFIX[10 + number])
        edge, port = f"edge{number % SWITCHES + 1}", number // SWITCHES + 1
        yield Attachment(id=f"at{number}", nic_id=f"nic{number}", switch_id=edge, port=port)
    for number in range(items):
        yield AclItem(
            id=f"item{number}", list_id="list", position=number + 1, protocol=TCP,
            ports=(number + 1, number + 1), sources=(IPv4Network(f"10.{2 + number % 200}.0.0/16"),),
            verdict=Verdict.ALLOW if number % 2 else Verdict.DENY,
        )  # fmt: skip


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=300)
    options = parser.parse_args()
    cloud = CompiledCloud(Snapshot.of(*records(options.machines, options.items)))
    flows = sum(len(each.state.flows) for each in cloud.compiled.values())
    times = []
    for sample in range(options.samples):
        number = sample % options.items
        item = cloud.snapshot.need(AclItem, f"item{number}")
        other = Put(replace(item, ports=(20_000 + number, 20_000 + number)))
        times.append(cloud.change([other]).seconds)
    p50, p99 = (report.percentile(times, percent) for percent in (50, 99))
    report.show(
        f"{options.items} items over {options.machines} machines on {SWITCHES} switches",
        ["", "ms"],
        [
            ["one item, p50", p50 * 1000],
            ["one item, p99", p99 * 1000],
            ["everything from nothing", cloud.seconds * 1000],
        ],
    )
    report.note(f"{flows:,} flows")
    report.Result(
        "rules",
        p99,
        BAR,
        BAR / p99,
        holds=p99 < BAR,
        more={"p50": p50, "whole": cloud.seconds, "flows": flows},
    ).tell()


if __name__ == "__main__":
    main()
