"""Tunnels between hosts come and go with the members of networks: as what one host's flows send to another.

A host has one tunnel port for all others (`remote_ip=flow`), so that a tunnel is no port but a flow or a
bucket with the other host's address. Nothing else is left of one when it goes.
"""

from __future__ import annotations

import re
import subprocess
from functools import partial

import pytest

from tests.e2e.fabrics import VXLAN
from tests.e2e.ping import ask, reach
from topologies.cloud import Cloud
from topologies.demo.machines import Machine, bring_up
from topologies.demo.tenants import ISOLATED, Cloudstack
from topologies.hypervisors import Hypervisors
from topologies.separate import SeparateCloud

pytestmark = pytest.mark.mininet

#: The tunnel addresses of the hosts that the topology makes.
KVM1, KVM2, KVM3 = (f"192.0.2.{number}" for number in (1, 2, 3))


def tunnels(cloud: Cloud, host: str) -> dict[str, set[str]]:
    """To which hosts a host sends: by its flows what is for one machine, by its groups what is for all."""
    node = cloud.node(host)
    return {
        what: set(
            re.findall(
                r"set_field:([\d.]+)->tun_dst",
                subprocess.run(
                    ["ovs-ofctl", "-O", "OpenFlow15", f"dump-{what}", node.ofctl],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout,
            )
        )
        for what in ("flows", "groups")
    }


def test_tunnels_are_made_and_removed_as_members_come_and_go() -> None:
    with SeparateCloud(partial(Hypervisors, hypervisors=3, hosts=2), VXLAN.settings) as cloud:
        cloud.start()
        made = Cloudstack(cloud.controller, **VXLAN.physical_network)
        tenant = made.tenant("red")
        home = made.network(tenant, "home", ISOLATED, "10.1.1.1", "2001:db8:1::/64")
        # Two on the second host, h3 and h4; one on each of the others.
        machines = {
            host: made.machine(tenant, host, f"vm-{host}", ("home", home), None)
            for host in ("h1", "h3", "h4", "h5")
        }

        def come(*hosts: str) -> None:
            bring_up(cloud, [machines[host] for host in hosts])

        def go(host: str) -> None:
            cloud.unplug(host)

        def are(**wanted: set[str]) -> None:
            def found() -> dict[str, set[str]]:
                return {host: tunnels(cloud, host)["flows"] for host in wanted}

            cloud.controller.wait(lambda: found() == wanted, f"the tunnels {wanted}")
            flooded = {host: tunnels(cloud, host)["groups"] for host in wanted}
            assert flooded == wanted

        are(kvm1=set(), kvm2=set(), kvm3=set())
        come("h1")
        are(kvm1=set(), kvm2=set(), kvm3=set())
        come("h3")
        are(kvm1={KVM2}, kvm2={KVM1}, kvm3=set())
        come("h4")
        are(kvm1={KVM2}, kvm2={KVM1}, kvm3=set())
        come("h5")
        are(kvm1={KVM2, KVM3}, kvm2={KVM1, KVM3}, kvm3={KVM1, KVM2})
        assert reached(cloud, machines["h1"], machines["h3"], machines["h5"])
        # Not the last one there.
        go("h3")
        cloud.controller.wait(lambda: not cloud.lets_in("h3", machines["h3"].mac), "the machine to be gone")
        are(kvm1={KVM2, KVM3}, kvm2={KVM1, KVM3}, kvm3={KVM1, KVM2})
        assert " 0 received" in ask(cloud.node("h1"), machines["h3"].ipv4)
        assert reached(cloud, machines["h1"], machines["h4"], machines["h5"])
        go("h4")
        are(kvm1={KVM3}, kvm2=set(), kvm3={KVM1})
        assert reached(cloud, machines["h1"], machines["h5"])
        come("h3")
        are(kvm1={KVM2, KVM3}, kvm2={KVM1, KVM3}, kvm3={KVM1, KVM2})
        for host in ("h1", "h3", "h5"):
            go(host)
        are(kvm1=set(), kvm2=set(), kvm3=set())
        # All the time there was one port for all of them.
        for host in ("kvm1", "kvm2", "kvm3"):
            shown = cloud.node(host).vsctl("--columns=name", "find", "interface", "type=vxlan")
            assert shown.count("name") == 1, shown


def reached(cloud: Cloud, sender: Machine, *others: Machine) -> bool:
    return all(" 3 received" in reach(cloud.node(sender.host), other.ipv4) for other in others)
