"""A gateway that knows nothing but OpenFlow 1.3: static NAT without state, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.answers import get
from tests.e2e.fabrics import PlainLeafSpine
from tests.e2e.ping import ask, reach
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.outside import FAR, NEAR, answering
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
        assert " 0 received" in ask(internet, public)


def test_what_needs_state_is_refused_and_told(plain: Plain) -> None:
    listed = plain.tenant.call.listPublicIpAddresses(issourcenat=True)["publicipaddress"]
    row = plain.cloud.row(listed[0]["ipaddress"])
    assert row["condition"] == "refused"
    assert "source NAT, forwarded ports and load balancers: that needs" in row["refusals"][0]["reason"]
