"""Tags and details: given, listed, filtered by, taken, and gone with what they are about."""

from __future__ import annotations

import pytest

from sdn_orch.northbound.cloudstack.model_tenancy import ResourceDetail, Tag
from tests.cloudstack import Client, Cloud, Refused


def pairs(**wanted: str | None) -> dict[str, str]:
    """Tags as parameters."""
    given: dict[str, str] = {}
    for index, (key, value) in enumerate(wanted.items()):
        given[f"tags[{index}].key"] = key
        if value is not None:
            given[f"tags[{index}].value"] = value
    return given


def tag(client: Client, id: str, kind: str = "Network", **wanted: str) -> None:
    client.job("createTags", resourceids=id, resourcetype=kind, **pairs(**wanted))


def shown(client: Client, id: str) -> dict[str, str]:
    """The tags that a network is shown with."""
    (network,) = client.call("listNetworks", id=id)["network"]
    return {each["key"]: each["value"] for each in network["tags"]}


def test_tags_are_shown_listed_and_found_by(cloud: Cloud, red: Client) -> None:
    one, two = (cloud.network(red, name)["id"] for name in ("one", "two"))
    tag(red, f"{one},{two},{one}", env="prod", Team="Net works")
    tag(red, two, "network", tier="web")
    assert shown(red, one) == {"env": "prod", "Team": "Net works"}
    assert red.call("listTags", resourceid=two, key="tier")["tag"] == [
        {
            "key": "tier",
            "value": "web",
            "resourcetype": "Network",
            "resourceid": two,
            "account": "red",
            "domainid": cloud.admin.call("listDomains")["domain"][0]["id"],
            "domain": "ROOT",
            "domainpath": "ROOT",
        }
    ]
    assert red.call("listTags")["count"] == 5
    assert red.call("listTags", value="prod", resourcetype="Network")["count"] == 2
    assert red.call("listTags", resourcetype="UserVm") == {}
    assert red.call("listTags", keyword="WORKS")["count"] == 2
    found = red.call("listNetworks", **pairs(env="prod", tier="web"))["network"]
    assert [network["id"] for network in found] == [two]
    assert red.call("listNetworks", **pairs(env="test")) == {}


def test_a_key_is_given_once_and_all_or_nothing(cloud: Cloud, red: Client) -> None:
    one, two = (cloud.network(red, name)["id"] for name in ("one", "two"))
    tag(red, two, env="prod")
    job = red.failed_or_done(
        "createTags", resourceids=f"{one},{two}", resourcetype="Network", **pairs(env="test")
    )
    assert job["jobresult"]["errortext"] == f"tag env already on Network with id {two}"
    assert (shown(red, one), shown(red, two)) == ({}, {"env": "prod"})


def test_tags_are_taken_by_key_by_value_or_all(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    named = {"resourceids": network, "resourcetype": "Network"}
    tag(red, network, a="1", b="2", c="3", d="4")
    red.job("deleteTags", **named, **pairs(a=None))
    red.job("deleteTags", **named, **pairs(b="2"))
    job = red.failed_or_done("deleteTags", **named, **pairs(c="other"))
    text = "Unable to find any tags which conform to specified delete parameters."
    assert job["jobresult"]["errortext"] == text
    assert shown(red, network) == {"c": "3", "d": "4"}
    red.job("deleteTags", **named)
    assert shown(red, network) == {}


def test_tags_go_with_what_they_are_about(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    machine = cloud.machine(red, "vm", networkids=network)
    tag(red, network, a="1")
    tag(red, machine["id"], "UserVm", a="1")
    tag(red, machine["nic"][0]["id"], "Nic", a="1")
    red.job("destroyVirtualMachine", id=machine["id"])
    assert {each.subject_id for each in cloud.snapshot.all(Tag)} == {network}
    red.job("deleteNetwork", id=network)
    assert cloud.snapshot.count(Tag) == 0


def test_tags_go_with_the_account(cloud: Cloud, red: Client) -> None:
    tag(red, cloud.network(red, "net")["id"], a="1")
    (account,) = cloud.admin.call("listAccounts", name="red", listall="true")["account"]
    tag(cloud.admin, account["id"], "Account", vip="yes")
    cloud.admin.job("deleteAccount", id=account["id"])
    assert cloud.snapshot.count(Tag) == 0


def test_nobody_tags_or_sees_what_is_not_his(cloud: Cloud, red: Client) -> None:
    blue = cloud.account("blue")
    network = cloud.network(red, "net")["id"]
    tag(red, network, secret="plan")
    for call in ("createTags", "deleteTags"):
        job = blue.failed_or_done(call, resourceids=network, resourcetype="Network", **pairs(x="y"))
        assert job["jobresult"]["errorcode"] == 531
    assert blue.call("listTags", resourceid=network, listall="true") == {}
    assert blue.call("listTags", key="secret", listall="true") == {}
    assert cloud.admin.call("listTags", key="secret") == {}
    assert cloud.admin.call("listTags", key="secret", listall="true")["count"] == 1
    job = red.failed_or_done("createTags", resourceids=cloud.zone, resourcetype="Zone", **pairs(x="y"))
    assert job["jobresult"]["errorcode"] == 531
    tag(cloud.admin, cloud.zone, "Zone", x="y")
    assert red.call("listZones", **pairs(x="y"))["count"] == 1


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"resourcetype": "Nonsense"}, "Invalid resource type: Nonsense"),
        ({"resourceids": "nowhere"}, "Unable to find resource by id nowhere and type Network"),
        ({"tags[0].value": ""}, "every tag needs a key and a value"),
        ({"tags[0].key": "k" * 256}, "255 printable characters"),
        ({"tags[0].value": "a\tb"}, "255 printable characters"),
        ({"tags[1].key": "k", "tags[1].value": "w"}, "key k is given twice"),
    ],
)
def test_wrong_tags(cloud: Cloud, red: Client, more: dict[str, str], text: str) -> None:
    network = cloud.network(red, "net")["id"]
    given = {"resourceids": network, "resourcetype": "Network", **pairs(k="v")} | more
    job = red.failed_or_done("createTags", **given)
    assert (job["jobstatus"], job["jobresult"]["errorcode"]) == (2, 431)
    assert text in job["jobresult"]["errortext"]
    assert cloud.snapshot.count(Tag) == 0


def test_details_are_the_administrators(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    named = {"resourceid": network, "resourcetype": "Network"}
    cloud.admin.job("addResourceDetail", **named, **{"details[0].key": "rack", "details[0].value": "7"})
    cloud.admin.job("addResourceDetail", **named, fordisplay="false", **{"details[0].cost": "9"})
    cloud.admin.job("addResourceDetail", **named, **{"details[0].rack": "8"})
    seen = cloud.admin.call("listResourceDetails", **named, listall="true")["resourcedetail"]
    assert {each["key"]: each["value"] for each in seen} == {"rack": "8", "cost": "9"}
    assert [each["key"] for each in red.call("listResourceDetails", **named)["resourcedetail"]] == ["rack"]
    with pytest.raises(Refused):
        red.call("addResourceDetail", **named, **{"details[0].a": "b"})
    cloud.admin.job("removeResourceDetail", **named, key="rack")
    assert cloud.snapshot.count(ResourceDetail) == 1
    cloud.admin.job("removeResourceDetail", **named)
    assert cloud.snapshot.count(ResourceDetail) == 0
