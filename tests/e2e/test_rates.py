"""Rate limits of offerings, measured: what is limited beside what is not, over the same fabric."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.tenants import Cloudstack, Tenant
from topologies.leaf_spine import LeafSpine

pytestmark = pytest.mark.mininet

#: Megabits a second of the small machine, and later of the network.
SMALL, NARROW = 40, 20
#: What is sent.
OFFERED = 160
#: Seconds: until a burst is over, and of measuring.
BURST, SECONDS = 2.5, 3


@dataclass(frozen=True, slots=True)
class Rated(Tenanted):
    """Three machines in one network, the first of a size with a limit; offerings with and without one."""

    tenant: Tenant
    network: str
    offerings: dict[int, str]

    def rate(self, source: str, target: str) -> float:
        """The megabits a second that arrive of what one machine sends to another, the burst not counted.

        In datagrams: how much of a limit TCP makes use of depends on how busy this machine is.
        """
        sender, receiver = self.node(source), self.node(target)
        with self.cloud.serving(self.machines[target].host, 5201, "iperf3", "-s", "-1"):
            to = self.machines[target].ipv4
            sending = sender.popen(["iperf3", "-u", "-b", f"{OFFERED}M", "-l", "1400", "-t", "30", "-c", to])
            time.sleep(BURST)
            before, began = _received(receiver), time.monotonic()
            time.sleep(SECONDS)
            after, ended = _received(receiver), time.monotonic()
            sending.terminate()
            sending.communicate(timeout=10)
        return (after - before) * 8 / (ended - began) / 1e6


def _received(node: Any) -> int:
    """The bytes that a host has got."""
    return int(node.cmd(f"cat /sys/class/net/{node.defaultIntf()}/statistics/rx_bytes"))


@pytest.fixture(scope="module")
def rated() -> Iterator[Rated]:
    with Cloud(partial(LeafSpine, leaves=3, hosts=1)) as cloud:
        cloud.start()
        made = Cloudstack(cloud.controller)
        admin, red = made.admin.call, made.tenant("red")
        offerings = {}
        for rate in (0, NARROW):
            name = f"rate {rate}"
            made.offerings[name] = offerings[rate] = admin.createNetworkOffering(
                name=name, displaytext=name, guestiptype="Isolated", traffictype="GUEST",
                supportedservices="Dhcp", networkrate=rate, enable=True,
            )["networkoffering"]["id"]  # fmt: skip
        small = admin.createServiceOffering(
            name="small", displaytext="small", cpunumber=1, cpuspeed=500, memory=512, networkrate=SMALL
        )["serviceoffering"]["id"]
        network = made.network(red, "net", "rate 0", "10.1.1.1", "2001:db8:1::/64")
        machines = {
            "small": made.machine(red, "h1", "small", ("net", network), serviceofferingid=small),
            "large1": made.machine(red, "h2", "large1", ("net", network)),
            "large2": made.machine(red, "h3", "large2", ("net", network)),
        }
        bring_up(cloud, machines.values())
        yield Rated(cloud, machines, red, network, offerings)


def holds(measured: float, limit: int) -> bool:
    """Whether this is as much as the limit allows, and little less."""
    return 0.7 * limit < measured < 1.2 * limit


def test_each_direction_of_a_small_machine_is_limited(rated: Rated) -> None:
    free = rated.rate("large1", "large2")
    sent, received = rated.rate("small", "large1"), rated.rate("large1", "small")
    assert holds(sent, SMALL), sent
    assert holds(received, SMALL), received
    # Who is not limited is not slowed down.
    assert free > 2 * max(sent, received), free


def test_another_offering_of_the_network_is_another_limit_at_once(rated: Rated) -> None:
    rated.tenant.call.updateNetwork(id=rated.network, networkofferingid=rated.offerings[NARROW])
    rated.cloud.wait_objects()
    limited = rated.rate("large1", "large2")
    assert holds(limited, NARROW), limited
    # The lower one of two limits holds.
    both = rated.rate("small", "large1")
    assert holds(both, NARROW), both
    rated.tenant.call.updateNetwork(id=rated.network, networkofferingid=rated.offerings[0])
    rated.cloud.wait_objects()
    free = rated.rate("large1", "large2")
    assert free > 2 * limited, (free, limited)
    again = rated.rate("small", "large1")
    assert holds(again, SMALL), again
