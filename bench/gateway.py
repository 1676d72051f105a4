"""Packets lost to and from the outside: when the controller restarts, a gateway dies, and when it returns.

Datagrams go out by source NAT and come in to an address with static NAT, 1,000 a second each way. The daemon
is killed and started again; then all cables of the gateway are cut, so that the addresses move to the other
one, and mended, so that they come back. Bars: nothing lost on restart, at most 200 ms of packets on death.

There is no peer: the ratio is that to the bar. The public network's own switch is an Open vSwitch that learns
MAC addresses, and that has cached flows of both gateways: what it has seen before tells it nothing new until
it looks through its cache, every half second.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.common import report
from bench.common.sandbox import inside, start_open_vswitch
from bench.common.static import bring_up
from topologies.cloud import Cloud
from topologies.demo.outside import FAR
from topologies.demo.tenants import ISOLATED, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine
from topologies.stream import Stream

#: At most so many milliseconds of packets may be lost when a gateway dies.
BAR = 200
_SPINES = ("spine1", "spine2")


@dataclass(frozen=True, slots=True)
class Made:
    """The cloud, who sends out, and who is sent to at which public address."""

    cloud: Cloud
    sender: Any
    receiver: Any
    address: str

    def home(self) -> str:
        """The switch on which the address lives."""
        return self.cloud.home(self.address)


@contextmanager
def made() -> Iterator[Made]:
    """Two gateways, and two machines of one network on the first leaf."""
    with Cloud(partial(LeafSpine, spines=2, leaves=3, hosts=2, gateways=2)) as cloud:
        cloudstack = begin_outside(cloud)
        tenant = cloudstack.tenant("tenant")
        network = cloudstack.network(tenant, "net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machines = [cloudstack.machine(tenant, host, host, ("net", network)) for host in ("h1", "h2")]
        call = tenant.call
        call.createEgressFirewallRule(networkid=network, protocol="all")
        own = call.associateIpAddress(networkid=network)["ipaddress"]
        vm = call.listVirtualMachines(name="h2")["virtualmachine"][0]["id"]
        call.enableStaticNat(ipaddressid=own["id"], virtualmachineid=vm)
        call.createFirewallRule(ipaddressid=own["id"], protocol="udp", startport=1, endport=65535)
        bring_up(cloud, machines, "10.1.1.1")
        cloud.wait_objects()
        yield Made(cloud, cloud.node("h1"), cloud.node("h2"), own["ipaddress"])


def lost_during(made: Made, happens: Callable[[], None]) -> int:
    """How many packets are lost, of the way that loses more, while something happens."""
    outside = made.cloud.node(INTERNET)
    streams = (Stream(made.sender, outside, FAR), Stream(outside, made.receiver, made.address))
    time.sleep(0.5)
    happens()
    time.sleep(0.7)
    return max(stream.finish().lost() for stream in streams)


def measure(rounds: int) -> dict[str, list[int]]:
    """What is lost, in each round, by what happens."""
    found: dict[str, list[int]] = {"restart": [], "death": [], "return": []}
    with made() as each:
        cloud = each.cloud

        def restart() -> None:
            cloud.controller.kill()
            time.sleep(1)
            cloud.controller.start()
            cloud.controller.wait(cloud.in_sync, "all switches to be in sync again")

        def cables(switch: str, *, up: bool, there: bool) -> None:
            for spine in _SPINES:
                cloud.set_cable(switch, spine, up=up)
            cloud.controller.wait(lambda: (each.home() == switch) == there and each.home(), "it to move")

        for _ in range(rounds):
            found["restart"].append(lost_during(each, restart))
            gateway = each.home()
            found["death"].append(lost_during(each, partial(cables, gateway, up=False, there=False)))
            found["return"].append(lost_during(each, partial(cables, gateway, up=True, there=True)))
    return found


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    start_open_vswitch()
    found = measure(options.rounds)
    report.show(
        f"lost of 1,000 packets a second each way, {options.rounds} times",
        ["", "median", "worst"],
        [[name, report.median(values), max(values)] for name, values in found.items()],
    )
    worst = {name: max(values) for name, values in found.items()}
    report.Result(
        "gateway",
        worst["death"],
        BAR,
        BAR / max(worst["death"], 1),
        holds=worst["restart"] == 0 and worst["death"] <= BAR,
        unit="packets",
        more={"worst": worst, "rounds": options.rounds},
    ).tell()


if __name__ == "__main__":
    inside(main, "bench.gateway")
