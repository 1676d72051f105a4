"""The extension's commands and sync tell of the same network: it is one here, whoever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from sdn_orch.intent.balancers import Balancer, HealthCheck, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Machine, Network, Nic, Vpc
from sdn_orch.intent.proxies import proxy_of
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.extension import commands
from sdn_orch.northbound.sync.reader import Reader
from sdn_orch.northbound.sync.sync import Outcome, Scope, Sync
from tests.cloudstack import Cloud
from tests.managed import GATEWAY, Managed, served
from tests.management_server import JSON, ManagementServer, Net, Vm
from tests.management_server import Vpc as VpcThere

_KINDS = (Network, Vpc, Nic, Machine, PublicAddress, Forward, Balancer, FirewallRule)


class Both:
    """A CloudStack whose API is read, and whose management server sends commands about the same objects."""

    def __init__(self, managed: Managed, reader: Reader) -> None:
        self.managed = managed
        self.reader = reader
        self.here = Cloud()
        self.server = ManagementServer(self.run)
        self.server.public |= {"public_vlan": "900", "public_gateway": GATEWAY}
        self.id = managed.network("web", 2)
        self.row: Any = managed.call("listNetworks", id=self.id)["network"][0]
        self.net = Net(209, self.row["cidr"], vlan=self.row["vlan"])
        addresses = managed.call("listPublicIpAddresses", listall="true", issourcenat="true")
        self.net.source_nat = addresses["publicipaddress"][0]["ipaddress"]
        self.vms = [vm(7 + number, row) for number, row in enumerate(self.machines)]

    @property
    def machines(self) -> list[Any]:
        found: list[Any] = self.managed.call("listVirtualMachines", listall="true")["virtualmachine"]
        return sorted(found, key=lambda each: str(each["name"]))

    def run(self, command: str, document: JSON) -> str:
        if command != "ensure-network-device":
            commands.run(self.here.service, "cloudstack", command, document["payload"])
        return ""

    def compare(self, *, pulls: bool = True) -> Outcome:
        outcome = Sync(self.here.service, self.reader, Scope(pulls=pulls)).compare()
        assert (outcome.faults, outcome.held) == ([], None)
        return outcome

    @property
    def snapshot(self) -> Snapshot:
        return self.here.snapshot

    def counts(self) -> dict[str, int]:
        return {kind.__name__: self.snapshot.count(kind) for kind in _KINDS}

    def lead_to(self) -> None:
        """A forwarded port and a balancer, there and by command; what commands cannot say only there."""
        red, first = self.managed.red, self.machines[0]
        forwarded, balanced = (self.managed.address(networkid=self.id) for _ in range(2))
        red.job(
            "createPortForwardingRule", ipaddressid=forwarded["id"], protocol="tcp", publicport=80,
            privateport=8080, virtualmachineid=first["id"], cidrlist="198.51.100.0/24",
            openfirewall="false",
        )  # fmt: skip
        made = red.job(
            "createLoadBalancerRule", publicipid=balanced["id"], publicport=443, privateport=8443,
            name="shop", algorithm="roundrobin", openfirewall="false", cidrlist="198.51.100.0/25",
        )["loadbalancer"]  # fmt: skip
        red.job("assignToLoadBalancerRule", id=made["id"], virtualmachineids=first["id"])
        red.job("createLBStickinessPolicy", lbruleid=made["id"], methodname="SourceBased", name="sticky")
        red.job("createLBHealthCheckPolicy", lbruleid=made["id"], pingpath="/up")
        red.job("addIpToNic", nicid=first["nic"][0]["id"], ipaddress="10.1.1.77")
        self.server.acquire(self.net, forwarded["ipaddress"])
        self.server.acquire(self.net, balanced["ipaddress"])
        self.server.add_forward(self.net, forwarded["ipaddress"], "80", self.vms[0].ip, "8080")
        self.server.balance(self.net, balanced["ipaddress"], 443, 8443, [self.vms[0].ip])


def vm(number: int, row: Any, network: str | None = None) -> Vm:
    """A machine's NIC as the management server tells of it."""
    nic = next(each for each in row["nic"] if network in (None, each["networkid"]))
    return Vm(number, row["name"], nic["macaddress"], nic["ipaddress"], uuid=nic["id"])


@pytest.fixture
def both() -> Iterator[Both]:
    managed = Managed()
    with served(managed.cloud) as reader:
        yield Both(managed, reader)


def _is_whole(both: Both) -> None:
    """What only the API says is here."""
    (network,) = both.snapshot.all(Network)
    assert (network.name, network.rate) == ("web", both.managed.cloud.snapshot.need(Network, both.id).rate)
    (forward,) = both.snapshot.all(Forward)
    assert forward.sources == (IPv4Network("198.51.100.0/24"),)
    (balancer,) = both.snapshot.all(Balancer)
    assert balancer.sources == (IPv4Network("198.51.100.0/25"),)
    assert both.snapshot.count_where(Stickiness, "balancer_id", balancer.id) == 1
    assert both.snapshot.count_where(HealthCheck, "balancer_id", balancer.id) == 1
    nic = both.snapshot.need(Nic, both.vms[0].uuid)
    assert nic.secondary4 == (IPv4Address("10.1.1.77"),)


@pytest.mark.parametrize("pulls", [True, False])
def test_what_commands_told_of_is_made_whole_and_not_doubled(both: Both, pulls: bool) -> None:
    for each in both.vms:
        both.server.start(both.net, each)
    both.lead_to()
    before = both.counts()
    both.compare(pulls=pulls)
    assert both.counts() == before
    _is_whole(both)
    assert both.compare(pulls=pulls).changes == []
    # What commands say again leaves what they do not say.
    both.server.command("apply-lb-rules", both.net, lb_rules=both.net.balancers)
    both.server.restore(both.net)
    assert both.counts() == before
    _is_whole(both)
    # A restart takes all away that leads into a network, and tells of it anew.
    both.server.restart(both.net)
    assert both.counts() == before
    both.compare(pulls=pulls)
    _is_whole(both)
    assert both.compare(pulls=pulls).changes == []


def test_a_cookie_of_which_commands_say_nothing(both: Both) -> None:
    """It comes with sync, and the proxy with it; commands leave both as they are."""
    for each in both.vms:
        both.server.start(both.net, each)
    both.lead_to()
    red, (balancer,) = both.managed.red, both.snapshot.all(Balancer)
    (made,) = red.call("listLoadBalancerRules")["loadbalancerrule"]
    policies = red.call("listLBStickinessPolicies", lbruleid=made["id"])["stickinesspolicies"]
    red.job("deleteLBStickinessPolicy", id=policies[0]["stickinesspolicy"][0]["id"])
    red.job("createLBStickinessPolicy", lbruleid=made["id"], methodname="LbCookie", name="sticky")
    assert proxy_of(both.snapshot, balancer) is None
    both.compare(pulls=False)
    nic = proxy_of(both.snapshot, balancer)
    assert nic is not None and str(nic.ipv4) == "10.1.1.254"
    both.server.command("apply-lb-rules", both.net, lb_rules=both.net.balancers)
    both.compare(pulls=False)
    assert proxy_of(both.snapshot, balancer) == nic
    late = Vm(99, "late", "02:01:00:d2:00:01", "10.1.1.254")
    both.server.start(both.net, late)
    moved = proxy_of(both.snapshot, balancer)
    assert moved is not None and str(moved.ipv4) == "10.1.1.253"
    assert both.compare(pulls=False).changes == []


def test_what_sync_brought_commands_go_on_with(both: Both) -> None:
    both.compare()
    before = both.counts()
    for each in both.vms:
        both.server.start(both.net, each)
    assert both.counts() == before
    assert [network.id for network in both.snapshot.all(Network)] == [both.id]
    # From now on it is the commands' to say what becomes of it.
    both.lead_to()
    both.compare()
    _is_whole(both)
    for each in both.vms:
        both.server.stop(both.net, each)
        both.server.destroy(both.net, each)
    both.server.delete(both.net)
    assert both.snapshot.count(Network) == 0


def test_what_commands_told_of_is_theirs_to_end(both: Both) -> None:
    for each in both.vms:
        both.server.start(both.net, each)
    both.compare()
    for machine in both.machines:
        both.managed.red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    both.managed.red.job("deleteNetwork", id=both.id)
    before = both.snapshot
    assert both.compare().changes == []
    assert both.snapshot is before


@pytest.mark.parametrize("pulls", [True, False])
def test_that_a_network_is_routed_commands_do_not_say(both: Both, pulls: bool) -> None:
    """It is translated until the API was read; then commands leave it as it is."""
    cloud, red = both.managed.cloud, both.managed.red
    id = cloud.routed(red, "routed")["id"]
    machine = vm(50, both.managed.machine("vm", id))
    red.job("createRoutingFirewallRule", networkid=id, protocol="tcp", startport=80, endport=80)
    row = both.managed.call("listNetworks", id=id)["network"][0]
    (there,) = both.managed.call("listPublicIpAddresses", listall="true", associatednetworkid=id)[
        "publicipaddress"
    ]
    net = Net(300, row["cidr"], vlan=row["vlan"], source_nat=there["ipaddress"])
    both.server.start(net, machine)
    both.server.open_egress(net, "tcp", 80)

    def network() -> Network:
        nic = both.snapshot.need(Nic, machine.uuid)
        return both.snapshot.need(Network, nic.network_id)

    def is_routed() -> bool:
        (address,) = both.snapshot.where(PublicAddress, "network_id", network().id)
        assert str(address.address) == there["ipaddress"]
        rules = both.snapshot.count_where(EgressRule, "network_id", network().id)
        assert network().routed4 is not (address.is_source_nat and rules > 0)
        return network().routed4

    assert not is_routed()
    both.compare(pulls=pulls)
    assert is_routed() and both.snapshot.count_where(RoutedRule, "network_id", network().id) == 1
    assert both.compare(pulls=pulls).changes == []
    net.firewall.clear()
    for repeat in (both.server.implement, both.server.restart):
        repeat(net)
        assert is_routed()
    both.compare(pulls=pulls)
    assert is_routed() and both.compare(pulls=pulls).changes == []


@pytest.mark.parametrize("first", ["commands", "sync"])
def test_a_vpc_is_one(both: Both, first: str) -> None:
    cloud, red = both.managed.cloud, both.managed.red
    vpc = cloud.vpc(red)["id"]
    tier = cloud.tier(red, vpc, "10.20.1.1")["id"]
    row = both.managed.machine("front", tier)
    vlan = both.managed.call("listNetworks", id=tier)["network"][0]["vlan"]
    there = VpcThere(5, "10.20.0.0/16")
    net = Net(300, "10.20.1.0/24", vlan=vlan, vpc=there)

    def command() -> None:
        both.server.create_vpc(there)
        both.server.start(net, vm(50, row))

    for step in (command, both.compare) if first == "commands" else (both.compare, command):
        step()
    both.compare()
    assert (both.snapshot.count(Vpc), both.snapshot.count(Network)) == (1, 2)
    (found,) = both.snapshot.all(Vpc)
    assert found.name == "vpc"
    assert {network.vpc_id for network in both.snapshot.all(Network)} == {found.id, None}


def test_a_vni_keeps_being_one(both: Both) -> None:
    """Commands leave the scheme away: what could be a VLAN is none where the API has said so."""
    both.compare()
    network = both.snapshot.need(Network, both.id)
    both.here.service.write(
        lambda transaction: transaction.put(replace(network, vlan=None, vni=network.vlan))
    )
    both.server.start(both.net, both.vms[0])
    assert both.snapshot.need(Network, both.id).vni == network.vlan
