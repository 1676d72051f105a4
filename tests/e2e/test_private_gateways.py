"""Private gateways of VPCs: a VLAN behind the gateways, a router in it, and what is behind that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.answers import get
from tests.e2e.ping import ask, reach
from tests.e2e.sessions import Session, Sessions
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.outside import FAR, WEB, answering
from topologies.demo.tenants import TIER, Cloudstack, Tenant, begin_outside
from topologies.leaf_spine import INTERNET, OFFICE, LeafSpine

pytestmark = pytest.mark.mininet

VLAN = 700
#: The network in the VLAN, its router there, the VPC's address, and what the router leads on to.
NETMASK, ROUTER, OURS = "255.255.255.0", "198.18.0.1", "198.18.0.7"
BEHIND, THERE = "198.19.0.0/16", "198.19.0.80"
#: Sessions by their ports: of a tier that is to cut connections, by the private gateway and by a forwarded
#: port; and those of the other tier.
ASKED, ASKING, LISTED, FORWARDED = range(7021, 7025)
OTHER_ASKED, OTHER_FORWARDED = range(7025, 7027)


@dataclass(frozen=True, slots=True)
class Private(Tenanted):
    """A VPC with a machine in each of two tiers. The host `office` is the router in the VLAN."""

    made: Cloudstack
    tenant: Tenant
    vpc: str

    @property
    def office(self) -> Any:
        """The host behind the private gateway."""
        return self.cloud.node(OFFICE)

    def network(self, name: str) -> str:
        """The id of a tier."""
        found: str = self.tenant.call.listNetworks(keyword=name)["network"][0]["id"]
        return found

    def gateway(self, **more: Any) -> str:
        """A private gateway, with a route to what is behind."""
        made = self.made.admin.call.createPrivateGateway(
            vpcid=self.vpc, vlan=VLAN, gateway=ROUTER, netmask=NETMASK, ipaddress=OURS,
            **({"aclid": self.made.allow} | more),
        )["privategateway"]  # fmt: skip
        assert made["state"] == "Ready"
        route = self.tenant.call.createStaticRoute(cidr=BEHIND, gatewayid=made["id"])["staticroute"]
        assert route["state"] == "Active"
        self.settle()
        # An earlier gateway with the address had another MAC address, which is forgotten only after a while.
        self.office.cmd(f"ip neighbour flush dev {self.office.defaultIntf()}")
        id: str = made["id"]
        return id

    def drop(self, gateway: str) -> None:
        """Take it away again, with what leads over it."""
        for route in self.tenant.call.listStaticRoutes(gatewayid=gateway)["staticroute"]:
            self.tenant.call.deleteStaticRoute(id=route["id"])
        self.made.admin.call.deletePrivateGateway(id=gateway)
        self.cloud.wait_objects()

    def settle(self) -> None:
        """Until the next hop has answered and all is in the switches."""
        self.cloud.controller.wait(self._is_settled, "the private gateway to be realised")

    def _is_settled(self) -> bool:
        rows = self.cloud.controller.ask_all("/v1/objects")
        return {row["condition"] for row in rows if row["name"] in (OURS, BEHIND)} == {"realised"}

    def seen(self, name: str) -> str:
        """As what a machine is seen by what is behind the gateway; empty if it gets no answer."""
        answer = get(self.node(name), THERE)
        return str(json.loads(answer)["from"]) if answer else ""


@pytest.fixture(scope="module")
def private() -> Iterator[Private]:
    with Cloud(partial(LeafSpine, leaves=3, hosts=1, gateways=1, office_vlan=VLAN)) as cloud:
        made = begin_outside(cloud)
        office = cloud.node(OFFICE)
        office.cmd(f"ip address add {ROUTER}/24 dev {office.defaultIntf()}; ip address add {THERE}/32 dev lo")
        office.cmd(f"ip route add 10.20.0.0/16 via {OURS}")
        blue = made.tenant("blue")
        vpc = made.vpc(blue)
        web = made.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
        data = made.network(blue, "data", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc)
        machines = {
            "web1": made.machine(blue, "h1", "web1", ("web", web), "shop"),
            # At the gateway's own switch.
            "data1": made.machine(blue, "h3", "data1", ("data", data), "shop"),
        }
        bring_up(cloud, machines.values())
        here = Private(cloud, machines, made, blue, vpc)
        with answering(cloud, here.hosts(INTERNET, OFFICE)):
            yield here


def test_who_sends_more_than_fits_is_told(private: Private) -> None:
    call, web, address = private.tenant.call, private.network("web"), private.machines["web1"].ipv4
    gateway = private.gateway()
    assert " 3 received" in reach(private.office, address, "-M do -s 1373")
    call.updateNetwork(id=web, privatemtu=1400)
    private.cloud.wait_objects()
    told = reach(private.office, address, "-M do -s 1373")
    assert f"From {address} icmp_seq=1 Frag needed and DF set (mtu = 1400)" in told, told
    call.updateNetwork(id=web, privatemtu=1500)
    private.cloud.wait_objects()
    private.office.cmd("ip route flush cache")
    assert " 3 received" in reach(private.office, address, "-M do -s 1373")
    private.drop(gateway)


def test_both_ways_through_a_private_gateway(private: Private) -> None:
    office, web1 = private.office, private.machines["web1"]
    # Until there is a route it goes out to the internet, if at all.
    assert private.seen("web1") != web1.ipv4
    assert " 0 received" in ask(office, web1.ipv4, f"-I {THERE}")
    gateway = private.gateway()
    for name, machine in private.machines.items():
        assert private.seen(name) == machine.ipv4, name
        assert " 0 received" not in reach(private.node(name), ROUTER), name
        assert " 0 received" not in reach(office, machine.ipv4, f"-I {THERE}"), name
    # Everything else goes where it did.
    answer = json.loads(get(private.node("web1"), FAR))
    assert answer["from"].startswith("203.0.113.")
    traced = private.cloud.controller.command("trace", "--from", "web1", "--to", THERE, "--tcp", "8080")
    assert "but the intent" not in traced.stdout, traced.stdout
    private.drop(gateway)
    assert private.seen("web1") != web1.ipv4
    assert " 0 received" in ask(office, web1.ipv4, f"-I {THERE}")


def test_under_the_gateways_address_where_it_is_asked_for(private: Private) -> None:
    gateway = private.gateway(sourcenatsupported=True)
    assert [private.seen(name) for name in private.machines] == [OURS, OURS]
    private.drop(gateway)


def test_its_list_of_rules_says_who_may_begin(private: Private) -> None:
    call, office, web1 = private.tenant.call, private.office, private.machines["web1"]
    acl = call.createNetworkACLList(name="outside", vpcid=private.vpc)["networkacllist"]["id"]
    gateway = private.gateway(aclid=acl)

    def inward() -> str:
        return get(office, web1.ipv4, WEB, "--interface", THERE)

    # Without an item about what leaves all may, and the answers come back.
    assert private.seen("web1") == web1.ipv4
    assert inward() == "" and " 0 received" in ask(office, web1.ipv4, f"-I {THERE}")
    call.createNetworkACL(
        aclid=acl, protocol="tcp", startport=8080, endport=8080, cidrlist=BEHIND, traffictype="Ingress",
        action="Allow", number=10,
    )  # fmt: skip
    call.createNetworkACL(
        aclid=acl, protocol="tcp", startport=22, endport=22, traffictype="Egress", action="Allow", number=20
    )
    private.settle()
    private.cloud.wait_objects()
    assert json.loads(inward()) == {"name": "web1", "from": THERE}
    assert " 0 received" in ask(office, web1.ipv4, f"-I {THERE}")
    assert private.seen("web1") == "", "an item about what leaves leaves nothing else"
    # Another list at once.
    call.replaceNetworkACLList(aclid=private.made.allow, gatewayid=gateway)
    private.settle()
    assert private.seen("web1") == web1.ipv4
    assert " 0 received" not in reach(office, web1.ipv4, f"-I {THERE}")
    private.drop(gateway)


def test_a_next_hop_that_is_another_one_is_found_again(private: Private) -> None:
    gateway, office, web1 = private.gateway(), private.office, private.machines["web1"]
    assert private.seen("web1") == web1.ipv4
    # It tells of its new address to whoever asks, which is done twice a minute.
    office.cmd(f"ip link set {office.defaultIntf()} address 02:00:00:00:07:77")
    private.cloud.controller.wait(
        lambda: private.seen("web1") == web1.ipv4, "the next hop to be learnt anew", 60
    )
    private.drop(gateway)


def test_a_tier_that_cuts_connections_ends_what_came_by_a_private_gateway_or_a_forwarded_port(
    private: Private,
) -> None:
    call, ends = private.tenant.call, {name: private.node(name) for name in private.machines}
    acl, closed = (
        call.createNetworkACLList(name=name, vpcid=private.vpc)["networkacllist"]["id"]
        for name in ("sessions", "closed")
    )
    for each in (acl, closed):
        # Without any item about what leaves all may.
        call.createNetworkACL(aclid=each, protocol="udp", traffictype="Egress", action="Allow", number=9)
    gateway = private.gateway(aclid=acl)
    addresses = [call.associateIpAddress(vpcid=private.vpc)["ipaddress"] for _ in range(2)]
    found: dict[int, Session] = {}
    for number, port in enumerate((ASKED, ASKING, LISTED, OTHER_ASKED), 1):
        name, direction = (
            "data1" if port == OTHER_ASKED else "web1",
            "Egress" if port == ASKING else "Ingress",
        )
        item = call.createNetworkACL(
            aclid=acl, protocol="tcp", startport=port, endport=port, traffictype=direction, action="Allow",
            number=number,
        )["networkacl"]["id"]  # fmt: skip
        withdraw = partial(call.deleteNetworkACL, id=item)
        if port == LISTED:
            withdraw = partial(call.replaceNetworkACLList, gatewayid=gateway, aclid=closed)
        talkers = (private.office, ends[name], private.machines[name].ipv4)
        talkers = (ends[name], private.office, THERE) if port == ASKING else talkers
        found[port] = Session(*talkers, withdraw)
    for port, name, address in zip((FORWARDED, OTHER_FORWARDED), ends, addresses, strict=True):
        machine = private.machines[name]
        vm = call.listVirtualMachines(name=name)["virtualmachine"][0]["id"]
        forward = call.createPortForwardingRule(
            ipaddressid=address["id"], protocol="tcp", publicport=port, privateport=port, virtualmachineid=vm,
            networkid=private.network(machine.network),
        )["portforwardingrule"]["id"]  # fmt: skip
        withdraw = partial(call.deletePortForwardingRule, id=forward)
        found[port] = Session(private.node(INTERNET), ends[name], address["ipaddress"], withdraw)
    private.settle()
    private.cloud.wait_objects()
    Sessions(private.cloud, (private.network("web"),), found).are_cut(
        *(ASKED, ASKING, FORWARDED), another=LISTED, left=OTHER_ASKED, spared=(OTHER_ASKED, OTHER_FORWARDED)
    )
    for address in addresses:
        call.disassociateIpAddress(id=address["id"])
    private.drop(gateway)
