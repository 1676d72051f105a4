"""Machines that move while they talk, and NICs that show themselves by their first packet."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.fabrics import FREE_PORT, VLAN, Placed
from tests.e2e.ping import ask, reach
from topologies.demo.machines import Machine, take_addresses
from topologies.demo.reach import differences, expected, observe
from topologies.demo.tenants import Tenant

pytestmark = pytest.mark.mininet

#: Packets a second of the ping under which a machine moves, and how many.
RATE, COUNT = 200, 800
#: How many milliseconds of packets a move may cost; a VLAN underlay must first believe that it happened.
BAR, BAR_OF_UNDERLAY = 150, 600


def become(placed: Placed, host: str, machine: Machine) -> None:
    """Make a host the copy of a machine, addresses and all, before its port is anybody's."""
    node = placed.cloud.node(host)
    interface = node.defaultIntf()
    node.cmd(f"ip link set {interface} down; ip link set {interface} address {machine.mac} up")
    node.cmd(f"ip address add {machine.ipv4}/24 dev {interface}")
    node.cmd(f"ip address add {machine.ipv6}/64 dev {interface} nodad")


def forget(placed: Placed, host: str) -> None:
    """Nobody again."""
    node = placed.cloud.node(host)
    interface = node.defaultIntf()
    node.cmd(f"ip address flush dev {interface} scope global; ip link set {interface} down")
    node.cmd(f"ip link set {interface} address 02:ee:00:00:00:{int(host[1:]):02x} up")


def test_a_machine_moves_under_a_running_ping(placed: Placed) -> None:
    """To a port of which nothing was known before."""
    cloud, red2, target = placed.cloud, placed.machines["red2"], placed.strangers[0]
    moved, left = replace(red2, host=target), replace(red2, name="left")
    source, there = placed.node("red2"), cloud.node(target)
    before = known(placed, red2)[0]
    own = there.MAC()
    process = placed.node("red3").popen(
        ["ping", "-n", f"-i{1 / RATE}", f"-c{COUNT}", "-W1", red2.ipv4], stdout=subprocess.PIPE, text=True
    )
    try:
        time.sleep(0.5)
        # As libvirt: the destination's port is bound before the machine's memory is copied, and the machine
        # runs at the source meanwhile.
        cloud.bind([(target, red2.nic_id, red2.mac)])
        time.sleep(1.5)
        assert known(placed, red2)[0] == before
        # It stops there and goes on here; only then the source's port goes.
        source.cmd(f"ip link set {source.defaultIntf()} down")
        become(placed, target, red2)
        cloud.controller.wait(lambda: known(placed, red2)[0] != before, "the machine to be heard")
        cloud.unplug(red2.host)
        output, _ = process.communicate(timeout=60)
        answered = {int(sequence) for sequence in re.findall(r"icmp_seq=(\d+) ttl", output)}
        print(f"{placed.fabric.name}: {COUNT - len(answered)} of {COUNT} lost")
        # None before it stops: half a second of those that go to the source while it is prepared elsewhere.
        assert answered >= set(range(1, RATE)), output
        lost = COUNT - len(answered)
        assert lost * 1000 / RATE <= (BAR_OF_UNDERLAY if placed.fabric is VLAN else BAR), output
        source.cmd(f"ip link set {source.defaultIntf()} up")
        machines = [placed.machines["red1"], moved, placed.machines["red3"], left]
        wanted = expected(machines[:3])
        observed = observe(cloud, machines)
        assert differences(machines[:3], wanted, observed) == []
        assert observed["left", placed.machines["red1"].ipv4] is None
        assert observed["left", placed.machines["red3"].ipv6 or ""] is None
    finally:
        process.kill()
        process.wait()
        cloud.unplug(target)
        forget(placed, target)
        there.cmd(f"ip link set {there.defaultIntf()} address {own} up")
        source.cmd(f"ip link set {source.defaultIntf()} up")
        cloud.bring_back(red2.host, red2.nic_id, red2.mac)
        take_addresses(cloud, [red2])
    # While it was nobody it may have begun to ask for addresses, and asks again every second only.
    assert " 3 received" in reach(placed.node("red3"), red2.ipv4)


@contextmanager
def registered(placed: Placed, tenant: Tenant, name: str, network: str, **more: Any) -> Iterator[Machine]:
    """A machine that nobody plugs in; removed in the end."""
    id = tenant.call.listNetworks(name=network)["network"][0]["id"]
    machine = placed.cloudstack.machine(tenant, placed.free[1], name, (network, id), **more)
    try:
        yield machine
    finally:
        virtual = tenant.call.listVirtualMachines(name=name)["virtualmachine"][0]["id"]
        tenant.call.destroyVirtualMachine(id=virtual, expunge=True)


def known(placed: Placed, machine: Machine) -> tuple[str | None, str | None]:
    """Where the controller takes a machine to be, and how it knows."""
    rows = {row["id"]: row for row in placed.cloud.controller.ask_all("/v1/ports")}
    row = rows[machine.nic_id]
    return row["place"], row["source"]


def test_a_first_packet_binds_a_registered_nic_and_nobody_else(placed: Placed) -> None:
    first, second = placed.free
    cloud, red1, red2 = placed.cloud, placed.machines["red1"], placed.machines["red2"]
    before = placed.places()
    with registered(placed, placed.tenants[0], "late", "red-net", macaddress="02:5d:00:00:01:01") as late:
        host = cloud.node(second)
        interface = host.defaultIntf()
        assert known(placed, late) == (None, None)
        host.cmd(f"ip link set {interface} down; ip link set {interface} address {late.mac} up")
        output, _ = cloud.lease4(second).communicate(timeout=40)
        assert late.ipv4 in cloud.addresses(second), output
        place, source = known(placed, late)
        assert str(place).endswith(f"2:{FREE_PORT}") and source == "first-packet"
        cloud.wait_realised([late.nic_id])
        assert " 3 received" in reach(host, red1.ipv4)
        assert " 3 received" in reach(placed.node("red3"), late.ipv4)
        # It shows itself elsewhere: there it is now, and not where it was.
        become(placed, first, late)
        ask(cloud.node(first), red1.ipv4, "-c1")
        cloud.controller.wait(
            lambda: str(known(placed, late)[0]).endswith(f"1:{FREE_PORT}"), "the NIC to be learned anew"
        )
        forget(placed, second)
        assert " 3 received" in reach(placed.node("red3"), late.ipv4)
        # Who takes somebody else's MAC address is nobody, and nobody loses anything.
        for name in ("red3", "blue1", "blue3"):
            machine = placed.machines[name]
            become(placed, second, machine)
            assert " 0 received" in ask(host, red2.ipv4)
            host.cmd(f"ip address flush dev {interface} scope global")
        assert placed.places() == before
        forget(placed, first)
    forget(placed, second)
    assert " 3 received" in reach(placed.node("red1"), placed.machines["red3"].ipv4)
