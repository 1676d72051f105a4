"""Every fault is found and named."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from sdn_orch.errors import InUse, Invalid
from sdn_orch.intent.model import (
    Account,
    Attachment,
    Domain,
    Link,
    Machine,
    Network,
    NetworkKind,
    Nic,
    Record,
    Switch,
    SwitchRole,
    Transport,
    Vpc,
)
from sdn_orch.intent.snapshot import Change, Delete, Put
from sdn_orch.intent.validate import RULES, check, faults
from tests.unit.intent.cloud import CLOUD, NIC, changed, new


def test_a_sound_cloud_has_no_faults() -> None:
    everything: list[Change] = [Put(record) for kind in RULES for record in CLOUD.all(kind)]
    assert faults(CLOUD, everything) == ()
    check(CLOUD, everything)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (changed(Domain, "eu", name=" "), ["name: it is empty", "path: /sales/eu should be"]),
        (new(Domain, "sales"), ["path: /sales is that of another domain"]),
        (
            changed(Domain, "sales", path="/x"),
            ["path: /x should be /sales", "path: /sales/eu should be /x/eu"],
        ),
        (new(Domain, "root", path="/x"), ["path: /x needs a parent"]),
        (new(Account, "acme"), ["name: another account of domain root is named acme"]),
        (new(Account, "acme", name="a\nb"), ["name: it must be 255 printable characters"]),
        (new(Machine, "vm", name=""), ["Machine new: name: it is empty"]),
        (new(Machine, "vm", name="x" * 256), ["name: it must be 255"]),
        (
            changed(Vpc, "vpc", ipv4=IPv4Network("10.1.1.0/24")),
            ["Network tier (tier): ipv4: 10.1.0.0/24 is not"],
        ),
        (
            changed(Vpc, "vpc", account_id="other"),
            ["Network tier (tier): account_id", "Network tier2 (tier2)"],
        ),
        (new(Vpc, "vpc", ipv4=IPv4Network("169.254.0.0/24")), ["ipv4: 169.254.0.0/24 overlaps"]),
        (new(Vpc, "vpc", dns=("1.1.1.1", "nine")), ["Vpc vpc (new): dns: nine is not"]),
        (new(Network, "web", name=""), ["Network new: name: it is empty"]),
        (new(Network, "web", domain_name="a..b"), ["domain_name: a..b is not labels"]),
        (
            new(Network, "web", ipv4=None, gateway4=None, ipv6=None, gateway6=None),
            ["ipv4: a network of kind"],
        ),
        (new(Network, "web", ipv4=None), ["gateway4: 10.1.0.1 needs a prefix in ipv4"]),
        (new(Network, "web", gateway4=None), ["gateway4: a network with the prefix 10.1.0.0/24 needs one"]),
        (new(Network, "web", gateway6=None), ["gateway6: a network with the prefix 2001:db8:1::/64 needs"]),
        (
            new(Network, "web", gateway4=IPv4Address("10.2.0.1")),
            ["gateway4: 10.2.0.1 is not inside 10.1.0.0/24"],
        ),
        (
            new(Network, "web", gateway4=IPv4Address("10.1.0.0")),
            ["gateway4: 10.1.0.0 is the network address"],
        ),
        (new(Network, "web", gateway4=IPv4Address("10.1.0.255")), ["gateway4: 10.1.0.255 is the broadcast"]),
        (
            new(Network, "web", gateway6=IPv6Address("2001:db8:1::")),
            ["gateway6: 2001:db8:1:: is the network"],
        ),
        (new(Network, "web", ipv4=IPv4Network("10.1.0.0/31")), ["ipv4: 10.1.0.0/31 has no room"]),
        (
            new(Network, "web", ipv4=IPv4Network("224.0.0.0/24"), gateway4=IPv4Address("224.0.0.1")),
            ["ipv4: 224.0.0.0/24 overlaps 224.0.0.0/3"],
        ),
        (
            new(Network, "web", ipv6=IPv6Network("fe80::/64"), gateway6=IPv6Address("fe80::1")),
            ["ipv6: fe80::/64 overlaps fe80::/10"],
        ),
        (new(Network, "web", mtu=1279), ["mtu: 1279 is not in 1280..9216"]),
        (new(Network, "web", mtu=9217), ["mtu: 9217 is not in 1280..9216"]),
        (new(Network, "web", mtu=575, ipv6=None, gateway6=None), ["mtu: 575 is not in 576..9216"]),
        (new(Network, "l2", vlan=0, vni=None), ["vlan: 0 is not in 1..4094"]),
        (new(Network, "l2", vlan=4095, vni=None), ["vlan: 4095 is not in 1..4094"]),
        (new(Network, "l2", vlan=None, vni=2**23), ["vni: 8388608 is not in 1..8388607"]),
        (
            new(Network, "l2"),
            ["vlan: 100 is that of network l2 (l2)", "vni: 5000 is that of network l2 (l2)"],
        ),
        (
            new(Network, "web", kind=NetworkKind.L2, vpc_id="vpc"),
            [
                f"{field}: an L2 network has none"
                for field in ("ipv4", "gateway4", "ipv6", "gateway6", "vpc_id")
            ],
        ),
        (changed(Network, "tier", kind=NetworkKind.SHARED), ["kind: a tier of a VPC is an isolated network"]),
        (
            new(
                Network,
                "tier",
                account_id="other",
                ipv4=IPv4Network("10.1.2.0/24"),
                gateway4=IPv4Address("10.1.2.1"),
            ),
            ["account_id: VPC vpc (vpc) belongs to another"],
        ),
        (
            new(Network, "tier", ipv4=IPv4Network("10.2.0.0/24"), gateway4=IPv4Address("10.2.0.1")),
            ["ipv4: 10.2.0.0/24 is not inside 10.1.0.0/16 of VPC vpc (vpc)"],
        ),
        (
            new(Network, "tier", ipv4=IPv4Network("10.1.0.128/25"), gateway4=IPv4Address("10.1.0.129")),
            ["ipv4: 10.1.0.128/25 overlaps 10.1.0.0/24 of tier tier (tier)"],
        ),
        (
            changed(Network, "web", ipv4=IPv4Network("10.1.0.0/29"), ipv6=None, gateway6=None),
            [
                "Nic 02:00:00:00:00:01 (nic): ipv4: 10.1.0.10 is not",
                "(nic): ipv6: network web (web) has no IPv6",
                "(nic2): ipv4",
            ],
        ),
        (
            changed(Network, "web", gateway4=IPv4Address("10.1.0.11")),
            ["(nic2): ipv4: 10.1.0.11 is the gateway"],
        ),
        (new(Nic, "nic3", mac="02:00:00:00:00:0G", ipv4=None), ["mac: 02:00:00:00:00:0G is not six"]),
        (
            new(Nic, "nic3", mac="02:00:00:00:00:0A", ipv4=None),
            ["mac: 02:00:00:00:00:0A is not six lower-case"],
        ),
        (new(Nic, "nic3", mac="00:00:00:00:00:00", ipv4=None), ["mac: 00:00:00:00:00:00 is not"]),
        (
            new(Nic, "nic3", mac="01:00:5e:00:00:01", ipv4=None),
            ["mac: 01:00:5e:00:00:01 is a multicast address"],
        ),
        (new(Nic, "nic3", mac="ff:ff:ff:ff:ff:ff", ipv4=None), ["mac: ff:ff:ff:ff:ff:ff is a multicast"]),
        (
            new(Nic, "nic3", mac=CLOUD.need(Network, "tier").gateway_mac, ipv4=None),
            ["is that of the gateway"],
        ),
        (new(Nic, "nic3", ipv4=None), ["mac: 02:00:00:00:00:01 is that of NIC nic3 in network tier (tier)"]),
        (new(Nic, "nic3", mac="02:00:00:00:00:09"), ["ipv4: 10.1.0.10 is that of NIC nic3 in network tier"]),
        (
            changed(Nic, "nic", secondary4=(IPv4Address("10.1.0.11"),)),
            ["secondary4: 10.1.0.11 is that of NIC nic2 in network web"],
        ),
        (
            changed(Nic, "nic2", secondary6=(IPv6Address("2001:db8:1::10"),)),
            ["secondary6: 2001:db8:1::10 is that of NIC nic in network web"],
        ),
        (
            changed(Nic, "nic", secondary4=(NIC.ipv4,)),
            ["secondary4, secondary6: an address stands there twice"],
        ),
        (changed(Nic, "nic", ipv4=IPv4Address("10.1.0.1")), ["ipv4: 10.1.0.1 is the gateway of network web"]),
        (changed(Nic, "nic", ipv4=IPv4Address("10.1.0.0")), ["ipv4: 10.1.0.0 is the network address"]),
        (changed(Nic, "nic", ipv4=IPv4Address("10.1.0.255")), ["ipv4: 10.1.0.255 is the broadcast address"]),
        (changed(Nic, "nic", ipv4=IPv4Address("10.9.0.1")), ["ipv4: 10.9.0.1 is not inside 10.1.0.0/24"]),
        (changed(Nic, "nic", ipv6=IPv6Address("2001:db8::")), ["ipv6: 2001:db8:: is not inside"]),
        (changed(Nic, "nic3", ipv6=NIC.ipv6), ["ipv6: network tier (tier) has no IPv6 addresses"]),
        (changed(Nic, "bare", ipv4=NIC.ipv4), ["ipv4: L2 network l2 (l2) has no IPv4 addresses"]),
        (changed(Nic, "nic", hostname="-bad"), ["hostname: -bad is not"]),
        (
            changed(Nic, "nic", routes4=((IPv4Network("0.0.0.0/0"), IPv4Address("10.9.0.1")),)),
            ["routes4: 0.0.0.0/0 via 10.9.0.1: the next hop is not inside 10.1.0.0/24"],
        ),
        (
            changed(Nic, "nic", network_id="l2", ipv4=None, ipv6=None, mac="02:00:00:00:00:77"),
            [
                "Attachment at: port: at port 1 of switch leaf (leaf) NIC nic2 of",
            ],
        ),
        (
            new(Switch, "leaf"),
            ["dpid: 0000000000000001 is that of switch leaf", "name: leaf is that of switch"],
        ),
        (new(Switch, "leaf", name="x", dpid=0), ["dpid: 0x0 is not in"]),
        (new(Switch, "leaf", name="x", dpid=2**64), ["dpid: 0x10000000000000000 is not in"]),
        (
            changed(Switch, "leaf", transport=Transport.VLAN),
            ["underlay: an edge with the vlan transport needs one"],
        ),
        (
            changed(Switch, "edge", tunnel_address=None),
            ["tunnel_address: an edge with the vxlan transport needs"],
        ),
        (new(Switch, "edge", dpid=7, name="x"), ["tunnel_address: 192.0.2.1 is that of switch edge (edge)"]),
        (changed(Switch, "leaf", underlay=50), ["underlay: port 50 has a link"]),
        (
            changed(Switch, "leaf", underlay=2),
            ["Attachment at3: port: port 2 of switch leaf (leaf) is its underlay"],
        ),
        (changed(Switch, "leaf", underlay=0), ["underlay: 0 is not in 1..0xffffff00"]),
        (
            changed(Switch, "edge", learn_ports=(9, 2**32)),
            ["learn_ports: 9 is the", "learn_ports: 4294967296 is not"],
        ),
        (
            changed(Switch, "leaf", role=SwitchRole.FABRIC),
            [f"Attachment {id}: switch_id: switch leaf (leaf) is not an edge" for id in ("at", "at2", "at3")],
        ),
        (changed(Link, "link", capacity=0), ["Link link: capacity: 0 Mbit/s"]),
        (changed(Link, "link", a_switch_id="spine", a_port=2), ["the smaller end stands first"]),
        (changed(Link, "link", a_switch_id="spine", a_port=1), ["both ends are the same port"]),
        (new(Link, "link", a_port=51), ["b_port: port 1 of switch spine (spine) has another link (link)"]),
        (changed(Link, "link", a_port=2), ["a_port: at port 2 of switch leaf (leaf) NIC nic3 is attached"]),
        (
            new(Link, "link", a_switch_id="edge", a_port=9, b_port=2),
            ["a_port: port 9 of switch edge (edge) is its"],
        ),
        (changed(Link, "link", b_port=0), ["b_port: 0 is not in 1..0xffffff00"]),
        (new(Attachment, "at", port=3), ["nic_id: NIC nic is attached at another place"]),
        (
            new(Attachment, "at", nic_id="bare", switch_id="spine", port=5),
            ["switch_id: switch spine (spine) is not"],
        ),
        (
            new(Attachment, "at", nic_id="bare", switch_id="edge", port=9),
            ["port 9 of switch edge (edge) is its"],
        ),
        (new(Attachment, "at", nic_id="bare", port=50), ["port: port 50 of switch leaf (leaf) has a link"]),
        (
            new(Attachment, "at", nic_id="bare", port=1),
            ["port: at port 1 of switch leaf (leaf) NIC nic of another"],
        ),
        (
            new(Attachment, "at", nic_id="bare", port=2, vlan=10),
            ["(leaf) behind VLAN 10 NIC nic3 of another"],
        ),
        (new(Attachment, "at", nic_id="bare", port=3, vlan=4095), ["vlan: 4095 is not in 1..4094"]),
        (new(Attachment, "at", nic_id="bare", port=0xFFFFFFFE), ["port: 4294967294 is not in"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else f"{type(value).__name__}",
)
def test_a_fault_is_named(record: Record, said: list[str]) -> None:
    found = faults(CLOUD, [Put(record)])
    for fragment in said:
        assert any(fragment in fault for fault in found), found
    kind = type(record).__name__
    assert any(fault.startswith(kind) for fault in found) or type(record) in (Vpc, Network, Nic, Switch)
    with pytest.raises(Invalid) as caught:
        check(CLOUD, [Put(record)])
    assert caught.value.faults == found


@pytest.mark.parametrize(
    "record",
    [
        new(Network, "web"),
        new(Network, "web", mtu=576, ipv6=None, gateway6=None),
        new(Network, "web", ipv4=IPv4Network("10.1.0.0/30"), mtu=9216, domain_name="a.example", dns=("::1",)),
        new(Network, "web", kind=NetworkKind.SHARED, vlan=4094, vni=1),
        new(Nic, "nic", network_id="l2", mac="06:00:00:00:00:01", ipv4=None, ipv6=None),
        new(Nic, "nic", mac="0e:00:00:7f:ff:ff", ipv4=IPv4Address("10.1.0.254"), ipv6=None, hostname="a-1"),
        changed(Nic, "nic", active=False, network_id="l2", ipv4=None, ipv6=None, mac="02:00:00:00:00:77"),
        new(Attachment, "at", nic_id="bare", port=1, vlan=10),
        new(Attachment, "at", nic_id="bare", switch_id="edge", port=1),
        new(Link, "link", a_port=51, b_switch_id="leaf", b_port=52),
        changed(Domain, "root", name="renamed"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_is_right_passes(record: Record) -> None:
    assert faults(CLOUD, [Put(record)]) == ()


def test_every_fault_of_a_change_is_found_at_once() -> None:
    found = faults(
        CLOUD, [Put(new(Network, "web", mtu=1, vlan=0, name="")), Put(changed(Nic, "nic", hostname="?"))]
    )
    assert [fault.split(": ")[1] for fault in found] == ["name", "vlan", "mtu", "hostname"]


def test_what_the_snapshot_refuses_is_refused_here_too() -> None:
    assert faults(CLOUD, [Put(new(Nic, "nic", network_id="ghost"))]) == (
        "Nic new: network_id: there is no Network ghost",
    )
    with pytest.raises(InUse):
        faults(CLOUD, [Delete(Network, "web")])


def test_swapping_in_one_change_is_judged_by_its_end() -> None:
    nic, nic2 = CLOUD.need(Nic, "nic"), CLOUD.need(Nic, "nic2")
    swapped: list[Change] = [Put(replace(nic, ipv4=nic2.ipv4)), Put(replace(nic2, ipv4=nic.ipv4))]
    assert faults(CLOUD, swapped) == ()
    moved: list[Change] = [Delete(Attachment, "at"), Put(new(Attachment, "at", port=7))]
    assert faults(CLOUD, moved) == ()
