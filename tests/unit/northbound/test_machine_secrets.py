"""User data and passwords of machines: sealed in the store, shown to their owner, in no list and no log."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import pytest

from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Machine
from sdn_orch.intent.snapshot import Change
from sdn_orch.northbound import machine_data
from sdn_orch.northbound.cloudstack.model_guests import KeyPair, RegisteredUserData
from sdn_orch.store.base import Commit
from sdn_orch.store.codec import encode, kinds
from sdn_orch.store.memory import MemoryStore
from tests.cloudstack import Client, Cloud, Refused

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFeRzdGJzGqXg5oU3R0bJ5mYQzKp3u9rUoUx0p0i7P8K red@desk"
SECRET = b"#cloud-config\npassword: hunter2\n\xff"
ENCODED = b64encode(SECRET).decode()


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
    for wrong in ("a", "$$$$", "äöüß", b64encode(bytes(32_769)).decode()):
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


class FullDisk(MemoryStore):
    """Takes no more commits once it is `full`."""

    full = False

    def commit(self, changes: Sequence[Change], expected: int) -> Commit:
        if self.full:
            raise OSError("no space left on device")
        return super().commit(changes, expected)


def test_what_fails_tells_the_log_what_failed_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    store = FullDisk()
    cloud = Cloud(store)
    red = cloud.account("red")
    network = str(cloud.network(red, "net")["id"])
    machine = cloud.machine(red, "vm1", networkids=network, userdata=ENCODED)
    red.job("stopVirtualMachine", id=machine["id"])
    store.full = True
    for command, secret in (
        ("resetPasswordForVirtualMachine", {"password": "mine-4-now"}),
        ("updateVirtualMachine", {"userdata": ENCODED}),
    ):
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            answer = red.answer(command, id=machine["id"], **secret)
        assert answer.status == 530 and f"{command} failed" in caplog.text
        assert "no space left on device" in caplog.text
        for each in (*secret.values(), red.keys.secret_key, "hunter2"):
            assert each not in caplog.text and each not in answer.body.decode()


def test_a_password_is_shown_once_and_only_by_its_job(
    cloud: Cloud, red: Client, machine: dict[str, Any]
) -> None:
    id = machine["id"]
    red.job("stopVirtualMachine", id=id)
    result = red.job("resetPasswordForVirtualMachine", id=id)["virtualmachine"]
    password = result["password"]
    assert len(password) == 16 and result["id"] == id
    assert opened(cloud, id, "password").decode() == password
    assert password not in everything(cloud)
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


def test_registered_user_data_are_named_and_never_listed(
    cloud: Cloud, red: Client, machine: dict[str, Any]
) -> None:
    made = red.call("registerUserData", name="web", userdata=ENCODED)["userdata"]
    assert (made["name"], made["account"]) == ("web", "red")
    assert red.call("listUserData")["userdata"] == [made] and "userdata" not in made
    red.call("updateVirtualMachine", id=machine["id"], userdata="aGk=")
    red.call("updateVirtualMachine", id=machine["id"], userdataid=made["id"])
    assert opened(cloud, machine["id"], "user_data") == SECRET
    assert ENCODED not in everything(cloud)
    with pytest.raises(Refused, match="already exists"):
        red.call("registerUserData", name="web", userdata="aGk=")
    with pytest.raises(Refused, match="please provide only one"):
        red.call("updateVirtualMachine", id=machine["id"], userdataid=made["id"], userdata="aGk=")
    with pytest.raises(Refused):
        cloud.account("blue").call("deleteUserData", id=made["id"])
    red.call("deleteUserData", id=made["id"])
    assert red.call("listUserData") == {}
    assert opened(cloud, machine["id"], "user_data") == SECRET


def test_machines_are_given_the_public_keys_of_their_owner(
    cloud: Cloud, red: Client, machine: dict[str, Any]
) -> None:
    kept = red.call("registerSSHKeyPair", name="desk", publickey=f"{KEY}\n")["keypair"]
    assert len(kept["fingerprint"]) == 47
    made = red.call("createSSHKeyPair", name="made")["keypair"]
    assert made["privatekey"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert made["privatekey"][40:80] not in everything(cloud)
    listed = red.call("listSSHKeyPairs")["sshkeypair"]
    assert [pair["name"] for pair in listed] == ["desk", "made"] and "privatekey" not in listed[1]
    network = machine["nic"][0]["networkid"]
    two = cloud.machine(red, "vm2", networkids=network, keypairs="desk,made", keypair="desk")
    keys = cloud.snapshot.need(MachineData, two["id"]).public_keys
    assert keys[0] == KEY and keys[1].startswith("ssh-rsa ") and len(keys) == 2
    red.job("stopVirtualMachine", id=two["id"])
    red.job("resetSSHKeyForVirtualMachine", id=two["id"], keypair="desk")
    red.call("deleteSSHKeyPair", name="desk")
    assert cloud.snapshot.need(MachineData, two["id"]).public_keys == (KEY,)
    job = red.failed_or_done("resetSSHKeyForVirtualMachine", id=two["id"], keypair="desk")
    assert "does not exist" in job["jobresult"]["errortext"]
    assert cloud.account("blue").call("listSSHKeyPairs") == {}


@pytest.mark.parametrize(
    "wrong",
    ["x", "ssh-rsa x", "ssh-rsa ä", "ä AAAA", "ssh-rsa AAAA", KEY.replace("ssh-ed25519", "ssh-rsa", 1)],
)
def test_what_is_no_public_key_is_refused(red: Client, wrong: str) -> None:
    with pytest.raises(Refused, match="Public key is invalid"):
        red.call("registerSSHKeyPair", name="desk", publickey=wrong)


def test_a_key_is_kept_once(red: Client) -> None:
    red.call("registerSSHKeyPair", name="desk", publickey=KEY)
    for name, key in (("desk", KEY), ("other", KEY)):
        with pytest.raises(Refused, match="already has this name or this key"):
            red.call("registerSSHKeyPair", name=name, publickey=key)


def test_what_an_account_keeps_goes_with_it(cloud: Cloud, red: Client) -> None:
    red.call("registerSSHKeyPair", name="desk", publickey=KEY)
    red.call("registerUserData", name="web", userdata=ENCODED)
    (account,) = cloud.admin.call("listAccounts", name="red", listall="true")["account"]
    cloud.admin.job("deleteAccount", id=account["id"])
    assert not cloud.snapshot.count(KeyPair) and not cloud.snapshot.count(RegisteredUserData)
