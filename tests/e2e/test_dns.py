"""Names by real `dig` from real guests: their network's own, nobody else's, and what resolvers know."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from dns.message import Message, make_response
from dns.rrset import from_text

from tests.name_server import NameServer
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.tenants import ISOLATED, TIER, Cloudstack
from topologies.leaf_spine import LeafSpine

pytestmark = pytest.mark.mininet

#: Too many addresses for a message of 512 bytes.
MANY = tuple(f"192.0.2.{n}" for n in range(60))
#: And for any that is sent as one datagram.
MOST = tuple(f"192.0.{n >> 8}.{n & 255}" for n in range(2000))
KNOWN = {"www.example.org.": ("192.0.2.80",), "many.example.org.": MANY, "most.example.org.": MOST}


def resolve(query: Message) -> Iterable[bytes]:
    """A resolver that knows three names."""
    reply = make_response(query, recursion_available=True)
    name = query.question[0].name
    if addresses := KNOWN.get(str(name)):
        reply.answer.append(from_text(name, 60, "IN", "A", *addresses))
    yield reply.to_wire(max_size=65535)


@dataclass(frozen=True, slots=True)
class Asking(Tenanted):
    """A cloud whose zone has a resolver, and machines by name."""

    resolver: NameServer

    def dig(self, who: str, *words: str, gateway: str = "10.1.1.1") -> list[str]:
        """What `dig` says in short."""
        said: str = self.node(who).cmd(f"dig @{gateway} +short +tries=2 +time=5 {' '.join(words)}")
        return said.split()

    def status(self, who: str, *words: str) -> str:
        """The head of what `dig` says."""
        return str(self.node(who).cmd(f"dig @10.1.1.1 +tries=2 +time=5 +noall +comments {' '.join(words)}"))


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    # Loopback has many addresses, so that whoever else tests here has another one.
    address = f"127.53.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
    with NameServer(address, 53, resolve) as resolver, Cloud(partial(LeafSpine, leaves=2, hosts=2)) as cloud:
        cloud.start()
        made = Cloudstack(cloud.controller)
        made.admin.call.updateZone(id=made.zone, dns1=address)
        red, blue = made.tenant("red"), made.tenant("blue")
        red_net = made.network(
            red, "red-net", ISOLATED, "10.1.1.1", "2001:db8:1::/64", networkdomain="red.example"
        )
        vpc = made.vpc(blue, "10.1.0.0/16", networkdomain="shop.example")
        web = made.network(blue, "web", TIER, "10.1.1.1", "2001:db8:11::/64", vpcid=vpc)
        data = made.network(blue, "data", TIER, "10.1.2.1", "2001:db8:12::/64", vpcid=vpc)
        machines = {
            "red1": made.machine(red, "h1", "red1", ("red-net", red_net), ipaddress="10.1.1.10"),
            "red2": made.machine(red, "h3", "red2", ("red-net", red_net), ipaddress="10.1.1.11"),
            "web1": made.machine(blue, "h2", "web1", ("web", web), "shop", ipaddress="10.1.1.10"),
            "data1": made.machine(blue, "h4", "data1", ("data", data), "shop", ipaddress="10.1.2.10"),
        }
        bring_up(cloud, machines.values())
        yield Asking(cloud, machines, resolver)


def test_machines_find_each_other_by_name(asking: Asking) -> None:
    assert asking.dig("red1", "red1.red.example") == ["10.1.1.10"]
    assert asking.dig("red1", "red2.red.example") == ["10.1.1.11"]
    assert asking.dig("red1", "red2") == ["10.1.1.11"]
    assert asking.dig("red1", "red2.red.example", "AAAA") == [asking.machines["red2"].ipv6]
    assert asking.dig("red1", "-x", "10.1.1.11") == ["red2.red.example."]
    assert asking.dig("red1", "-x", str(asking.machines["red2"].ipv6)) == ["red2.red.example."]
    assert "status: NXDOMAIN" in asking.status("red1", "nobody.red.example")


def test_the_gateway_is_asked_by_ipv6_too(asking: Asking) -> None:
    assert asking.dig("red1", "red2.red.example", gateway="2001:db8:1::1") == ["10.1.1.11"]


def test_tiers_of_a_vpc_know_each_other(asking: Asking) -> None:
    assert asking.dig("web1", "data1.shop.example") == ["10.1.2.10"]
    assert asking.dig("data1", "web1.shop.example", gateway="10.1.2.1") == ["10.1.1.10"]
    # By the gateway of the other tier too.
    assert asking.dig("data1", "web1.shop.example") == ["10.1.1.10"]


def test_other_tenants_names_and_addresses_are_unknown(asking: Asking) -> None:
    assert asking.dig("web1", "-x", "10.1.1.10") == ["web1.shop.example."]
    assert asking.dig("red1", "-x", "10.1.1.10") == ["red1.red.example."]
    assert "status: NXDOMAIN" in asking.status("red1", "web1")
    assert "status: NXDOMAIN" in asking.status("red1", "-x", "10.1.2.10")
    assert asking.dig("red1", "web1.shop.example") == []
    assert asking.dig("web1", "red1.red.example") == []


def test_other_names_are_the_resolvers_to_say(asking: Asking) -> None:
    assert asking.dig("red1", "www.example.org") == ["192.0.2.80"]
    assert asking.dig("web1", "www.example.org") == ["192.0.2.80"]
    assert sorted(asking.dig("red1", "many.example.org")) == sorted(MANY)
    # Without EDNS it is too long for a datagram; then dig asks by TCP, as guests do.
    assert " tc " in asking.status("red1", "many.example.org", "+noedns", "+ignore")
    assert sorted(asking.dig("red1", "many.example.org", "+noedns")) == sorted(MANY)


def test_names_are_told_by_tcp(asking: Asking) -> None:
    for gateway in ("10.1.1.1", "2001:db8:1::1"):
        assert asking.dig("red1", "red2.red.example", "+tcp", gateway=gateway) == ["10.1.1.11"]
        assert asking.dig("red1", "www.example.org", "+tcp", gateway=gateway) == ["192.0.2.80"]
    assert len(asking.dig("red1", "most.example.org", "+tcp")) == len(MOST)
    # By the gateway of another tier, and not of another tenant.
    assert asking.dig("data1", "web1.shop.example", "+tcp") == ["10.1.1.10"]
    assert asking.dig("web1", "red1.red.example", "+tcp") == []


def test_own_names_are_told_to_no_resolver(asking: Asking) -> None:
    asking.dig("red1", "nobody.red.example")
    asking.dig("red1", "-x", "192.168.7.7")
    asked = {str(query.question[0].name) for query in asking.resolver.asked}
    assert not asked & {"nobody.red.example.", "7.7.168.192.in-addr.arpa."}


def test_dhcp_tells_the_gateway_first(asking: Asking) -> None:
    offered = asking.cloud.offered(asking.machines["red1"].host)
    assert offered["new_domain_name_servers"].split()[0] == "10.1.1.1", offered
