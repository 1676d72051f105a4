"""The same tenants on every kind of fabric: three edges, two tenants with equal addresses, a VPC across them.

|        | edge 1 | edge 2 | edge 3 |
|--------|--------|--------|--------|
| red    | red1   | red2   | red3   | an isolated network 10.1.1.0/24
| blue   | blue1  | blue2  | blue3  | the same addresses again
| blue   | web1   | data1  | data2  | two tiers of a VPC
|        | free   | free   |        | for machines that move, or show themselves by a first packet
|        | none   | none   |        | a port of which nothing is known
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from mininet.topo import Topo

from sdn_orch.dataplane import addresses
from topologies.cloud import Cloud
from topologies.controller import Sections
from topologies.demo.machines import Machine, Tenanted, bring_up
from topologies.demo.tenants import ISOLATED, TIER, Cloudstack, Tenant
from topologies.hypervisors import Hypervisors
from topologies.leaf_spine import LeafSpine
from topologies.separate import SeparateCloud
from topologies.vlan_edges import ACCESS_VLANS, TRUNK, VlanEdges

#: Hosts on each edge; behind a trunk there are three. And the port of the free one.
HOSTS, FREE_PORT = 5, 4


class PlainLeafSpine(LeafSpine):
    """A leaf-spine fabric whose switches know OpenFlow 1.3 and no extension of it."""

    def build(self, *args: Any, **params: Any) -> None:
        """Called by Mininet with the arguments of the constructor."""
        super().build(*args, **params)
        for switch in self.switches():
            plain = {"open_vswitch": False, "protocols": "OpenFlow13"}
            self.setNodeInfo(switch, self.nodeInfo(switch) | plain)


# Told apart by what it is, not by its fields: so pytest puts the tests of one fabric together.
@dataclass(frozen=True, slots=True, eq=False)
class Fabric:
    """A kind of fabric: how to make a cloud on it, what its guests' MTU is, and that of the tier `data`."""

    name: str
    cloud: Callable[..., Cloud]
    topology: Callable[..., Topo]
    size: Mapping[str, int]
    mtu: int = 1500
    data_mtu: int = 1300
    physical_network: Mapping[str, Any] = field(default_factory=dict)
    attachments: tuple[Mapping[str, Any], ...] = ()

    def made(self, **params: Any) -> Topo:
        """The topology, with the ports of free hosts open for NICs that show themselves by a first packet."""
        topo = self.topology(**self.size, **params)
        for switch in topo.switches():
            info = topo.nodeInfo(switch)
            if info.get("role") == "edge" and not switch.endswith("3"):
                topo.setNodeInfo(switch, info | {"learn_ports": [FREE_PORT]})
        return topo

    @property
    def settings(self) -> Sections:
        """Of the controller's configuration."""
        return {"fabric": {"mtu": self.mtu}}


def mac(number: int) -> str:
    """The MAC address of the machine at host number `number`, which the configuration names too."""
    return f"02:5d:00:00:00:{number:02x}"


VXLAN = Fabric(
    "vxlan",
    SeparateCloud,
    Hypervisors,
    {"hypervisors": 3, "hosts": HOSTS},
    mtu=1450,
    physical_network={"isolationmethods": "VXLAN", "vlan": "5000-5099"},
)
VLAN = Fabric(
    "vlan",
    Cloud,
    VlanEdges,
    {"hosts": HOSTS},
    physical_network={"isolationmethods": "VLAN", "vlan": "300-399"},
    # What is behind the trunk, only the configuration can tell.
    attachments=tuple(
        {"mac": mac(2 * HOSTS + port), "port": f"edge3:{TRUNK},{vlan}"}
        for port, vlan in enumerate(ACCESS_VLANS, start=1)
    ),
)
#: Plain switches cannot tell the MTU of a narrower tier, and refuse routes into it.
PLAIN = Fabric("plain", Cloud, PlainLeafSpine, {"spines": 2, "leaves": 3, "hosts": HOSTS}, data_mtu=1500)
FABRICS = (PLAIN, VXLAN, VLAN)


def on(*fabrics: Fabric) -> pytest.MarkDecorator:
    """The mark of a test that is about these fabrics only."""
    return pytest.mark.parametrize("placed", fabrics, ids=[fabric.name for fabric in fabrics], indirect=True)


@dataclass(frozen=True, slots=True)
class Placed(Tenanted):
    """A cloud on a fabric, with machines by their names, and the other hosts of the first two edges."""

    fabric: Fabric
    cloudstack: Cloudstack
    tenants: tuple[Tenant, ...] = ()
    free: tuple[str, str] = (f"h{FREE_PORT}", f"h{HOSTS + FREE_PORT}")
    strangers: tuple[str, str] = (f"h{HOSTS}", f"h{2 * HOSTS}")

    def nodes(self) -> dict[str, Any]:
        """The hosts by the names of their machines, and those without one by their own."""
        free = {name: self.cloud.node(name) for name in (*self.free, *self.strangers)}
        return free | {name: self.node(name) for name in self.machines}

    def gateway_mac(self, network: str) -> str:
        """The MAC address of a network's gateway."""
        rows = {row["name"]: row["number"] for row in self.cloud.controller.ask_all("/v1/networks")}
        return addresses.gateway_mac(rows[network]).to_bytes(6).hex(":")

    def places(self) -> dict[str, str | None]:
        """Where the controller knows each machine to be."""
        rows = {row["id"]: row["place"] for row in self.cloud.controller.ask_all("/v1/ports")}
        return {name: rows[machine.nic_id] for name, machine in self.machines.items()}


def place(fabric: Fabric, cloud: Cloud) -> Placed:
    """Make tenants and machines on a running cloud, plug them in and let them take their addresses."""
    made = Cloudstack(cloud.controller, **fabric.physical_network)
    red, blue = made.tenant("red"), made.tenant("blue")
    red_net = made.network(red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
    blue_net = made.network(blue, "blue-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
    vpc = made.vpc(blue)
    web = made.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", vpcid=vpc)
    data = made.network(
        blue, "data", TIER, "10.20.2.1", "2001:db8:12::/64", vpcid=vpc, privatemtu=fabric.data_mtu
    )
    rows = [
        (red, "red-net", red_net, None, ("red1", "red2", "red3"), (0, 1, 2)),
        (blue, "blue-net", blue_net, None, ("blue1", "blue2", "blue3"), (0, 1, 2)),
        (blue, "web", web, "shop", ("web1",), (0,)),
        (blue, "data", data, "shop", ("data1", "data2"), (1, 2)),
    ]
    port = [0, 0, 0]
    machines: dict[str, Machine] = {}
    for tenant, network, id, realm, names, edges in rows:
        for address, (name, edge) in enumerate(zip(names, edges, strict=True), start=10):
            port[edge] += 1
            number = edge * HOSTS + port[edge]
            more = {"macaddress": mac(number)}
            if realm is None:
                more["ipaddress"] = f"10.1.1.{address}"
            machines[name] = made.machine(tenant, f"h{number}", name, (network, id), realm, **more)
    bring_up(cloud, machines.values())
    return Placed(cloud, machines, fabric, made, (red, blue))
