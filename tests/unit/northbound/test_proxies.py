"""A balancer that switches cannot serve has a proxy with an address in the members' network."""

from __future__ import annotations

import pytest

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.balancing import obstacle
from sdn_orch.intent.model import Account, Nic
from sdn_orch.intent.proxies import proxy_of
from sdn_orch.northbound import pool
from tests.balancing import address, certificate, inner, internal_tier, refused, rule
from tests.cloudstack import Client, Cloud
from tests.contract.everything import public_range

COOKIE = {"methodname": "LbCookie", "name": "s"}


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud()
    public_range(cloud)
    return cloud


def proxy(cloud: Cloud, balancer: str) -> Nic | None:
    """The NIC of its proxy."""
    return proxy_of(cloud.snapshot, cloud.snapshot.need(Balancer, balancer))


def check_gone(cloud: Cloud, nic: Nic) -> None:
    """Nothing is left of it, and its address is free."""
    assert cloud.snapshot.get(Nic, nic.id) is None
    assert not pool.is_taken(cloud.snapshot, nic.network_id, int(nic.ipv4 or 0))


def test_a_cookie_brings_a_proxy_and_takes_it_along(cloud: Cloud, red: Client, net: str, ip: str) -> None:
    lb = rule(red, ip)
    assert proxy(cloud, lb) is None
    policy = red.job("createLBStickinessPolicy", lbruleid=lb, **COOKIE)["stickinesspolicies"]
    nic = proxy(cloud, lb)
    assert nic is not None and nic.ipv4 is not None and nic.network_id == net
    assert (
        pool.is_taken(cloud.snapshot, net, int(nic.ipv4)) and nic.mac == f"02:5d:{nic.ipv4.packed.hex(':')}"
    )
    assert obstacle(cloud.snapshot, cloud.snapshot.need(Balancer, lb)) is None
    # It is nobody's machine, and no reason for a network to come up or to stay.
    assert red.call("listVirtualMachines") == {} and nic.active_in is None
    red.job("deleteLBStickinessPolicy", id=policy["stickinesspolicy"][0]["id"])
    check_gone(cloud, nic)


def test_by_source_the_switches_do_it(cloud: Cloud, red: Client, ip: str) -> None:
    lb = rule(red, ip)
    red.job("createLBStickinessPolicy", lbruleid=lb, methodname="SourceBased", name="s")
    assert proxy(cloud, lb) is None


def test_the_protocol_decides_too(cloud: Cloud, red: Client, ip: str) -> None:
    lb = rule(red, ip, protocol="tcp-proxy")
    nic = proxy(cloud, lb)
    assert nic is not None
    red.job("updateLoadBalancerRule", id=lb, protocol="tcp")
    check_gone(cloud, nic)
    red.job("updateLoadBalancerRule", id=lb, protocol="tcp-proxy")
    assert proxy(cloud, lb) is not None


def test_a_cookie_of_the_application_has_a_name(cloud: Cloud, red: Client, ip: str) -> None:
    lb = rule(red, ip)
    red.job("createLBStickinessPolicy", lbruleid=lb, methodname="AppCookie", name="s")
    said = obstacle(cloud.snapshot, cloud.snapshot.need(Balancer, lb))
    assert said == "it is not said how the application's cookie is called"


def test_tls_is_ended_where_there_is_a_certificate(cloud: Cloud, red: Client, ip: str) -> None:
    lb = rule(red, ip, protocol="ssl")

    def refusal() -> str | None:
        return obstacle(cloud.snapshot, cloud.snapshot.need(Balancer, lb))

    assert proxy(cloud, lb) is not None and refusal() == "it has no certificate to show to clients"
    red.job("assignCertToLoadBalancer", lbruleid=lb, certid=certificate(red))
    assert refusal() is None
    red.job("removeCertFromLoadBalancer", lbruleid=lb)
    assert refusal() == "it has no certificate to show to clients"


@pytest.mark.parametrize("ending", ["rule", "address", "network", "account"])
def test_it_goes_with_whatever_its_balancer_goes_with(
    cloud: Cloud, red: Client, net: str, ending: str
) -> None:
    # The network's first address is the one that it goes out by, and stays with it.
    ip = [address(red, networkid=net) for _ in range(2)][1]
    lb = rule(red, ip, protocol="tcp-proxy")
    nic = proxy(cloud, lb)
    assert nic is not None
    match ending:
        case "rule":
            red.job("deleteLoadBalancerRule", id=lb)
        case "address":
            red.job("disassociateIpAddress", id=ip)
        case "network":
            red.job("deleteNetwork", id=net)
        case "account":
            account = cloud.snapshot.first(Account, "name", "red")
            assert account is not None
            cloud.admin.job("deleteAccount", id=account.id)
    check_gone(cloud, nic)


def test_without_a_free_address_there_is_none(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    lb = rule(red, ip)
    taken = cloud.snapshot.need(pool.Pool, net)
    cloud.service.write(lambda transaction: pool.provide(transaction, taken.id, ()))
    error = refused(red, "createLBStickinessPolicy", lbruleid=lb, **COOKIE)
    assert error.status == 533 and "has no free IPv4 address left for it" in error.text
    assert red.call("listLBStickinessPolicies", lbruleid=lb) == {}


def test_inside_of_networks_too(cloud: Cloud, red: Client) -> None:
    tier = internal_tier(cloud, red)
    lb = red.call("createLoadBalancer", **inner(tier))["id"]
    red.job("createLBStickinessPolicy", lbruleid=lb, **COOKIE)
    nic = proxy(cloud, lb)
    assert nic is not None and nic.network_id == tier
    red.job("deleteLoadBalancer", id=lb)
    check_gone(cloud, nic)
