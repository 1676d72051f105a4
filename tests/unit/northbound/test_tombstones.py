"""Ids of what is deleted: lists by them are empty, other calls say that there is no such entity."""

from __future__ import annotations

import pytest

from sdn_orch.northbound.cloudstack import tombstones
from sdn_orch.northbound.cloudstack.model_tenancy import Tombstone
from tests.cloudstack import Client, Cloud, Refused
from tests.contract.everything import public_range


def is_unknown(client: Client, command: str, parameter: str, id: str, **more: object) -> bool:
    """Whether the call is refused in the words by which Terraform and the Go SDK recognise it."""
    with pytest.raises(Refused) as caught:
        client.call(command, **{parameter: id}, **more)
    reason = "due to incorrect long value format, or entity does not exist"
    wanted = f"Invalid parameter {parameter} value={id} {reason}"
    return caught.value.status == 431 and wanted in caught.value.text


def test_lists_by_what_is_deleted_are_empty(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    machine = cloud.machine(red, "vm", networkids=network)
    red.job("destroyVirtualMachine", id=machine["id"])
    red.job("deleteNetwork", id=network)
    assert red.call("listNetworks", id=network) == red.call("listNetworks", id=network.upper()) == {}
    assert red.call("listVirtualMachines", id=machine["id"]) == {}
    assert red.call("listVirtualMachines", networkid=network) == {}
    assert red.call("listNics", virtualmachineid=machine["id"]) == {}
    # The id of a machine is not that of a network.
    assert is_unknown(red, "listNetworks", "id", machine["id"])


def test_other_calls_say_that_there_is_no_such_entity(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    red.job("deleteNetwork", id=network)
    for command in ("deleteNetwork", "updateNetwork", "restartNetwork"):
        assert is_unknown(red, command, "id", network)
    assert is_unknown(red, "deployVirtualMachine", "networkids", network, **cloud.machine_arguments())
    assert is_unknown(red, "listNetworks", "id", "00000000-0000-4000-8000-00000000dead")


def test_of_several_ids_those_that_are_left_are_listed(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    one, two = (cloud.machine(red, name, networkids=network)["id"] for name in ("one", "two"))
    red.job("destroyVirtualMachine", id=one)
    shown = red.call("listVirtualMachines", ids=f"{one},{two}")["virtualmachine"]
    assert [each["id"] for each in shown] == [two]
    assert red.call("listVirtualMachines", ids=one) == {}


def test_others_are_not_told_that_it_was(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    red.job("deleteNetwork", id=network)
    assert is_unknown(cloud.account("blue"), "listNetworks", "id", network)
    assert cloud.admin.call("listNetworks", id=network) == {}


def test_what_an_account_had_is_gone_with_it(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    account = cloud.admin.ids("listAccounts", listall="true")["red"]
    cloud.admin.job("deleteAccount", id=account)
    assert cloud.admin.call("listNetworks", id=network) == cloud.admin.call("listAccounts", id=account) == {}


def test_the_newest_are_kept(cloud: Cloud, red: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tombstones, "KEPT", 3)
    gone = [cloud.network(red, f"net{index}")["id"] for index in range(5)]
    for network in gone:
        red.job("deleteNetwork", id=network)
    assert {each.id for each in cloud.snapshot.all(Tombstone)} == set(gone[2:])
    # A call that deletes more than are kept leaves as many.
    network = cloud.network(red, "net")["id"]
    for name in ("a", "b", "c"):
        cloud.machine(red, name, networkids=network)
    account = cloud.admin.ids("listAccounts", listall="true")["red"]
    cloud.admin.job("deleteAccount", id=account)
    assert cloud.snapshot.count(Tombstone) == 3
    assert cloud.admin.call("listAccounts", id=account) == {}


def test_an_address_is_taken_and_given_back_again_and_again(
    cloud: Cloud, red: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_range(cloud)
    monkeypatch.setattr(tombstones, "KEPT", 2)
    network = cloud.network(red, "net")["id"]
    # The first one is for source NAT.
    red.job("associateIpAddress", networkid=network)
    given = set()
    for _ in range(4):
        address = red.job("associateIpAddress", networkid=network)["ipaddress"]["id"]
        red.job("disassociateIpAddress", id=address)
        assert red.call("listPublicIpAddresses", id=address) == {}
        given.add(address)
    assert len(given) == 1
    assert {each.id for each in cloud.snapshot.all(Tombstone)} == given
