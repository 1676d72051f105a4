"""The outside: the host `internet` is the public network's router, and everything behind it.

Red's network is opened by CloudStack's calls: an egress rule, a forwarded port, a firewall rule. Then who
reaches whom is compared with who should.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from topologies.cloud import Cloud
from topologies.demo.machines import Machine
from topologies.leaf_spine import INTERNET

#: Its address in the public network, and one far behind.
NEAR: Final = "203.0.113.1"
FAR: Final = "192.0.2.80"
NEAR6: Final = "2001:db8:ff::1"
FAR6: Final = "2001:db8:ffff::80"
#: The prefix of the public network in which routers have their IPv6 addresses.
PREFIX6: Final = "2001:db8:ff::/64"
#: The public network, and the addresses in it that tenants get.
NETMASK: Final = "255.255.255.0"
FIRST, LAST = "203.0.113.10", "203.0.113.99"
#: Where machines answer HTTP, and UDP.
WEB, DATAGRAMS = 8080, 9000


def open_outside(cloud: Cloud) -> None:
    """Give the host its addresses. It sends on what it gets for others in the public network."""
    node = cloud.node(INTERNET)
    node.cmd(f"ip address add {NEAR}/24 dev {node.defaultIntf()}")
    node.cmd(f"ip address add {FAR}/32 dev lo")
    node.cmd(f"ip address add {NEAR6}/64 dev {node.defaultIntf()} nodad")
    node.cmd(f"ip address add {FAR6}/128 dev lo nodad")
    node.cmd("sysctl -q -w net.ipv6.conf.all.forwarding=1")
    node.cmd("sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0")
    node.cmd(f"sysctl -q -w net.ipv4.conf.{node.defaultIntf()}.send_redirects=0")


def add_routes(cloud: Cloud, call: Any) -> None:
    """The host sends what is for tenants' prefixes to their routers, as CloudStack's calls say."""
    for network in call.listNetworks(listall=True)["network"]:
        for route in (*network["ip4routes"], *network["ip6routes"]):
            cloud.node(INTERNET).cmd(f"ip route replace {route['subnet']} via {route['gateway']}")


@contextmanager
def answering(
    cloud: Cloud, hosts: dict[str, str], web: int = WEB, datagrams: int = DATAGRAMS
) -> Iterator[None]:
    """Hosts, by the names that they answer with, serve HTTP and UDP at these ports."""
    processes = []
    for name, host in hosts.items():
        command = ["python3", "-m", "topologies.demo.answer", name, str(web), str(datagrams)]
        processes.append(cloud.node(host).popen(command))
    try:
        for name, host in hosts.items():
            cloud.controller.wait(partial(_listens, cloud.node(host), web), f"{name} to listen")
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _listens(node: Any, port: int) -> bool:
    return f":{port} " in node.cmd("ss -ltn")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody asks for a page: who, of what address and port, who should answer, and whom it should see."""

    source: str
    target: str
    port: int
    expected: str
    seen_as: str
    because: str

    @property
    def whom(self) -> str:
        """Address and port as they stand in a URL."""
        return f"[{self.target}]:{self.port}" if ":" in self.target else f"{self.target}:{self.port}"

    def made(self, cloud: Cloud, hosts: dict[str, str]) -> tuple[str, str]:
        """Who answers, and as what it sees the one who asks; nothing and nothing if nobody does."""
        node = cloud.node(hosts[self.source])
        answer = str(node.cmd(f"curl -g -s -m 2 http://{self.whom}/")).strip()
        said = json.loads(answer) if answer else {"name": "", "from": ""}
        return said["name"], said["from"]


def open_network(call: Any, machines: Sequence[Machine]) -> list[Attempt]:
    """Open red's network by the administrator's calls; gives what should work then, and what should not."""
    red1, red2, blue1 = (
        next(machine for machine in machines if machine.name == name) for name in ("red1", "red2", "blue1")
    )
    everything = {"listall": True}
    network = call.listNetworks(**everything, keyword="red-net")["network"][0]["id"]
    address = call.listPublicIpAddresses(**everything, associatednetworkid=network)["publicipaddress"][0]
    vm = call.listVirtualMachines(**everything, name="red2")["virtualmachine"][0]["id"]
    call.createEgressFirewallRule(networkid=network, protocol="tcp", startport=80, endport=WEB)
    call.createPortForwardingRule(
        ipaddressid=address["id"],
        protocol="tcp",
        publicport=80,
        privateport=WEB,
        virtualmachineid=vm,
        openfirewall=False,
    )
    call.createFirewallRule(ipaddressid=address["id"], protocol="tcp", startport=80, endport=80)
    call.createIpv6FirewallRule(networkid=network, protocol="tcp", traffictype="egress")
    public, own = address["ipaddress"], str(red1.ipv6)
    return [
        Attempt("red1", FAR, WEB, INTERNET, public, "an egress rule lets it out, by source NAT"),
        Attempt("blue1", FAR, WEB, "", "", "blue has no egress rule"),
        Attempt(INTERNET, public, 80, red2.name, NEAR, "a forwarded port, open in the firewall"),
        Attempt(INTERNET, public, WEB, "", "", "no firewall rule, no forwarded port"),
        Attempt(INTERNET, red2.ipv4, WEB, "", "", "private addresses are not there, outside"),
        Attempt("red1", public, 80, red2.name, public, "hairpin: its own network's public address"),
        Attempt("red1", FAR6, WEB, INTERNET, own, "IPv6: a rule lets it out, untranslated"),
        Attempt("blue1", blue1.ipv4, WEB, "blue1", blue1.ipv4, "red1's private address, and its own"),
    ]


def show(attempts: Sequence[Attempt], observed: Sequence[tuple[str, str]]) -> tuple[Table, list[str]]:
    """A table of what was expected and seen; and what was not as expected."""
    table = Table("who asks", "whom", "answered by", "who sees", "because", box=None, header_style="bold")
    faults = []
    for attempt, (name, seen_as) in zip(attempts, observed, strict=True):
        is_right = (name, seen_as) == (attempt.expected, attempt.seen_as)
        mark = Text("✓ ", "green") if is_right else Text("✗ ", "red")
        whom, answered = attempt.whom, name or "nobody"
        table.add_row(attempt.source, whom, mark + Text(answered), seen_as or "·", attempt.because)
        if not is_right:
            wanted = attempt.expected or "nobody"
            faults.append(f"{attempt.source} asks {whom}: {answered} answers, not {wanted}")
    return table, faults
