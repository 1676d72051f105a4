"""A gateway that knows OpenFlow 1.3 only: static NAT and balancers without state, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.answers import get, told
from tests.e2e.fabrics import PlainLeafSpine
from tests.e2e.ping import ask, reach
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.outside import DATAGRAMS, FAR, NEAR, WEB, answering
from topologies.demo.tenants import TIER, Tenant, begin_outside
from topologies.leaf_spine import INTERNET

pytestmark = pytest.mark.mininet


@dataclass(frozen=True, slots=True)
class Plain(Tenanted):
    """A VPC with two machines in a tier, and a public address beside that of its source NAT."""

    tenant: Tenant
    address: dict[str, Any]

    def get(self, host: str, address: str) -> dict[str, str]:
        """What HTTP answers there; nothing if it does not."""
        answer = get(self.cloud.node(host), address)
        found: dict[str, str] = json.loads(answer) if answer else {}
        return found

    def becomes(self, condition: str) -> None:
        """Until the public address is in a condition."""
        name = self.address["ipaddress"]
        self.cloud.controller.wait(
            lambda: self.cloud.row(name)["condition"] == condition, f"{name} to be {condition}"
        )


@pytest.fixture(scope="module")
def plain() -> Iterator[Plain]:
    topology = partial(PlainLeafSpine, spines=2, leaves=2, hosts=1, gateways=1)
    with Cloud(topology) as cloud:
        made = begin_outside(cloud)
        red = made.tenant("red")
        vpc = made.vpc(red)
        web = made.network(red, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
        machines = {
            "served": made.machine(red, "h1", "served", ("web", web), "shop"),
            # At the gateway itself.
            "other": made.machine(red, "h2", "other", ("web", web), "shop"),
        }
        bring_up(cloud, machines.values())
        address = red.call.associateIpAddress(vpcid=vpc)["ipaddress"]
        here = Plain(cloud, machines, red, address)
        with answering(cloud, here.hosts(INTERNET)):
            yield here


def test_static_nat_needs_no_state_where_nothing_is_filtered(plain: Plain) -> None:
    public, internet, call = plain.address["ipaddress"], plain.cloud.node(INTERNET), plain.tenant.call
    assert " 0 received" in ask(internet, public)
    for name, machine in plain.machines.items():
        vm = call.listVirtualMachines(name=name)["virtualmachine"][0]
        call.enableStaticNat(
            ipaddressid=plain.address["id"], virtualmachineid=vm["id"], networkid=vm["nic"][0]["networkid"]
        )
        plain.becomes("realised")
        assert " 0 received" not in reach(internet, public), name
        assert plain.get(INTERNET, public) == {"name": name, "from": NEAR}
        assert plain.get(machine.host, FAR) == {"name": INTERNET, "from": public}
        # The other machine has no address of its own, and there is no source NAT here.
        (other,) = {"h1", "h2"} - {machine.host}
        assert plain.get(other, FAR) == {}
        assert plain.get(other, machine.ipv4 or "")["name"] == name
        call.disableStaticNat(ipaddressid=plain.address["id"])
        plain.becomes("refused")
        # What is refused is told as soon as it is known, and taken from the switch a moment later.
        plain.cloud.controller.wait(lambda: " 0 received" in ask(internet, public), "nobody to answer")


def test_what_needs_state_is_refused_and_told(plain: Plain) -> None:
    listed = plain.tenant.call.listPublicIpAddresses(issourcenat=True)["publicipaddress"]
    row = plain.cloud.row(listed[0]["ipaddress"])
    assert row["condition"] == "refused"
    (refusal,) = row["refusals"]
    assert "load balancers that do not go by source: that needs connection" in refusal["reason"]


@contextmanager
def balanced(plain: Plain, port: int, members: Sequence[str], **more: Any) -> Iterator[str]:
    """A rule at a port of the public address with these machines behind it."""
    call = plain.tenant.call
    (web,) = call.listNetworks(keyword="web")["network"]
    given = {"algorithm": "source", "name": f"lb{port}", "publicport": port, "privateport": WEB, **more}
    made = call.createLoadBalancerRule(publicipid=plain.address["id"], networkid=web["id"], **given)
    rule: str = made["loadbalancer"]["id"]
    vms = {row["name"]: row["id"] for row in call.listVirtualMachines()["virtualmachine"]}
    call.assignToLoadBalancerRule(id=rule, virtualmachineids=",".join(vms[name] for name in members))
    plain.cloud.wait_objects()
    try:
        yield rule
    finally:
        call.deleteLoadBalancerRule(id=rule)
        plain.cloud.wait_objects()


def reasons(plain: Plain, name: str) -> list[str]:
    """Why a balancer is refused."""
    return [refusal["reason"] for refusal in plain.cloud.row(name)["refusals"]]


def test_sources_are_split_among_members_without_state(plain: Plain) -> None:
    internet, public, call = plain.cloud.node(INTERNET), plain.address["ipaddress"], plain.tenant.call
    sources = [f"192.0.2.{host}" for host in range(100, 116)]
    for source in sources:
        internet.cmd(f"ip address add {source}/32 dev lo")

    def asked(port: int = 80, among: Sequence[str] = sources) -> dict[str, str]:
        """Who answers each of the sources, several times the same; nobody where no answer comes."""
        found: dict[str, str] = {}
        for source in among:
            answers = [get(internet, public, port, "--interface", source) for _ in range(2)]
            (found[source],) = {json.loads(each)["name"] if each else "" for each in answers}
            assert all(json.loads(each)["from"] == source for each in answers if each)
        return found

    with balanced(plain, 80, ["served", "other"], cidrlist="192.0.2.0/24") as rule:
        assert reasons(plain, "lb80") == []
        before = asked()
        counted = Counter(before.values())
        assert counted == {"served": 8, "other": 8}, "the lowest bit tells them apart"
        # Who asks is not among those who may, nor is the port the balancer's.
        assert get(internet, public) == get(internet, public, WEB, "--interface", sources[0]) == ""
        # Members begin nothing by it, from any other port than that which they answer at.
        assert all(plain.get(machine.host, FAR) == {} for machine in plain.machines.values())
        (served,) = (row["id"] for row in call.listVirtualMachines(name="served")["virtualmachine"])
        call.removeFromLoadBalancerRule(id=rule, virtualmachineids=served)
        plain.cloud.wait_objects()
        assert asked() == dict.fromkeys(sources, "other")
        call.assignToLoadBalancerRule(id=rule, virtualmachineids=served)
        plain.cloud.wait_objects()
        assert asked() == before, "who comes back has its sources again"
        with balanced(plain, 53, ["served"], protocol="udp", privateport=DATAGRAMS):
            assert json.loads(told(internet, public, 53)) == {"name": "served", "from": NEAR}


def test_balancers_that_need_state_are_refused_and_told(plain: Plain) -> None:
    internet, public = plain.cloud.node(INTERNET), plain.address["ipaddress"]
    with balanced(plain, 80, ["served"]):
        with balanced(plain, 81, ["served", "other"], algorithm="roundrobin"):
            assert get(internet, public, 81) == ""
            (reason,) = reasons(plain, "lb81")
            assert "algorithm round-robin keeps connections together by connection tracking" in reason
        with balanced(plain, 82, ["served"]):
            # Its answers could not be told from those to the other one.
            assert get(internet, public, 82) == ""
            (reason,) = reasons(plain, "lb82")
            assert "balancer lb80" in reason and "leads to a port of member" in reason
        assert json.loads(get(internet, public, 80))["name"] == "served"
