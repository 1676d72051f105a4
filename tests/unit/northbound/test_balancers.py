"""Load balancer rules and their machines: created, changed, listed, refused, and gone with what they need."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import uuid4

import pytest

from sdn_orch.dataplane.balancer_units import pool_of
from sdn_orch.dataplane.spread import slots_for
from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Balancer, HealthCheck, Member, Stickiness
from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.model import Network
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.traffic import SCTP, TCP
from sdn_orch.northbound.cloudstack.model_balancers import BalancerDetails
from tests.balancing import RULE, address, failure, refused, rule
from tests.cloudstack import Client, Cloud, Refused
from tests.contract.everything import public_range

NO_LB = "DefaultIsolatedNetworkOfferingForVpcNetworksNoLB"


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud()
    public_range(cloud)
    return cloud


def instances(client: Client, id: str, **more: object) -> list[str]:
    shown = client.call("listLoadBalancerRuleInstances", id=id, **more)
    return [each["name"] for each in shown.get("loadbalancerruleinstance", [])]


def test_a_rule_is_listed_at_once_as_it_was_given(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    id = rule(red, ip, description="front", cidrlist="192.0.2.7/24,198.51.100.0/24", openfirewall="false")
    (shown,) = red.call("listLoadBalancerRules", id=id)["loadbalancerrule"]
    expected = {
        "id": id,
        "name": "web",
        "description": "front",
        "publicipid": ip,
        "publicip": "203.0.113.10",
        "publicport": "80",
        "privateport": "8080",
        "algorithm": "roundrobin",
        "protocol": "tcp",
        "cidrlist": "192.0.2.7/24,198.51.100.0/24",
        "networkid": net,
        "account": "red",
        "zoneid": cloud.zone,
        "state": "Add",
        "fordisplay": True,
        "tags": [],
    }
    assert shown.items() >= expected.items()
    record = cloud.snapshot.need(Balancer, id)
    assert record.sources == (IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24"))
    for found in ({"publicipid": ip}, {"networkid": net}, {"name": "web"}, {"zoneid": cloud.zone}, {}):
        assert red.call("listLoadBalancerRules", **found)["count"] == 1
    assert red.call("listLoadBalancerRules", name="other") == {}


@pytest.mark.parametrize(
    ("protocol", "meant"),
    [
        ("tcp", (6, False, False)),
        ("UDP", (17, False, False)),
        ("tcp-proxy", (6, True, False)),
        ("ssl", (6, False, True)),
    ],
)
def test_protocols_and_algorithms(
    cloud: Cloud, red: Client, ip: str, protocol: str, meant: tuple[int, bool, bool]
) -> None:
    for port, algorithm in enumerate(("roundrobin", "leastconn", "source"), 1):
        id = rule(red, ip, protocol=protocol, algorithm=algorithm, publicport=port)
        record = cloud.snapshot.need(Balancer, id)
        assert (record.protocol, record.proxy_protocol, record.tls) == meant
        (shown,) = red.call("listLoadBalancerRules", id=id)["loadbalancerrule"]
        assert (shown["protocol"], shown["algorithm"]) == (protocol.lower(), algorithm)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"algorithm": "random"}, "Invalid algorithm: random"),
        ({"protocol": "icmp"}, "Invalid protocol: icmp"),
        ({"publicport": 0}, "publicport is an invalid value: 0"),
        ({"privateport": 65536}, "privateport is an invalid value: 65536"),
        ({"cidrlist": "10.0.0.0"}, "Invalid cidrlist: 10.0.0.0 is not an IPv4 CIDR"),
        ({"cidrlist": "2001:db8::/32"}, "Invalid cidrlist: 2001:db8::/32"),
        ({"publicipid": None}, "publicipid must be given"),
        ({"name": " "}, "name: it is empty"),
    ],
)
def test_wrong_rules_are_refused(cloud: Cloud, red: Client, ip: str, given: Any, said: str) -> None:
    before = cloud.snapshot.revision
    error = refused(red, "createLoadBalancerRule", **(RULE | {"publicipid": ip} | given))
    assert (error.status, said in error.text) == (431, True), error.text
    assert cloud.snapshot.revision == before


def test_rules_share_an_address_but_no_port(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    first = rule(red, ip)
    rule(red, ip, protocol="udp")
    rule(red, ip, publicport=81)
    for protocol in ("tcp", "tcp-proxy", "ssl"):
        error = refused(red, "createLoadBalancerRule", **RULE, publicipid=ip, protocol=protocol)
        assert (error.status, error.body["cserrorcode"]) == (537, 4360)
        assert error.text == f"The range specified, 80-80, conflicts with rule {first} which has 80-80"
    rule(red, address(red, networkid=net))
    code, text = failure(red, "updateLoadBalancerRule", id=first, protocol="udp")
    assert (code, "conflicts with rule" in text) == (537, True)


def test_forwards_and_static_nat_stand_in_the_way(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    machine = cloud.machine(red, "vm", networkids=net)["id"]
    forward = {"ipaddressid": ip, "protocol": "tcp", "virtualmachineid": machine}
    hundred = {"publicport": 1, "publicendport": 100, "privateport": 1, "privateendport": 100}
    red.job("createPortForwardingRule", **forward, **hundred)
    assert refused(red, "createLoadBalancerRule", **RULE, publicipid=ip).status == 537
    rule(red, ip, publicport=101)
    error = refused(red, "createPortForwardingRule", **forward, publicport=101, privateport=1)
    assert (error.status, "conflicts with rule" in error.text) == (537, True)
    used = address(red, networkid=net)
    rule(red, used)
    assert refused(red, "enableStaticNat", ipaddressid=used, virtualmachineid=machine).status == 537
    mapped = address(red, networkid=net)
    red.call("enableStaticNat", ipaddressid=mapped, virtualmachineid=machine)
    error = refused(red, "createLoadBalancerRule", **RULE, publicipid=mapped)
    assert (error.status, "static NAT" in error.text) == (537, True)


def test_a_rule_is_updated(cloud: Cloud, red: Client, ip: str) -> None:
    id = rule(red, ip, description="front")
    shown = red.job(
        "updateLoadBalancerRule",
        id=id,
        name="api",
        algorithm="source",
        protocol="tcp-proxy",
        cidrlist="192.0.2.0/24",
        fordisplay="false",
    )["loadbalancer"]
    expected = {
        "name": "api", "algorithm": "source", "protocol": "tcp-proxy", "cidrlist": "192.0.2.0/24",
        "description": "front", "fordisplay": False, "publicport": "80",
    }  # fmt: skip
    assert shown.items() >= expected.items()
    assert cloud.snapshot.need(Balancer, id).proxy_protocol
    assert failure(red, "updateLoadBalancerRule", id=id, algorithm="x") == (431, "Invalid algorithm: x")
    assert red.call("listLoadBalancerRules", fordisplay="true") == {}


def test_machines_come_and_go(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    id = rule(red, ip)
    one, two = (cloud.machine(red, name, networkids=net) for name in ("one", "two"))
    assert red.call("listLoadBalancerRuleInstances", id=id) == {}
    assert instances(red, id, applied="false") == ["one", "two"]
    # Terraform assigns nothing first.
    assert red.job("assignToLoadBalancerRule", id=id, virtualmachineids="") == {"success": True}
    red.job("assignToLoadBalancerRule", id=id, virtualmachineids=f"{one['id']},{two['id']}")
    assert instances(red, id) == ["one", "two"]
    assert instances(red, id, applied="false") == []
    shown = red.call("listLoadBalancerRules", virtualmachineid=one["id"])["loadbalancerrule"]
    assert [each["id"] for each in shown] == [id]
    code, text = failure(red, "assignToLoadBalancerRule", id=id, virtualmachineids=one["id"])
    assert (code, text) == (431, f"VM {one['id']} is already mapped to load balancer.")
    red.job("removeFromLoadBalancerRule", id=id, virtualmachineids=one["id"])
    assert instances(red, id) == ["two"]
    code, text = failure(red, "removeFromLoadBalancerRule", id=id, virtualmachineids=one["id"])
    assert (code, text) == (431, f"VM {one['id']} is not mapped to load balancer rule {id}")
    with pytest.raises(Refused) as caught:
        red.call("removeFromLoadBalancerRule", id=id)
    assert caught.value.text.endswith("due to missing parameter virtualmachineids")
    red.job("destroyVirtualMachine", id=two["id"])
    assert instances(red, id) == []


def test_its_slots_stay_as_many_when_machines_go(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    id, ids = rule(red, ip), [cloud.machine(red, f"vm{each}", networkids=net)["id"] for each in range(5)]

    def slots() -> int:
        world = World.of(cloud.snapshot)
        return slots_for(len(pool_of(world, world.snapshot.need(Balancer, id)).weights))

    found = []
    for call, machines in (("assignTo", ids[:4]), ("assignTo", ids[4:]), ("removeFrom", ids[1:])):
        red.job(f"{call}LoadBalancerRule", id=id, virtualmachineids=",".join(machines))
        found.append(slots())
    assert found == [64, 256, 256]


def test_secondary_addresses_are_members_of_their_own(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    id = rule(red, ip)
    machine = cloud.machine(red, "vm", networkids=net)
    nic, own = machine["nic"][0]["id"], machine["nic"][0]["ipaddress"]
    extra = red.job("addIpToNic", nicid=nic)["nicsecondaryip"]
    entry = {"vmidipmap[0].vmid": machine["id"], "vmidipmap[0].vmip": extra["ipaddress"]}
    red.job("assignToLoadBalancerRule", id=id, virtualmachineids=machine["id"], **entry)
    (shown,) = red.call("listLoadBalancerRuleInstances", id=id, lbvmips="true")["lbrulevmidip"]
    assert shown["loadbalancerruleinstance"]["id"] == machine["id"]
    assert shown["lbvmipaddresses"] == [own, extra["ipaddress"]]
    own_entry = {"vmidipmap[0].vmid": machine["id"], "vmidipmap[0].vmip": own}
    assert "already mapped" in failure(red, "assignToLoadBalancerRule", id=id, **own_entry)[1]
    code, text = failure(red, "removeIpFromNic", id=extra["id"])
    assert (code, "load balancing" in text) == (536, True)
    red.job("removeFromLoadBalancerRule", id=id, **entry)
    red.job("removeIpFromNic", id=extra["id"])
    assert "is not mapped" in failure(red, "removeFromLoadBalancerRule", id=id, **entry)[1]
    assert "does not belong" in failure(red, "assignToLoadBalancerRule", id=id, **entry)[1]
    half = {"vmidipmap[0].vmid": machine["id"]}
    assert "needs vmid and vmip" in failure(red, "assignToLoadBalancerRule", id=id, **half)[1]
    # A member without an address of its own follows its machine.
    red.job("updateVmNicIp", nicid=nic, ipaddress="10.1.1.77")
    (shown,) = red.call("listLoadBalancerRuleInstances", id=id, lbvmips="true")["lbrulevmidip"]
    assert shown["lbvmipaddresses"] == ["10.1.1.77"]


def test_machines_must_be_in_the_rules_network(cloud: Cloud, red: Client, ip: str) -> None:
    id = rule(red, ip)
    elsewhere = cloud.machine(red, "vm", networkids=cloud.network(red, "other")["id"])
    code, text = failure(red, "assignToLoadBalancerRule", id=id, virtualmachineids=elsewhere["id"])
    assert (code, text) == (
        431,
        f"VM {elsewhere['id']} cannot be added because it doesn't belong in the same network.",
    )


def test_what_others_own_is_out_of_reach(cloud: Cloud, red: Client, ip: str) -> None:
    id = rule(red, ip)
    blue = cloud.account("blue")
    machine = cloud.machine(blue, "vm", networkids=cloud.network(blue, "net")["id"])
    assert refused(blue, "createLoadBalancerRule", **RULE, publicipid=ip).status == 531
    for command, given in {
        "listLoadBalancerRules": {"id": id},
        "updateLoadBalancerRule": {"id": id, "name": "mine"},
        "deleteLoadBalancerRule": {"id": id},
        "assignToLoadBalancerRule": {"id": id, "virtualmachineids": machine["id"]},
        "listLoadBalancerRuleInstances": {"id": id},
        "createLBStickinessPolicy": {"lbruleid": id, "name": "x", "methodname": "SourceBased"},
        "createLBHealthCheckPolicy": {"lbruleid": id},
        "listLBStickinessPolicies": {"lbruleid": id},
    }.items():
        assert refused(blue, command, **given).status == 531, command
    assert refused(red, "assignToLoadBalancerRule", id=id, virtualmachineids=machine["id"]).status == 531
    for scope in ({}, {"listall": "true"}):
        assert blue.call("listLoadBalancerRules", **scope) == {}
    assert cloud.admin.call("listLoadBalancerRules", listall="true")["count"] == 1


def test_everything_goes_with_the_rule(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    id = rule(red, ip)
    machine = cloud.machine(red, "vm", networkids=net)
    red.job("assignToLoadBalancerRule", id=id, virtualmachineids=machine["id"])
    red.job("createLBStickinessPolicy", lbruleid=id, name="s", methodname="SourceBased")
    red.job("createLBHealthCheckPolicy", lbruleid=id)
    red.job(
        "createTags",
        resourcetype="LoadBalancer",
        resourceids=id,
        **{"tags[0].key": "k", "tags[0].value": "v"},
    )
    assert red.call("listLoadBalancerRules", **{"tags[0].key": "k", "tags[0].value": "v"})["count"] == 1
    assert red.job("deleteLoadBalancerRule", id=id) == {"success": True}
    for kind in (Balancer, BalancerDetails, Member, Stickiness, HealthCheck):
        assert cloud.snapshot.count(kind) == 0, kind
    text = refused(red, "deleteLoadBalancerRule", id=id).text
    assert (
        f"Invalid parameter id value={id} due to incorrect long value format, or entity does not exist"
        in text
    )


def test_a_firewall_rule_comes_and_goes_with_the_rule(cloud: Cloud, red: Client, ip: str) -> None:
    rule(red, ip, openfirewall="false")
    assert cloud.snapshot.count(FirewallRule) == 0
    id = rule(red, ip, publicport=90, protocol="udp")
    (opened,) = cloud.snapshot.all(FirewallRule)
    assert (opened.address_id, opened.protocol, opened.ports, opened.sources) == (ip, 17, (90, 90), ())
    red.job("deleteLoadBalancerRule", id=id)
    assert cloud.snapshot.count(FirewallRule) == 0


def test_rules_go_with_their_network_and_their_address(cloud: Cloud, red: Client, ip: str, net: str) -> None:
    other = rule(red, ip, name="other")
    released = address(red, networkid=net)
    rule(red, released)
    red.job("disassociateIpAddress", id=released)
    assert [each["id"] for each in red.call("listLoadBalancerRules")["loadbalancerrule"]] == [other]
    red.job("deleteNetwork", id=net)
    assert red.call("listLoadBalancerRules") == {}
    assert cloud.snapshot.count(BalancerDetails) == cloud.snapshot.count(PublicAddress) == 0


def test_a_tier_takes_an_address_of_its_vpc_while_it_balances(cloud: Cloud, red: Client) -> None:
    vpc = cloud.vpc(red)["id"]
    one, two = (cloud.tier(red, vpc, f"10.20.{n}.1")["id"] for n in (1, 2))
    ip = address(red, vpcid=vpc)
    assert "networkid must be given" in refused(red, "createLoadBalancerRule", **RULE, publicipid=ip).text
    error = refused(red, "createLoadBalancerRule", **RULE, publicipid=ip, networkid=one, openfirewall="true")
    assert (error.status, error.text) == (431, "Can't have openFirewall=true when IP address belongs to VPC")
    id = rule(red, ip, networkid=one)
    assert cloud.snapshot.need(PublicAddress, ip).network_id == one
    error = refused(
        red, "createLoadBalancerRule", **(RULE | {"publicport": 81}), publicipid=ip, networkid=two
    )
    assert (error.status, "does not lead into network" in error.text) == (431, True)
    red.job("deleteLoadBalancerRule", id=id)
    assert cloud.snapshot.need(PublicAddress, ip).network_id is None
    rule(red, ip, networkid=two)


def test_only_networks_that_offer_load_balancing_have_it(cloud: Cloud, red: Client) -> None:
    vpc, tier = cloud.vpc(red)["id"], {"gateway": "10.20.1.1", "netmask": "255.255.255.0"}
    plain = cloud.network(red, "plain", NO_LB, vpcid=vpc, **tier)["id"]
    ip = address(red, vpcid=vpc)
    error = refused(red, "createLoadBalancerRule", **RULE, publicipid=ip, networkid=plain)
    assert (error.status, error.text) == (431, f"LB service is not supported in the network id={plain}")


def test_projects_own_rules(cloud: Cloud, red: Client) -> None:
    project = red.job("createProject", name="p", displaytext="p")["project"]["id"]
    net = cloud.network(red, "net", projectid=project)["id"]
    id = rule(red, address(red, networkid=net))
    assert red.call("listLoadBalancerRules") == {}
    (shown,) = red.call("listLoadBalancerRules", projectid=project)["loadbalancerrule"]
    assert (shown["id"], shown["projectid"], "account" in shown) == (id, project, False)
    assert red.call("listLoadBalancerRules", id=id)["count"] == 1


def test_lists_of_what_there_never_is(red: Client, ip: str) -> None:
    id = rule(red, ip)
    assert red.call("listAutoScaleVmGroups", lbruleid=id) == {}
    for name in ("Policies", "VmProfiles"):
        assert red.call(f"listAutoScale{name}", listall="true") == {}
    for command in ("listConditions", "listCounters", "listGlobalLoadBalancerRules"):
        assert red.call(command) == {}


def test_those_of_the_native_api_are_listed_as_they_are(cloud: Cloud, red: Client) -> None:
    net, prefix = cloud.network(red, "dual", ip6cidr="2001:db8:5::/64")["id"], IPv6Network("2001:db8:5::/64")
    six = Balancer(
        id=str(uuid4()),
        account_id=cloud.snapshot.need(Network, net).account_id,
        network_id=net,
        inner_network_id=net,
        inner=prefix[200],
        name="six",
        protocol=TCP,
        ports=(80, 80),
        guest_ports=(8080, 8080),
    )
    cloud.service.write(lambda transaction: transaction.put(six))
    (shown,) = red.call("listLoadBalancers", sourceipaddressnetworkid=net)["loadbalancer"]
    assert (shown["id"], shown["sourceipaddress"], shown["fordisplay"]) == (six.id, "2001:db8:5::c8", True)
    assert red.call("listLoadBalancers", fordisplay="true")["count"] == 1
    machine = cloud.machine(red, "vm", networkids=net)
    red.job("assignToLoadBalancerRule", id=six.id, virtualmachineids=machine["id"])
    given = red.call("listLoadBalancerRuleInstances", id=six.id, lbvmips="true")["lbrulevmidip"][0]
    assert given["lbvmipaddresses"] == [machine["nic"][0]["ip6address"]]
    red.job("createLBStickinessPolicy", lbruleid=six.id, methodname="SourceBased", name="sticky")
    red.job("deleteLBStickinessPolicy", id=next(cloud.snapshot.all(Stickiness)).id)
    cookie = refused(red, "createLBStickinessPolicy", lbruleid=six.id, methodname="LbCookie", name="sticky")
    assert "a proxy serves IPv4 addresses alone" in cookie.text
    red.job("deleteLoadBalancer", id=six.id)
    assert cloud.snapshot.count(Balancer) == cloud.snapshot.count(Member) == 0
    front, sources = address(red, networkid=net), (IPv4Network("192.0.2.0/24"),)
    at: dict[str, Any] = {"inner": None, "inner_network_id": None, "address_id": front}
    sctp = replace(six, id=str(uuid4()), protocol=SCTP, guest_ports=(80, 80), sources=sources, **at)
    cloud.service.write(lambda transaction: transaction.put(sctp))
    (listed,) = red.call("listLoadBalancerRules", publicipid=front)["loadbalancerrule"]
    assert (listed["protocol"], listed["publicport"], listed["cidrlist"]) == ("sctp", "80", "192.0.2.0/24")
    red.job("deleteLoadBalancerRule", id=sctp.id)
