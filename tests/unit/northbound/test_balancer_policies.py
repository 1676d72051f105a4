"""Stickiness, health checks, certificates and internal load balancers."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from sdn_orch.intent.balancers import Affinity, Balancer, Certificate, HealthCheck, Stickiness
from sdn_orch.northbound import pool
from sdn_orch.store.codec import encode
from tests.balancing import (
    RULE,
    address,
    failure,
    inner,
    internal_tier,
    issued,
    key_pem,
    pem,
    refused,
    rule,
)
from tests.cloudstack import TIER, Client, Cloud
from tests.contract.everything import public_range


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud()
    public_range(cloud)
    return cloud


@pytest.fixture
def lb(red: Client, ip: str) -> str:
    return rule(red, ip)


def parameters(**given: str) -> dict[str, str]:
    """Parameters of a stickiness method, underscores for hyphens."""
    found: dict[str, str] = {}
    for index, (name, value) in enumerate(given.items()):
        found |= {f"param[{index}].name": name.replace("_", "-"), f"param[{index}].value": value}
    return found


@pytest.mark.parametrize(
    ("method", "given", "meant"),
    [
        ("SourceBased", {}, (Affinity.SOURCE, 1800, 200 * 1024, ())),
        (
            "sourcebased",
            {"expire": "2h", "tablesize": "1m"},
            (Affinity.SOURCE, 7200, 1024**2, ()),
        ),
        ("SourceBased", {"expire": "1500", "tablesize": "7"}, (Affinity.SOURCE, 2, 7, ())),
        ("LbCookie", {}, (Affinity.COOKIE, None, None, ())),
        (
            "LbCookie",
            {"cookie_name": "c", "mode": "prefix", "nocache": ""},
            (Affinity.COOKIE, None, None, (("cookie-name", "c"), ("mode", "prefix"), ("nocache", ""))),
        ),
        (
            "AppCookie",
            {"cookie_name": "c", "length": "52", "holdtime": "1d"},
            (Affinity.APPLICATION_COOKIE, 86_400, None, (("cookie-name", "c"), ("length", "52"))),
        ),
        ("AppCookie", {}, (Affinity.APPLICATION_COOKIE, 10_800, None, ())),
    ],
)
def test_stickiness(
    cloud: Cloud, red: Client, lb: str, method: str, given: dict[str, str], meant: Any
) -> None:  # fmt: skip
    first = red.call(
        "createLBStickinessPolicy",
        lbruleid=lb,
        name="s",
        methodname=method,
        description="d",
        **parameters(**given),
    )
    record = cloud.snapshot.need(Stickiness, first["id"])
    assert (record.affinity, record.expire, record.clients, record.options) == meant
    job = red.call("queryAsyncJobResult", jobid=first["jobid"])["jobresult"]["stickinesspolicies"]
    (listed,) = red.call("listLBStickinessPolicies", lbruleid=lb)["stickinesspolicies"]
    assert job == listed == red.call("listLBStickinessPolicies", id=record.id)["stickinesspolicies"][0]
    assert (listed["lbruleid"], listed["account"], listed["zoneid"]) == (lb, "red", cloud.zone)
    (policy,) = listed["stickinesspolicy"]
    assert policy == {
        "id": record.id,
        "name": "s",
        "description": "d",
        "methodname": {"s": "SourceBased", "l": "LbCookie", "a": "AppCookie"}[method[0].lower()],
        "params": {name.replace("_", "-"): value for name, value in given.items()},
        "state": "Add",
        "fordisplay": True,
    }


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("Nothing", {}, "Failed to match Stickiness method name for LB rule:"),
        ("SourceBased", {"cookie_name": "x"}, "SourceBased has no parameter cookie-name"),
        ("LbCookie", {"cookie_name": ""}, "cookie-name of stickiness method LbCookie needs a value"),
        ("LbCookie", {"mode": "both"}, "mode of stickiness method LbCookie must be one of insert"),
        ("LbCookie", {"cookie_name": "a\x7f"}, "too long or not printable"),
        ("AppCookie", {"length": "x"}, "length is not a number: x"),
        ("AppCookie", {"holdtime": "3w"}, "holdtime is not in timeformat: 3w"),
        ("SourceBased", {"expire": "0"}, "expire is not in timeformat: 0"),
        ("SourceBased", {"tablesize": "9g"}, "tablesize is not in size format: 9g"),
    ],
)
def test_wrong_stickiness(red: Client, lb: str, method: str, given: dict[str, str], said: str) -> None:
    error = refused(
        red, "createLBStickinessPolicy", lbruleid=lb, name="s", methodname=method, **parameters(**given)
    )
    assert (error.status, said in error.text) == (431, True), error.text
    assert red.call("listLBStickinessPolicies", lbruleid=lb) == {}


def test_a_rule_has_one_stickiness_at_a_time(red: Client, lb: str) -> None:
    domains = parameters(domain=".a") | {"param[7].name": "domain", "param[7].value": ".b"}
    sticky = {"lbruleid": lb, "name": "s", "methodname": "LbCookie"}
    id = red.call("createLBStickinessPolicy", **sticky, **domains)["id"]
    (shown,) = red.call("listLBStickinessPolicies", lbruleid=lb)["stickinesspolicies"]
    assert shown["stickinesspolicy"][0]["params"] == {"domain": ".a,.b"}
    error = refused(red, "createLBStickinessPolicy", **sticky)
    assert error.text == f"Failed to create Stickiness policy: Already policy attached {lb}"
    red.job("updateLBStickinessPolicy", id=id, fordisplay="false")
    assert red.call("listLBStickinessPolicies", lbruleid=lb, fordisplay="true") == {}
    assert "can't be both empty" in refused(red, "listLBStickinessPolicies").text
    assert red.job("deleteLBStickinessPolicy", id=id) == {"success": True}
    red.job("createLBStickinessPolicy", **sticky)


def test_health_checks(cloud: Cloud, red: Client, lb: str) -> None:
    id = red.call("createLBHealthCheckPolicy", lbruleid=lb, description="d")["id"]
    (shown,) = red.call("listLBHealthCheckPolicies", lbruleid=lb)["healthcheckpolicies"]
    assert shown["healthcheckpolicy"] == [
        {
            "id": id,
            "description": "d",
            "responsetime": 5,
            "healthcheckinterval": 5,
            "healthcheckthresshold": 2,
            "unhealthcheckthresshold": 10,
            "state": "Add",
            "fordisplay": True,
        }
    ]
    assert "Already policy attached" in refused(red, "createLBHealthCheckPolicy", lbruleid=lb).text
    assert "can't be both empty" in refused(red, "listLBHealthCheckPolicies").text
    red.job("updateLBHealthCheckPolicy", id=id, fordisplay="false")
    assert red.call("listLBHealthCheckPolicies", id=id, fordisplay="true") == {}
    red.job("deleteLBHealthCheckPolicy", id=id)
    for wrong, said in {
        "pingpath=up": "path: it must begin with /",
        "responsetimeout=1": "timeout: 1 is not in 2..60",
        "intervaltime=301": "interval: 301 is not in 1..300",
        "responsetimeout=6": "interval: 5 is below 6",
        "healthythreshold=0": "healthy: 0 is not in 1..100",
    }.items():
        name, value = wrong.split("=")
        error = refused(red, "createLBHealthCheckPolicy", lbruleid=lb, **{name: value})
        assert (error.status, said in error.text) == (431, True), error.text
    red.job("createLBHealthCheckPolicy", lbruleid=lb, pingpath="/up", intervaltime=300, responsetimeout=60)
    (record,) = cloud.snapshot.all(HealthCheck)
    assert (record.path, record.interval, record.timeout) == ("/up", 300, 60)


def test_a_certificate_is_uploaded_and_its_key_never_shown(cloud: Cloud, red: Client) -> None:
    authority = issued("authority")
    own = issued("www.example.org", authority)
    shown = red.call(
        "uploadSslCert",
        name="www",
        certificate=pem(own[0]),
        certchain=pem(authority[0]),
        privatekey=key_pem(own[1], "open sesame"),
        password="open sesame",
    )["sslcert"]
    assert shown.items() >= {
        "name": "www",
        "certificate": pem(own[0]),
        "certchain": pem(authority[0]),
        "account": "red",
        "loadbalancerrulelist": [],
    }.items()  # fmt: skip
    assert shown["fingerprint"] == own[0].fingerprint(hashes.SHA512()).hex(":")
    (listed,) = red.call("listSslCerts")["sslcert"]
    assert listed == shown
    assert "PRIVATE" not in str(listed) and not shown.keys() & {"privatekey", "password"}
    record = cloud.snapshot.need(Certificate, shown["id"])
    opened = cloud.service.vault.unseal(record.id, "private_key", record.private_key)
    assert opened.decode() == key_pem(own[1])
    lines = key_pem(own[1]).splitlines()
    assert not any(line in encode(record) for line in lines)
    for told in (red.call("listEvents"), red.call("listAsyncJobs")):
        assert "PRIVATE" not in str(told) and "sesame" not in str(told)


def test_wrong_certificates_are_refused_without_a_word_of_the_key(cloud: Cloud, red: Client) -> None:
    own, other, old = issued("own"), issued("other"), issued("old", days=-1)
    good = {"name": "c", "certificate": pem(own[0]), "privatekey": key_pem(own[1])}
    secret = key_pem(own[1], "right")
    for wrong, said in (
        ({"certificate": "rubbish"}, "certificate is not a PEM certificate"),
        ({"certificate": pem(own[0]) * 2}, "certificate has more than 1 certificates"),
        ({"certificate": pem(old[0]), "privatekey": key_pem(old[1])}, "certificate is not valid now"),
        ({"privatekey": key_pem(other[1])}, "privatekey is not that of certificate"),
        ({"privatekey": secret, "password": "wrong"}, "password does not open it"),
        ({"privatekey": secret}, "password does not open it"),
        ({"privatekey": pem(own[0])}, "privatekey is not a PEM key"),
        ({"certchain": pem(other[0])}, "Invalid certificate chain"),
        ({"certchain": "x"}, "certchain is not a PEM certificate"),
        ({"name": " "}, "name: it is empty"),
    ):
        error = refused(red, "uploadSslCert", **(good | wrong))
        assert (error.status, said in error.text) == (431, True), error.text
        assert "PRIVATE" not in error.text and "wrong" not in error.text
    assert cloud.snapshot.count(Certificate) == 0


def test_a_rule_that_speaks_tls_has_a_certificate(cloud: Cloud, red: Client, ip: str) -> None:
    own = issued("own")
    good = {"certificate": pem(own[0]), "privatekey": key_pem(own[1])}
    one, two = (red.call("uploadSslCert", name=name, **good)["sslcert"]["id"] for name in ("one", "two"))
    plain, tls = rule(red, ip), rule(red, ip, publicport=443, protocol="ssl")
    assert "protocol is not ssl" in failure(red, "assignCertToLoadBalancer", lbruleid=plain, certid=one)[1]
    assert red.job("assignCertToLoadBalancer", lbruleid=tls, certid=one) == {"success": True}
    assert "already bound" in failure(red, "assignCertToLoadBalancer", lbruleid=tls, certid=two)[1]
    red.job("assignCertToLoadBalancer", lbruleid=tls, certid=two, forced="true")
    (shown,) = red.call("listSslCerts", lbruleid=tls)["sslcert"]
    assert (shown["id"], shown["loadbalancerrulelist"]) == (two, [tls])
    error = refused(red, "deleteSslCert", id=two)
    assert (error.status, error.text) == (536, "Certificate in use by a loadbalancer(s) web")
    assert (
        "only a balancer that speaks TLS" in failure(red, "updateLoadBalancerRule", id=tls, protocol="tcp")[1]
    )
    red.job("removeCertFromLoadBalancer", lbruleid=tls)
    assert "No certificate" in failure(red, "removeCertFromLoadBalancer", lbruleid=tls)[1]
    assert red.call("deleteSslCert", id=two) == {"success": True}
    blue = cloud.account("blue")
    assert blue.call("listSslCerts") == {}
    for command, given in {
        "listSslCerts": {"certid": one},
        "deleteSslCert": {"id": one},
        "assignCertToLoadBalancer": {"certid": one, "lbruleid": tls},
    }.items():
        assert refused(blue, command, **given).status == 531
    theirs = blue.call("uploadSslCert", name="theirs", **good)["sslcert"]["id"]
    assert (
        "different owners" in failure(cloud.admin, "assignCertToLoadBalancer", lbruleid=tls, certid=theirs)[1]
    )
    cloud.admin.job("deleteAccount", id=cloud.admin.ids("listAccounts", listall="true")["blue"])
    assert [each.id for each in cloud.snapshot.all(Certificate)] == [one]


@pytest.fixture
def tier(cloud: Cloud, red: Client) -> str:
    return internal_tier(cloud, red)


def internal(client: Client, tier: str, **more: object) -> Any:
    """A new internal load balancer."""
    return client.job("createLoadBalancer", **(inner(tier) | more))["loadbalancer"]


def test_internal_load_balancers(cloud: Cloud, red: Client, tier: str) -> None:
    shown = internal(red, tier, sourceipaddress="10.20.1.100", description="d")
    expected = {
        "name": "inner",
        "description": "d",
        "algorithm": "source",
        "networkid": tier,
        "sourceipaddress": "10.20.1.100",
        "sourceipaddressnetworkid": tier,
        "account": "red",
        "loadbalancerrule": [{"sourceport": 80, "instanceport": 8080, "state": "Active"}],
        "loadbalancerinstance": [],
        "tags": [],
    }
    assert shown.items() >= expected.items()
    other = internal(red, tier, sourceipaddress="10.20.1.100", sourceport=81)
    machine = cloud.machine(red, "vm", networkids=tier)
    red.job("assignToLoadBalancerRule", id=shown["id"], virtualmachineids=machine["id"])
    (listed,) = red.call("listLoadBalancers", id=shown["id"])["loadbalancer"]
    assert listed["loadbalancerinstance"] == [
        {
            "id": machine["id"],
            "name": "vm",
            "state": "Running",
            "ipaddress": machine["nic"][0]["ipaddress"],
        }
    ]
    for found in ({"networkid": tier}, {"sourceipaddress": "10.20.1.100"}, {"scheme": "internal"}, {}):
        assert red.call("listLoadBalancers", **found)["count"] == 2
    assert red.call("listLoadBalancers", scheme="Public") == {}
    assert red.call("listLoadBalancerRules", id=shown["id"]) == red.call("listLoadBalancerRules") == {}
    for command in ("deleteLoadBalancerRule", "updateLoadBalancerRule"):
        assert "is an internal one" in failure(red, command, id=shown["id"])[1]
    assert (
        red.job("updateLoadBalancer", id=shown["id"], fordisplay="false")["loadbalancer"]["fordisplay"]
        is False
    )
    # The address stays taken until the last load balancer at it goes.
    taken = int(IPv4Address("10.20.1.100"))
    red.job("deleteLoadBalancer", id=shown["id"])
    assert pool.is_taken(cloud.snapshot, tier, taken)
    red.job("deleteLoadBalancer", id=other["id"])
    assert not pool.is_taken(cloud.snapshot, tier, taken)
    # By default it is the next free one, which no machine gets.
    free = internal(red, tier)["sourceipaddress"]
    assert cloud.machine(red, "vm2", networkids=tier)["nic"][0]["ipaddress"] != free
    for each in red.call("listVirtualMachines")["virtualmachine"]:
        red.job("destroyVirtualMachine", id=each["id"])
    red.job("deleteNetwork", id=tier)
    assert cloud.snapshot.count(Balancer) == 0


def test_wrong_internal_load_balancers(cloud: Cloud, red: Client, ip: str, net: str, tier: str) -> None:
    machine = cloud.machine(red, "vm", networkids=tier)
    given = inner(tier)
    for wrong, said in (
        ({"scheme": "Public"}, "Invalid scheme Public"),
        ({"sourceport": 0}, "sourceport is an invalid value: 0"),
        ({"sourceipaddress": "10.20.2.1"}, "10.20.2.1 is not in the range"),
        ({"sourceipaddress": "10.20.1.1"}, "10.20.1.1 is taken"),
        ({"sourceipaddress": machine["nic"][0]["ipaddress"]}, "is taken"),
        ({"networkid": net}, "LB scheme Internal is not supported in the network"),
        ({"sourceipaddressnetworkid": net}, "LB scheme Internal is not supported in the network"),
    ):
        error = refused(red, "createLoadBalancer", **(given | wrong))
        assert (error.status, said in error.text) == (431, True), error.text
    public = rule(red, ip)
    assert red.call("listLoadBalancers") == {}
    assert "not an internal one" in failure(red, "deleteLoadBalancer", id=public)[1]
    first = internal(red, tier)
    error = refused(red, "createLoadBalancer", **given, sourceipaddress=first["sourceipaddress"])
    assert error.status == 537


def test_a_tier_with_internal_ones_has_no_public_ones(cloud: Cloud, red: Client, tier: str) -> None:
    vpc = red.call("listVPCs")["vpc"][0]["id"]
    plain = cloud.network(red, "plain", TIER, vpcid=vpc, gateway="10.20.9.1", netmask="255.255.255.0")["id"]
    ip = address(red, vpcid=vpc)
    assert (
        "scheme Public" in refused(red, "createLoadBalancerRule", **RULE, publicipid=ip, networkid=tier).text
    )
    rule(red, ip, networkid=plain)
