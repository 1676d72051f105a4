"""What machines are told: names and name servers, and what they read of themselves."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.intent.model import Machine, Network
from sdn_orch.northbound import machine_data
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.extension.payload import NameFields, VmFile

#: What stands in a password's place when the machine has it.
_TAKEN = "saved_password"
_HOST = "hypervisor-host-name"


def set_names(cloud: Cloud, network: Network, said: NameFields, *, answers: bool | None = None) -> None:
    """The network's name servers and domain, where they are told; whether its gateway answers DNS."""
    servers = [each.strip() for each in f"{said.dns},{said.dns6}".split(",")]
    wanted = replace(
        network,
        dns=tuple(dict.fromkeys(filter(None, servers))) or network.dns,
        domain_name=said.domain or network.domain_name,
        answers_names=network.answers_names if answers is None else answers,
    )
    if wanted != network:
        cloud.put(wanted)


def set_files(cloud: Cloud, machine: Machine, files: list[VmFile]) -> None:
    """What the machine reads of itself, all of it; a password that is not told stays."""
    told: dict[str, str] = {}
    keys: list[str] = []
    user_data = ""
    for each in files:
        match each.dir.replace("-", "").lower():
            case "userdata":
                user_data = each.content
            case "password":
                if each.content and each.content != _TAKEN:
                    set_password(cloud, machine, each.content)
            case _ if each.file.startswith("public-keys"):
                keys += filter(None, (line.strip() for line in each.content.splitlines()))
            case _:
                told[each.file] = each.content
    set_user_data(cloud, machine, user_data)
    set_keys(cloud, machine, keys)
    machine_data.set_told(cloud.transaction, machine, told)


def set_password(cloud: Cloud, machine: Machine, password: str) -> None:
    """The machine gets it when it next asks."""
    if password:
        machine_data.set_password(cloud.transaction, machine, password)


def set_user_data(cloud: Cloud, machine: Machine, user_data: str) -> None:
    """The machine reads these user data."""
    machine_data.set_user_data(cloud.transaction, machine, user_data.encode())


def set_keys(cloud: Cloud, machine: Machine, keys: list[str]) -> None:
    """The machine lets in who has one of these keys."""
    machine_data.set_public_keys(cloud.transaction, machine, tuple(dict.fromkeys(keys)))


def set_host(cloud: Cloud, machine: Machine, host: str) -> None:
    """The machine reads where it runs."""
    if host:
        told = dict(machine_data.data_of(cloud.snapshot, machine).told)
        machine_data.set_told(cloud.transaction, machine, told | {_HOST: host})
