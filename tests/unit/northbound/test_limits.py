"""Limits of accounts, projects and domains, and the settings that they come from."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.model import Machine, Network
from sdn_orch.northbound.cloudstack.limits import RESOURCE_TYPES
from sdn_orch.northbound.cloudstack.model_tenancy import ResourceLimit
from tests.cloudstack import Client, Cloud, Refused

NETWORKS, VPCS, MACHINES, PROJECTS, CPUS, MEMORY = 6, 7, 0, 5, 8, 9


def limit(cloud: Cloud, type: int, most: int, **holder: object) -> Any:
    return cloud.admin.call("updateResourceLimit", resourcetype=type, max=most, **holder)["resourcelimit"]


def root(cloud: Cloud) -> str:
    return str(cloud.admin.call("listDomains", level=0)["domain"][0]["id"])


def set_to(cloud: Cloud, name: str, value: object) -> None:
    cloud.admin.call("updateConfiguration", name=name, value=value)


def test_nothing_is_limited_at_first(cloud: Cloud, red: Client) -> None:
    shown = red.call("listResourceLimits")["resourcelimit"]
    assert [each["resourcetype"] for each in shown] == [str(number) for number in range(12)]
    assert {each["max"] for each in shown} == {-1}
    (account,) = red.call("listAccounts")["account"]
    for each in RESOURCE_TYPES:
        assert account[f"{each.prefix}limit"] == account[f"{each.prefix}available"] == "Unlimited"


def test_an_account_creates_no_more_than_it_may(cloud: Cloud, red: Client) -> None:
    shown = limit(cloud, NETWORKS, 2, account="red", domainid=root(cloud))
    assert shown == {
        "account": "red",
        "domainid": root(cloud),
        "domain": "ROOT",
        "domainpath": "ROOT",
        "resourcetype": "6",
        "resourcetypename": "network",
        "max": 2,
    }
    networks = [cloud.network(red, name)["id"] for name in ("one", "two")]
    with pytest.raises(Refused) as caught:
        cloud.network(red, "three")
    assert (caught.value.status, caught.value.body["cserrorcode"]) == (532, 4370)
    assert caught.value.text == (
        f"Maximum amount of resources of Type = 'network' for Account Name = red in Domain Id = {root(cloud)}"
        " is exceeded: Account Resource Limit = 2, Current Account Resource Amount = 2, Requested Resource"
        " Amount = 1."
    )
    assert cloud.snapshot.count(Network) == 2
    (account,) = red.call("listAccounts")["account"]
    assert (account["networklimit"], account["networktotal"], account["networkavailable"]) == ("2", 2, "0")
    # Others are not concerned, changes are not, and what is given back can be had again.
    cloud.network(cloud.account("blue"), "net")
    red.job("updateNetwork", id=networks[0], name="other")
    red.job("deleteNetwork", id=networks[1])
    cloud.network(red, "three")
    limit(cloud, NETWORKS, -1, account="red", domainid=root(cloud))
    cloud.network(red, "four")


def test_every_type_is_counted(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    (account,) = red.call("listAccounts")["account"]
    before = {each.number: account.get(f"{each.prefix}total") for each in RESOURCE_TYPES}
    assert before == {
        number: 1 if number == NETWORKS else None if number == 11 else 0 for number in range(12)
    }

    def refused(type: int, most: int, command: str, **arguments: object) -> None:
        limit(cloud, type, most, account="red", domainid=root(cloud))
        with pytest.raises(Refused) as caught:
            red.call(command, **arguments)
        assert caught.value.status == 532
        limit(cloud, type, -1, account="red", domainid=root(cloud))

    vpc = {"name": "v", "cidr": "10.20.0.0/16", "vpcofferingid": cloud.vpc_offering, "zoneid": cloud.zone}
    deploy = cloud.machine_arguments() | {"networkids": network}
    refused(VPCS, 0, "createVPC", **vpc)
    refused(MACHINES, 0, "deployVirtualMachine", **deploy)
    refused(CPUS, 0, "deployVirtualMachine", **deploy)
    refused(MEMORY, 511, "deployVirtualMachine", **deploy)
    refused(PROJECTS, 0, "createProject", name="p", displaytext="p")
    assert cloud.snapshot.count(Machine) == 0
    cloud.machine(red, "vm", networkids=network)
    (account,) = red.call("listAccounts")["account"]
    assert (account["vmtotal"], account["cputotal"], account["memorytotal"]) == (1, 1, 512)


def test_a_project_has_limits_of_its_own(cloud: Cloud, red: Client) -> None:
    set_to(cloud, "max.project.networks", 1)
    limit(cloud, NETWORKS, 0, account="red", domainid=root(cloud))
    project = red.job("createProject", name="web", displaytext="w")["project"]
    assert (project["networklimit"], project["networkavailable"]) == ("1", "1")
    assert not any(name.startswith("project") and name.endswith("limit") for name in project)
    cloud.network(red, "one", projectid=project["id"])
    with pytest.raises(Refused) as caught:
        cloud.network(red, "two", projectid=project["id"])
    assert "for Project Name = PrjAcct-web-1" in caught.value.text
    shown = limit(cloud, NETWORKS, 2, projectid=project["id"])
    assert (shown["projectid"], shown["project"], "account" in shown) == (project["id"], "web", False)
    cloud.network(red, "two", projectid=project["id"])
    shown = red.call("listResourceLimits", projectid=project["id"], resourcetypename="network")
    assert [each["max"] for each in shown["resourcelimit"]] == [2]


def test_a_domain_limits_all_below_it(cloud: Cloud) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    west = cloud.admin.call("createDomain", name="west", parentdomainid=sales)["domain"]["id"]
    one, two = (cloud.account(name, domainid=id) for name, id in (("one", sales), ("two", west)))
    limit(cloud, NETWORKS, 2, domainid=sales)
    cloud.network(one, "a")
    cloud.network(two, "b")
    with pytest.raises(Refused) as caught:
        cloud.network(two, "c")
    assert (caught.value.status, caught.value.text) == (
        532,
        f"Maximum domain resource limits of Type = 'network' for Domain Id = {sales} is exceeded: Domain"
        " Resource Limit = 2, Current Domain Resource Amount = 2, Requested Resource Amount = 1.",
    )
    (domain,) = cloud.admin.call("listDomains", id=sales)["domain"]
    assert (domain["networklimit"], domain["networktotal"]) == ("2", 2)
    counted = cloud.admin.call("updateResourceCount", domainid=sales, resourcetype=NETWORKS)
    assert [each["resourcecount"] for each in counted["resourcecount"]] == [2]
    counted = cloud.admin.call("updateResourceCount", domainid=west, account="two")["resourcecount"]
    assert [each["resourcecount"] for each in counted if each["resourcetypename"] == "network"] == [1]


def test_who_may_limit_whom(cloud: Cloud, red: Client) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    west = cloud.admin.call("createDomain", name="west", parentdomainid=sales)["domain"]["id"]
    head = cloud.account("head", domainid=sales, accounttype=2)
    cloud.account("seller", domainid=west)
    limit(cloud, NETWORKS, 5, domainid=sales)

    def refused(client: Client, most: int, **holder: object) -> tuple[int, str]:
        with pytest.raises(Refused) as caught:
            client.call("updateResourceLimit", resourcetype=NETWORKS, max=most, **holder)
        return caught.value.status, caught.value.text

    head.call("updateResourceLimit", resourcetype=NETWORKS, max=3, domainid=west)
    head.call("updateResourceLimit", resourcetype=NETWORKS, max=3, domainid=west, account="seller")
    assert refused(head, 9, domainid=sales)[0] == 531
    assert refused(head, 9)[0] == 531
    assert refused(head, 9, account="red", domainid=root(cloud))[0] == 531
    assert refused(red, 9)[0] == 432
    for most in (6, -1):
        assert "has maximum allowed resource limit 5" in refused(head, most, domainid=west)[1]
    assert refused(cloud.admin, 5, domainid=root(cloud))[1].startswith("Cannot update network limit for ROOT")
    assert refused(cloud.admin, 5)[1] == "Only -1 limit is supported for Root Admin accounts"
    with pytest.raises(Refused):
        red.call("listResourceLimits", account="seller", domainid=west)


def test_limits_go_with_the_account(cloud: Cloud, red: Client) -> None:
    limit(cloud, NETWORKS, 5, account="red", domainid=root(cloud))
    cloud.admin.job("deleteAccount", id=cloud.admin.ids("listAccounts", listall="true")["red"])
    assert cloud.snapshot.count(ResourceLimit) == 0


def test_settings_give_the_defaults(cloud: Cloud, red: Client) -> None:
    set_to(cloud, "max.account.networks", 1)
    cloud.network(red, "one")
    with pytest.raises(Refused) as caught:
        cloud.network(red, "two")
    assert caught.value.status == 532
    # What is set for an account counts more than the default; administrators have no limits.
    limit(cloud, NETWORKS, 2, account="red", domainid=root(cloud))
    cloud.network(red, "two")
    for name in ("one", "two"):
        cloud.network(cloud.admin, name)


def test_settings_are_listed_and_changed(cloud: Cloud, red: Client) -> None:
    (shown,) = cloud.admin.call("listConfigurations", name="default.page.size")["configuration"]
    assert (shown["value"], shown["defaultvalue"], shown["category"]) == ("500", "500", "Advanced")
    assert cloud.admin.call("listConfigurations", keyword="max.account")["count"] == 7
    assert cloud.admin.call("listConfigurations", zoneid=cloud.zone) == {}
    changed = cloud.admin.call("updateConfiguration", name="default.page.size", value=" 2 ")["configuration"]
    assert (changed["value"], changed["defaultvalue"]) == ("2", "500")
    assert len(cloud.admin.call("listNetworkOfferings")["networkoffering"]) == 2
    with pytest.raises(Refused) as caught:
        cloud.admin.call("listZones", page=1, pagesize=3)
    assert "pagesize" in caught.value.text
    set_to(cloud, "default.page.size", -1)
    offerings = cloud.admin.call("listNetworkOfferings")
    assert len(offerings["networkoffering"]) == offerings["count"] > 2
    cloud.admin.call("listZones", page=1, pagesize=100_000)
    cloud.admin.call("updateConfiguration", name="default.page.size")
    (shown,) = cloud.admin.call("listConfigurations", name="default.page.size")["configuration"]
    assert shown["value"] == "500"


def test_users_create_projects_only_while_they_may(cloud: Cloud, red: Client) -> None:
    set_to(cloud, "allow.user.create.projects", False)
    assert red.call("listCapabilities")["capability"]["allowusercreateprojects"] is False
    with pytest.raises(Refused) as caught:
        red.call("createProject", name="p", displaytext="p")
    assert caught.value.status == 531
    cloud.admin.job("createProject", name="p", displaytext="p")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("no.such.setting", "1", "Config parameter with name no.such.setting doesn't exist"),
        ("default.page.size", "0", "-1 or positive"),
        ("default.page.size", "-2", "-1 or more"),
        ("default.page.size", "many", "-1 or more"),
        ("max.account.networks", "99999999999", "-1 or more"),
        ("allow.user.create.projects", "1", "true or false"),
    ],
)
def test_wrong_settings(cloud: Cloud, name: str, value: str, text: str) -> None:
    with pytest.raises(Refused) as caught:
        cloud.admin.call("updateConfiguration", name=name, value=value)
    assert (caught.value.status, text in caught.value.text) == (431, True)


def test_settings_are_of_the_whole_installation(cloud: Cloud) -> None:
    with pytest.raises(Refused) as caught:
        cloud.admin.call("updateConfiguration", name="default.page.size", value=1, zoneid=cloud.zone)
    assert "zoneid" in caught.value.text
