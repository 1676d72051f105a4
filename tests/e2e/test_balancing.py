"""Load balancers at a gateway: real servers behind one address, and clients who count who answers them."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from topologies.cloud import Cloud
from topologies.demo.machines import Machine, take_addresses
from topologies.demo.outside import DATAGRAMS, FAR, NEAR, WEB, answering, open_outside
from topologies.demo.tenants import ISOLATED, Cloudstack, Tenant
from topologies.leaf_spine import INTERNET, LeafSpine

pytestmark = pytest.mark.mininet

POOL = [f"web{number}" for number in range(1, 7)]


@dataclass(frozen=True, slots=True)
class Balanced:
    """A cloud with machines that serve, and the tenant's address that leads to them."""

    cloud: Cloud
    tenant: Tenant
    machines: dict[str, Machine]
    vms: dict[str, str]
    address: dict[str, Any]

    def node(self, name: str) -> Any:
        """The host that plays a machine, or the internet."""
        return self.cloud.node(INTERNET if name == INTERNET else self.machines[name].host)

    @contextmanager
    def rule(self, port: int, members: list[str], **more: Any) -> Iterator[str]:
        """A rule at a port of the address with these machines behind it, realised."""
        given = {"algorithm": "roundrobin", "name": f"lb{port}", "privateport": WEB, "publicport": port}
        made = self.tenant.call.createLoadBalancerRule(publicipid=self.address["id"], **given | more)
        rule: str = made["loadbalancer"]["id"]
        self.assign(rule, *members)
        try:
            yield rule
        finally:
            self.tenant.call.deleteLoadBalancerRule(id=rule)
            self.cloud.wait_objects()

    def assign(self, rule: str, *members: str) -> None:
        """Put machines behind a rule, and wait for the switches."""
        ids = ",".join(self.vms[name] for name in members)
        if ids:
            self.tenant.call.assignToLoadBalancerRule(id=rule, virtualmachineids=ids)
        self.cloud.wait_objects()

    def remove(self, rule: str, *members: str) -> None:
        """Take machines from a rule, and wait for the switches."""
        ids = ",".join(self.vms[name] for name in members)
        self.tenant.call.removeFromLoadBalancerRule(id=rule, virtualmachineids=ids)
        self.cloud.wait_objects()

    def weigh(self, rule: str, weights: dict[str, int]) -> None:
        """Give members weights, by the native API."""
        for row in self.cloud.controller.ask(f"/v1/balancers/{rule}/members")["items"]:
            if row["machine"] in weights:
                path = f"/v1/balancers/{rule}/members/{row['id']}"
                self.cloud.controller.put(path, {"weight": weights[row["machine"]]})
        self.cloud.wait_objects()

    def clients(self, kind: str, port: int, count: int, node: str = INTERNET) -> subprocess.Popen[str]:
        """Clients that run until they are told to end, or have asked so often."""
        command = ["python3", "-m", "topologies.demo.clients", kind, self.address["ipaddress"], str(port)]
        process: subprocess.Popen[str] = self.node(node).popen(
            [*command, str(count)], stdin=-1, stdout=-1, text=True
        )
        if kind in ("endless", "steady"):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        return process

    def asked(self, kind: str, port: int, count: int, node: str = INTERNET) -> Counter[str]:
        """Who answers so many clients, of whom none breaks."""
        answered, broken = ended(self.clients(kind, port, count, node))
        assert not broken, broken[:5]
        assert answered.total() == count
        return answered


def ended(process: subprocess.Popen[str]) -> tuple[Counter[str], list[str]]:
    """Whom clients were answered by, and what broke, once they are told to end."""
    output, _ = process.communicate("", timeout=60)
    said = json.loads(output.strip().splitlines()[-1])
    return Counter(said["answered"]), said["broken"]


@pytest.fixture(scope="module")
def balanced() -> Iterator[Balanced]:
    with Cloud(partial(LeafSpine, leaves=4, hosts=2, gateways=2)) as cloud:
        cloud.start()
        open_outside(cloud)
        made = Cloudstack(cloud.controller)
        made.public_range()
        tenant = made.tenant("red")
        network = made.network(tenant, "net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machines = {
            name: made.machine(tenant, f"h{number}", name, ("net", network))
            for number, name in enumerate(POOL, start=1)
        }
        cloud.plug((machine.host, machine.nic_id, machine.mac) for machine in machines.values())
        cloud.wait_realised(machine.nic_id for machine in machines.values())
        take_addresses(cloud, list(machines.values()))
        address = tenant.call.associateIpAddress(networkid=network)["ipaddress"]
        tenant.call.createEgressFirewallRule(networkid=network, protocol="all")
        listed = tenant.call.listVirtualMachines()["virtualmachine"]
        vms = {row["name"]: row["id"] for row in listed}
        with answering(cloud, {name: machine.host for name, machine in machines.items()}):
            yield Balanced(cloud, tenant, machines, vms, address)


def state(balanced: Balanced, rule: str) -> str:
    """CloudStack's word for how far a rule has come."""
    found: str = balanced.tenant.call.listLoadBalancerRules(id=rule)["loadbalancerrule"][0]["state"]
    return found


def test_new_connections_are_spread_and_nobody_else_gets_any(balanced: Balanced) -> None:
    members = POOL[:4]
    with balanced.rule(80, members) as rule:
        assert state(balanced, rule) == "Active"
        answered = balanced.asked("fresh", 80, 2000)
        assert set(answered) == set(members)
        assert max(answered.values()) <= 1.15 * 2000 / len(members), answered
        # Members see who asks.
        seen = balanced.node(INTERNET).cmd(f"curl -s -m 2 http://{balanced.address['ipaddress']}/")
        assert json.loads(seen)["from"] == NEAR


def test_weights_share_out_connections(balanced: Balanced) -> None:
    members = POOL[:3]
    with balanced.rule(80, members) as rule:
        balanced.weigh(rule, {"web1": 1, "web2": 2, "web3": 4})
        answered = balanced.asked("fresh", 80, 3500)
        for name, share in (("web1", 500), ("web2", 1000), ("web3", 2000)):
            assert abs(answered[name] - share) <= 0.15 * share, answered
        balanced.weigh(rule, {"web2": 0})
        assert set(balanced.asked("fresh", 80, 200)) == {"web1", "web3"}


def test_udp_is_spread_too(balanced: Balanced) -> None:
    with balanced.rule(53, POOL, protocol="udp", privateport=DATAGRAMS):
        answered = balanced.asked("datagrams", 53, 1200)
        assert set(answered) == set(POOL)
        assert max(answered.values()) <= 1.35 * 1200 / len(POOL), answered


def test_by_source_a_client_always_comes_to_the_same(balanced: Balanced) -> None:
    with balanced.rule(80, POOL, algorithm="source"):
        internet, chosen = balanced.node(INTERNET), {}
        for source in [NEAR, FAR, *(f"192.0.2.{host}" for host in range(100, 120))]:
            internet.cmd(f"ip address add {source}/32 dev lo")
            command = f"curl -s -m 2 --interface {source} http://{balanced.address['ipaddress']}/"
            seen = [json.loads(internet.cmd(command)) for _ in range(5)]
            assert {each["from"] for each in seen} == {source}
            (chosen[source],) = {each["name"] for each in seen}
        assert len(set(chosen.values())) >= len(POOL) - 2, chosen


def test_only_the_sources_named_may_connect(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:1], cidrlist=f"{FAR}/32"):
        internet, url = balanced.node(INTERNET), f"http://{balanced.address['ipaddress']}/"
        assert json.loads(internet.cmd(f"curl -s -m 2 --interface {FAR} {url}"))["name"] == POOL[0]
        assert internet.cmd(f"curl -s -m 2 {url}") == ""


def test_without_a_firewall_rule_nobody_comes_in(balanced: Balanced) -> None:
    with balanced.rule(80, POOL, openfirewall=False):
        url = f"http://{balanced.address['ipaddress']}/"
        assert balanced.node(INTERNET).cmd(f"curl -s -m 1 {url}") == ""


def test_a_member_reaches_its_own_balancer(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:2]):
        answered = balanced.asked("fresh", 80, 100, node=POOL[0])
        assert set(answered) == set(POOL[:2]), "itself too"
    with balanced.rule(80, POOL[:1]):
        assert set(balanced.asked("fresh", 80, 10, node=POOL[0])) == {POOL[0]}


def test_what_is_established_stays_through_every_change(balanced: Balanced) -> None:
    members = POOL[:4]
    with balanced.rule(80, members) as rule:
        steady = balanced.clients("steady", 80, 60)
        coming = balanced.clients("endless", 80, 4)
        balanced.remove(rule, "web2")
        # It is drained: nobody new comes to it, and who is there stays.
        assert set(balanced.asked("fresh", 80, 200)) == {"web1", "web3", "web4"}
        balanced.assign(rule, "web5", "web6")
        balanced.weigh(rule, {"web1": 3})
        assert set(balanced.asked("fresh", 80, 300)) == {"web1", "web3", "web4", "web5", "web6"}
        balanced.tenant.call.updateLoadBalancerRule(id=rule, algorithm="leastconn", name="renamed")
        balanced.assign(rule, "web2")
        balanced.cloud.controller.kill()
        balanced.cloud.controller.start()
        balanced.cloud.controller.wait(balanced.cloud.in_sync, "the switches to be in sync again", 30)
        assert "web2" in balanced.asked("fresh", 80, 200)
        answered, broken = ended(coming)
        assert not broken and answered.total() > 100
        answered, broken = ended(steady)
        assert not broken, broken
        assert answered.total() == 60 and set(answered) == set(members)


def test_a_machine_that_stops_gets_nothing_new(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:3]):
        call, vm = balanced.tenant.call, balanced.vms["web2"]
        call.stopVirtualMachine(id=vm)
        balanced.cloud.wait_objects()
        try:
            assert set(balanced.asked("fresh", 80, 150)) == {"web1", "web3"}
        finally:
            call.startVirtualMachine(id=vm)
            balanced.cloud.wait_realised([balanced.machines["web2"].nic_id])
        balanced.cloud.wait_objects()
        assert set(balanced.asked("fresh", 80, 150)) == set(POOL[:3])


def test_a_trace_knows_that_any_member_is_right(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[1:4]):
        address = balanced.address["ipaddress"]
        said = balanced.cloud.controller.command("trace", "--from", POOL[0], "--to", address, "--tcp", "80")
        assert "delivered" in said.stdout and "but the intent" not in said.stdout, said.stdout


def test_cookies_are_refused_and_said_to_be(balanced: Balanced) -> None:
    with balanced.rule(80, POOL[:2]) as rule:
        made = balanced.tenant.call.createLBStickinessPolicy(lbruleid=rule, methodname="LbCookie", name="c")
        assert state(balanced, rule) == "Add"
        found = balanced.cloud.controller.ask(f"/v1/balancers/{rule}")
        assert "cookies need a proxy" in found["refusals"][0]["reason"]
        policy = made["stickinesspolicies"]["stickinesspolicy"][0]["id"]
        balanced.tenant.call.deleteLBStickinessPolicy(id=policy)
        balanced.cloud.wait_objects()
        assert state(balanced, rule) == "Active"
        assert set(balanced.asked("fresh", 80, 50)) == set(POOL[:2])
