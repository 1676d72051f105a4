"""Sync with a CloudStack over HTTP: proxies of balancers, which CloudStack knows nothing of."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.balancers import Affinity, Balancer, Stickiness
from sdn_orch.intent.balancing import obstacle
from sdn_orch.intent.model import Nic
from sdn_orch.intent.proxies import proxy_of
from sdn_orch.northbound.sync import rows
from tests.balancing import rule
from tests.managed import Pair

COOKIE = {"methodname": "LbCookie", "name": "s", "param[0].name": "domain", "param[0].value": ".shop.example"}


def proxy(pair: Pair, id: str) -> Nic | None:
    """The NIC of the balancer's proxy, which serves it."""
    balancer = pair.snapshot.need(Balancer, id)
    assert obstacle(pair.snapshot, balancer) is None
    return proxy_of(pair.snapshot, balancer)


def test_a_cookie_brings_a_proxy_and_takes_it_along(pair: Pair) -> None:
    red, web = pair.managed.red, pair.managed.network("web", 2)
    lb = rule(red, pair.managed.address(networkid=web)["id"])
    pair.compare()
    assert proxy(pair, lb) is None
    red.job("createLBStickinessPolicy", lbruleid=lb, **COOKIE)
    outcome = pair.compare()
    nic = proxy(pair, lb)
    assert nic is not None and str(nic.ipv4) == "10.1.1.254"
    (sticky,) = pair.snapshot.all(Stickiness)
    assert (sticky.affinity, sticky.options) == (Affinity.COOKIE, (("domain", ".shop.example"),))
    assert {(change.action, change.kind) for _, change in outcome.changes} == {
        ("create", "stickiness"),
        ("create", "NIC"),
    }
    assert pair.compare().changes == []
    # The policy goes there, and a machine has the address when it is back.
    policies = red.call("listLBStickinessPolicies", lbruleid=lb)["stickinesspolicies"]
    red.job("deleteLBStickinessPolicy", id=policies[0]["stickinesspolicy"][0]["id"])
    late = pair.managed.machine("late", web, ipaddress="10.1.1.254")
    red.job("createLBStickinessPolicy", lbruleid=lb, **COOKIE)
    pair.compare()
    assert pair.snapshot.need(Nic, late["nic"][0]["id"]).ipv4 == nic.ipv4
    again = proxy(pair, lb)
    assert again is not None and str(again.ipv4) == "10.1.1.253"
    assert pair.compare().changes == []
    # It is no reason to ask, and goes without asking.
    red.job("deleteLoadBalancerRule", id=lb)
    pair.compare(most_deleted=0)
    assert pair.snapshot.get(Nic, again.id) is None


@pytest.mark.parametrize("is_at_once", [True, False], ids=["at once", "one after the other"])
def test_it_gives_way_to_a_balancer_inside_of_its_network(pair: Pair, is_at_once: bool) -> None:
    red, cloud = pair.managed.red, pair.managed.cloud
    vpc = cloud.vpc(red)["id"]
    tier = cloud.tier(red, vpc, "10.20.1.1")["id"]
    lb = rule(red, pair.managed.address(vpcid=vpc)["id"], protocol="tcp-proxy", networkid=tier)
    inner = {
        "id": "00000000-0000-4000-8000-000000000001", "name": "inner", "networkid": tier,
        "sourceipaddress": "10.20.1.254", "sourceipaddressnetworkid": tier,
        "loadbalancerrule": [{"sourceport": 80, "instanceport": 8080}],
    }  # fmt: skip
    found = pair.reader.all()

    class Changed:
        calls = 0

        def all(self, zone: str | None) -> Any:
            return found

    if not is_at_once:
        pair.compare()
    before = proxy(pair, lb) if not is_at_once else None
    found.inner_balancers = [rows.InnerBalancer.model_validate(inner)]
    assert pair.sync(Changed()).compare().faults == []
    nic = proxy(pair, lb)
    assert nic is not None and nic != before and str(nic.ipv4) == "10.20.1.253"
    assert pair.sync(Changed()).compare().changes == []
