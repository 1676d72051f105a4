"""A tenant's machines that serve behind one public address, and clients who count who answers them.

Benchmarks and end-to-end tests of load balancers stand on it.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.outside import WEB, answering
from topologies.demo.tenants import ISOLATED, Tenant, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine


@dataclass(frozen=True, slots=True)
class Balanced(Tenanted):
    """A cloud with machines that serve, and the tenant's address that leads to them."""

    tenant: Tenant
    vms: dict[str, str]
    address: dict[str, Any]

    def by_port(self, port: int, sources: Iterable[int]) -> list[str]:
        """Who answers somebody outside at each of these source ports."""
        url = f"http://{self.address['ipaddress']}:{port}/"
        asking = ["curl"]
        for source in sources:
            own = ["--local-port", str(source), "-H", "Connection: close"]
            asking += [*(["--next"] if len(asking) > 1 else []), "-s", "-m", "5", *own, url]
        said, _ = self.node(INTERNET).popen(asking, stdout=-1, text=True).communicate(timeout=120)
        return [json.loads(line)["name"] for line in said.splitlines()]

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

    def remember(self, rule: str, method: str, parameters: Mapping[str, str]) -> str:
        """Give a rule a stickiness policy; its id."""
        given: dict[str, str] = {}
        for number, (name, value) in enumerate(parameters.items()):
            given |= {f"param[{number}].name": name, f"param[{number}].value": value}
        made = self.tenant.call.createLBStickinessPolicy(
            lbruleid=rule, methodname=method, name="sticky", **given
        )
        policy: str = made["stickinesspolicies"]["stickinesspolicy"][0]["id"]
        return policy

    def clients(
        self,
        kind: str,
        port: int,
        count: int,
        node: str = INTERNET,
        sources: Sequence[str] = (),
        program: str = "clients",
    ) -> subprocess.Popen[str]:
        """Clients that run until they are told to end, or have asked so often; `associations` are SCTP's."""
        program = f"topologies.demo.{program}"
        command = ["python3", "-m", program, kind, self.address["ipaddress"], str(port)]
        process: subprocess.Popen[str] = self.node(node).popen(
            [*command, str(count), *sources], stdin=-1, stdout=-1, text=True
        )
        is_endless = kind in ("endless", "steady")
        if is_endless and (process.stdout is None or process.stdout.readline() != "ready\n"):
            raise RuntimeError(f"{kind} clients of port {port} were not answered")
        return process

    def asked(
        self,
        kind: str,
        port: int,
        count: int,
        node: str = INTERNET,
        sources: Sequence[str] = (),
        program: str = "clients",
    ) -> Counter[str]:
        """Who answers so many clients, of whom none breaks."""
        answered, broken = ended(self.clients(kind, port, count, node, sources, program))
        if broken or answered.total() != count:
            raise RuntimeError(f"of {count} clients {len(broken)} were not answered: {broken[:5]}")
        return answered


def ended(process: subprocess.Popen[str]) -> tuple[Counter[str], list[str]]:
    """Whom clients were answered by, and what broke, once they are told to end."""
    output, _ = process.communicate("", timeout=60)
    said = json.loads(output.strip().splitlines()[-1])
    return Counter(said["answered"]), said["broken"]


@contextmanager
def balanced_cloud(members: int, hosts: int = 2, gateways: int = 2) -> Iterator[Balanced]:
    """Machines `web1`, `web2`… of one network, so many on a leaf, and gateways without machines."""
    leaves = -(-members // hosts) + gateways
    with Cloud(partial(LeafSpine, leaves=leaves, hosts=hosts, gateways=gateways)) as cloud:
        made = begin_outside(cloud)
        tenant = made.tenant("red")
        network = made.network(tenant, "net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        machines = {
            f"web{number}": made.machine(tenant, f"h{number}", f"web{number}", ("net", network))
            for number in range(1, members + 1)
        }
        bring_up(cloud, machines.values())
        address = tenant.call.associateIpAddress(networkid=network)["ipaddress"]
        tenant.call.createEgressFirewallRule(networkid=network, protocol="all")
        vms = {row["name"]: row["id"] for row in tenant.call.listVirtualMachines()["virtualmachine"]}
        balanced = Balanced(cloud, machines, tenant, vms, address)
        with answering(cloud, balanced.hosts()):
            yield balanced
