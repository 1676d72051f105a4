"""Public ranges and addresses, and rules about packets: what must hold of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from sdn_orch.intent.model import Account, Domain, Network, NetworkKind, Nic
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.traffic import ICMP, ICMPV6, TCP, TrafficRule
from sdn_orch.intent.traffic_rules import traffic
from sdn_orch.intent.validate import faults

RANGE = PublicRange(
    id="range",
    number=1,
    ipv4=IPv4Network("203.0.113.0/24"),
    gateway=IPv4Address("203.0.113.1"),
    first=IPv4Address("203.0.113.10"),
    last=IPv4Address("203.0.113.20"),
    vlan=50,
)
ADDRESS = PublicAddress(
    id="address",
    number=1,
    range_id="range",
    account_id="red",
    address=IPv4Address("203.0.113.10"),
    network_id="net",
)
NET = Network(
    id="net",
    number=1,
    account_id="red",
    name="net",
    kind=NetworkKind.ISOLATED,
    ipv4=IPv4Network("10.1.1.0/24"),
    gateway4=IPv4Address("10.1.1.1"),
)
NIC = Nic(id="nic", network_id="net", mac="02:00:00:00:00:01", ipv4=IPv4Address("10.1.1.2"))


@pytest.fixture
def snapshot() -> Snapshot:
    root = Domain(id="root", name="ROOT", path="/")
    red = Account(id="red", name="red", domain_id="root")
    blue = Account(id="blue", name="blue", domain_id="root")
    other = replace(NET, id="other", number=2, account_id="blue", name="other")
    return Snapshot.of(root, red, blue, NET, other, NIC, RANGE, ADDRESS)


def test_what_is_right_has_no_faults(snapshot: Snapshot) -> None:
    mapped = replace(ADDRESS, nic_id="nic", guest=NIC.ipv4)
    assert faults(snapshot, [Put(mapped)]) == ()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(RANGE, first=IPv4Address("198.51.100.1")), "first: 198.51.100.1 is not inside"),
        (replace(RANGE, last=IPv4Address("203.0.113.9")), "last: 203.0.113.9 is below 203.0.113.10"),
        (replace(RANGE, gateway=IPv4Address("203.0.113.15")), "gateway: 203.0.113.15 is in the range itself"),
        (replace(RANGE, vlan=4095), "vlan: 4095 is not in 1..4094"),
        (replace(RANGE, ipv6=IPv6Network("2001:db8::/64")), "ipv6, gateway6: a range has both or neither"),
        (replace(RANGE, gateway6=IPv6Address("2001:db8::1")), "ipv6, gateway6: a range has both or neither"),
        (
            replace(RANGE, ipv6=IPv6Network("2001:db8::/72"), gateway6=IPv6Address("2001:db8::1")),
            "ipv6: 2001:db8::/72 is longer than a /64",
        ),
        (
            replace(RANGE, ipv6=IPv6Network("2001:db8::/64"), gateway6=IPv6Address("2001:db9::1")),
            "gateway6: 2001:db9::1 is not inside 2001:db8::/64",
        ),
        (
            replace(RANGE, ipv6=IPv6Network("fe80::/64"), gateway6=IPv6Address("fe80::1")),
            "ipv6: fe80::/64 overlaps fe80::/10, which is not for tenants",
        ),
        (replace(RANGE, first=IPv4Address("203.0.113.11")), "PublicAddress address: address: 203.0.113"),
        (replace(RANGE, id="twice", number=0), "overlaps public range range"),
        (replace(ADDRESS, address=IPv4Address("203.0.113.30")), "address: 203.0.113.30 is not in"),
        (replace(ADDRESS, id="twice", number=0), "address: 203.0.113.10 is that of public address address"),
        (replace(ADDRESS, network_id="other"), "network_id: network other (other) belongs"),
        (replace(ADDRESS, network_id=None, is_source_nat=True), "is_source_nat: it is for no network"),
        (replace(ADDRESS, nic_id="nic"), "nic_id, guest: static NAT needs both"),
        (replace(ADDRESS, nic_id="nic", guest=IPv4Address("10.1.1.9")), "guest: 10.1.1.9 is not an address"),
        (
            replace(ADDRESS, nic_id="nic", guest=NIC.ipv4, is_source_nat=True),
            "nic_id: an address of source NAT cannot",
        ),
        (
            replace(ADDRESS, network_id=None, nic_id="nic", guest=NIC.ipv4),
            "nic_id: NIC nic is not in network None",
        ),
    ],
)  # fmt: skip
def test_each_fault_is_named(snapshot: Snapshot, wrong: PublicRange | PublicAddress, reason: str) -> None:
    assert reason in "; ".join(faults(snapshot, [Put(wrong)]))


def test_a_public_vlan_is_no_tenants(snapshot: Snapshot) -> None:
    after = snapshot.change([Put(replace(NET, vlan=51))])
    assert "vlan: 51 is that of network net" in "; ".join(faults(after, [Put(replace(RANGE, vlan=51))]))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"protocol": 256}, "protocol: 256 is not in 0..255"),
        ({"ports": (1, 2)}, "ports: only TCP, UDP and SCTP have ports"),
        ({"protocol": TCP, "ports": (0, 2)}, "ports: 0..2 is not in 1..65535"),
        ({"protocol": TCP, "ports": (3, 2)}, "ports: 3, the first port, is above 2, the last"),
        ({"protocol": TCP, "icmp_type": 8}, "icmp_type: only ICMP and ICMPv6 have one"),
        ({"protocol": ICMP, "icmp_code": 0}, "icmp_code: it needs an icmp_type"),
        ({"protocol": ICMP, "icmp_type": 256}, "icmp_type: 256 is not in 0..255"),
        (
            {"sources": (IPv4Network("10.0.0.0/8"),), "destinations": (IPv6Network("2001:db8::/32"),)},
            "cannot stand in one rule",
        ),
        ({"protocol": ICMPV6, "sources": (IPv4Network("10.0.0.0/8"),)}, "protocol: ICMP goes with IPv4"),
    ],
)
def test_rules_about_packets_name_what_packets_have(wrong: dict[str, object], reason: str) -> None:
    assert reason in "; ".join(traffic(TrafficRule(id="rule", **wrong)))  # type: ignore[arg-type]


def test_any_packet_is_a_rule() -> None:
    assert list(traffic(TrafficRule(id="rule"))) == []
    assert list(traffic(TrafficRule(id="rule", protocol=TCP, ports=(80, 80)))) == []
