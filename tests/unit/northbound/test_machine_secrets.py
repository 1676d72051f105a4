"""User data and passwords of machines: sealed in the store, shown to their owner, in no list and no log."""

from __future__ import annotations

import logging
from base64 import b64encode
from typing import Any

import pytest

from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Machine
from sdn_orch.northbound import machine_data
from sdn_orch.store.codec import encode, kinds
from tests.cloudstack import Client, Cloud, Refused

SECRET = b"#cloud-config\npassword: hunter2\n\xff"
ENCODED = b64encode(SECRET).decode()


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def red(cloud: Cloud) -> Client:
    return cloud.account("red")


@pytest.fixture
def machine(cloud: Cloud, red: Client) -> Any:
    network = str(cloud.network(red, "net")["id"])
    return cloud.machine(red, "vm1", networkids=network, userdata=ENCODED)


def opened(cloud: Cloud, id: str, field: str) -> bytes:
    """What the machine would be told."""
    data = machine_data.data_of(cloud.snapshot, cloud.snapshot.need(Machine, id))
    sealed = getattr(data, field)
    return cloud.service.vault.unseal(id, field, sealed) if sealed else b""


def everything(cloud: Cloud) -> str:
    """All that the store holds, as text."""
    records = [record for kind in kinds().values() for record in cloud.snapshot.all(kind)]
    return "".join(encode(record) + repr(record) for record in records)


def test_user_data_are_sealed_and_shown_to_the_owner_alone(
    cloud: Cloud, red: Client, machine: dict[str, Any]
) -> None:
    id = machine["id"]
    assert machine_data.has_secrets(cloud.snapshot)
    assert opened(cloud, id, "user_data") == SECRET
    shown = red.call("getVirtualMachineUserData", virtualmachineid=id)["virtualmachineuserdata"]
    assert shown == {"virtualmachineid": id, "userdata": ENCODED}
    assert "userdata" not in machine
    assert ENCODED not in everything(cloud) and "hunter2" not in everything(cloud)
    assert ENCODED not in str(red.call("listVirtualMachines"))
    with pytest.raises(Refused):
        cloud.account("blue").call("getVirtualMachineUserData", virtualmachineid=id)


def test_what_the_machine_reads_of_its_place(cloud: Cloud, machine: dict[str, Any]) -> None:
    data = cloud.snapshot.need(MachineData, machine["id"])
    assert (data.service_offering, data.availability_zone, data.cloud) == (
        machine["serviceofferingname"],
        machine["zonename"],
        machine["zoneid"],
    )


@pytest.mark.parametrize(
    ("given", "data"),
    [("aGk=", b"hi"), ("aGk", b"hi"), ("aG\r\nk=", b"hi"), ("_-8=", b"\xff\xef"), ("/+8=", b"\xff\xef")],
)
def test_base64_as_clients_write_it(
    cloud: Cloud, red: Client, machine: dict[str, Any], given: str, data: bytes
) -> None:
    red.call("updateVirtualMachine", id=machine["id"], userdata=given)
    assert opened(cloud, machine["id"], "user_data") == data


def test_what_is_no_base64_or_too_long_is_refused(cloud: Cloud, red: Client, machine: dict[str, Any]) -> None:
    for wrong in ("a", "$$$$", b64encode(bytes(32_769)).decode()):
        with pytest.raises(Refused, match="User data is"):
            red.call("updateVirtualMachine", id=machine["id"], userdata=wrong)
    assert opened(cloud, machine["id"], "user_data") == SECRET
    red.call("updateVirtualMachine", id=machine["id"], userdata=b64encode(bytes(32_768)).decode())


def test_user_data_are_reset_while_the_machine_is_stopped(
    cloud: Cloud, red: Client, machine: dict[str, Any]
) -> None:
    id = machine["id"]
    with pytest.raises(Refused, match="should be in Stopped state"):
        red.call("resetUserDataForVirtualMachine", id=id, userdata="aGk=")
    red.job("stopVirtualMachine", id=id)
    red.call("resetUserDataForVirtualMachine", id=id, userdata="aGk=")
    assert opened(cloud, id, "user_data") == b"hi"
    red.call("resetUserDataForVirtualMachine", id=id)
    assert opened(cloud, id, "user_data") == b""


def test_a_password_is_shown_once_and_only_by_its_job(
    cloud: Cloud, red: Client, machine: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    id = machine["id"]
    red.job("stopVirtualMachine", id=id)
    with caplog.at_level(logging.DEBUG):
        result = red.job("resetPasswordForVirtualMachine", id=id)["virtualmachine"]
    password = result["password"]
    assert len(password) == 16 and result["id"] == id
    assert opened(cloud, id, "password").decode() == password
    assert password not in everything(cloud) + caplog.text
    for command in ("listAsyncJobs", "listVirtualMachines", "listEvents"):
        assert password not in str(red.call(command)), command
    chosen = red.job("resetPasswordForVirtualMachine", id=id, password="mine-4-now")
    assert chosen["virtualmachine"]["password"] == "mine-4-now"
    cloud.service.write(lambda transaction: machine_data.forget_password(transaction, id))
    assert opened(cloud, id, "password") == b""


def test_a_password_is_not_reset_while_the_machine_runs_or_one_that_guests_cannot_read(
    red: Client, machine: dict[str, Any]
) -> None:
    job = red.failed_or_done("resetPasswordForVirtualMachine", id=machine["id"])
    assert "should be in Stopped state for password reset" in job["jobresult"]["errortext"]
    red.job("stopVirtualMachine", id=machine["id"])
    job = red.failed_or_done("resetPasswordForVirtualMachine", id=machine["id"], password="pässword")
    assert "printable ASCII" in job["jobresult"]["errortext"]


def test_secrets_go_with_their_machine(cloud: Cloud, red: Client, machine: dict[str, Any]) -> None:
    red.job("destroyVirtualMachine", id=machine["id"], expunge=True)
    assert list(cloud.snapshot.all(MachineData)) == []
    assert not machine_data.has_secrets(cloud.snapshot)
