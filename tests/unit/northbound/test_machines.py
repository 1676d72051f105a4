"""Machines and NICs: addresses given, kept, changed and given back."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from sdn_orch.intent.model import Attachment, Machine, Nic, Source, Switch
from sdn_orch.intent.snapshot import Put
from sdn_orch.northbound.cloudstack.model import MachineDetails, SecondaryAddress
from tests.cloudstack import Client, Cloud, Refused


@pytest.fixture
def network(cloud: Cloud, red: Client) -> str:
    return str(cloud.network(red, "net", ip6cidr="2001:db8:1::/64")["id"])


def refused(call: Any, *arguments: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


def test_machine_gets_addresses(cloud: Cloud, red: Client, network: str) -> None:
    vm = cloud.machine(red, "vm1", networkids=network, macaddress="02:00:00:AA:00:01")
    assert (
        vm.items() >= {"name": "vm1", "state": "Running", "ipaddress": "10.1.1.2", "account": "red"}.items()
    )
    (nic,) = vm["nic"]
    expected = {
        "ipaddress": "10.1.1.2",
        "netmask": "255.255.255.0",
        "gateway": "10.1.1.1",
        "ip6address": "2001:db8:1::ff:feaa:1",
        "ip6gateway": "2001:db8:1::1",
        "ip6cidr": "2001:db8:1::/64",
        "macaddress": "02:00:00:aa:00:01",
        "isdefault": True,
        "deviceid": "0",
        "networkname": "net",
        "type": "Isolated",
        "secondaryip": [],
    }
    assert nic.items() >= expected.items()
    record = cloud.snapshot.need(Nic, nic["id"])
    assert (record.hostname, record.active) == ("vm1", True)


def test_macs_are_local_unicast_and_never_a_gateways(cloud: Cloud, red: Client, network: str) -> None:
    for _ in range(50):
        cloud.machine(red, networkids=network)
    macs = {nic.mac for nic in cloud.snapshot.all(Nic)}
    assert len(macs) == 50
    assert {mac[:3] for mac in macs} == {"02:"}


def test_addresses_run_out_and_come_back(cloud: Cloud, red: Client) -> None:
    shared = cloud.shared()["id"]
    vms = [cloud.machine(red, f"vm{index}", networkids=shared) for index in range(3)]
    assert [vm["ipaddress"] for vm in vms] == ["198.51.100.10", "198.51.100.11", "198.51.100.12"]
    before = cloud.snapshot.revision
    error = refused(cloud.machine, red, "vm3", networkids=shared)
    assert (error.status, error.body["cserrorcode"]) == (533, 4320)
    assert "no free IPv4 address" in error.text
    assert cloud.snapshot.revision == before
    red.job("destroyVirtualMachine", id=vms[1]["id"])
    assert cloud.machine(red, "vm3", networkids=shared)["ipaddress"] == "198.51.100.11"


def test_destroyed_machine_leaves_nothing(cloud: Cloud, red: Client, network: str) -> None:
    vm = cloud.machine(red, "vm", networkids=network)
    nic = vm["nic"][0]["id"]
    red.job("addIpToNic", nicid=nic)
    cloud.service.write(
        lambda t: t.changes.extend(
            [
                Put(Switch(id="s", dpid=1, name="s")),
                Put(Attachment(id="a", nic_id=nic, switch_id="s", port=1, source=Source.OVSDB)),
            ]
        )
    )
    shown = red.job("destroyVirtualMachine", id=vm["id"])["virtualmachine"]
    assert (shown["id"], shown["state"], len(shown["nic"])) == (vm["id"], "Destroyed", 1)
    for kind in (Machine, MachineDetails, Nic, SecondaryAddress, Attachment):
        assert cloud.snapshot.count(kind) == 0
    assert red.call("listVirtualMachines") == {}


def test_machine_in_several_networks(cloud: Cloud, red: Client, network: str) -> None:
    other, shared = (
        cloud.network(red, "other", gateway="10.2.0.1", netmask="255.255.0.0")["id"],
        cloud.shared(),
    )
    vm = cloud.machine(
        red,
        "vm",
        **{
            "iptonetworklist[1].networkid": network,
            "iptonetworklist[1].ip": "10.1.1.77",
            "iptonetworklist[1].ipv6": "2001:db8:1::77",
            "iptonetworklist[0].networkid": other,
            "iptonetworklist[0].mac": "02:00:00:00:00:09",
            "iptonetworklist[2].networkid": shared["id"],
        },
    )
    assert [(nic["networkname"], nic["ipaddress"], nic["isdefault"]) for nic in vm["nic"]] == [
        ("other", "10.2.0.2", True),
        ("net", "10.1.1.77", False),
        ("shared", "198.51.100.10", False),
    ]
    assert vm["nic"][0]["macaddress"] == "02:00:00:00:00:09"
    assert vm["nic"][1]["ip6address"] == "2001:db8:1::77"
    assert [nic["deviceid"] for nic in red.call("listNics", virtualmachineid=vm["id"])["nic"]] == [
        "0",
        "1",
        "2",
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ({"ipaddress": "10.1.2.1"}, 431, "not in the range"),
        ({"ipaddress": "10.1.1.1"}, 431, "taken"),
        ({"ipaddress": "10.1.1.0"}, 431, "not in the range"),
        ({"ipaddress": "10.1.1.255"}, 431, "not in the range"),
        ({"ipaddress": "10.1.1.2"}, 431, "taken"),
        ({"ip6address": "2001:db8:2::1"}, 431, "not inside"),
        ({"ip6address": "2001:db8:1::1"}, 431, "taken"),
        ({"ip6address": "2001:db8:1::5"}, 431, "taken"),
        ({"macaddress": "02:00:00:00:00:05"}, 431, "taken"),
        ({"macaddress": "03:00:00:00:00:05"}, 431, "not a unicast MAC"),
        ({"macaddress": "00:00:00:00:00:00"}, 431, "mac"),
        ({"name": "under_score"}, 431, "Invalid name"),
        ({"name": "-x"}, 431, "Invalid name"),
        ({"name": "x" * 64}, 431, "Invalid name"),
        ({"iptonetworklist[0].networkid": "x", "ipaddress": "10.1.1.9"}, 431, "ipToNetworkMap"),
    ],
    ids=str,
)
def test_refused_machines_leave_nothing(
    cloud: Cloud, red: Client, network: str, arguments: dict[str, str], status: int, text: str
) -> None:
    cloud.machine(
        red, "first", networkids=network, ip6address="2001:db8:1::5", macaddress="02:00:00:00:00:05"
    )
    before = cloud.snapshot.revision
    error = refused(cloud.machine, red, **({"networkids": network} | arguments))
    assert error.status == status
    assert text in error.text
    assert cloud.snapshot.revision == before


def test_machines_go_into_networks_that_their_account_may_use(
    cloud: Cloud, red: Client, network: str
) -> None:
    blue = cloud.account("blue")
    assert refused(cloud.machine, blue, networkids=network).status == 531
    assert refused(cloud.machine, blue, **{"iptonetworklist[0].networkid": network}).status == 531
    # The administrator sees it, but the account that the machine is for may not use it.
    assert refused(cloud.machine, cloud.admin, account="blue", networkids=network).status == 531
    vm = cloud.machine(cloud.admin, account="red", networkids=network)
    assert vm["account"] == "red"
    assert refused(cloud.machine, red, account="blue", networkids=network).status == 531
    assert "only one NIC" in refused(cloud.machine, red, networkids=f"{network},{network}").text


def test_machine_without_networks_goes_into_the_only_one(cloud: Cloud, red: Client) -> None:
    assert "please specify networkIds" in refused(cloud.machine, red).text
    one = cloud.network(red, "one")["id"]
    assert cloud.machine(red)["nic"][0]["networkid"] == one
    cloud.network(red, "two")
    assert "more than 1 default Isolated networks" in refused(cloud.machine, red).text


def test_stopped_machines_keep_their_addresses_inactive(cloud: Cloud, red: Client, network: str) -> None:
    vm = cloud.machine(red, "vm", networkids=network, startvm="false")
    assert vm["state"] == "Stopped"
    nic = vm["nic"][0]["id"]
    assert not cloud.snapshot.need(Nic, nic).active
    assert red.job("startVirtualMachine", id=vm["id"])["virtualmachine"]["state"] == "Running"
    assert cloud.snapshot.need(Nic, nic).active
    stopped = red.job("stopVirtualMachine", id=vm["id"], forced="true")["virtualmachine"]
    assert (stopped["state"], stopped["ipaddress"]) == ("Stopped", vm["ipaddress"])
    assert red.call("listVirtualMachines", state="Stopped")["count"] == 1
    assert red.call("listVirtualMachines", state="Running") == {}


def test_nics_come_and_go(cloud: Cloud, red: Client, network: str) -> None:
    vm = cloud.machine(red, "vm", networkids=network)
    other = cloud.network(red, "other", gateway="10.2.0.1", netmask="255.255.0.0")["id"]
    shown = red.job(
        "addNicToVirtualMachine", virtualmachineid=vm["id"], networkid=other, ipaddress="10.2.7.7",
        macaddress="02-00-00-00-00-07",
    )["virtualmachine"]  # fmt: skip
    added = shown["nic"][1]
    assert added.items() >= {"ipaddress": "10.2.7.7", "macaddress": "02:00:00:00:00:07"}.items()
    assert added["isdefault"] is False
    twice = red.failed_or_done("addNicToVirtualMachine", virtualmachineid=vm["id"], networkid=other)
    assert "already exists" in twice["jobresult"]["errortext"]
    default = red.failed_or_done(
        "removeNicFromVirtualMachine", virtualmachineid=vm["id"], nicid=vm["nic"][0]["id"]
    )
    assert "nic is default" in default["jobresult"]["errortext"]
    left = red.job("removeNicFromVirtualMachine", virtualmachineid=vm["id"], nicid=added["id"])
    assert len(left["virtualmachine"]["nic"]) == 1
    again = red.job(
        "addNicToVirtualMachine", virtualmachineid=vm["id"], networkid=other, ipaddress="10.2.7.7"
    )
    assert again["virtualmachine"]["nic"][1]["ipaddress"] == "10.2.7.7"


def test_another_nic_becomes_the_default_one(cloud: Cloud, red: Client, network: str) -> None:
    others = [
        cloud.network(red, name, gateway=f"10.{name}.0.1", netmask="255.255.0.0")["id"] for name in "23"
    ]
    vm = cloud.machine(red, "vm", networkids=",".join([network, *others]))
    first, second, third = (nic["id"] for nic in vm["nic"])
    on = {"virtualmachineid": vm["id"]}
    shown = red.job("updateDefaultNicForVirtualMachine", **on, nicid=second)["virtualmachine"]
    assert [(nic["id"], nic["isdefault"]) for nic in shown["nic"]] == [
        (second, True), (first, False), (third, False)
    ]  # fmt: skip
    assert shown["ipaddress"] == "10.2.0.2"
    same = red.failed_or_done("updateDefaultNicForVirtualMachine", **on, nicid=second)["jobresult"]
    assert same["errortext"] == "refusing to set default nic because chosen nic is already the default"
    assert (same["errorcode"], same["cserrorcode"]) == (530, 4250)
    other = cloud.machine(red, "other", networkids=network)["nic"][0]["id"]
    strange = red.failed_or_done("updateDefaultNicForVirtualMachine", **on, nicid=other)["jobresult"]
    assert (strange["errorcode"], "is not a nic on" in strange["errortext"]) == (431, True)
    blue = cloud.account("blue")
    assert refused(blue.call, "updateDefaultNicForVirtualMachine", **on, nicid=first).status == 531
    red.job("removeNicFromVirtualMachine", **on, nicid=first)


def test_address_of_a_nic_changes(cloud: Cloud, red: Client, network: str) -> None:
    vm = cloud.machine(red, "vm", networkids=network)
    nic = vm["nic"][0]["id"]
    shown = red.job("updateVmNicIp", nicid=nic, ipaddress="10.1.1.50")["virtualmachine"]
    assert shown["ipaddress"] == "10.1.1.50"
    # The old address is free again, and the next one chosen.
    assert cloud.machine(red, "vm2", networkids=network)["ipaddress"] == "10.1.1.2"
    taken = red.failed_or_done("updateVmNicIp", nicid=nic, ipaddress="10.1.1.2")
    assert "taken" in taken["jobresult"]["errortext"]
    assert red.job("updateVmNicIp", nicid=nic)["virtualmachine"]["ipaddress"] == "10.1.1.3"


def test_secondary_addresses(cloud: Cloud, red: Client, network: str) -> None:
    nic = cloud.machine(red, "vm", networkids=network)["nic"][0]["id"]
    first = red.call("addIpToNic", nicid=nic)
    shown = red.call("queryAsyncJobResult", jobid=first["jobid"])["jobresult"]["nicsecondaryip"]
    assert shown.items() >= {"id": first["id"], "ipaddress": "10.1.1.3", "nicid": nic}.items()
    six = red.call("addIpToNic", nicid=nic, ipaddress="2001:db8:1::99")["id"]
    record = cloud.snapshot.need(Nic, nic)
    assert record.secondary4 == (IPv4Address("10.1.1.3"),)
    assert record.secondary6 == (IPv6Address("2001:db8:1::99"),)
    listed = red.call("listVirtualMachines")["virtualmachine"][0]["nic"][0]["secondaryip"]
    assert [each["ipaddress"] for each in listed] == ["10.1.1.3", "2001:db8:1::99"]
    assert "taken" in refused(red.call, "addIpToNic", nicid=nic, ipaddress="10.1.1.3").text
    assert refused(cloud.account("blue").call, "removeIpFromNic", id=first["id"]).status == 531
    for id in (first["id"], six):
        assert red.job("removeIpFromNic", id=id) == {"success": True}
    record = cloud.snapshot.need(Nic, nic)
    assert record.secondary4 == record.secondary6 == ()
    assert cloud.machine(red, "vm2", networkids=network)["ipaddress"] == "10.1.1.3"


def test_machines_by_place(cloud: Cloud, red: Client, network: str) -> None:
    vpc = cloud.vpc(red)["id"]
    tier = cloud.tier(red, vpc, "10.20.1.1")["id"]
    cloud.machine(red, "a", networkids=network)
    cloud.machine(red, "b", networkids=tier)
    both = cloud.machine(red, "c", networkids=f"{network},{tier}")["id"]

    def names(**arguments: str) -> list[str]:
        found = red.call("listVirtualMachines", **arguments)
        return [vm["name"] for vm in found.get("virtualmachine", [])]

    assert names() == ["a", "b", "c"]
    assert names(networkid=network) == ["a", "c"]
    assert names(vpcid=vpc) == ["b", "c"]
    assert names(ids=both) == names(id=both) == names(name="c") == ["c"]
    assert names(keyword="B") == ["b"]
    assert red.call("listNics", virtualmachineid=both, networkid=tier)["count"] == 1


def test_one_more_costs_as_much_in_a_large_network(cloud: Cloud, red: Client) -> None:
    """The records written for a machine are as many at 600 as at 1."""
    network = cloud.network(red, "big", gateway="10.8.0.1", netmask="255.255.0.0")["id"]
    written: list[int] = []
    for commits in (1, 600):
        while len(cloud.snapshot.where(Nic, "network_id", network)) < commits - 1:
            red.call("deployVirtualMachine", **cloud.machine_arguments(), networkids=network)
        watch = cloud.store.watch(cloud.snapshot.revision)
        red.call("deployVirtualMachine", **cloud.machine_arguments(), networkids=network)
        written.append(len(next(watch).changes))
    assert written[1] <= written[0]
