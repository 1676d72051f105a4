"""Networks that are known outside by their own addresses: what must hold alike for IPv4 and IPv6.

Each case is packets that must pass beside packets that must not, between the machines `red1` and `blue1` of
two tenants, and the outside.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from tests.e2e.answers import get, told
from tests.e2e.north import North
from tests.e2e.ping import ask, reach
from topologies.demo.outside import FAR, FAR6, NEAR, NEAR6
from topologies.leaf_spine import INTERNET


@dataclass(frozen=True, slots=True)
class Routed:
    """A version of IP: what its rules are called, red's prefix, who is outside, and the type of its pings."""

    version: int
    rules: str
    red: str
    near: str
    far: str
    echo: int

    def address(self, north: North, name: str) -> str:
        """A machine's own address."""
        return str(north.machines[name].address(self.version))

    def rule(self, north: North, name: str, direction: str, protocol: str, **more: Any) -> str:
        """A rule about what is routed to or from a machine's network, in the switches; its id."""
        made = getattr(north.call(name), f"create{self.rules}")(
            networkid=north.networks[north.machines[name].network],
            traffictype=direction,
            protocol=protocol,
            **more,
        )["firewallrule"]
        north.cloud.wait_objects()
        found: str = made["id"]
        return found

    def withdraw(self, north: North, name: str, *rules: str) -> None:
        """These rules are in no switch any more."""
        for each in rules:
            getattr(north.call(name), f"delete{self.rules}")(id=each)
        north.cloud.wait_objects()

    def only_rules_let_out(self, north: North) -> None:
        """Nothing leaves until a rule lets it, and nothing is translated."""
        red1, own, command = north.node("red1"), self.address(north, "red1"), north.cloud.controller.command
        assert " 0 received" in ask(red1, self.far)
        assert get(red1, self.far) == ""
        web = self.rule(north, "red1", "egress", "tcp", startport=8000, endport=8100, cidrlist=self.red)
        listed = getattr(north.call("red1"), f"list{self.rules}s")(id=web)["firewallrule"][0]
        assert listed["state"] == "Active"
        assert json.loads(get(red1, self.far)) == {"name": INTERNET, "from": own}
        assert " 0 received" in ask(red1, self.far)
        assert told(red1, self.near, 9000) == ""
        allowed = command("trace", "--from", "red1", "--to", self.far, "--tcp", "8080").stdout
        assert "the public network" in allowed and "but the intent" not in allowed, allowed
        denied = command("trace", "--from", "red1", "--to", self.far, "--tcp", "22").stdout
        assert "egress" in denied and "but the intent" not in denied, denied
        self.withdraw(north, "red1", web)
        assert get(red1, self.far) == ""
        everything = self.rule(north, "red1", "egress", "all")
        assert " 3 received" in reach(red1, self.far)
        assert json.loads(told(red1, self.near, 9000)) == {"name": INTERNET, "from": own}
        # The other tenant's rules are its own.
        assert " 0 received" in ask(north.node("blue1"), self.far)
        self.withdraw(north, "red1", everything)

    def only_rules_let_in(self, north: North, name: str) -> None:
        """Nothing comes in to one of red's machines until a rule lets it."""
        internet, own = north.node(INTERNET), self.address(north, name)
        assert " 0 received" in ask(internet, own)
        assert get(internet, own) == ""
        only = str(ip_network(self.near))
        web = self.rule(north, name, "ingress", "tcp", startport=8080, endport=8080, cidrlist=only)
        assert json.loads(get(internet, own)) == {"name": name, "from": self.near}
        assert get(internet, own, 8080, "--interface", self.far) == ""
        assert " 0 received" in ask(internet, own)
        assert told(internet, own, 9000) == ""
        echo = self.rule(north, name, "ingress", "icmp", icmptype=self.echo, icmpcode=0)
        datagrams = self.rule(north, name, "ingress", "udp", startport=9000, endport=9000)
        assert " 3 received" in reach(internet, own)
        assert json.loads(told(internet, own, 9000))["name"] == name
        self.withdraw(north, name, web, echo, datagrams)
        assert get(internet, own) == ""
        assert " 0 received" in ask(internet, own)

    def tenants_meet_outside(self, north: North, *others: str) -> None:
        """Tenants reach each other by the router outside; blue lets in red, and not these others."""
        red1, blue1 = self.address(north, "red1"), self.address(north, "blue1")
        out = self.rule(north, "red1", "egress", "tcp")
        assert get(north.node("red1"), blue1) == "", "blue lets nothing in"
        into = self.rule(north, "blue1", "ingress", "tcp", startport=8080, endport=8080, cidrlist=self.red)
        assert json.loads(get(north.node("red1"), blue1)) == {"name": "blue1", "from": red1}
        for other in others:
            assert get(north.node(other), blue1) == "", "blue lets in red alone"
        self.withdraw(north, "red1", out)
        assert get(north.node("red1"), blue1) == ""
        self.withdraw(north, "blue1", into)


IPV4 = Routed(4, "RoutingFirewallRule", "172.30.1.0/24", NEAR, FAR, 8)
IPV6 = Routed(6, "Ipv6FirewallRule", "2001:db8:1::/64", NEAR6, FAR6, 128)
