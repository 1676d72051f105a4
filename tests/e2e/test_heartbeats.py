"""Switches that die with their cables up, on a fabric of an Open vSwitch of its own for each switch."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from functools import partial

import pytest

from topologies.cloud import Cloud
from topologies.death import BAR, HANGS, IS_KILLED, die_under_traffic, wait_watched
from topologies.demo.machines import Machine, bring_up
from topologies.demo.tenants import ISOLATED, Cloudstack
from topologies.leaf_spine import LeafSpine
from topologies.separate import SeparateCloud

pytestmark = pytest.mark.mininet

#: So that LLDP cannot be what found out.
SLOW = {"interval": 5.0, "lost_after": 60.0}
#: What a BFD session takes for the other end's word that it is down by its administrator's will.
_ADMIN_DOWN = "200003180000000100000000000f4240000f424000000000"
_SEND = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outgoing:
    outgoing.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    for _ in range(50):
        outgoing.sendto(bytes.fromhex("{payload}"), ("{address}", 3784))
"""
_RECEIVE = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as incoming:
    incoming.bind(("", 3784))
    incoming.settimeout(10)
    print("listening", flush=True)
    print(sum(len(incoming.recv(100)) == 24 for _ in range(50)))
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Cloud, Machine, Machine]]:
    """A cloud whose cables are watched, and two machines on different leaves."""
    with SeparateCloud(partial(LeafSpine, spines=2, leaves=2, hosts=1), {"discovery": SLOW}) as cloud:
        cloud.start()
        cloudstack = Cloudstack(cloud.controller)
        tenant = cloudstack.tenant("red")
        network = cloudstack.network(tenant, "red-net", ISOLATED, "10.1.1.1", "fd00:0:0:1::/64")
        machines = [cloudstack.machine(tenant, host, host, ("red-net", network)) for host in ("h1", "h2")]
        bring_up(cloud, machines)
        wait_watched(cloud)
        yield cloud, machines[0], machines[1]


@pytest.mark.parametrize("how", [HANGS, IS_KILLED], ids=["hangs", "is killed"])
def test_a_spine_that_dies_with_its_cables_up_is_left_out_within_half_a_second(
    pair: tuple[Cloud, Machine, Machine], how: signal.Signals
) -> None:
    cloud, source, target = pair
    outcome = die_under_traffic(cloud, source, target, how)
    print(outcome)
    assert outcome.lost <= BAR
    assert outcome.lost_when_back <= BAR
    wait_watched(cloud)


def test_a_tenant_can_neither_end_the_watch_nor_lose_packets_to_it(
    pair: tuple[Cloud, Machine, Machine],
) -> None:
    cloud, source, target = pair
    wait_watched(cloud)
    warned = cloud.controller.log.read_text().count("is down")
    receiver = cloud.node(target.host).popen(["python3", "-c", _RECEIVE], text=True)
    assert receiver.stdout.readline().strip() == "listening"
    sender = _SEND.format(payload=_ADMIN_DOWN, address=target.ipv4)
    cloud.node(source.host).popen(["python3", "-c", sender]).communicate(timeout=20)
    output, said = receiver.communicate(timeout=20)
    assert output.strip() == "50", said
    assert cloud.controller.log.read_text().count("is down") == warned


def test_a_restarted_controller_finds_all_watched_and_writes_nothing(
    pair: tuple[Cloud, Machine, Machine],
) -> None:
    cloud, *_ = pair
    wait_watched(cloud)
    told = cloud.controller.log.read_text().count("watch each other")
    cloud.crash()
    wait_watched(cloud)
    assert {row["sent"] for row in cloud.controller.ask("/v1/status")["switches"]} == {0}
    assert cloud.controller.log.read_text().count("watch each other") == told


def test_where_a_cable_is_known_no_more_nothing_is_watched(pair: tuple[Cloud, Machine, Machine]) -> None:
    """A spine is taken out of the configuration: of its cables nobody is to judge any more."""
    cloud, *_ = pair
    wait_watched(cloud)
    configuration = cloud.controller.configuration
    cloud.controller.stop()
    before = configuration.read_text()
    parts = re.split(r"(?=^\[\[)", before, flags=re.MULTILINE)
    configuration.write_text("".join(part for part in parts if '"spine2"' not in part))
    cloud.controller.start()

    def settings(spine: str) -> list[str]:
        ends = [("leaf1", cloud.interface("leaf1", spine)), ("leaf2", cloud.interface("leaf2", spine))]
        return [cloud.node(leaf).vsctl("get", "Interface", name, "bfd") for leaf, name in ends]

    cloud.controller.wait(lambda: settings("spine2") == ["{}", "{}"], "the leaves to watch no more")
    assert all("enable" in found for found in settings("spine1"))
    cloud.controller.stop()
    configuration.write_text(before)
    cloud.controller.start()
    cloud.controller.wait(cloud.in_sync, "the spine to be back", 30)
    wait_watched(cloud)
