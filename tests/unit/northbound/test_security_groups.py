"""Security groups: their rules, which machines are in them, whose they are, and how they go."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sdn_orch.intent.model import Nic
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.traffic import Direction
from sdn_orch.northbound.cloudstack.bootstrap import bootstrap
from sdn_orch.northbound.cloudstack.model import NetworkOffering
from tests.cloudstack import Client, Cloud
from tests.unit.northbound.test_addresses import refused

GUARDED = "DefaultSharedNetworkOfferingWithSGService"
TCP_80 = {"protocol": "tcp", "startport": 80, "endport": 81}


@pytest.fixture
def guarded(cloud: Cloud) -> str:
    """A shared network with security groups, open to everybody."""
    addresses = {"gateway": "198.51.100.1", "netmask": "255.255.255.0", "startip": "198.51.100.10"}
    made = cloud.network(
        cloud.admin, "guarded", GUARDED, vlan=900, endip="198.51.100.99", acltype="Domain", **addresses
    )
    return str(made["id"])


def group(client: Client, name: str, **more: object) -> str:
    return str(client.call("createSecurityGroup", name=name, **more)["securitygroup"]["id"])


def listed(client: Client, **arguments: object) -> list[Any]:
    found: list[Any] = client.call("listSecurityGroups", **arguments).get("securitygroup", [])
    return found


def let_in(client: Client, id: str, **more: object) -> list[Any]:
    made = client.job("authorizeSecurityGroupIngress", securitygroupid=id, **more)["securitygroup"]
    rules: list[Any] = made["ingressrule"]
    return rules


def test_every_account_has_a_default_group_that_stays(cloud: Cloud, red: Client) -> None:
    (shown,) = listed(red)
    assert (shown["name"], shown["account"], shown["domainpath"]) == ("default", "red", "ROOT")
    assert shown["ingressrule"] == shown["egressrule"] == shown["tags"] == shown["virtualmachineids"] == []
    assert shown["virtualmachinecount"] == 0
    assert refused(red, "deleteSecurityGroup", id=shown["id"])[0] == 431
    assert refused(red, "deleteSecurityGroup", name="default")[0] == 431
    assert refused(red, "updateSecurityGroup", id=shown["id"], name="other")[0] == 431
    assert [each["name"] for each in listed(cloud.admin)] == ["default"]


def test_older_installations_get_what_they_lack(cloud: Cloud, red: Client) -> None:
    def forget(transaction: Any) -> None:
        snapshot = transaction.snapshot
        transaction.delete(*snapshot.all(SecurityGroup))
        transaction.delete(*snapshot.where(NetworkOffering, "name", GUARDED))

    cloud.service.write(forget)
    assert listed(red) == []
    for _ in range(2):
        bootstrap(cloud.service)
        assert [each["name"] for each in listed(red)] == ["default"]
        assert len(cloud.snapshot.where(NetworkOffering, "name", GUARDED)) == 1


def test_rules_are_shown_as_they_were_given(cloud: Cloud, red: Client) -> None:
    web = group(red, "web", description="what answers")
    made = let_in(red, web, **TCP_80, cidrlist="192.0.2.0/24,198.51.100.7/32")
    assert [each["cidr"] for each in made] == ["192.0.2.0/24", "198.51.100.7/32"]
    wanted = {"protocol": "tcp", "startport": 80, "endport": 81, "tags": []}
    assert all(wanted.items() <= each.items() for each in made)
    (ping,) = let_in(red, web, protocol="icmp", icmptype=8, icmpcode=0, cidrlist="0.0.0.0/0")
    assert (ping["icmptype"], ping["icmpcode"], "startport" in ping) == (8, 0, False)
    (esp,) = let_in(red, web, protocol="esp", cidrlist="2001:db8::/32")
    assert (esp["protocol"], esp["cidr"]) == ("esp", "2001:db8::/32")
    (by_number,) = let_in(red, web, protocol="47", cidrlist="192.0.2.0/24")
    assert by_number["protocol"] == "47"
    red.job("revokeSecurityGroupIngress", id=by_number["ruleid"])
    (every,) = let_in(red, web, cidrlist="203.0.113.1/32")
    assert every["protocol"] == "all"
    out = red.job(
        "authorizeSecurityGroupEgress", securitygroupname="web", protocol="udp", startport=53,
        cidrlist="192.0.2.53/32",
    )["securitygroup"]  # fmt: skip
    assert out["ingressrule"] == []
    assert (out["egressrule"][0]["startport"], out["egressrule"][0]["endport"]) == (53, 53)
    (shown,) = listed(red, securitygroupname="web")
    assert shown["ingressrule"] == [*made, ping, esp, every]
    assert shown["egressrule"] == out["egressrule"]
    leaving = [rule for rule in cloud.snapshot.all(SecurityRule) if rule.direction is Direction.EGRESS]
    assert [str(each) for each in leaving[0].destinations] == ["192.0.2.53/32"]
    assert leaving[0].sources == ()


def test_the_same_rule_is_one_rule(cloud: Cloud, red: Client) -> None:
    web = group(red, "web")
    first = let_in(red, web, **TCP_80, cidrlist="192.0.2.0/24")
    assert let_in(red, web, **TCP_80, cidrlist="192.0.2.0/24") == first
    both = let_in(red, web, **TCP_80, cidrlist="192.0.2.0/24,0.0.0.0/0")
    assert both[0] == first[0]
    assert cloud.snapshot.count(SecurityRule) == 2


def test_a_rule_is_revoked_by_its_id_and_direction(cloud: Cloud, red: Client) -> None:
    web = group(red, "web")
    (rule,) = let_in(red, web, **TCP_80, cidrlist="0.0.0.0/0")
    assert refused(red, "revokeSecurityGroupEgress", id=rule["ruleid"])[0] == 431
    blue = cloud.account("blue")
    assert refused(blue, "revokeSecurityGroupIngress", id=rule["ruleid"])[0] == 531
    red.job("revokeSecurityGroupIngress", id=rule["ruleid"])
    assert cloud.snapshot.count(SecurityRule) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "At least one cidr"),
        ({"cidrlist": "192.0.2.1"}, "cidrlist"),
        ({"cidrlist": "0.0.0.0/0", "protocol": "igmp"}, "protocol"),
        ({"cidrlist": "0.0.0.0/0", "protocol": 256}, "protocol"),
        ({"cidrlist": "0.0.0.0/0", "protocol": "tcp", "startport": 9, "endport": 8}, "end port"),
        ({"cidrlist": "0.0.0.0/0", "startport": 9}, "startport"),
        ({"cidrlist": "0.0.0.0/0", "protocol": "udp", "icmptype": 3}, "icmptype"),
        ({"usersecuritygrouplist[0].account": "red"}, "usersecuritygrouplist"),
        ({"usersecuritygrouplist[0].account": "nobody", "usersecuritygrouplist[0].group": "x"}, "nobody"),
        ({"usersecuritygrouplist[0].account": "red", "usersecuritygrouplist[0].group": "x"}, "group x"),
        ({"cidrlist": "0.0.0.0/0", "securitygroupname": "web"}, "not both"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    cloud: Cloud, red: Client, arguments: dict[str, object], said: str
) -> None:
    web = group(red, "web")
    code, text = refused(red, "authorizeSecurityGroupIngress", securitygroupid=web, **arguments)
    assert (code, said in text) == (431, True), text
    assert cloud.snapshot.count(SecurityRule) == 0


def test_the_far_side_may_be_a_group_of_another_account(cloud: Cloud, red: Client) -> None:
    blue = cloud.account("blue")
    web, database = group(red, "web"), group(blue, "database")
    of_red = {"usersecuritygrouplist[0].account": "red", "usersecuritygrouplist[0].group": "web"}
    (rule,) = let_in(blue, database, **TCP_80, **of_red)
    assert (rule["securitygroupname"], rule["account"], "cidr" in rule) == ("web", "red", False)
    own = group(red, "own")
    (inner,) = let_in(red, own, **TCP_80, **of_red)
    code, text = refused(red, "deleteSecurityGroup", id=web)
    assert (code, "rules that allow this group" in text) == (536, True)
    red.job("revokeSecurityGroupIngress", id=inner["ruleid"])
    # Another account's rule does not keep the group: it goes with it.
    red.call("deleteSecurityGroup", id=web)
    assert listed(blue, id=database)[0]["ingressrule"] == []


def test_names_are_an_account_s_own(cloud: Cloud, red: Client) -> None:
    web = group(red, "web")
    code, text = refused(red, "createSecurityGroup", name="web")
    assert (code, "already exists" in text) == (431, True)
    other = group(red, "other")
    assert refused(red, "updateSecurityGroup", id=other, name="default")[0] == 431
    renamed = red.call("updateSecurityGroup", id=other, name="renamed")["securitygroup"]
    assert (renamed["id"], renamed["name"]) == (other, "renamed")
    blue = cloud.account("blue")
    group(blue, "web")
    assert [each["name"] for each in listed(blue)] == ["default", "web"]
    for command in ("updateSecurityGroup", "deleteSecurityGroup"):
        assert refused(blue, command, id=web)[0] == 531
    assert refused(blue, "authorizeSecurityGroupIngress", securitygroupid=web, cidrlist="0.0.0.0/0")[0] == 531
    assert refused(blue, "deleteSecurityGroup", name="renamed")[0] == 431
    assert refused(red, "deleteSecurityGroup")[0] == 431
    red.call("deleteSecurityGroup", name="web")
    assert [each["name"] for each in listed(red)] == ["default", "renamed"]


def test_machines_are_in_groups_where_the_network_has_them(cloud: Cloud, red: Client, guarded: str) -> None:
    web, ssh = group(red, "web"), group(red, "ssh")
    plain = cloud.network(red, "plain")["id"]
    one = cloud.machine(red, "one", networkids=f"{plain},{guarded}", securitygroupids=f"{web},{ssh}")
    assert [each["name"] for each in one["securitygroup"]] == ["web", "ssh"]
    inside = {nic.network_id: nic.group_ids for nic in cloud.snapshot.all(Nic)}
    assert inside == {plain: (), guarded: (web, ssh)}
    named = cloud.machine(red, "two", networkids=guarded, securitygroupnames="ssh")
    assert [each["id"] for each in named["securitygroup"]] == [ssh]
    default = cloud.machine(red, "three", networkids=guarded)
    assert [each["name"] for each in default["securitygroup"]] == ["default"]
    assert listed(red, id=ssh)[0]["virtualmachineids"] == [one["id"], named["id"]]
    assert [each["name"] for each in listed(red, virtualmachineid=one["id"])] == ["web", "ssh"]
    found = red.call("listVirtualMachines", securitygroupid=ssh)["virtualmachine"]
    assert [each["name"] for each in found] == ["one", "two"]
    code, text = refused(red, "deleteSecurityGroup", id=web)
    assert (code, "in use by virtual machines" in text) == (536, True)
    moved = red.call("updateVirtualMachine", id=one["id"], securitygroupids=ssh)["virtualmachine"]
    assert [each["name"] for each in moved["securitygroup"]] == ["ssh"]
    red.call("deleteSecurityGroup", id=web)
    for machine in (one, named):
        red.job("destroyVirtualMachine", id=machine["id"])
    red.call("deleteSecurityGroup", id=ssh)


def test_a_further_nic_is_in_the_groups_of_the_first(cloud: Cloud, red: Client, guarded: str) -> None:
    web, plain = group(red, "web"), cloud.network(red, "plain")["id"]
    machine = cloud.machine(red, "vm", networkids=guarded, securitygroupids=web)
    again = cloud.network(
        cloud.admin, "again", GUARDED, vlan=901, acltype="Domain", gateway="192.0.2.1",
        netmask="255.255.255.0", startip="192.0.2.10", endip="192.0.2.20",
    )["id"]  # fmt: skip
    for network in (plain, again):
        red.job("addNicToVirtualMachine", virtualmachineid=machine["id"], networkid=network)
    inside = {nic.network_id: nic.group_ids for nic in cloud.snapshot.all(Nic)}
    assert inside == {guarded: (web,), plain: (), again: (web,)}


def test_groups_that_cannot_be_given(cloud: Cloud, red: Client, guarded: str) -> None:
    web, plain = group(red, "web"), cloud.network(red, "plain")["id"]
    blue = cloud.account("blue")
    arguments = cloud.machine_arguments() | {"name": "vm"}
    for client, more, code in (
        (red, {"networkids": plain, "securitygroupids": web}, 431),
        (red, {"networkids": guarded, "securitygroupids": web, "securitygroupnames": "web"}, 431),
        (red, {"networkids": guarded, "securitygroupnames": "none"}, 431),
        (blue, {"networkids": guarded, "securitygroupids": web}, 531),
        (cloud.admin, {"networkids": guarded, "securitygroupids": web}, 431),
    ):
        assert refused(client, "deployVirtualMachine", **arguments, **more)[0] == code
    assert cloud.snapshot.count(Nic) == 0
    machine = cloud.machine(red, "vm", networkids=plain)
    assert refused(red, "updateVirtualMachine", id=machine["id"], securitygroupids=web)[0] == 431
    nic = next(iter(cloud.snapshot.all(Nic)))
    (theirs,) = listed(blue)
    with pytest.raises(Exception, match="belongs to another account"):
        cloud.service.write(lambda tx: tx.put(dataclasses.replace(nic, group_ids=(theirs["id"],))))


def test_groups_go_with_their_account_and_belong_to_projects(cloud: Cloud, guarded: str) -> None:
    before = cloud.snapshot.count(SecurityGroup)
    green = cloud.account("green")
    web = group(green, "web")
    let_in(green, web, cidrlist="0.0.0.0/0")
    cloud.machine(green, "vm", networkids=guarded, securitygroupids=web)
    project = green.job("createProject", name="p", displaytext="p")["project"]["id"]
    shared = group(green, "web", projectid=project)
    (shown,) = listed(green, projectid=project, securitygroupname="web")
    assert (shown["id"], shown["project"], "account" in shown) == (shared, "p", False)
    green.job("deleteProject", id=project, cleanup="true")
    account = cloud.admin.call("listAccounts", name="green", listall="true")["account"][0]["id"]
    cloud.admin.job("deleteAccount", id=account)
    assert cloud.snapshot.count(SecurityGroup) == before
    assert cloud.snapshot.count(SecurityRule) == 0
