"""Pods, zones that go, sizes of machines, and what clients ask of the installation."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.model import Machine, Nic
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from tests.cloudstack import Client, Cloud, Refused


def refused(client: Client, command: str, **arguments: object) -> Refused:
    with pytest.raises(Refused) as caught:
        client.call(command, **arguments)
    return caught.value


ADDRESSES = {
    "gateway": "192.0.2.1",
    "netmask": "255.255.255.0",
    "startip": "192.0.2.10",
    "endip": "192.0.2.20",
}


def pod(cloud: Cloud, name: str = "pod", **more: object) -> Any:
    given = {"name": name, "zoneid": cloud.zone} | ADDRESSES | more
    return cloud.admin.call("createPod", **given)["pod"]


def test_pods_come_change_and_go(cloud: Cloud) -> None:
    made = pod(cloud)
    expected = ADDRESSES | {"startip": ["192.0.2.10"], "endip": ["192.0.2.20"]}
    assert (
        made.items() >= (expected | {"name": "pod", "zonename": "zone", "allocationstate": "Enabled"}).items()
    )
    assert cloud.admin.ids("listPods", zoneid=cloud.zone, name="pod") == {"pod": made["id"]}
    assert cloud.admin.call("listPods", name="other") == {}
    changed = cloud.admin.call("updatePod", id=made["id"], name="row", endip="192.0.2.30")["pod"]
    assert (changed["name"], changed["startip"], changed["endip"]) == ("row", ["192.0.2.10"], ["192.0.2.30"])
    cloud.admin.call("deletePod", id=made["id"])
    assert cloud.admin.call("listPods") == {}


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"netmask": "255.0.255.0"}, "Invalid netmask"),
        ({"startip": "192.0.3.1"}, "Invalid startip 192.0.3.1"),
        ({"endip": "192.0.2.255"}, "Invalid endip 192.0.2.255"),
        ({"endip": "192.0.2.5"}, "is below startip"),
        ({"gateway": "192.0.2.15"}, "is in the range"),
        ({"name": "pod", "gateway": "198.51.100.1", "startip": "198.51.100.2", "endip": "198.51.100.2"},
         "already exists"),
        ({"name": "other"}, "conflicts with 192.0.2.0/24 of pod pod"),
    ],
)  # fmt: skip
def test_wrong_pods(cloud: Cloud, more: dict[str, str], text: str) -> None:
    if "name" in more:
        pod(cloud)
    with pytest.raises(Refused) as caught:
        pod(cloud, **more)
    assert (caught.value.status, text in caught.value.text) == (431, True)


def test_a_zone_goes_when_it_is_empty(cloud: Cloud) -> None:
    made = pod(cloud)
    text = refused(cloud.admin, "deleteZone", id=cloud.zone).text
    assert text == "The zone cannot be deleted because there are pods in this zone"
    cloud.admin.call("deletePod", id=made["id"])
    error = refused(cloud.admin, "deleteZone", id=cloud.zone)
    assert (error.status, "there are physical networks in this zone" in error.text) == (536, True)
    empty = cloud.admin.call("createZone", name="empty", networktype="Advanced", dns1="192.0.2.1",
                             internaldns1="192.0.2.1")["zone"]["id"]  # fmt: skip
    cloud.admin.call("deleteZone", id=empty)
    assert cloud.admin.ids("listZones") == {"zone": cloud.zone}


def test_sizes_come_change_and_go(cloud: Cloud, red: Client) -> None:
    given = {"name": "large", "displaytext": "Large", "cpunumber": 8, "cpuspeed": 2000, "memory": 16384,
             "networkrate": 200}  # fmt: skip
    made = cloud.admin.call("createServiceOffering", **given)["serviceoffering"]
    assert made.items() >= given.items()
    assert red.ids("listServiceOfferings", cpunumber=8, memory=16384) == {"large": made["id"]}
    changed = cloud.admin.call("updateServiceOffering", id=made["id"], name="huge")["serviceoffering"]
    assert (changed["name"], changed["displaytext"]) == ("huge", "Large")
    network = cloud.network(red, "net")["id"]
    arguments = cloud.machine_arguments() | {"serviceofferingid": made["id"], "networkids": network}
    machine = red.job("deployVirtualMachine", **arguments)["virtualmachine"]
    assert (machine["cpunumber"], machine["memory"]) == (8, 16384)
    assert cloud.snapshot.need(Machine, machine["id"]).rate == made["networkrate"] == 200
    assert refused(cloud.admin, "deleteServiceOffering", id=made["id"]).status == 536
    red.job("destroyVirtualMachine", id=machine["id"])
    cloud.admin.call("deleteServiceOffering", id=made["id"])
    assert red.call("listServiceOfferings", name="huge") == {}
    system = cloud.admin.ids("listServiceOfferings", issystem="true").values()
    assert refused(cloud.admin, "deleteServiceOffering", id=next(iter(system))).status == 531
    assert "customized" in refused(cloud.admin, "createServiceOffering", **given, customized="true").text


def test_machines_are_rebooted_and_renamed(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    machine = cloud.machine(red, "vm", networkids=network)["id"]
    assert red.job("rebootVirtualMachine", id=machine)["virtualmachine"]["state"] == "Running"
    given = {"name": "web", "displayname": "The web", "group": "front", "displayvm": False}
    shown = red.call("updateVirtualMachine", id=machine, **given)["virtualmachine"]
    assert shown.items() >= given.items()
    assert [nic.hostname for nic in cloud.snapshot.where(Nic, "machine_id", machine)] == ["web"]
    assert "Invalid name" in refused(red, "updateVirtualMachine", id=machine, name="a b").text
    assert refused(cloud.account("blue"), "updateVirtualMachine", id=machine, name="mine").status == 531
    red.job("stopVirtualMachine", id=machine)
    job = red.failed_or_done("rebootVirtualMachine", id=machine)
    assert "not in the right state" in job["jobresult"]["errortext"]


def test_what_runs_out_is_counted(cloud: Cloud, red: Client) -> None:
    cloud.running(red, "net")
    (shown,) = cloud.admin.call("listCapacity", zoneid=cloud.zone)["capacity"]
    expected = {"type": 7, "name": "VLAN", "capacitytotal": 100, "capacityused": 1, "percentused": "1.00"}
    assert shown.items() >= expected.items()
    assert cloud.admin.call("listCapacity", type=4) == {}


def test_the_installation_tells_of_itself(cloud: Cloud, red: Client) -> None:
    assert [each["name"] for each in red.call("listHypervisors")["hypervisor"]] == ["KVM"]
    assert red.call("listRegions", id=1)["region"][0]["name"] == "Local"
    assert red.call("listRegions", id=2) == red.call("listRegions", name="x") == {}
    (server,) = cloud.admin.call("listManagementServers")["managementserver"]
    assert cloud.admin.call("listManagementServers", id=server["id"])["count"] == 1
    (system,) = red.call("listOsTypes", description="Other (64-bit)")["ostype"]
    assert red.call("listOsTypes", id=system["id"])["count"] == 1
    assert red.call("listOsTypes", description="Plan 9") == {}


def test_the_types_of_events_are_those_that_are_told(cloud: Cloud, red: Client) -> None:
    cloud.network(red, "net")
    types = {each["name"] for each in red.call("listEventTypes")["eventtype"]}
    assert types == {command.event for command in COMMANDS.values() if command.event}
    told = {event["type"] for event in red.call("listEvents")["event"]}
    assert told == {"NETWORK.CREATE"} <= types
