"""Balancers inside of a VPC: two tiers, clients in both, and members who answer as the balancer.

Those at IPv6 addresses are asked from outside, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from tests.e2e.answers import get, told
from tests.ovs.bridges import run
from topologies.balancing import Balanced, ended
from topologies.cloud import Cloud
from topologies.demo.machines import bring_up
from topologies.demo.outside import DATAGRAMS, FAR6, NEAR6, WEB, add_routes, answering
from topologies.demo.tenants import TIER, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

_INNER_TIER = "DefaultIsolatedNetworkOfferingForVpcNetworksWithInternalLB"
#: In the tier that the balancer is in; `web1` is on another leaf than it, `app1` shares one with `web2`.
POOL = ("app1", "app2", "app3")
PLACES = {"web1": "h1", "web2": "h3", "app1": "h4", "app2": "h5", "app3": "h6"}


@dataclass(frozen=True, slots=True)
class Tiers(Balanced):
    """A VPC with clients in one tier, and members and a balancer in the other."""

    tier: str
    balancer: str


@pytest.fixture(scope="module")
def tiers() -> Iterator[Tiers]:
    with Cloud(partial(LeafSpine, leaves=4, hosts=2, gateways=1)) as cloud:
        made = begin_outside(cloud)
        tenant = made.tenant("blue")
        vpc = made.vpc(tenant)
        web = made.network(tenant, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
        app = made.network(tenant, "app", _INNER_TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc)
        networks = {"web": ("web", web), "app": ("app", app)}
        machines = {
            name: made.machine(tenant, host, name, networks[name[:3]], "shop")
            for name, host in PLACES.items()
        }
        bring_up(cloud, machines.values())
        balancer = tenant.call.createLoadBalancer(
            algorithm="roundrobin", name="inner", sourceport=80, instanceport=WEB, scheme="Internal",
            networkid=app, sourceipaddressnetworkid=app,
        )["loadbalancer"]  # fmt: skip
        vms = {row["name"]: row["id"] for row in tenant.call.listVirtualMachines()["virtualmachine"]}
        address = {"ipaddress": balancer["sourceipaddress"]}
        here = Tiers(cloud, machines, tenant, vms, address, app, balancer["id"])
        add_routes(cloud, made.admin.call)
        with answering(cloud, here.hosts()):
            yield here


@pytest.fixture(scope="module")
def six(tiers: Tiers) -> Tiers:
    """The same with a balancer at an IPv6 address, which only the native API can make."""
    return _at_ipv6(tiers, {"ports": [80, 80], "guest_ports": [WEB, WEB]})


def _at_ipv6(tiers: Tiers, wanted: dict[str, Any]) -> Tiers:
    made = tiers.cloud.controller.post("/v1/balancers", {"name": "six", "network": tiers.tier} | wanted)
    here = replace(tiers, balancer=made["id"], address={"ipaddress": made["address"]})
    here.assign(here.balancer, *POOL)
    return here


@contextmanager
def _another(six: Tiers, **wanted: Any) -> Iterator[Tiers]:
    """One more balancer at the address."""
    address = {"address": six.address["ipaddress"], "address_network": six.tier}
    made = _at_ipv6(six, wanted | address)
    yield made
    six.cloud.controller.delete(f"/v1/balancers/{made.balancer}")
    six.cloud.wait_objects()


def test_clients_of_both_tiers_are_spread_over_the_members(tiers: Tiers) -> None:
    tiers.assign(tiers.balancer, *POOL)
    listed = tiers.tenant.call.listLoadBalancers(id=tiers.balancer)["loadbalancer"][0]
    assert listed["loadbalancerrule"][0]["state"] == "Active"
    for client in ("web1", "web2"):
        answered = tiers.asked("fresh", 80, 300, client)
        assert set(answered) == set(POOL) and max(answered.values()) < 150, (client, answered)
    # A member is a client too: another member answers it.
    for client in POOL:
        answered = tiers.asked("fresh", 80, 20, client)
        assert client not in answered and set(answered) <= set(POOL), (client, answered)
    node = tiers.node("web1")
    seen = json.loads(get(node, tiers.address["ipaddress"], 80))
    assert seen["from"] == tiers.machines["web1"].ipv4
    # Who is not asked for: another port of the address, and the members themselves as before.
    assert get(node, tiers.address["ipaddress"], 81) == ""
    assert json.loads(get(node, tiers.machines["app1"].ipv4))["name"] == "app1"


def test_edges_count_what_members_had(tiers: Tiers) -> None:
    def counters() -> Any:
        return tiers.cloud.controller.ask("/v1/counters")["items"][0]

    before = counters()["connections"]
    for client in ("web1", "web2"):
        tiers.asked("fresh", 80, 50, client)
    tiers.cloud.controller.wait(lambda: counters()["connections"] == before + 100, "all to be counted", 30)
    for row in counters()["members"]:
        assert min(row["bytes_in"], row["bytes_out"]) > 250 * row["connections"] > 0, row


def test_edges_count_what_is_open(tiers: Tiers) -> None:
    call, controller = tiers.tenant.call, tiers.cloud.controller
    rule = call.createLoadBalancer(
        algorithm="leastconn", name="least", sourceport=82, instanceport=WEB, scheme="Internal",
        networkid=tiers.tier, sourceipaddressnetworkid=tiers.tier, sourceipaddress=tiers.address["ipaddress"],
    )["loadbalancer"]["id"]  # fmt: skip

    def opened() -> int:
        rows = controller.ask(f"/v1/balancers/{rule}/counters")["members"]
        return sum(row["open"] for row in rows)

    tiers.assign(rule, *POOL)
    steady = [tiers.clients("steady", 82, 12, client) for client in ("web1", "web2")]
    tiers.asked("fresh", 82, 100, "web1")
    controller.wait(lambda: opened() == 24, "all to be counted", 30)
    for process in steady:
        answered, broken = ended(process)
        assert not broken and answered.total() == 12, broken
    controller.wait(lambda: opened() == 0, "all to have ended", 30)
    call.deleteLoadBalancer(id=rule)
    tiers.cloud.wait_objects()


def test_members_are_drained_without_a_broken_connection(tiers: Tiers) -> None:
    steady = tiers.clients("steady", 80, 30, "web1")
    coming = tiers.clients("endless", 80, 2, "web2")
    tiers.remove(tiers.balancer, "app2")
    assert set(tiers.asked("fresh", 80, 100, "web1")) == {"app1", "app3"}
    tiers.cloud.crash()
    tiers.assign(tiers.balancer, "app2")
    assert set(tiers.asked("fresh", 80, 100, "web1")) == set(POOL)
    for process, count in ((steady, 30), (coming, 50)):
        answered, broken = ended(process)
        assert not broken and answered.total() >= count, broken[:3]


def test_datagrams_are_spread_too(tiers: Tiers) -> None:
    call, controller = tiers.tenant.call, tiers.cloud.controller
    made = call.createLoadBalancer(
        algorithm="roundrobin", name="names", sourceport=53, instanceport=DATAGRAMS, scheme="Internal",
        networkid=tiers.tier, sourceipaddressnetworkid=tiers.tier,
        sourceipaddress=tiers.address["ipaddress"],
    )["loadbalancer"]  # fmt: skip
    # CloudStack has no word for it.
    controller.put(f"/v1/balancers/{made['id']}", {"protocol": "udp"})
    tiers.assign(made["id"], *POOL)
    for client in ("web1", "web2"):
        answered = tiers.asked("datagrams", 53, 300, client)
        assert set(answered) == set(POOL) and max(answered.values()) < 200, (client, answered)
    for client in POOL:
        answered = tiers.asked("datagrams", 53, 20, client)
        assert client not in answered and set(answered) <= set(POOL), (client, answered)
    call.deleteLoadBalancer(id=made["id"])
    tiers.cloud.wait_objects()


def test_datagrams_from_outside_are_spread_in_a_tier(tiers: Tiers) -> None:
    call = tiers.tenant.call
    address = call.associateIpAddress(vpcid=call.listVPCs()["vpc"][0]["id"])["ipaddress"]
    outside, pool = replace(tiers, address=address), ["web1", "web2"]
    web = next(row["id"] for row in call.listNetworks()["network"] if row["name"] == "web")
    more = {"protocol": "udp", "privateport": DATAGRAMS, "networkid": web, "openfirewall": False}
    with outside.rule(53, pool, **more):
        # From outside, and by the public address from another tier.
        for client in (INTERNET, "app1"):
            answered = outside.asked("datagrams", 53, 300, client)
            assert set(answered) == set(pool) and max(answered.values()) < 220, (client, answered)
    call.disassociateIpAddress(id=address["id"])
    tiers.cloud.wait_objects()


def test_the_tiers_lists_judge_what_goes_to_members(tiers: Tiers) -> None:
    call = tiers.tenant.call
    vpc = call.listVPCs()["vpc"][0]["id"]
    chosen = call.createNetworkACLList(name="closed", vpcid=vpc)["networkacllist"]["id"]
    was = call.listNetworks(id=tiers.tier)["network"][0]["aclid"]
    call.replaceNetworkACLList(aclid=chosen, networkid=tiers.tier)
    tiers.cloud.wait_objects()
    node = tiers.node("web1")
    assert get(node, tiers.address["ipaddress"], 80) == ""
    call.createNetworkACL(
        aclid=chosen, protocol="tcp", startport=WEB, endport=WEB, number=1, action="allow",
        traffictype="ingress", cidrlist="10.20.1.0/24",
    )  # fmt: skip
    tiers.cloud.wait_objects()
    assert set(tiers.asked("fresh", 80, 60, "web1")) == set(POOL)
    call.replaceNetworkACLList(aclid=was, networkid=tiers.tier)
    tiers.cloud.wait_objects()


def test_clients_inside_and_outside_are_spread_over_ipv6_members(six: Tiers) -> None:
    address = six.address["ipaddress"]
    for client in ("web1", "web2", INTERNET):
        answered = six.asked("fresh", 80, 300, client)
        assert set(answered) == set(POOL) and max(answered.values()) < 150, (client, answered)
    for client in POOL:
        answered = six.asked("fresh", 80, 20, client)
        assert client not in answered and set(answered) <= set(POOL), (client, answered)
    web1 = six.node("web1")
    assert json.loads(get(web1, address, 80))["from"] == six.machines["web1"].ipv6
    assert json.loads(get(six.node(INTERNET), address, 80))["from"] == NEAR6
    for node in (web1, six.node(INTERNET)):
        assert get(node, address, 81) == ""
        assert json.loads(get(node, six.machines["app1"].ipv6))["name"] == "app1"
    shown = six.cloud.controller.command("balancers", "six").stdout
    assert f"[{address}]:80/tcp" in shown and str(six.machines["app2"].ipv6) in shown, shown
    found = six.cloud.controller.command("trace", "--from", "web1", "--to", address, "--tcp", "80").stdout
    assert "delivered" in found and "but the intent" not in found, found
    row = six.cloud.controller.ask(f"/v1/balancers/{six.balancer}/counters")
    assert row["connections"] >= 960 and min(row["bytes_in"], row["bytes_out"]) > 250 * row["connections"]


def test_ipv6_members_are_drained_without_a_broken_connection(six: Tiers) -> None:
    steady = [six.clients("steady", 80, 15, client) for client in ("web1", INTERNET)]
    coming = six.clients("endless", 80, 2, "web2")
    six.remove(six.balancer, "app2")
    for client in ("web1", INTERNET):
        assert set(six.asked("fresh", 80, 100, client)) == {"app1", "app3"}
    six.cloud.controller.kill()
    six.cloud.controller.start()
    six.cloud.controller.wait(six.cloud.in_sync, "the switches to be in sync again", 30)
    six.assign(six.balancer, "app2")
    assert set(six.asked("fresh", 80, 100, INTERNET)) == set(POOL)
    for process, count in ((steady[0], 15), (steady[1], 15), (coming, 50)):
        answered, broken = ended(process)
        assert not broken and answered.total() >= count, broken[:3]


def test_ipv6_datagrams_are_spread_and_some_clients_may_not_ask(six: Tiers) -> None:
    sources = ["2001:db8:11::/64", f"{FAR6}/128"]
    wanted = {"protocol": "udp", "ports": [53, 53], "guest_ports": [DATAGRAMS, DATAGRAMS], "sources": sources}
    with _another(six, **wanted) as names:
        for client in ("web1", "web2"):
            answered = names.asked("datagrams", 53, 300, client)
            assert set(answered) == set(POOL) and max(answered.values()) < 200, (client, answered)
        assert told(names.node(INTERNET), names.address["ipaddress"], 53) == ""
        # Whoever is among the members, in the other tier's prefix, is not among these clients.
        assert told(names.node("app1"), names.address["ipaddress"], 53) == ""


def test_ipv6_clients_are_remembered(six: Tiers) -> None:
    call = six.tenant.call
    with _another(six, ports=[81, 81], guest_ports=[WEB, WEB]) as sticky:
        call.createLBStickinessPolicy(lbruleid=sticky.balancer, methodname="SourceBased", name="sticky")
        sticky.cloud.wait_objects()
        chosen = {client: set(sticky.asked("fresh", 81, 30, client)) for client in ("web1", INTERNET)}
        assert all(len(members) == 1 for members in chosen.values()), chosen
        others = {name for members in chosen.values() for name in members}
        sticky.remove(sticky.balancer, next(name for name in POOL if name not in others))
        for client, members in chosen.items():
            assert set(sticky.asked("fresh", 81, 30, client)) == members


def test_what_is_open_is_counted_by_ipv6(six: Tiers) -> None:
    controller = six.cloud.controller
    wanted = {"algorithm": "least-connections", "ports": [82, 82], "guest_ports": [WEB, WEB]}
    with _another(six, **wanted) as least:

        def opened() -> int:
            rows = controller.ask(f"/v1/balancers/{least.balancer}/counters")["members"]
            return sum(row["open"] for row in rows)

        steady = [least.clients("steady", 82, 12, client) for client in ("web1", INTERNET)]
        least.asked("fresh", 82, 100, INTERNET)
        controller.wait(lambda: opened() == 24, "all to be counted", 30)
        for process in steady:
            answered, broken = ended(process)
            assert not broken and answered.total() == 12, broken
        controller.wait(lambda: opened() == 0, "all to have ended", 30)


def test_ipv6_members_are_checked(six: Tiers) -> None:
    call, controller, node = six.tenant.call, six.cloud.controller, six.node("app2")
    how = {"intervaltime": 2, "responsetimeout": 2, "healthythreshold": 2, "unhealthythreshold": 2}
    web = {"protocol": "tcp", "ports": [90, 90], "guest_ports": [WEB, WEB]}
    names = {"protocol": "udp", "ports": [90, 90], "guest_ports": [DATAGRAMS, DATAGRAMS]}
    with _another(six, **web) as connections, _another(six, **names) as datagrams:
        for each in (connections, datagrams):
            call.createLBHealthCheckPolicy(lbruleid=each.balancer, **how)

        def are(state: str) -> bool:
            expected = dict.fromkeys(POOL, "Up") | {"app2": state}
            listed = (
                call.listLoadBalancerRuleInstances(id=each.balancer)["loadbalancerruleinstance"]
                for each in (connections, datagrams)
            )
            return all({row["name"]: row.get("servicestate") for row in rows} == expected for rows in listed)

        def serve() -> set[str]:
            controller.wait(six.cloud.in_sync, "the switches to be in sync")
            answered = connections.asked("fresh", 90, 100, INTERNET)
            return set(answered) | set(datagrams.asked("datagrams", 90, 100, INTERNET))

        drops = (f"-p tcp --dport {WEB} -j DROP", "-p icmpv6 --icmpv6-type echo-request -j DROP")
        try:
            assert node.cmd(" && ".join(f"ip6tables -I INPUT {drop}" for drop in drops)) == ""
            controller.wait(lambda: are("Down"), "one to be down", 30)
            assert serve() == {"app1", "app3"}
        finally:
            node.cmd(" ; ".join(f"ip6tables -D INPUT {drop}" for drop in drops))
        controller.wait(lambda: are("Up"), "all to be up", 30)
        assert serve() == set(POOL)


def test_the_tiers_lists_judge_who_asks_ipv6_members(six: Tiers) -> None:
    call = six.tenant.call
    chosen = call.createNetworkACLList(name="narrow", vpcid=call.listVPCs()["vpc"][0]["id"])["networkacllist"]
    was = call.listNetworks(id=six.tier)["network"][0]["aclid"]
    call.createNetworkACL(
        aclid=chosen["id"], protocol="tcp", startport=WEB, endport=WEB, number=1, action="allow",
        traffictype="ingress", cidrlist=f"{NEAR6}/128",
    )  # fmt: skip
    call.replaceNetworkACLList(aclid=chosen["id"], networkid=six.tier)
    six.cloud.wait_objects()
    address = six.address["ipaddress"]
    assert set(six.asked("fresh", 80, 60, INTERNET)) == set(POOL)
    assert get(six.node(INTERNET), address, 80, "--interface", FAR6) == ""
    assert get(six.node("web1"), address, 80) == ""
    call.replaceNetworkACLList(aclid=was, networkid=six.tier)
    six.cloud.wait_objects()


@contextmanager
def _serving_sctp(tiers: Tiers, *names: str) -> Iterator[None]:
    """Machines answer associations."""
    command = ["python3", "-m", "topologies.demo.associations", "serve"]
    servers = [tiers.node(name).popen([*command, name], stdout=-1, text=True) for name in names]
    try:
        assert all(server.stdout.readline() == "ready\n" for server in servers)
        yield
    finally:
        for server in servers:
            server.kill()
            server.wait()


def _associated(tiers: Tiers, port: int, client: str, *sources: str) -> Any:
    return tiers.asked("fresh", port, max(len(sources), 4), client, sources, "associations")


def _forget_associations(here: Tiers) -> None:
    """Open vSwitch forgets a balancer's, as it does after half a minute of silence."""
    address = str(here.address["ipaddress"])
    field = "ipv6" if ":" in address else "nw"
    known = run("ovs-appctl", "dpctl/dump-conntrack")
    for ends in re.findall(r"^sctp,orig=\(src=([^,]+),dst=([^,]+),.*zone=(\d+)", known, re.MULTILINE):
        if address in ends[:2]:
            which = f"ct_{field}_src={ends[0]},ct_{field}_dst={ends[1]},ct_nw_proto=132"
            run("ovs-appctl", "dpctl/flush-conntrack", f"zone={ends[2]}", which)


@pytest.fixture(scope="module")
def public(tiers: Tiers) -> Iterator[Tiers]:
    """A balancer of SCTP at a public address in front of a tier, and clients of many addresses."""
    call = tiers.tenant.call
    address = call.associateIpAddress(vpcid=call.listVPCs()["vpc"][0]["id"])["ipaddress"]
    wanted = {"network": "web", "address": address["ipaddress"], "protocol": "sctp", "ports": [2905, 2908]}
    made = tiers.cloud.controller.post("/v1/balancers", {"name": "signalling"} | wanted)
    here = replace(tiers, balancer=made["id"], address=address)
    here.assign(here.balancer, "web1", "web2")
    internet = here.node(INTERNET)
    internet.cmd("; ".join(f"ip address add {source}/32 dev lo" for source in SOURCES))
    with _serving_sctp(tiers, "web1", "web2"):
        yield here
    tiers.cloud.controller.delete(f"/v1/balancers/{here.balancer}")
    call.disassociateIpAddress(id=address["id"])
    tiers.cloud.wait_objects()


SOURCES = [f"192.0.2.{host}" for host in range(100, 140)]


def test_associations_of_sctp_are_spread_over_the_members_by_client(public: Tiers) -> None:
    answered = _associated(public, 2905, INTERNET, *SOURCES)
    assert set(answered) == {"web1", "web2"} and max(answered.values()) < 32, answered
    # Whatever port of the balancer a client asks, it is the same member.
    assert _associated(public, 2908, INTERNET, *SOURCES) == answered
    assert len(_associated(public, 2905, INTERNET, *SOURCES[:1] * 8)) == 1
    # Other ports of the member are nobody's, also for who has an association.
    refused, broken = ended(public.clients("fresh", 2909, 1, INTERNET, SOURCES[:1], "associations"))
    assert not refused and "nobody answers" in broken[0]
    row = public.cloud.controller.ask(f"/v1/balancers/{public.balancer}/counters")
    assert all(member["packets_in"] > 20 for member in row["members"]), row
    shown = public.cloud.controller.command("balancers", "signalling").stdout
    assert f"{public.address['ipaddress']}:2905-2908/sctp" in shown, shown


def test_associations_of_sctp_outlive_changed_pools_and_what_conntrack_forgets(public: Tiers) -> None:
    steady = public.clients("steady", 2906, len(SOURCES), INTERNET, SOURCES, "associations")
    public.remove(public.balancer, "web2")
    _forget_associations(public)
    public.cloud.controller.kill()
    public.cloud.controller.start()
    public.cloud.controller.wait(public.cloud.in_sync, "the switches to be in sync again", 30)
    # Whose address is new comes to who is left; whoever was there before comes back while it is drained.
    fresh = [f"192.0.2.{host}" for host in range(140, 160)]
    public.node(INTERNET).cmd("; ".join(f"ip address add {source}/32 dev lo" for source in fresh))
    assert set(_associated(public, 2906, INTERNET, *fresh)) == {"web1"}
    public.assign(public.balancer, "web2")
    _forget_associations(public)
    answered, broken = ended(steady)
    assert not broken and set(answered) == {"web1", "web2"} and answered.total() == len(SOURCES), broken[:3]
    assert set(_associated(public, 2906, INTERNET, *fresh)) == {"web1"}, "they are remembered"


def test_associations_of_sctp_are_balanced_inside_and_by_ipv6(six: Tiers) -> None:
    wanted = {"protocol": "sctp", "ports": [2905, 2905]}
    internet = six.node(INTERNET)
    sources = [f"2001:db8:ffff::{host:x}" for host in range(0x100, 0x120)]
    internet.cmd("; ".join(f"ip address add {source}/128 dev lo nodad" for source in sources))
    four = replace(six, address={"ipaddress": "10.20.2.222"})
    with _serving_sctp(six, *POOL), _another(six, **wanted) as by_ipv6:
        made = six.cloud.controller.post(
            "/v1/balancers",
            {"name": "four", "network": "app", "address": four.address["ipaddress"]} | wanted,
        )
        four = replace(four, balancer=made["id"])
        four.assign(four.balancer, *POOL)
        answered = _associated(by_ipv6, 2905, INTERNET, *sources)
        assert set(answered) == set(POOL), answered
        for here in (by_ipv6, four):
            chosen = {client: _associated(here, 2905, client) for client in ("web1", "web2", *POOL)}
            assert all(len(members) == 1 for members in chosen.values()), chosen
            assert all(client not in chosen[client] for client in POOL), chosen
        steady = by_ipv6.clients("steady", 2905, len(sources), INTERNET, sources, "associations")
        by_ipv6.remove(by_ipv6.balancer, "app2")
        _forget_associations(by_ipv6)
        answered, broken = ended(steady)
        assert not broken and set(answered) == set(POOL), broken[:3]
        six.cloud.controller.delete(f"/v1/balancers/{four.balancer}")
    six.cloud.wait_objects()
