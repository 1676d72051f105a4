"""Tenants' machines: hosts of the fabric with a NIC of a network, and how they come to their addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from topologies.cloud import Cloud


@dataclass(frozen=True, slots=True)
class Machine:
    """A tenant's machine: the host that plays it, its NIC, and the realm in which its packets may go.

    A realm is a network, or the VPC of which the network is a tier.
    """

    name: str
    host: str
    tenant: str
    network: str
    realm: str
    nic_id: str
    mac: str
    ipv4: str
    ipv6: str | None

    @property
    def forms_ipv6(self) -> bool:
        """Whether its IPv6 address is the one that it forms itself from its MAC (RFC 4862)."""
        octets = bytearray.fromhex(self.mac.replace(":", ""))
        octets[0] ^= 2
        identifier = bytes(octets[:3]) + b"\xff\xfe" + bytes(octets[3:])
        return self.ipv6 is not None and ipaddress.IPv6Address(self.ipv6).packed[8:] == identifier

    def address(self, version: int) -> str | None:
        """Its IPv4 or IPv6 address."""
        return self.ipv4 if version == 4 else self.ipv6


@dataclass(frozen=True, slots=True)
class Tenanted:
    """A cloud, and tenants' machines in it by their names."""

    cloud: Cloud
    machines: dict[str, Machine]

    def node(self, name: str) -> Any:
        """The host that plays a machine; any other host by its own name."""
        return self.cloud.node(self.machines[name].host if name in self.machines else name)

    def hosts(self, *others: str) -> dict[str, str]:
        """The names of the hosts by those of their machines, and other hosts by their own."""
        return {name: machine.host for name, machine in self.machines.items()} | {
            name: name for name in others
        }


def bring_up(cloud: Cloud, machines: Iterable[Machine]) -> None:
    """Plug machines in, and let them take their addresses once the switches hold their rules.

    Raises RuntimeError as `take_addresses` does.
    """
    machines = list(machines)
    cloud.plug((machine.host, machine.nic_id, machine.mac) for machine in machines)
    cloud.wait_realised(machine.nic_id for machine in machines)
    take_addresses(cloud, machines)


def take_addresses(cloud: Cloud, machines: Sequence[Machine]) -> None:
    """Every machine takes its addresses, all at once. Raises RuntimeError with what a client said."""
    clients = [(machine, cloud.lease4(machine.host)) for machine in machines]
    clients += [
        (machine, cloud.lease6(machine.host))
        for machine in machines
        if machine.ipv6 and not machine.forms_ipv6
    ]
    for machine, client in clients:
        output, _ = client.communicate(timeout=60)
        if client.returncode:
            raise RuntimeError(f"{machine.name} got no address:\n{output}")

    def ready() -> bool:
        wanted = {machine: {machine.ipv4, machine.ipv6} - {None} for machine in machines}
        return all(addresses <= cloud.addresses(machine.host) for machine, addresses in wanted.items())

    cloud.controller.wait(ready, "every machine to have its addresses")
