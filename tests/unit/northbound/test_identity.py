"""Changing and deleting users, accounts and domains."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.model import Account, Domain, Network
from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.northbound.cloudstack.model_tenancy import Project
from tests.cloudstack import Client, Cloud, Refused


def user_id(client: Client) -> str:
    return str(client.call("getUser", userapikey=client.keys.api_key)["user"]["id"])


def account_id(cloud: Cloud, name: str) -> str:
    return cloud.admin.ids("listAccounts", listall="true")[name]


def refused(client: Client, command: str, **arguments: object) -> Refused:
    with pytest.raises(Refused) as caught:
        client.call(command, **arguments)
    return caught.value


def failed(client: Client, command: str, **arguments: object) -> Any:
    job = client.failed_or_done(command, **arguments)
    assert job["jobstatus"] == 2
    return job["jobresult"]


def test_users_are_updated(cloud: Cloud, red: Client) -> None:
    user = user_id(red)
    given = {"firstname": "Rosa", "lastname": "Rot", "email": "rosa@example.org", "timezone": "UTC"}
    assert red.call("updateUser", id=user, **given)["user"].items() >= given.items()
    text = "To set a new password the current password must be provided."
    assert refused(red, "updateUser", id=user, password="new").text == text
    assert refused(red, "updateUser", id=user, password="new", currentpassword="wrong").status == 531
    red.call("updateUser", id=user, password="new", currentpassword="secret")
    assert refused(red, "updateUser", id=user, userapikey="only").status == 431
    blue = cloud.account("blue")
    assert refused(red, "updateUser", id=user_id(blue), firstname="x").status == 531
    assert "already exists in domain" in refused(red, "updateUser", id=user, username="blue").text
    taken = {"userapikey": blue.keys.api_key, "usersecretkey": "s" * 40}
    assert "that of another user" in refused(red, "updateUser", id=user, **taken).text
    assert red.call("updateUser", id=user, username="rosa")["user"]["username"] == "rosa"


def test_users_of_one_account_do_not_change_each_other(cloud: Cloud, red: Client) -> None:
    person = {"password": "p", "email": "e", "firstname": "f", "lastname": "l"}
    other = cloud.admin.call("createUser", account="red", username="second", **person)["user"]["id"]
    assert refused(red, "updateUser", id=other, password="mine").status == 531


@pytest.mark.parametrize("state", ["disabled", "locked"])
def test_a_user_that_is_not_enabled_calls_no_more(cloud: Cloud, red: Client, state: str) -> None:
    user = user_id(red)
    if state == "disabled":
        assert cloud.admin.job("disableUser", id=user)["user"]["state"] == state
    else:
        assert cloud.admin.call("lockUser", id=user)["user"]["state"] == state
    assert refused(red, "listNetworks").status == 401
    listed = cloud.admin.call("listUsers", state=state, listall="true")["user"]
    assert [each["username"] for each in listed] == ["red"]
    cloud.admin.call("enableUser", id=user)
    assert red.call("listNetworks") == {}


def test_users_are_deleted(cloud: Cloud, red: Client) -> None:
    user = user_id(red)
    network = cloud.network(red, "net")["id"]
    assert refused(cloud.admin, "deleteUser", id=user_id(cloud.admin)).status == 531
    cloud.admin.call("deleteUser", id=user)
    assert cloud.snapshot.get(User, user) is None
    assert cloud.snapshot.get(Network, network) is not None
    assert refused(red, "listNetworks").status == 401


@pytest.mark.parametrize(
    ("lock", "state", "machine"), [("false", "disabled", "Stopped"), ("true", "locked", "Running")]
)
def test_accounts_are_disabled(cloud: Cloud, red: Client, lock: str, state: str, machine: str) -> None:
    network = cloud.network(red, "net")["id"]
    cloud.machine(red, "vm", networkids=network)
    account = account_id(cloud, "red")
    assert cloud.admin.job("disableAccount", id=account, lock=lock)["account"]["state"] == state
    assert refused(red, "listNetworks").status == 401
    (shown,) = cloud.admin.call("listVirtualMachines", listall="true")["virtualmachine"]
    assert shown["state"] == machine
    assert cloud.admin.call("listAccounts", state=state, listall="true")["count"] == 1
    assert cloud.admin.call("enableAccount", account="red")["account"]["state"] == "enabled"
    assert red.call("listNetworks")["count"] == 1


def test_accounts_are_locked_by_name(cloud: Cloud, red: Client) -> None:
    root = cloud.admin.call("listDomains", level=0)["domain"][0]["id"]
    assert cloud.admin.call("lockAccount", account="red", domainid=root)["account"]["state"] == "locked"
    assert refused(red, "listNetworks").status == 401
    assert "missing parameter id" in refused(cloud.admin, "enableAccount").text


def test_nobody_locks_the_administrator_out(cloud: Cloud) -> None:
    admin = account_id(cloud, "admin")
    assert failed(cloud.admin, "disableAccount", id=admin, lock="false")["errorcode"] == 531
    assert failed(cloud.admin, "disableUser", id=user_id(cloud.admin))["errorcode"] == 531
    second = cloud.account("second", accounttype=1)
    assert failed(second, "disableAccount", id=admin, lock="false")["errorcode"] == 531
    assert failed(second, "disableUser", id=user_id(cloud.admin))["errorcode"] == 531
    assert cloud.admin.call("listZones")["count"] == 1


def test_accounts_are_updated(cloud: Cloud, red: Client) -> None:
    account = account_id(cloud, "red")
    given = {"newname": "rouge", "networkdomain": "red.example"}
    shown = cloud.admin.call("updateAccount", id=account, **given)["account"]
    assert (shown["name"], shown["networkdomain"]) == ("rouge", "red.example")
    assert cloud.network(red, "net")["networkdomain"] == "red.example"
    cloud.account("blue")
    assert "already exists" in refused(cloud.admin, "updateAccount", account="blue", newname="rouge").text


def test_roles_are_listed_and_given(cloud: Cloud) -> None:
    roles = cloud.admin.ids("listRoles")
    assert roles.keys() == {"Root Admin", "Domain Admin", "User"}
    head = cloud.account("head", roleid=roles["Domain Admin"])
    (shown,) = head.call("listAccounts")["account"]
    assert (shown["rolename"], shown["accounttype"]) == ("Domain Admin", 2)
    with pytest.raises(Refused) as caught:
        cloud.account("x", roleid=roles["User"], accounttype=1)
    assert "not that of role" in caught.value.text
    with pytest.raises(Refused):
        cloud.account("x", roleid="nowhere")


def test_domains_are_listed_from_above(cloud: Cloud) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    west = cloud.admin.call("createDomain", name="west", parentdomainid=sales)["domain"]["id"]
    north = cloud.admin.call("createDomain", name="north", parentdomainid=west)["domain"]["id"]
    assert cloud.admin.ids("listDomainChildren") == {"sales": sales}
    assert cloud.admin.ids("listDomainChildren", id=sales) == {"west": west}
    below = cloud.admin.ids("listDomainChildren", id=sales, isrecursive="true")
    assert below == {"west": west, "north": north}
    head = cloud.account("head", domainid=west, accounttype=2)
    assert head.ids("listDomainChildren") == {"north": north}
    assert refused(head, "listDomainChildren", id=sales).status == 531


def test_a_renamed_domain_takes_along_those_below(cloud: Cloud) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    west = cloud.admin.call("createDomain", name="west", parentdomainid=sales)["domain"]["id"]
    seller = cloud.account("seller", domainid=west)
    shown = cloud.admin.call("updateDomain", id=sales, name="trade", networkdomain="t.example")["domain"]
    assert (shown["path"], shown["networkdomain"]) == ("ROOT/trade", "t.example")
    assert cloud.network(seller, "net")["domainpath"] == "ROOT/trade/west"
    cloud.admin.call("createDomain", name="other")
    for name in ("other", "a/b"):
        assert refused(cloud.admin, "updateDomain", id=sales, name=name).status == 431
    root = cloud.snapshot.where(Domain, "path", "/")[0].id
    assert "ROOT domain" in refused(cloud.admin, "updateDomain", id=root, name="x").text


def test_domains_are_deleted_empty_or_with_all_in_them(cloud: Cloud) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    west = cloud.admin.call("createDomain", name="west", parentdomainid=sales)["domain"]["id"]
    seller = cloud.account("seller", domainid=west)
    project = seller.job("createProject", name="p", displaytext="p")["project"]["id"]
    network = cloud.network(seller, "net", projectid=project)["id"]
    cloud.machine(seller, "vm", networkids=network, projectid=project)
    cloud.network(seller, "own")
    head = cloud.account("head", domainid=sales, accounttype=2)
    assert failed(head, "deleteDomain", id=sales, cleanup="true")["errorcode"] == 531
    assert failed(cloud.admin, "deleteDomain", id=sales)["errorcode"] == 536
    assert failed(cloud.admin, "deleteDomain", id=west)["errorcode"] == 536
    cloud.admin.job("deleteDomain", id=sales, cleanup="true")
    assert [domain.name for domain in cloud.snapshot.all(Domain)] == ["ROOT"]
    assert [account.name for account in cloud.snapshot.all(Account)] == ["admin"]
    assert cloud.snapshot.count(Network) == cloud.snapshot.count(Project) == 0
    empty = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    cloud.admin.job("deleteDomain", id=empty)
    root = cloud.snapshot.where(Domain, "path", "/")[0].id
    assert failed(cloud.admin, "deleteDomain", id=root, cleanup="true")["errorcode"] == 531
