"""Networks that their owners share with other accounts and with projects of their domain."""

from __future__ import annotations

import pytest

from sdn_orch.northbound.cloudstack.model_sharing import NetworkPermission
from tests.cloudstack import L2, Client, Cloud
from tests.unit.northbound.test_addresses import refused


@pytest.fixture
def network(cloud: Cloud, red: Client) -> str:
    return str(cloud.network(red, "net")["id"])


def account_id(cloud: Cloud, name: str) -> str:
    (account,) = cloud.admin.call("listAccounts", name=name, listall="true")["account"]
    return str(account["id"])


def test_who_is_let_sees_the_network_and_has_machines_in_it(
    cloud: Cloud, red: Client, blue: Client, network: str
) -> None:
    assert blue.call("listNetworks") == {}
    assert refused(blue, "deployVirtualMachine", **cloud.machine_arguments(), networkids=network)[0] == 531
    red.call("createNetworkPermissions", networkid=network, accounts="blue")
    red.call("createNetworkPermissions", networkid=network, accountids=account_id(cloud, "blue"))
    (seen,) = blue.call("listNetworks")["network"]
    assert (seen["id"], seen["account"]) == (network, "red")
    assert blue.call("listNetworks", id=network)["count"] == 1
    vm = cloud.machine(blue, "vm", networkids=network)
    assert vm["account"] == "blue"
    layer2 = cloud.network(red, "l2", L2)["id"]
    add = {"virtualmachineid": vm["id"], "networkid": layer2}
    assert refused(blue, "addNicToVirtualMachine", **add)[0] == 531
    red.call("createNetworkPermissions", networkid=layer2, accounts="blue")
    assert len(blue.job("addNicToVirtualMachine", **add)["virtualmachine"]["nic"]) == 2
    for command in ("updateNetwork", "deleteNetwork", "resetNetworkPermissions"):
        key = "networkid" if command == "resetNetworkPermissions" else "id"
        assert refused(blue, command, **{key: network})[0] == 531
    # As in CloudStack, machines that are there stay, and no other comes.
    red.call("removeNetworkPermissions", networkid=network, accounts="blue")
    assert blue.call("listVirtualMachines")["count"] == 1
    assert [each["name"] for each in blue.call("listNetworks")["network"]] == ["l2"]
    assert refused(blue, "deployVirtualMachine", **cloud.machine_arguments(), networkids=network)[0] == 531


def test_networks_are_listed_by_why_one_may_use_them(
    cloud: Cloud, red: Client, blue: Client, network: str
) -> None:
    red.call("createNetworkPermissions", networkid=network, accounts="blue")
    own, shared = cloud.network(blue, "own")["id"], cloud.shared()["id"]

    def listed(client: Client, **more: object) -> set[str]:
        answer = client.call("listNetworks", **more)
        return {each["id"] for each in answer.get("network", [])}

    assert listed(blue, networkfilter="account") == {own}
    assert listed(blue, networkfilter="domain") == {shared}
    assert listed(blue, networkfilter="AccountDomain") == {own, shared}
    assert listed(blue, networkfilter="shared") == {network}
    assert listed(blue, networkfilter="all") == listed(blue) == {own, shared, network}
    assert listed(cloud.admin, listall="true") == {own, shared, network}
    assert listed(cloud.admin, listall="true", networkfilter="domain") == {shared}
    assert refused(blue, "listNetworks", networkfilter="mine")[0] == 431


def test_a_project_is_let(cloud: Cloud, red: Client, blue: Client, network: str) -> None:
    project = blue.job("createProject", name="p", displaytext="p")["project"]["id"]
    foreign = refused(red, "createNetworkPermissions", networkid=network, projectids=project)
    assert foreign == (431, f"Account red can't access project id={project}")
    blue.job("addAccountToProject", projectid=project, account="red")
    red.call("createNetworkPermissions", networkid=network, projectids=project)
    (let,) = red.call("listNetworkPermissions", networkid=network)["networkpermission"]
    assert (let["networkid"], let["projectid"], let["project"]) == (network, project, "p")
    assert "account" not in let
    assert blue.call("listNetworks") == {}
    assert blue.call("listNetworks", projectid=project)["network"][0]["id"] == network
    assert cloud.machine(blue, "vm", networkids=network, projectid=project)["projectid"] == project
    assert refused(blue, "deployVirtualMachine", **cloud.machine_arguments(), networkids=network)[0] == 531


def test_permissions_go_with_what_they_are_about(
    cloud: Cloud, red: Client, blue: Client, network: str
) -> None:
    green = cloud.account("green")
    red.call("createNetworkPermissions", networkid=network, accounts="red,blue,green")
    listed = red.call("listNetworkPermissions", networkid=network)["networkpermission"]
    assert [each["account"] for each in listed] == ["blue", "green"]
    cloud.admin.job("deleteAccount", id=account_id(cloud, "green"))
    assert green.answer("listNetworks").status == 401
    assert red.call("listNetworkPermissions", networkid=network)["count"] == 1
    red.call("resetNetworkPermissions", networkid=network)
    assert red.call("listNetworkPermissions", networkid=network) == {}
    red.call("createNetworkPermissions", networkid=network, accounts="blue")
    red.job("deleteNetwork", id=network)
    assert cloud.snapshot.count(NetworkPermission) == 0


def test_what_cannot_be_shared_and_with_whom_not(
    cloud: Cloud, red: Client, blue: Client, network: str
) -> None:
    domain = cloud.admin.call("createDomain", name="far")["domain"]["id"]
    cloud.account("stranger", domainid=domain)
    far = account_id(cloud, "stranger")
    on = {"networkid": network}
    assert refused(red, "createNetworkPermissions", **on, accounts="stranger") == (
        431, "Unable to find account by name stranger"
    )  # fmt: skip
    root = cloud.admin.ids("listDomains", name="ROOT")["ROOT"]
    assert refused(red, "createNetworkPermissions", **on, accounts="blue", accountids=far) == (
        431, f"Unable to find account {far} in domain id={root}. No permissions is removed"
    )  # fmt: skip
    assert red.call("listNetworkPermissions", **on) == {}
    assert refused(blue, "createNetworkPermissions", **on, accounts="blue")[0] == 531
    assert refused(blue, "listNetworkPermissions", **on)[0] == 531
    tier = cloud.tier(red, cloud.vpc(red)["id"], "10.20.1.1")["id"]
    project = red.job("createProject", name="p", displaytext="p")["project"]["id"]
    of_project = cloud.network(red, "pnet", projectid=project)["id"]
    for wrong, text in (
        (cloud.shared()["id"], "network is already shared in domain"),
        (tier, "VPC tiers cannot be shared"),
        (
            of_project,
            "Update network permissions is an invalid operation on network pnet."
            " Project owned networks cannot be shared outside network.",
        ),
    ):
        assert refused(cloud.admin, "createNetworkPermissions", networkid=wrong, accounts="blue") == (
            431,
            text,
        )
