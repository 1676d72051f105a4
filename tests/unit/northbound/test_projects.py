"""Projects: what belongs to them, who may act in them, where lists show it, and their end."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.model import Account, Network, Role
from sdn_orch.northbound.cloudstack.bootstrap import Credentials
from sdn_orch.northbound.cloudstack.model_tenancy import Project, ProjectMember
from tests.cloudstack import ISOLATED, Client, Cloud, Refused


def create(client: Client, name: str = "web", **more: object) -> Any:
    return client.job("createProject", name=name, displaytext=f"project {name}", **more)["project"]


def ids(client: Client, command: str = "listNetworks", **arguments: object) -> set[str]:
    return set(client.ids(command, **arguments).values())


def refused(client: Client, command: str, **arguments: object) -> Refused:
    with pytest.raises(Refused) as caught:
        client.call(command, **arguments)
    return caught.value


def test_a_project_is_shown_to_its_members(cloud: Cloud, red: Client, blue: Client) -> None:
    project = create(red)
    expected = {
        "name": "web",
        "displaytext": "project web",
        "state": "Active",
        "domain": "ROOT",
        "projectaccountname": "PrjAcct-web-1",
        "owner": [{"account": "red"}],
        "tags": [],
    }
    assert project.items() >= expected.items()
    assert ids(red, "listProjects") == ids(red, "listProjects", listall="true") == {project["id"]}
    assert blue.call("listProjects", listall="true") == {}
    assert refused(blue, "listProjects", id=project["id"]).status == 531
    assert cloud.admin.call("listProjects") == {}
    assert ids(cloud.admin, "listProjects", listall="true") == {project["id"]}
    assert red.call("listProjects", state="suspended") == {}


def test_what_is_created_in_a_project_belongs_to_it(cloud: Cloud, red: Client) -> None:
    project = create(red)["id"]
    network = cloud.network(red, "shared by all", projectid=project)
    assert (network["projectid"], network["project"]) == (project, "web")
    assert "account" not in network
    vpc = cloud.vpc(red, projectid=project)
    tier = cloud.tier(red, vpc["id"], "10.20.1.1")
    machine = cloud.machine(red, "vm", networkids=network["id"], projectid=project)
    assert vpc["projectid"] == tier["projectid"] == machine["projectid"] == project
    assert "account" not in machine


def test_lists_show_what_projects_own_only_when_asked(cloud: Cloud, red: Client) -> None:
    project = create(red)["id"]
    own = cloud.network(red, "own")["id"]
    shared = cloud.network(red, "shared", projectid=project)["id"]
    assert ids(red) == ids(red, listall="true") == {own}
    assert ids(red, projectid=project) == ids(red, projectid="-1") == ids(red, id=shared) == {shared}
    assert ids(red, projectid="-1", listall="true") == {own, shared}
    admin = cloud.admin
    assert ids(admin, listall="true") == {own}
    assert ids(admin, projectid=project) == ids(admin, projectid="-1") == ids(admin, id=shared) == {shared}
    assert ids(admin, projectid="-1", listall="true") == {own, shared}
    text = "Account and projectId can't be specified together"
    assert refused(red, "listNetworks", projectid=project, account="red").text == text
    assert refused(red, "createVPC", projectid=project, account="red", name="v", cidr="10.0.0.0/16",
                   vpcofferingid=cloud.vpc_offering, zoneid=cloud.zone).text == text  # fmt: skip


def test_only_members_act(cloud: Cloud, red: Client, blue: Client) -> None:
    project = create(red)["id"]
    network = cloud.network(red, "net", projectid=project)["id"]
    offering = cloud.offerings[ISOLATED]
    named = {"projectid": project, "name": "x", "zoneid": cloud.zone, "networkofferingid": offering}
    for command in ("createNetwork", "listNetworks"):
        assert refused(blue, command, **named).status == 531
    assert refused(blue, "listNetworks", id=network).status == 531
    assert ids(blue, projectid="-1") == ids(blue, projectid="-1", listall="true") == set()
    red.job("addAccountToProject", projectid=project, account="blue")
    assert ids(blue, projectid=project) == {network}
    machine = cloud.machine(blue, "vm", networkids=network, projectid=project)["id"]
    red.job("stopVirtualMachine", id=machine)
    # A regular member does not change the project itself.
    for command, given in (
        ("updateProject", {"id": project, "displaytext": "mine"}),
        ("deleteProject", {"id": project, "cleanup": "true"}),
        ("suspendProject", {"id": project}),
        ("addAccountToProject", {"projectid": project, "account": "admin"}),
        ("deleteAccountFromProject", {"projectid": project, "account": "red"}),
    ):
        job = blue.failed_or_done(command, **given)
        assert job["jobresult"]["errorcode"] == 531, command
    red.job("deleteAccountFromProject", projectid=project, account="blue")
    assert refused(blue, "startVirtualMachine", id=machine).status == 531
    assert refused(blue, "listNetworks", projectid=project).status == 531


def test_only_the_named_user_of_an_account_acts(cloud: Cloud, red: Client) -> None:
    domain = cloud.admin.call("listDomains")["domain"][0]["id"]
    person = {"password": "p", "email": "e", "firstname": "f", "lastname": "l"}
    other = cloud.admin.call("createUser", account="red", domainid=domain, username="second", **person)[
        "user"
    ]
    project = create(cloud.admin, account="red", domainid=domain, userid=other["id"])["id"]
    assert refused(red, "listNetworks", projectid=project).status == 531
    keys = cloud.admin.call("registerUserKeys", id=other["id"])["userkeys"]
    second = Client(cloud.admin.door, Credentials(keys["apikey"], keys["secretkey"]))
    cloud.network(second, "net", projectid=project)


def test_members(cloud: Cloud, red: Client, blue: Client) -> None:
    project = create(red)["id"]
    for _ in range(2):
        red.job("addAccountToProject", projectid=project, account="blue")
    shown = blue.call("listProjectAccounts", projectid=project)["projectaccount"]
    assert [(each["account"], each["role"]) for each in shown] == [("red", "Admin"), ("blue", "Regular")]
    assert [user["username"] for user in shown[1]["user"]] == ["blue"]
    assert red.call("listProjectAccounts", projectid=project, role="admin")["count"] == 1
    job = red.failed_or_done("deleteAccountFromProject", projectid=project, account="red")
    assert "the account is the owner of the project" in job["jobresult"]["errortext"]
    job = red.failed_or_done("addAccountToProject", projectid=project, account="nobody")
    assert "Unable to find account name=nobody" in job["jobresult"]["errortext"]
    job = red.failed_or_done("updateProject", id=project, account="nobody")
    assert "doesn't belong to the project" in job["jobresult"]["errortext"]
    assert red.job("updateProject", id=project, account="blue")["project"]["owner"] == [{"account": "blue"}]
    assert red.failed_or_done("updateProject", id=project, displaytext="x")["jobresult"]["errorcode"] == 531
    blue.job("updateProject", id=project, account="red", roletype="Admin")
    assert len(red.job("updateProject", id=project, displaytext="x")["project"]["owner"]) == 2


def test_names_are_unique_in_a_domain(cloud: Cloud, red: Client, blue: Client) -> None:
    create(red)
    domain = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    cloud.account("seller", domainid=domain)
    create(cloud.admin, account="seller", domainid=domain)
    assert (
        "Project with name web already exists"
        in refused(blue, "createProject", name="web", displaytext="x").text
    )
    assert create(blue, "other")["name"] == "other"
    job = red.failed_or_done("updateProject", id=next(iter(ids(red, "listProjects"))), name="other")
    assert "already exists" in job["jobresult"]["errortext"]


def test_a_domain_administrator_sees_the_projects_of_his_tree(cloud: Cloud, red: Client) -> None:
    domain = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    head = cloud.account("head", domainid=domain, accounttype=2)
    seller = cloud.account("seller", domainid=domain)
    above, below = create(red)["id"], create(seller)["id"]
    network = cloud.network(seller, "net", projectid=below)["id"]
    assert ids(head, "listProjects", listall="true") == {below}
    assert ids(head, projectid="-1") == ids(head, projectid=below) == {network}
    assert refused(head, "listNetworks", projectid=above).status == 531
    assert head.job("updateProject", id=below, displaytext="mine")["project"]["displaytext"] == "mine"


def test_nothing_is_created_in_a_suspended_project(cloud: Cloud, red: Client) -> None:
    project = create(red)["id"]
    network = cloud.network(red, "net", projectid=project)["id"]
    machine = cloud.machine(red, "vm", networkids=network, projectid=project)["id"]
    assert red.job("suspendProject", id=project)["project"]["state"] == "Suspended"
    (shown,) = red.call("listVirtualMachines", id=machine)["virtualmachine"]
    assert shown["state"] == "Stopped"
    with pytest.raises(Refused) as caught:
        cloud.network(red, "other", projectid=project)
    assert (caught.value.status, "no longer active" in caught.value.text) == (531, True)
    assert red.job("activateProject", id=project)["project"]["state"] == "Active"
    cloud.network(red, "other", projectid=project)


def test_a_project_goes_with_all_that_it_owns(cloud: Cloud, red: Client) -> None:
    project = create(red)["id"]
    network = cloud.network(red, "net", projectid=project)["id"]
    cloud.machine(red, "vm", networkids=network, projectid=project)
    red.job("createTags", resourceids=project, resourcetype="project",
            **{"tags[0].key": "a", "tags[0].value": "b"})  # fmt: skip
    assert red.call("listProjects", **{"tags[0].key": "a", "tags[0].value": "b"})["count"] == 1
    job = red.failed_or_done("deleteProject", id=project)
    assert (job["jobresult"]["errorcode"], "1 machines" in job["jobresult"]["errortext"]) == (536, True)
    assert cloud.snapshot.count(Network) == 1
    red.job("deleteProject", id=project, cleanup="true")
    assert cloud.snapshot.count(Network) == cloud.snapshot.count(Project) == 0
    assert cloud.snapshot.count(ProjectMember) == 0
    assert not [each for each in cloud.snapshot.all(Account) if each.role is Role.PROJECT]


def test_accounts_of_projects_are_nobodys_business(cloud: Cloud, red: Client) -> None:
    create(red)
    names = {account["name"] for account in cloud.admin.call("listAccounts", listall="true")["account"]}
    assert names == {"admin", "red"}
    accounts = cloud.admin.ids("listAccounts", listall="true")
    job = cloud.admin.failed_or_done("deleteAccount", id=accounts["red"])
    assert "manages project(s) with ids" in job["jobresult"]["errortext"]
