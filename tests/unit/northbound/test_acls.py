"""Lists of rules for tiers of VPCs: their items in order, who uses them, and what may not be changed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from sdn_orch.intent.acls import AclItem, AclList
from tests.cloudstack import TIER, Client, Cloud
from tests.unit.northbound.test_addresses import refused


@pytest.fixture
def vpc(cloud: Cloud, red: Client) -> str:
    return str(cloud.vpc(red)["id"])


@pytest.fixture
def acl(red: Client, vpc: str) -> str:
    made = red.job("createNetworkACLList", name="front", vpcid=vpc, description="what may come in")
    return str(made["networkacllist"]["id"])


def tier(cloud: Cloud, client: Client, vpc: str, **more: object) -> Any:
    return cloud.network(
        client, "tier", TIER, vpcid=vpc, gateway="10.20.1.1", netmask="255.255.255.0", **more
    )


def item(client: Client, acl: str, **more: object) -> Any:
    given: dict[str, object] = {"protocol": "tcp", "startport": 443, "cidrlist": "0.0.0.0/0"} | more
    return client.job("createNetworkACL", aclid=acl, **given)["networkacl"]


def test_a_protocol_is_shown_by_its_number_if_it_was_said_so(red: Client, acl: str) -> None:
    made = item(red, acl, protocol="6")
    assert made["protocol"] == "6"
    assert red.call("listNetworkACLs", aclid=acl, protocol="6")["networkacl"] == [made]
    changed = red.job("updateNetworkACLItem", id=made["id"], startport=80)["networkacl"]
    assert (changed["protocol"], changed["startport"]) == ("6", "80")
    for said, shown in (("udp", "udp"), ("17", "17"), ("all", "all"), ("1", "icmp"), ("132", "132")):
        changed = red.job(
            "updateNetworkACLItem", id=made["id"], protocol=said, cidrlist="0.0.0.0/0", partialupgrade="false"
        )["networkacl"]
        assert changed["protocol"] == shown


def numbers(client: Client, acl: str) -> dict[str, int]:
    """Reasons and places of the items of a list, in their order."""
    return {
        each["reason"]: each["number"] for each in client.call("listNetworkACLs", aclid=acl)["networkacl"]
    }


def test_an_item_is_shown_as_it_was_given(red: Client, acl: str) -> None:
    made = item(red, acl, endport=444, cidrlist="192.0.2.0/24", action="deny", reason="no", number=7)
    wanted = {
        "protocol": "tcp",
        "startport": "443",
        "endport": "444",
        "cidrlist": "192.0.2.0/24",
        "number": 7,
    }
    wanted |= {"action": "Deny", "traffictype": "Ingress", "reason": "no", "aclid": acl, "aclname": "front"}
    assert wanted.items() <= made.items()
    leaving = item(red, acl, traffictype="Egress", protocol="132", cidrlist="2001:db8::/32", startport=9)
    assert (leaving["protocol"], leaving["number"], leaving["cidrlist"]) == ("132", 8, "2001:db8::/32")
    assert red.call("listNetworkACLs", aclid=acl, traffictype="egress")["networkacl"] == [leaving]
    assert red.call("listNetworkACLs", aclid=acl, action="Deny", protocol="TCP")["networkacl"] == [made]
    assert "already exists" in refused(red, "createNetworkACL", aclid=acl, protocol="all", number=7)[1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"protocol": "256"}, "Invalid protocol 256"),
        ({"protocol": "esp"}, "Invalid protocol esp"),
        ({"protocol": "all", "startport": 1}, "only tcp, udp and sctp have ports"),
        ({"protocol": "tcp", "number": 0}, "number"),
        ({"protocol": "tcp", "action": "reject"}, "action"),
        ({"protocol": "tcp", "cidrlist": "10.0.0.0/8,::/0"}, "cidrlist"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    cloud: Cloud, red: Client, acl: str, wrong: dict[str, object], said: str
) -> None:
    before = cloud.snapshot.count(AclItem)
    code, text = refused(red, "createNetworkACL", aclid=acl, **wrong)
    assert (code, said in text) == (431, True)
    assert cloud.snapshot.count(AclItem) == before


def test_a_tier_has_the_list_that_denies_unless_it_asks(
    cloud: Cloud, red: Client, vpc: str, acl: str
) -> None:
    made = tier(cloud, red, vpc)
    assert made["aclname"] == "default_deny"
    red.job("replaceNetworkACLList", aclid=acl, networkid=made["id"])
    (shown,) = red.call("listNetworks", id=made["id"])["network"]
    assert (shown["aclid"], shown["aclname"]) == (acl, "front")
    code, text = refused(red, "deleteNetworkACLList", id=acl)
    assert code == 536 and "tier" in text
    (common,) = red.call("listNetworkACLLists", name="default_allow")["networkacllist"]
    red.job("replaceNetworkACLList", aclid=common["id"], networkid=made["id"])
    red.job("deleteNetworkACLList", id=acl)
    other = cloud.vpc(red, "10.30.0.0/16")["id"]
    foreign = red.job("createNetworkACLList", name="front", vpcid=other)["networkacllist"]["id"]
    assert refused(red, "replaceNetworkACLList", aclid=foreign, networkid=made["id"])[0] == 431


def test_a_tier_is_made_with_a_list(cloud: Cloud, red: Client, vpc: str, acl: str) -> None:
    assert tier(cloud, red, vpc, aclid=acl)["aclid"] == acl
    flat = cloud.network(red, "flat")
    assert "aclid" not in flat
    assert refused(red, "replaceNetworkACLList", aclid=acl, networkid=flat["id"])[0] == 431


def test_the_common_lists_are_seen_by_all_and_changed_by_nobody(cloud: Cloud, red: Client) -> None:
    lists = red.call("listNetworkACLLists")["networkacllist"]
    assert [each["name"] for each in lists] == ["default_allow", "default_deny"]
    for each, action in zip(lists, ("Allow", "Deny"), strict=True):
        shown = red.call("listNetworkACLs", aclid=each["id"])["networkacl"]
        assert [(i["action"], i["traffictype"], i["protocol"]) for i in shown] == [
            (action, "Ingress", "all"), (action, "Egress", "all"),
        ]  # fmt: skip
        assert refused(red, "deleteNetworkACLList", id=each["id"])[0] == 531
        assert refused(cloud.admin, "deleteNetworkACLList", id=each["id"])[0] == 431
        assert refused(cloud.admin, "updateNetworkACLList", id=each["id"], name="x")[0] == 431
        assert refused(cloud.admin, "createNetworkACL", aclid=each["id"], protocol="all")[0] == 431
        assert refused(cloud.admin, "deleteNetworkACL", id=shown[0]["id"])[0] == 431


def test_an_item_is_changed_in_part_or_whole(red: Client, acl: str) -> None:
    made = item(red, acl, cidrlist="192.0.2.0/24", reason="web")
    changed = red.job("updateNetworkACLItem", id=made["id"], action="Deny", startport=80)["networkacl"]
    wanted = {
        "action": "Deny",
        "startport": "80",
        "endport": "80",
        "cidrlist": "192.0.2.0/24",
        "reason": "web",
    }
    assert (wanted | {"protocol": "tcp"}).items() <= changed.items()
    turned = red.job("updateNetworkACLItem", id=made["id"], traffictype="Egress")["networkacl"]
    assert (turned["traffictype"], turned["cidrlist"]) == ("Egress", "192.0.2.0/24")
    whole = red.job("updateNetworkACLItem", id=made["id"], protocol="udp", partialupgrade="false")[
        "networkacl"
    ]
    assert (whole["protocol"], whole["action"], whole["cidrlist"]) == ("udp", "Allow", "0.0.0.0/0")
    assert "reason" not in whole and "startport" not in whole
    item(red, acl, number=50)
    assert "already exists" in refused(red, "updateNetworkACLItem", id=made["id"], number=50)[1]


def test_items_move_and_make_room(red: Client, acl: str) -> None:
    ids = {name: item(red, acl, reason=name)["id"] for name in ("a", "b", "c", "d")}
    red.job("moveNetworkAclItem", id=ids["d"], previousaclruleid=ids["a"], nextaclruleid=ids["b"])
    assert list(numbers(red, acl)) == ["a", "d", "b", "c"]
    red.job("moveNetworkAclItem", id=ids["c"], nextaclruleid=ids["a"])
    assert list(numbers(red, acl)) == ["c", "a", "d", "b"]
    red.job("moveNetworkAclItem", id=ids["c"], previousaclruleid=ids["b"])
    assert list(numbers(red, acl)) == ["a", "d", "b", "c"]
    assert len(set(numbers(red, acl).values())) == 4
    wrong = {"previousaclruleid": ids["b"], "nextaclruleid": ids["d"]}
    assert "not next to each other" in refused(red, "moveNetworkAclItem", id=ids["a"], **wrong)[1]
    assert refused(red, "moveNetworkAclItem", id=ids["a"])[0] == 431


def test_an_item_moves_only_in_the_list_that_was_seen(red: Client, acl: str) -> None:
    ids = [item(red, acl, reason=name)["id"] for name in ("a", "b", "c")]
    seen = hashlib.md5("".join(ids).encode(), usedforsecurity=False).hexdigest()
    to_the_top = {"nextaclruleid": ids[0], "aclconsistencyhash": seen}
    red.job("moveNetworkAclItem", id=ids[2], **to_the_top)
    assert list(numbers(red, acl)) == ["c", "a", "b"]
    code, text = refused(red, "moveNetworkAclItem", id=ids[1], **to_the_top | {"nextaclruleid": ids[2]})
    assert code == 431
    assert text == (
        "It seems that the access control list in the database is not in the state that you used to apply"
        " the changed. Could you try it again?"
    )
    assert list(numbers(red, acl)) == ["c", "a", "b"]


def test_an_item_for_a_tier_with_a_common_list_makes_a_list(cloud: Cloud, red: Client, vpc: str) -> None:
    made = tier(cloud, red, vpc)["id"]
    new = red.job("createNetworkACL", networkid=made, protocol="all")["networkacl"]
    (shown,) = red.call("listNetworks", id=made)["network"]
    assert shown["aclid"] == new["aclid"]
    assert red.call("listNetworkACLs", networkid=made)["networkacl"] == [new]


def test_lists_go_with_their_vpc(cloud: Cloud, red: Client, vpc: str, acl: str) -> None:
    item(red, acl)
    red.job("deleteVPC", id=vpc)
    assert cloud.snapshot.count(AclList) == 2
    assert cloud.snapshot.count(AclItem) == 4


def test_lists_of_others_are_invisible_and_untouchable(cloud: Cloud, red: Client, vpc: str, acl: str) -> None:
    made = item(red, acl)
    blue = cloud.account("blue")
    assert len(blue.call("listNetworkACLLists", listall="true")["networkacllist"]) == 2
    assert blue.call("listNetworkACLs", listall="true") == {}
    for command, arguments in (
        ("listNetworkACLs", {"aclid": acl}),
        ("createNetworkACL", {"aclid": acl, "protocol": "all"}),
        ("deleteNetworkACL", {"id": made["id"]}),
        ("moveNetworkAclItem", {"id": made["id"], "nextaclruleid": made["id"]}),
        ("createNetworkACLList", {"name": "x", "vpcid": vpc}),
    ):
        assert refused(blue, command, **arguments)[0] == 531
