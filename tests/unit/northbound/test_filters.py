"""Filters of lists, and parameters that nothing else tests: each is carried out or refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloudstack import Client, Cloud, Refused
from tests.contract.everything import furnish

NEW = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    """A cloud with something of every kind; what tests here change does not meet."""
    cloud = Cloud()
    furnish(cloud)
    return cloud


def refused(call: Any, *arguments: object, **more: object) -> Refused:
    """How the call is refused."""
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


def shown(client: Client, command: str, **arguments: object) -> list[Any]:
    """What a list lists."""
    answer = client.call(command, **arguments)
    return next((value for value in answer.values() if isinstance(value, list)), [])


#: List, filter, what lists everything and what lists nothing.
FILTERS = [
    ("listVirtualMachines", "hypervisor", "kvm", "VMware"),
    ("listVirtualMachines", "haenable", "false", "true"),
    ("listVirtualMachines", "forvirtualnetwork", "true", "false"),
    ("listVirtualMachines", "leased", "false", "true"),
    ("listVirtualMachines", "arch", None, "x86_64"),
    ("listVirtualMachines", "keypair", None, "pair"),
    ("listNetworks", "traffictype", "guest", None),
    ("listVPCs", "supportedservices", "SourceNat,NetworkACL", "SecurityGroup"),
    ("listVPCs", "restartrequired", "false", "true"),
    ("listVPCs", "state", "enabled", "Inactive"),
    ("listEvents", "state", "completed", "Created"),
    ("listLoadBalancers", "scheme", "internal", "Public"),
    ("listPublicIpAddresses", "forsystemvms", "false", "true"),
    ("listUsers", "usersource", "native", "ldap"),
    ("listUsers", "apikeyaccess", "Inherit", "Disabled"),
    ("listRoles", "state", "enabled", "disabled"),
    ("listServiceOfferings", "state", "Active", "Inactive"),
    ("listServiceOfferings", "storagetype", "SHARED", "local"),
    ("listNetworkOfferings", "routingmode", None, "Dynamic"),
    ("listPods", "storageaccessgroup", None, "a"),
    ("listConfigurations", "group", None, "Network"),
]


@pytest.mark.parametrize(("command", "name", "all_of", "none_of"), FILTERS)
def test_filters(cloud: Cloud, command: str, name: str, all_of: str | None, none_of: str | None) -> None:
    everything = shown(cloud.admin, command)
    assert everything
    if all_of is not None:
        assert shown(cloud.admin, command, **{name: all_of}) == everything
    if none_of is not None:
        assert cloud.admin.call(command, **{name: none_of}) == {}


def test_filters_tell_apart(cloud: Cloud) -> None:
    admin = cloud.admin
    pair = admin.call("createSSHKeyPair", name="mine")["keypair"]["name"]
    network = cloud.network(admin, "apart")["id"]
    made = cloud.machine(admin, "with-key", networkids=network, keypair=pair)
    assert [each["id"] for each in shown(admin, "listVirtualMachines", keypair=pair)] == [made["id"]]
    mine = {each["id"] for each in shown(admin, "listNetworks", specifyipranges="true")}
    assert mine and network not in mine
    assert network in {each["id"] for each in shown(admin, "listNetworks", specifyipranges="false")}
    every = shown(admin, "listPublicIpAddresses")
    balanced = {each["publicipid"] for each in shown(admin, "listLoadBalancerRules")}
    found = {each["id"] for each in shown(admin, "listPublicIpAddresses", forloadbalancing="true")}
    assert found == balanced & {each["id"] for each in every} != {each["id"] for each in every}
    size = made["serviceofferingid"]
    other = {each["id"] for each in shown(admin, "listServiceOfferings", virtualmachineid=made["id"])}
    assert other == {each["id"] for each in shown(admin, "listServiceOfferings")} - {size}
    kinds = {each["accounttype"] for each in shown(admin, "listUsers", listall="true", accounttype=0)}
    assert kinds == {0}


def test_what_belongs_to_nothing_is_not_listed_and_what_is_nowhere_is_unknown(cloud: Cloud) -> None:
    (pod,) = shown(cloud.admin, "listPods")
    assert cloud.admin.call("listVirtualMachines", podid=pod["id"]) == {}
    for name in ("hostid", "clusterid", "storageid"):
        error = refused(cloud.admin.call, "listVirtualMachines", **{name: NEW})
        assert (error.status, f"Invalid parameter {name} value={NEW}" in error.text) == (431, True)


def test_how_many_there_are(cloud: Cloud) -> None:
    count = cloud.admin.call("listNetworks")["count"]
    assert cloud.admin.call("listNetworks", retrieveonlyresourcecount="true") == {"count": count}
    none = cloud.admin.call("listNetworks", retrieveonlyresourcecount="true", name="nothing")
    assert none == {"count": 0}


def test_projects_of_a_user(cloud: Cloud) -> None:
    everything = cloud.admin.call("listProjects", listall="true")["project"]
    assert cloud.admin.call("listProjects", listall="true", username="admin")["project"] == everything
    assert cloud.admin.call("listProjects", listall="true", username="nobody") == {}


def test_sort_keys_order_lists() -> None:
    cloud = Cloud()
    for command, update, in_job in (
        ("listNetworkOfferings", "updateNetworkOffering", False),
        ("listVPCOfferings", "updateVPCOffering", True),
    ):
        last = shown(cloud.admin, command)[-1]["id"]
        (cloud.admin.job if in_job else cloud.admin.call)(update, id=last, sortkey=-1)
        assert shown(cloud.admin, command)[0]["id"] == last
    dns = {"dns1": "192.0.2.53", "internaldns1": "192.0.2.54"}
    second = cloud.admin.call("createZone", name="second", networktype="Advanced", **dns)["zone"]["id"]
    cloud.admin.call("updateZone", id=second, sortkey=-1)
    assert [zone["id"] for zone in shown(cloud.admin, "listZones")] == [second, cloud.zone]


def test_administrators_choose_ids() -> None:
    cloud = Cloud()
    user = cloud.account("plain")
    made = cloud.admin.call("createDomain", name="chosen", domainid=NEW)["domain"]
    assert made["id"] == NEW
    person = {"username": "u", "password": "p", "email": "e", "firstname": "f", "lastname": "l"}
    error = refused(cloud.admin.call, "createAccount", **person, accountid=NEW)
    assert f"Invalid value {NEW} for parameter accountid: that id is taken" in error.text
    ids = {"accountid": NEW[:-1] + "6", "userid": NEW[:-1] + "7"}
    account = cloud.admin.call("createAccount", **person, **ids)["account"]
    assert (account["id"], account["user"][0]["id"]) == (ids["accountid"], ids["userid"])
    network, wanted = cloud.network(cloud.admin, "net")["id"], NEW[:-1] + "8"
    assert cloud.machine(cloud.admin, "vm", networkids=network, customid=wanted)["id"] == wanted
    own = cloud.network(user, "own")["id"]
    error = refused(cloud.machine, user, "vm", networkids=own, customid=NEW[:-1] + "9")
    assert (error.status, "Only administrators may choose ids" in error.text) == (531, True)


def test_another_owner_than_is_named_is_refused(cloud: Cloud) -> None:
    (data,) = shown(cloud.admin, "listUserData")
    error = refused(cloud.admin.call, "deleteUserData", id=data["id"], account="tenant")
    assert "It belongs to account admin" in error.text
    project = cloud.admin.job("createProject", name="other owner", displaytext="p")["project"]["id"]
    error = refused(cloud.admin.call, "deleteUserData", id=data["id"], account="admin", projectid=project)
    assert "Account and projectId can't be specified together" in error.text
    rule = shown(cloud.admin, "listLoadBalancerRules")[0]
    given = {
        "algorithm": "roundrobin",
        "name": "third",
        "privateport": 1,
        "publicport": 1,
        "publicipid": rule["publicipid"],
    }
    error = refused(cloud.admin.call, "createLoadBalancerRule", **given, account="tenant")
    assert "It belongs to account admin" in error.text


def test_domains_below_the_callers_are_listed_with_listall() -> None:
    cloud = Cloud()
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    cloud.admin.call("createDomain", name="inner", parentdomainid=sales)
    boss = cloud.account("boss", domainid=sales, accounttype=2)
    assert [each["name"] for each in shown(boss, "listDomains")] == ["sales"]
    assert [each["name"] for each in shown(boss, "listDomains", listall="true")] == ["sales", "inner"]
    assert [each["name"] for each in shown(cloud.admin, "listDomainChildren")] == ["sales"]
    below = [each["name"] for each in shown(cloud.admin, "listDomainChildren", listall="true")]
    assert below == ["sales", "inner"]


def test_labels_of_every_hypervisor(cloud: Cloud) -> None:
    labels = {"hypervnetworklabel": "h", "ovm3networklabel": "o"}
    more = {"physicalnetworkid": cloud.physical, "traffictype": "Storage"}
    made = cloud.admin.job("addTrafficType", **more, **labels)["traffictype"]
    assert labels.items() <= made.items()
    changed = cloud.admin.job("updateTrafficType", id=made["id"], ovm3networklabel="p")["traffictype"]
    assert (changed["hypervnetworklabel"], changed["ovm3networklabel"]) == ("h", "p")
