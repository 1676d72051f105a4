"""Two tenants on a leaf-spine fabric: who reaches whom, what hosts are told, and what they may not do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.e2e.conftest import Running
from tests.e2e.ping import ask, reach
from topologies.demo.reach import differences, expected, observe

pytestmark = pytest.mark.mininet


def test_every_machine_reaches_its_own_realm_and_nobody_else(running: Running) -> None:
    machines = list(running.machines.values())
    wanted = expected(machines)
    assert differences(machines, wanted, observe(running.cloud, machines)) == []
    assert len({machine.ipv4 for machine in machines}) < len(machines), "equal addresses are part of the test"


def test_hosts_are_told_by_dhcp_what_their_network_says(running: Running) -> None:
    red, web = running.machines["red1"], running.machines["web1"]
    told = running.cloud.offered(red.host)
    assert told["new_ip_address"] == red.ipv4
    assert told["new_subnet_mask"] == "255.255.255.0"
    assert told["new_routers"] == "10.1.1.1"
    assert told["new_interface_mtu"] == "1500"
    assert int(told["new_dhcp_lease_time"]) >= 600
    assert running.cloud.offered(web.host)["new_routers"] == "10.20.1.1"
    route = running.cloud.node(red.host).cmd("ip route show default")
    assert route.startswith("default via 10.1.1.1 ")
    assert "default via fe80::" in running.cloud.node(red.host).cmd("ip -6 route show default")


def test_the_gateway_answers_pings_of_both_versions(running: Running) -> None:
    host = running.node("web1")
    for gateway in ("10.20.1.1", "10.20.2.1", "2001:db8:11::1"):
        assert " 3 received" in reach(host, gateway), gateway


def test_a_routed_packet_loses_one_hop_and_an_exhausted_one_is_reported(running: Running) -> None:
    web, data = running.machines["web1"], running.machines["data1"]
    host = running.cloud.node(web.host)
    assert "ttl=63" in reach(host, data.ipv4)
    assert "ttl=63" in reach(host, data.ipv6)
    assert "From 10.20.1.1 icmp_seq=1 Time to live exceeded" in reach(host, data.ipv4, "-t1")
    assert "Hop limit" in reach(host, data.ipv6, "-t1")


def test_tcp_flows_across_the_fabric(running: Running) -> None:
    cloud, red1, red3 = running.cloud, running.machines["red1"], running.machines["red3"]
    with cloud.serving(red3.host, 5201, "iperf3", "-s", "-1"):
        output = cloud.node(red1.host).cmd(f"iperf3 -c {red3.ipv4} -n 20M")
        assert "iperf Done." in output


@pytest.mark.parametrize("version", [4, 6])
def test_nobody_sends_with_an_address_that_is_not_its_own(running: Running, version: int) -> None:
    red1, red2 = running.machines["red1"], running.machines["red2"]
    host = running.cloud.node(red1.host)
    forged, length = ("10.1.1.99", 24) if version == 4 else ("2001:db8:1::99", 64)
    host.cmd(f"ip address add {forged}/{length} dev {host.defaultIntf()} nodad")
    try:
        assert " 0 received" in ask(host, red2.address(version), f"-I {forged}")
        assert " 3 received" in reach(host, red2.address(version), f"-I {red1.address(version)}")
    finally:
        host.cmd(f"ip address del {forged}/{length} dev {host.defaultIntf()}")


def test_a_host_without_a_nic_is_nobody(running: Running) -> None:
    red2 = running.machines["red2"]
    host = running.cloud.node(running.free[0])
    host.cmd(f"ip address add 10.1.1.50/24 dev {host.defaultIntf()}")
    try:
        assert " 0 received" in ask(host, red2.ipv4)
    finally:
        host.cmd(f"ip address flush dev {host.defaultIntf()}")


def test_a_nic_that_moves_takes_its_address_along_and_leaves_nothing_behind(running: Running) -> None:
    cloud, blue3 = running.cloud, running.machines["blue3"]
    others = [machine for name, machine in running.machines.items() if machine.realm == blue3.realm]
    moved = replace(blue3, host=running.free[3])
    old = replace(blue3, name="left-behind")
    cloud.unplug(blue3.host)
    cloud.plug([(moved.host, moved.nic_id, moved.mac)])
    try:
        cloud.controller.wait(
            lambda: place(running, blue3.nic_id) == "leaf4:4", "the NIC to be at its new port"
        )
        cloud.wait_realised([blue3.nic_id])
        client = cloud.lease4(moved.host)
        output, _ = client.communicate(timeout=30)
        assert moved.ipv4 in cloud.addresses(moved.host), output
        cloud.controller.wait(lambda: moved.ipv6 in cloud.addresses(moved.host), "its IPv6 address")
        machines = [moved if machine.name == blue3.name else machine for machine in others]
        assert differences(machines, expected(machines), observe(cloud, machines)) == []
        stranded = observe(cloud, [old, *(machine for machine in machines if machine is not moved)])
        assert stranded["left-behind", running.machines["blue1"].ipv4] is None
    finally:
        cloud.unplug(moved.host)
        cloud.node(moved.host).cmd(
            f"ip address flush dev {cloud.node(moved.host).defaultIntf()} scope global"
        )
        cloud.bring_back(blue3.host, blue3.nic_id, blue3.mac)


def place(running: Running, nic_id: str) -> str | None:
    """Where the controller knows a NIC to be."""
    rows = {row["id"]: row for row in running.cloud.controller.ask_all("/v1/ports")}
    found: str | None = rows[nic_id]["place"]
    return found
