"""Machines read their own metadata, user data and passwords, by curl and by cloud-init, on every fabric."""

from __future__ import annotations

import json
import random
import shlex
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fabrics import Placed

pytestmark = pytest.mark.mininet

GATEWAY, ANYWHERE = "10.1.1.1", "169.254.169.254"
#: Enough for several segments, and text that no encoding leaves as it is.
USER_DATA = b"#cloud-config\n" + random.Random(0).randbytes(5000)
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFeRzdGJzGqXg5oU3R0bJ5mYQzKp3u9rUoUx0p0i7P8K red@desk"
ROOT = Path(__file__).parents[2]
CLOUD_INIT = ROOT / ".venv/cloud-init"


def machine_of(placed: Placed, name: str) -> tuple[Any, dict[str, Any]]:
    """Its tenant's client, and the machine as CloudStack's API shows it."""
    tenant = next(one for one in placed.tenants if one.name == placed.machines[name].tenant)
    (machine,) = tenant.call.listVirtualMachines(name=name)["virtualmachine"]
    return tenant.call, machine


def curl(placed: Placed, name: str, url: str, *options: str) -> str:
    """What a machine reads, and the status; or of curl's error the number."""
    words = ["curl", "-s", "-m", "10", "-w", " %{http_code} %{exitcode}", *options, url]
    return str(placed.nodes()[name].cmd(shlex.join(words)))


@pytest.mark.parametrize("address", [GATEWAY, ANYWHERE])
def test_each_of_two_tenants_with_one_address_reads_its_own(placed: Placed, address: str) -> None:
    assert placed.machines["red1"].ipv4 == placed.machines["blue1"].ipv4
    for name in ("red1", "blue1"):
        _, machine = machine_of(placed, name)
        base = f"http://{address}/latest/meta-data/"
        assert curl(placed, name, f"{base}instance-id") == f"{machine['id']} 200 0"
        assert curl(placed, name, f"{base}local-hostname") == f"{name} 200 0"
        assert curl(placed, name, f"{base}local-ipv4") == f"{placed.machines[name].ipv4} 200 0"
        assert "service-offering" in curl(placed, name, base)
        assert curl(placed, name, f"http://{address}/latest/nothing") == " 404 0"


def test_the_address_that_all_clouds_have_is_answered_on_the_link_too(placed: Placed) -> None:
    _, machine = machine_of(placed, "red2")
    node = placed.node("red2")
    node.cmd(f"ip route add {ANYWHERE} dev {node.defaultIntf()}")
    try:
        read = curl(placed, "red2", f"http://{ANYWHERE}/latest/meta-data/vm-id")
        assert read == f"{machine['id']} 200 0"
        assert placed.gateway_mac("red-net") in node.cmd(f"ip neighbour show {ANYWHERE}")
    finally:
        node.cmd(f"ip route del {ANYWHERE} dev {node.defaultIntf()}")


def test_user_data_arrive_whole_and_only_where_they_belong(placed: Placed, tmp_path: Path) -> None:
    call, machine = machine_of(placed, "red1")
    call.updateVirtualMachine(id=machine["id"], userdata=b64encode(USER_DATA).decode())
    here = tmp_path / "user-data"
    assert curl(placed, "red1", f"http://{GATEWAY}/latest/user-data", "-o", str(here)) == " 200 0"
    assert here.read_bytes() == USER_DATA
    for other in ("red2", "blue1"):
        assert curl(placed, other, f"http://{GATEWAY}/latest/user-data") == " 200 0"


def test_user_data_arrive_over_a_link_that_loses_packets(placed: Placed, tmp_path: Path) -> None:
    call, machine = machine_of(placed, "red3")
    call.updateVirtualMachine(id=machine["id"], userdata=b64encode(USER_DATA * 4).decode())
    node, here = placed.node("red3"), tmp_path / "user-data"
    # What the guest sends is lost here, what it gets by its own filter.
    node.cmd(f"tc qdisc add dev {node.defaultIntf()} root netem loss 10%")
    try:
        read = curl(placed, "red3", f"http://{GATEWAY}/latest/user-data", "-m", "60", "-o", str(here))
        assert read == " 200 0"
        assert here.read_bytes() == USER_DATA * 4
    finally:
        node.cmd(f"tc qdisc del dev {node.defaultIntf()} root")


def test_nobody_without_a_nic_is_answered(placed: Placed) -> None:
    stranger = placed.strangers[0]
    node = placed.nodes()[stranger]
    interface = node.defaultIntf()
    node.cmd(f"ip address add 10.1.1.10/24 dev {interface}; ip route add default via {GATEWAY}")
    node.cmd(f"ip neighbour replace {GATEWAY} lladdr {placed.gateway_mac('red-net')} dev {interface}")
    try:
        for address in (GATEWAY, ANYWHERE):
            assert curl(placed, stranger, f"http://{address}/latest/user-data", "-m", "2") == " 000 28"
    finally:
        node.cmd(f"ip route flush dev {interface}; ip address flush dev {interface}; ip neighbour flush all")


def test_cloud_init_takes_everything_and_the_password_once(placed: Placed, tmp_path: Path) -> None:
    if not (CLOUD_INIT / "cloudinit").is_dir():
        pytest.skip("cloud-init is not there; ./dev test fetches it")
    call, machine = machine_of(placed, "blue1")
    id = machine["id"]
    call.updateVirtualMachine(id=id, userdata=b64encode(b"#!/bin/sh\ntrue\n").decode())
    call.stopVirtualMachine(id=id)
    call.registerSSHKeyPair(name="desk", publickey=PUBLIC_KEY)
    call.resetSSHKeyForVirtualMachine(id=id, keypair="desk")
    password = call.resetPasswordForVirtualMachine(id=id)["virtualmachine"]["password"]
    call.startVirtualMachine(id=id)
    placed.cloud.wait_realised([placed.machines["blue1"].nic_id])
    program = [str(ROOT / ".venv/bin/python"), str(ROOT / "tests/e2e/cloud_init.py"), str(tmp_path)]

    def run() -> Any:
        said = placed.node("blue1").cmd(f"PYTHONPATH={CLOUD_INIT} {shlex.join(program)} 2>{tmp_path}/log")
        assert said, (tmp_path / "log").read_text()
        return json.loads(said)

    told = run()
    assert told["found"] is True
    assert (told["instance_id"], told["hostname"], told["zone"]) == (id, "blue1", machine["zonename"])
    assert told["metadata"]["service-offering"] == machine["serviceofferingname"]
    assert told["metadata"]["public-keys"] == [PUBLIC_KEY]
    assert told["user_data"] == "#!/bin/sh\ntrue\n"
    assert told["password"] == password
    assert run()["password"] is None
    controller = placed.cloud.controller
    assert controller.store.with_name("secrets.key").stat().st_mode & 0o777 == 0o600
    written = b"".join(each.read_bytes() for each in controller.store.parent.glob("store.db*"))
    for secret in (password.encode(), USER_DATA[:186], call.secret.encode()):
        # User data come in base64.
        for said in (secret, b64encode(secret)):
            assert said not in controller.log.read_bytes() + written


def test_what_a_machine_is_told_outlives_the_controller(placed: Placed) -> None:
    call, machine = machine_of(placed, "red2")
    call.updateVirtualMachine(id=machine["id"], userdata=b64encode(b"to stay").decode())
    controller = placed.cloud.controller
    controller.stop()
    controller.start()
    placed.cloud.controller.wait(placed.cloud.in_sync, "the switches to be in sync again")
    assert curl(placed, "red2", f"http://{ANYWHERE}/latest/user-data") == "to stay 200 0"
