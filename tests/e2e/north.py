"""Two tenants of equal addresses, and an "internet" behind two gateways of their fabric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.e2e.sessions import cutting
from topologies.cloud import Cloud
from topologies.demo.machines import Machine, Tenanted, bring_up
from topologies.demo.outside import answering
from topologies.demo.tenants import ISOLATED, TIER, Cloudstack, Tenant, begin_outside
from topologies.leaf_spine import INTERNET, LeafSpine


@dataclass(frozen=True, slots=True)
class North(Tenanted):
    """The cloud with its machines, and who owns them."""

    made: Cloudstack
    tenants: dict[str, Tenant]
    networks: dict[str, str]

    def call(self, name: str) -> Any:
        """The calls of the tenant who has the machine."""
        return self.tenants[self.machines[name].tenant].call

    def vm(self, name: str) -> str:
        """The id of a machine."""
        found: str = self.call(name).listVirtualMachines(name=name)["virtualmachine"][0]["id"]
        return found

    def source_nat(self, name: str) -> dict[str, Any]:
        """The address under which a machine's network goes out."""
        listed = self.call(name).listPublicIpAddresses(issourcenat=True)["publicipaddress"]
        network = self.networks[self.machines[name].network]
        if self.machines[name].network == "web":
            found: dict[str, Any] = next(row for row in listed if row.get("vpcid"))
        else:
            found = next(row for row in listed if row.get("associatednetworkid") == network)
        return found

    def address(self, name: str) -> dict[str, Any]:
        """One more address for a machine's network."""
        network = self.networks[self.machines[name].network]
        found: dict[str, Any] = self.call(name).associateIpAddress(networkid=network)["ipaddress"]
        return found

    def cutting(self, name: str) -> AbstractContextManager[None]:
        """A machine's network cuts connections meanwhile."""
        return cutting(self.cloud, self.networks[self.machines[name].network])


@contextmanager
def north_cloud(hosts: Mapping[str, str], mtus: Mapping[str, int] | None = None) -> Iterator[North]:
    """Machines `red1`, `blue1`… of a network each, and `web1`… of blue's tier, on these hosts.

    Networks have the MTU of public ones, or that which is said of them.

    All of them and the internet answer HTTP at port 8080 with their names, and UDP at 9000.
    """
    with Cloud(partial(LeafSpine, leaves=4, hosts=2, gateways=2)) as cloud:
        made = begin_outside(cloud)
        red, blue = made.tenant("red"), made.tenant("blue")
        mtu = {name: {"privatemtu": (mtus or {}).get(name, 1500)} for name in ("red-net", "blue-net", "web")}
        red_net = made.network(red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64", **mtu["red-net"])
        blue_net = made.network(blue, "blue-net", ISOLATED, "10.1.1.1", "2001:db8:2::/64", **mtu["blue-net"])
        tier = {"vpcid": made.vpc(blue), **mtu["web"]}
        web = made.network(blue, "web", TIER, "10.20.1.1", "2001:db8:11::/64", **tier)
        networks = {"red-net": red_net, "blue-net": blue_net, "web": web}
        of_kind = {
            "red": (red, "red-net", None),
            "blue": (blue, "blue-net", None),
            "web": (blue, "web", "shop"),
        }
        machines: dict[str, Machine] = {}
        for name, host in hosts.items():
            tenant, network, realm = of_kind[name[:-1]]
            more = {} if realm else {"ipaddress": f"10.1.1.{9 + int(name[-1])}"}
            machines[name] = made.machine(tenant, host, name, (network, networks[network]), realm, **more)
        bring_up(cloud, machines.values())
        north = North(cloud, machines, made, {"red": red, "blue": blue}, networks)
        with answering(cloud, north.hosts(INTERNET)):
            yield north
