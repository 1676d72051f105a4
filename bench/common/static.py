"""Machines whose addresses are set by hand.

A DHCP client goes on looking at every packet that its host gets, which would be measured too.
"""

from __future__ import annotations

from collections.abc import Iterable

from topologies.cloud import Cloud
from topologies.demo.machines import Machine


def bring_up(cloud: Cloud, machines: Iterable[Machine], gateway: str) -> None:
    """Plug in machines of a network with this gateway, an IPv4 /24, and set their IPv4 addresses."""
    machines = list(machines)
    cloud.plug((machine.host, machine.nic_id, machine.mac) for machine in machines)
    cloud.wait_realised(machine.nic_id for machine in machines)
    for machine in machines:
        node = cloud.node(machine.host)
        node.cmd(f"ip address add {machine.ipv4}/24 dev {node.defaultIntf()}")
        node.cmd(f"ip route add default via {gateway}")
