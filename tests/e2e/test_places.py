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
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from tests.e2e.conftest import Running
from tests.e2e.fabrics import FREE_PORT, VLAN, VXLAN, Placed, on
from tests.e2e.migrating import Moment, announcement
from tests.e2e.ping import ask, reach
from tests.e2e.wire import listening
from topologies.cloud import Cloud
from topologies.demo.machines import Machine, Tenanted, take_addresses
from topologies.demo.reach import differences, expected, observe
from topologies.demo.tenants import Tenant

pytestmark = pytest.mark.mininet

#: Packets a second of the ping under which a machine moves, and how many.
RATE, COUNT = 200, 800
#: How many milliseconds of packets a move may cost beyond the time in which the machine runs nowhere; a VLAN
#: underlay must first believe that it happened. Here many tests share the processors.
BAR, BAR_OF_UNDERLAY = 400, 600
#: How many frames a machine sends where it comes to, a millisecond apart.
WORDS = 300


def prepare(cloud: Cloud, host: str, machine: Machine) -> None:
    """Make a host the copy of a machine, addresses and all, that does not run yet."""
    node = cloud.node(host)
    interface = node.defaultIntf()
    node.cmd(f"ip link set {interface} down; ip link set {interface} address {machine.mac}")
    node.cmd(f"ip address add {machine.ipv4}/24 dev {interface}")
    node.cmd(f"ip address add {machine.ipv6}/64 dev {interface} nodad")


def become(placed: Placed, host: str, machine: Machine) -> None:
    """The same, and it runs."""
    prepare(placed.cloud, host, machine)
    node = placed.cloud.node(host)
    node.cmd(f"ip link set {node.defaultIntf()} up")


def forget(placed: Placed, host: str) -> None:
    """Nobody again."""
    node = placed.cloud.node(host)
    interface = node.defaultIntf()
    node.cmd(f"ip address flush dev {interface} scope global; ip link set {interface} down")
    node.cmd(f"ip link set {interface} address 02:ee:00:00:00:{int(host[1:]):02x} up")


@contextmanager
def migrating(tenanted: Tenanted, machine: Machine, target: str) -> Iterator[None]:
    """As libvirt begins: the destination's port is bound before the machine's memory is copied.

    In the end the machine is where it was.
    """
    cloud, source, there = tenanted.cloud, tenanted.node(machine.name), tenanted.cloud.node(target)
    own, interface = there.MAC(), there.defaultIntf()
    prepare(cloud, target, machine)
    cloud.bind([(target, machine.nic_id, machine.mac)])
    try:
        yield
    finally:
        cloud.unplug(target)
        there.cmd(f"ip address flush dev {interface} scope global; ip link set {interface} down")
        there.cmd(f"ip link set {interface} address {own} up")
        source.cmd(f"ip link set {source.defaultIntf()} up")
        cloud.bring_back(machine.host, machine.nic_id, machine.mac)
        take_addresses(cloud, [machine])


def test_a_machine_moves_under_a_running_ping(placed: Placed) -> None:
    """To a port of which nothing was known before."""
    cloud, red2, target = placed.cloud, placed.machines["red2"], placed.strangers[0]
    moved, left = replace(red2, host=target), replace(red2, name="left")
    source, there = placed.node("red2"), cloud.node(target)
    before = known(placed, red2)[0]
    process = placed.node("red3").popen(
        ["ping", "-n", f"-i{1 / RATE}", f"-c{COUNT}", "-W1", red2.ipv4], stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.5)
    with migrating(placed, red2, target):
        stops, goes_on = Moment(source, "down"), Moment(there, "up", [announcement(red2.mac)])
        time.sleep(1.0)
        assert known(placed, red2)[0] == before
        # It stops there and goes on here; only then the source's port goes.
        stops.come()
        goes_on.come()
        nowhere = (goes_on.came()[0] - stops.came()[0]) * 1000
        cloud.controller.wait(lambda: known(placed, red2)[0] != before, "the machine to be heard")
        cloud.unplug(red2.host)
        output, _ = process.communicate(timeout=60)
        answered = {int(sequence) for sequence in re.findall(r"icmp_seq=(\d+) ttl", output)}
        lost = COUNT - len(answered)
        print(f"{placed.fabric.name}: {lost} of {COUNT} lost; for {nowhere:.0f} ms it ran nowhere")
        # None before it stops: half a second of those that go to the source while it is prepared elsewhere.
        assert answered >= set(range(1, RATE)), output
        assert lost * 1000 / RATE - nowhere <= (BAR_OF_UNDERLAY if placed.fabric is VLAN else BAR), output
        source.cmd(f"ip link set {source.defaultIntf()} up")
        machines = [placed.machines["red1"], moved, placed.machines["red3"], left]
        wanted = expected(machines[:3])
        observed = observe(cloud, machines)
        assert differences(machines[:3], wanted, observed) == []
        assert observed["left", placed.machines["red1"].ipv4] is None
        assert observed["left", placed.machines["red3"].ipv6 or ""] is None
    # While it was nobody it may have begun to ask for addresses, and asks again every second only.
    assert " 3 received" in reach(placed.node("red3"), red2.ipv4)


def words(sender: Machine, receiver: Machine) -> list[bytes]:
    """Frames with a number each, from one machine to another."""
    to = Ether(src=sender.mac, dst=receiver.mac) / IP(src=sender.ipv4, dst=receiver.ipv4)
    return [bytes(to / UDP(sport=7777, dport=7777) / f"word {number}") for number in range(WORDS)]


def first_words_arrive(tenanted: Tenanted, target: str) -> None:
    """What red2 says to red3 where it comes to, from its first frame there on."""
    cloud, red2, red3 = tenanted.cloud, tenanted.machines["red2"], tenanted.machines["red3"]
    source, there, receiver = tenanted.node("red2"), cloud.node(target), tenanted.node("red3")
    said, answers = words(red2, red3), words(red3, red2)
    with migrating(tenanted, red2, target):
        # Nothing has come from there yet, and the switch holds what lets it in.
        cloud.controller.wait(lambda: cloud.lets_in(target, red2.mac), "the destination to be programmed")
        cloud.wait_realised([red2.nic_id])
        with listening(receiver) as heard:
            speaks, stops = Moment(receiver, "up", answers), Moment(source, "down")
            goes_on = Moment(there, "up", said)
            for moment in (speaks, stops, goes_on):
                moment.come()
            (spoke, _), (went_on, got) = speaks.came(), goes_on.came()
        assert [frame for frame in heard if frame in said] == said
        # What the others send comes there as soon as their switches know.
        got = [frame for frame in got if frame in answers]
        assert got, "nothing that others sent came there"
        known_after = (spoke - went_on) * 1000 + answers.index(got[0])
        print(f"others send there after {known_after:.1f} ms")
        assert known_after < BAR
        # The copies told the controller; the source may not send any more, though its port is bound still.
        cloud.controller.wait(lambda: not cloud.lets_in(red2.host, red2.mac), "the source to be closed")
        assert cloud.lets_in(target, red2.mac)
    assert not cloud.lets_in(target, red2.mac)
    assert " 3 received" in reach(receiver, red2.ipv4)


@on(VXLAN, VLAN)
def test_the_first_frame_where_a_machine_comes_to_arrives(placed: Placed) -> None:
    first_words_arrive(placed, placed.strangers[0])


def test_the_first_frame_where_a_machine_comes_to_arrives_over_labels(running: Running) -> None:
    """To a switch that has no other machine of the network."""
    first_words_arrive(running, running.free[3])


def test_a_migration_that_is_given_up_leaves_nothing(running: Running) -> None:
    """The machine has not run at the destination, whose port goes again."""
    cloud, red2, target = running.cloud, running.machines["red2"], running.free[3]
    with migrating(running, red2, target):
        cloud.controller.wait(lambda: cloud.lets_in(target, red2.mac), "the destination to be programmed")
        assert " 3 received" in reach(running.node("red3"), red2.ipv4)
        cloud.unplug(target)
        cloud.controller.wait(lambda: not cloud.lets_in(target, red2.mac), "the destination to be closed")
        assert cloud.lets_in(red2.host, red2.mac)
        assert " 3 received" in reach(running.node("red3"), red2.ipv4)


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
