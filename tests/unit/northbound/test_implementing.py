"""Networks are implemented when machines start in them, and shut down when they are idle for long enough."""

from __future__ import annotations

import threading
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from sdn_orch.intent.model import Network
from sdn_orch.northbound.cloudstack.idle_networks import IdleNetworks
from sdn_orch.northbound.cloudstack.model import NetworkDetails
from sdn_orch.northbound.service import Service
from tests.cloudstack import L2, Client, Cloud
from tests.contract.everything import public_range
from tests.unit.northbound.test_addresses import refused


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(vlan="100-101")


@pytest.fixture
def idle(cloud: Cloud) -> IdleNetworks:
    return IdleNetworks(cloud.service)


def seen(cloud: Cloud, id: str) -> tuple[str, str | None]:
    """State and VLAN of the network."""
    (network,) = cloud.admin.call("listNetworks", id=id)["network"]
    return network["state"], network.get("vlan")


def persistent(cloud: Cloud, name: str, **more: object) -> str:
    """A new offering, enabled."""
    made = cloud.admin.call(
        "createNetworkOffering", name=name, displaytext=name, guestiptype="Isolated", traffictype="GUEST",
        supportedservices="Dhcp,Dns", **{"ispersistent": "true"} | more,
    )["networkoffering"]["id"]  # fmt: skip
    cloud.admin.call("updateNetworkOffering", id=made, state="Enabled")
    return str(made)


def test_an_idle_network_is_shut_down_and_comes_back(cloud: Cloud, red: Client, idle: IdleNetworks) -> None:
    public_range(cloud)
    network = cloud.network(red, "net")["id"]
    assert seen(cloud, network) == ("Allocated", None)
    vm = cloud.machine(red, "vm", networkids=network)
    assert seen(cloud, network) == ("Implemented", "100")
    (address,) = red.call("listPublicIpAddresses", issourcenat="true")["publicipaddress"]
    ports = {"protocol": "tcp", "publicport": 22, "privateport": 22, "virtualmachineid": vm["id"]}
    rule = red.job("createPortForwardingRule", ipaddressid=address["id"], **ports)["portforwardingrule"]
    cloud.clock.forward(7000)
    idle.tick()
    assert seen(cloud, network) == ("Implemented", "100")
    red.job("stopVirtualMachine", id=vm["id"])
    cloud.clock.forward(599)
    idle.sweep()
    assert seen(cloud, network) == ("Implemented", "100")
    red.job("restartNetwork", id=network)
    cloud.clock.forward(1)
    idle.tick()
    assert seen(cloud, network) == ("Allocated", None)
    assert "right state" in refused(red, "restartNetwork", id=network)[1]
    # What it had stays as it was, but for the VLAN, which another one has taken.
    assert cloud.running(red, "other")["vlan"] == "100"
    (kept,) = red.call("listPublicIpAddresses", associatednetworkid=network)["publicipaddress"]
    assert (kept["id"], kept["issourcenat"]) == (address["id"], True)
    assert red.call("listPortForwardingRules")["portforwardingrule"][0]["id"] == rule["id"]
    started = red.job("startVirtualMachine", id=vm["id"])["virtualmachine"]
    assert started["nic"][0]["ipaddress"] == vm["nic"][0]["ipaddress"]
    assert seen(cloud, network) == ("Implemented", "101")


def test_the_wait_begins_anew_whenever_a_machine_stops(cloud: Cloud, red: Client, idle: IdleNetworks) -> None:
    network = cloud.running(red, "net")["id"]
    (vm,) = red.call("listVirtualMachines")["virtualmachine"]
    for command in ("stopVirtualMachine", "startVirtualMachine", "stopVirtualMachine"):
        cloud.clock.forward(500)
        red.job(command, id=vm["id"])
    cloud.clock.forward(500)
    idle.sweep()
    assert seen(cloud, network) == ("Implemented", "100")
    red.job("startVirtualMachine", id=vm["id"])
    cloud.clock.forward(6000)
    idle.sweep()
    assert seen(cloud, network) == ("Implemented", "100")
    red.job("destroyVirtualMachine", id=vm["id"])
    cloud.clock.forward(600)
    idle.sweep()
    assert seen(cloud, network) == ("Allocated", None)


def test_wait_and_interval_are_settings(cloud: Cloud, red: Client, idle: IdleNetworks) -> None:
    network = cloud.running(red, "net")["id"]
    (vm,) = red.call("listVirtualMachines")["virtualmachine"]
    red.job("stopVirtualMachine", id=vm["id"])
    for name, value in (("network.gc.wait", "30"), ("network.gc.interval", "60")):
        cloud.admin.call("updateConfiguration", name=name, value=value)
    cloud.clock.forward(59)
    idle.tick()
    assert seen(cloud, network) == ("Implemented", "100")
    cloud.clock.forward(1)
    idle.tick()
    assert seen(cloud, network) == ("Allocated", None)
    assert refused(cloud.admin, "updateConfiguration", name="network.gc.interval", value="0")[0] == 431


def test_a_nic_more_or_less_counts_like_a_machine(cloud: Cloud, red: Client, idle: IdleNetworks) -> None:
    second = cloud.network(red, "second", gateway="10.2.0.1", netmask="255.255.0.0")["id"]
    cloud.running(red, "first")
    (vm,) = red.call("listVirtualMachines")["virtualmachine"]
    on = {"virtualmachineid": vm["id"]}
    nics = red.job("addNicToVirtualMachine", **on, networkid=second)["virtualmachine"]["nic"]
    assert seen(cloud, second) == ("Implemented", "101")
    red.job("removeNicFromVirtualMachine", **on, nicid=nics[1]["id"])
    cloud.clock.forward(600)
    idle.sweep()
    assert [seen(cloud, id)[0] for id in (second, vm["nic"][0]["networkid"])] == ["Allocated", "Implemented"]


def test_machines_that_do_not_start_implement_nothing(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    cloud.machine(red, "vm", networkids=network, startvm="false")
    assert seen(cloud, network) == ("Allocated", None)


def test_persistent_networks_are_implemented_from_the_start_and_stay_so(
    cloud: Cloud, red: Client, idle: IdleNetworks
) -> None:
    offering, other = persistent(cloud, "persistent"), persistent(cloud, "passing", ispersistent="false")

    def network(name: str, offering: str) -> Any:
        given = {"displaytext": name, "zoneid": cloud.zone, "networkofferingid": offering}
        made = red.call("createNetwork", name=name, **given)["network"]
        assert made["state"] == ("Implemented" if offering != other else "Allocated")
        return made["id"]

    one, two = network("one", offering), network("two", other)
    assert (seen(cloud, one), seen(cloud, two)) == (("Implemented", "100"), ("Allocated", None))
    cloud.clock.forward(6000)
    idle.sweep()
    assert seen(cloud, one) == ("Implemented", "100")
    # It is the offering that says so, and that may change.
    red.job("updateNetwork", id=two, networkofferingid=offering)
    red.job("updateNetwork", id=one, networkofferingid=other)
    cloud.clock.forward(600)
    idle.sweep()
    assert (seen(cloud, one), seen(cloud, two)) == (("Allocated", None), ("Implemented", "101"))


def test_shared_networks_and_given_vlans_are_kept(cloud: Cloud, idle: IdleNetworks) -> None:
    shared = cloud.shared(vlan=100)["id"]
    given = cloud.admin.call(
        "createNetworkOffering", name="given", displaytext="given", guestiptype="L2", traffictype="GUEST",
        specifyvlan="true",
    )["networkoffering"]["id"]  # fmt: skip
    cloud.admin.call("updateNetworkOffering", id=given, state="Enabled")
    cloud.offerings["given"] = given
    own, layer2 = (
        cloud.running(cloud.admin, "own", "given", vlan=101)["id"],
        cloud.network(cloud.admin, "l2", L2)["id"],
    )
    vm = cloud.machine(cloud.admin, "vm", networkids=shared)["id"]
    for machine in cloud.admin.call("listVirtualMachines")["virtualmachine"]:
        cloud.admin.job("stopVirtualMachine", id=machine["id"])
    cloud.clock.forward(600)
    idle.sweep()
    assert seen(cloud, shared) == ("Setup", "100")
    assert seen(cloud, own) == ("Allocated", "101")
    assert seen(cloud, layer2) == ("Allocated", None)
    cloud.admin.job("startVirtualMachine", id=vm)
    assert cloud.snapshot.need(Network, own).vlan == 101


def test_a_shared_network_has_a_vlan_of_the_pool_from_the_start(cloud: Cloud, idle: IdleNetworks) -> None:
    made = cloud.admin.call(
        "createNetworkOffering", name="pooled", displaytext="pooled", guestiptype="Shared",
        traffictype="GUEST", supportedservices="Dhcp",
    )["networkoffering"]["id"]  # fmt: skip
    cloud.admin.call("updateNetworkOffering", id=made, state="Enabled")
    cloud.offerings["pooled"] = made
    place = {"gateway": "198.51.100.1", "netmask": "255.255.255.0"}
    network = cloud.network(cloud.admin, "shared", "pooled", **place)
    assert (network["state"], network["vlan"]) == ("Setup", "100")
    cloud.clock.forward(6000)
    idle.sweep()
    assert seen(cloud, network["id"]) == ("Setup", "100")


def test_the_thread_goes_on_after_a_fault(
    cloud: Cloud, red: Client, caplog: pytest.LogCaptureFixture
) -> None:
    network = cloud.running(red, "net")["id"]
    (vm,) = red.call("listVirtualMachines")["virtualmachine"]
    red.job("stopVirtualMachine", id=vm["id"])
    looks, is_done = count(), threading.Event()

    def clock() -> datetime:
        if next(looks) == 1:
            raise OSError("no time")
        if seen(cloud, network)[0] == "Allocated":
            is_done.set()
        return cloud.clock()

    caplog.set_level("INFO")
    idle = IdleNetworks(Service(cloud.store, clock), look=0.001)
    cloud.clock.forward(600)
    idle.start()
    assert is_done.wait(30)
    idle.stop()
    assert "idle networks were not shut down" in caplog.text
    assert f"network net ({network}) was idle and is shut down" in caplog.text


def test_nothing_is_written_where_nothing_is_due(cloud: Cloud, red: Client, idle: IdleNetworks) -> None:
    cloud.running(red, "net")
    (vm,) = red.call("listVirtualMachines")["virtualmachine"]
    red.job("stopVirtualMachine", id=vm["id"])
    before = cloud.snapshot.revision
    idle.sweep()
    assert cloud.snapshot.revision == before
    cloud.clock.forward(600)
    idle.sweep()
    assert all(known.idle_since is None for known in cloud.snapshot.all(NetworkDetails))
    after = cloud.snapshot.revision
    idle.sweep()
    assert cloud.snapshot.revision == after == before + 1
