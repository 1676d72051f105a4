"""VXLAN between hypervisors, VLANs with a trunk, plain OpenFlow 1.3 switches: all the same to tenants."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from tests.e2e.fabrics import FABRICS, PLAIN, Placed, on
from tests.e2e.ping import ask, reach
from tests.e2e.wire import exchange
from topologies.demo.reach import differences, expected, observe

pytestmark = pytest.mark.mininet


def test_every_machine_reaches_its_own_realm_and_nobody_else(placed: Placed) -> None:
    machines = list(placed.machines.values())
    assert differences(machines, expected(machines), observe(placed.cloud, machines)) == []
    assert placed.machines["red1"].ipv4 == placed.machines["blue1"].ipv4


def test_hosts_are_told_the_mtu_and_use_all_of_it(placed: Placed) -> None:
    mtu = placed.fabric.mtu
    for name, wanted in (("red1", mtu), ("web1", mtu), ("data1", placed.fabric.data_mtu)):
        host, interface = placed.node(name), placed.node(name).defaultIntf()
        assert placed.cloud.offered(host.name)["new_interface_mtu"] == str(wanted)
        assert host.cmd(f"cat /proc/sys/net/ipv6/conf/{interface}/mtu").strip() == str(wanted)
        assert f" mtu {wanted} " in host.cmd(f"ip link show {interface}")
    for version, headers in ((4, 28), (6, 48)):
        address = placed.machines["red3"].address(version)
        assert " 3 received" in reach(placed.node("red1"), address, f"-M do -s {mtu - headers}")
        assert " 0 received" in ask(placed.node("red1"), address, f"-M do -s {mtu - headers + 1}")


@on(*(fabric for fabric in FABRICS if fabric.data_mtu < fabric.mtu))
def test_a_narrower_tier_is_told_to_the_sender(placed: Placed) -> None:
    mtu = placed.fabric.data_mtu
    for name in ("data1", "data2"):
        data = placed.machines[name]
        told = reach(placed.node("web1"), data.ipv4, f"-M do -s {mtu - 28 + 1}")
        assert f"Frag needed and DF set (mtu = {mtu})" in told or f"mtu={mtu}" in told, told
        told = reach(placed.node("web1"), data.ipv6, f"-M do -s {mtu - 48 + 1}")
        assert f"Packet too big: mtu={mtu}" in told or f"mtu: {mtu}" in told, told
        # Senders that may, fragment from now on.
        assert " 3 received" in reach(placed.node("web1"), data.ipv4, "-M want -s 1400")
        assert " 3 received" in reach(placed.node("web1"), data.ipv6, "-M want -s 1400")


def test_gateways_answer_and_exhausted_packets_are_reported(placed: Placed) -> None:
    for gateway in ("10.20.1.1", "10.20.2.1", "2001:db8:11::1", "2001:db8:12::1"):
        assert " 3 received" in reach(placed.node("web1"), gateway), gateway
    for name in ("data1", "data2"):
        data = placed.machines[name]
        for address in (data.ipv4, data.ipv6):
            assert "ttl=63" in reach(placed.node("web1"), address)
        told = reach(placed.node("web1"), data.ipv4, "-t1")
        assert "From 10.20.1.1 icmp_seq=1 Time to live exceeded" in told and " 0 received" in told
        told = reach(placed.node("web1"), data.ipv6, "-t1")
        assert "From 2001:db8:11::1 icmp_seq=1 Time exceeded: Hop limit" in told and " 0 received" in told


def test_tcp_goes_across(placed: Placed) -> None:
    for source, target in (("red1", "red3"), ("web1", "data2")):
        far = placed.machines[target]
        with placed.cloud.serving(far.host, 5201, "iperf3", "-s", "-1"):
            output = placed.node(source).cmd(f"iperf3 -c {far.ipv4} -n 5M")
            assert "iperf Done." in output, output


def test_group_addresses_reach_the_networks_members_once(placed: Placed) -> None:
    red1 = placed.machines["red1"]
    sent = {
        "broadcast": Ether(src=red1.mac, dst="ff:ff:ff:ff:ff:ff")
        / IP(src=red1.ipv4, dst="255.255.255.255")
        / UDP(sport=4000, dport=4000)
        / b"token-broadcast",
        "multicast": Ether(src=red1.mac, dst="01:00:5e:01:02:03")
        / IP(src=red1.ipv4, dst="239.1.2.3")
        / UDP(sport=4000, dport=4000)
        / b"token-multicast",
        "multicast6": Ether(src=red1.mac, dst="33:33:00:00:00:07")
        / IPv6(src=red1.ipv6, dst="ff0e::7")
        / UDP(sport=4000, dport=4000)
        / b"token-multicast6",
    }
    frames = {name: bytes(frame) for name, frame in sent.items()}
    got = exchange(placed.nodes(), {"red1": frames.values()})
    for name, frame in frames.items():
        found = {machine: received.count(frame) for machine, received in got.items() if frame in received}
        members = {"red2": 1, "red3": 1}
        if placed.fabric is PLAIN and name != "broadcast":
            members = {}
        assert found == members, name
    for received in got.values():
        assert not any(b"token-" in frame and frame not in frames.values() for frame in received)
