"""Whatever a tenant writes into its frames, nobody else gets them and nothing is changed by them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Any

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise, DHCP6OptDNSServers
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, LLC, STP, Dot1Q, Dot3, Ether
from scapy.packet import Padding

from sdn_orch.dataplane import addresses, label
from sdn_orch.intent import mac as mac_addresses
from tests.e2e.fabrics import Placed
from tests.e2e.ping import reach
from tests.e2e.wire import exchange
from topologies.demo.machines import Machine

pytestmark = pytest.mark.mininet

EVERYBODY, ALL_NODES, ALL_NODES_MAC = "ff:ff:ff:ff:ff:ff", "ff02::1", "33:33:00:00:00:01"
GATEWAY = "10.1.1.1"


def colons(number: int) -> str:
    """A MAC address as text."""
    return number.to_bytes(6).hex(":")


def link_local(mac: str) -> str:
    """The link-local address made of a MAC address."""
    return str(IPv6Address(mac_addresses.link_local(mac_addresses.mac_number(mac))))


def forged(placed: Placed, sender: Machine) -> Iterator[tuple[str, Any]]:
    """Frames that this machine of red must not get through, each with what it would do."""
    red2, red3, blue2, web1 = (placed.machines[name] for name in ("red2", "red3", "blue2", "web1"))
    mac = sender.mac
    gateway = placed.gateway_mac("red-net")
    own = Ether(src=mac, dst=red2.mac)
    all4, all6 = Ether(src=mac, dst=EVERYBODY), Ether(src=mac, dst=ALL_NODES_MAC)
    for who, to in (("all", all4), ("one", own)):
        for operation in (1, 2):
            claims = ARP(op=operation, hwsrc=mac, psrc=GATEWAY, hwdst=red2.mac, pdst=red2.ipv4)
            yield f"ARP {operation} to {who}: I am the gateway", to / claims
            claims = ARP(op=operation, hwsrc=mac, psrc=red3.ipv4, hwdst=red2.mac, pdst=red2.ipv4)
            yield f"ARP {operation} to {who}: I am red3", to / claims
            lies = ARP(op=operation, hwsrc=red3.mac, psrc=red3.ipv4, hwdst=red2.mac, pdst=red2.ipv4)
            yield f"ARP {operation} to {who}: red3 is at its own MAC address", to / lies
            lies = ARP(op=operation, hwsrc=gateway, psrc=sender.ipv4, hwdst=red2.mac, pdst=red2.ipv4)
            yield f"ARP {operation} to {who}: I am at the gateway's MAC address", to / lies
            true = ARP(op=operation, hwsrc=mac, psrc=sender.ipv4, hwdst=red3.mac, pdst=red2.ipv4)
            if operation == 2 or to is own:
                yield f"ARP {operation} to {who}, true but not for others' ears", to / true
    mine, theirs = link_local(mac), link_local(gateway)
    for source in (mine, sender.ipv6, theirs, "fe80::1"):
        from_it = all6 / IPv6(src=source, dst=ALL_NODES, hlim=255)
        option = ICMPv6NDOptDstLLAddr(lladdr=mac)
        for target in (theirs, "2001:db8:1::1", red2.ipv6, link_local(red2.mac)):
            yield f"NA from {source} for {target}", from_it / ICMPv6ND_NA(tgt=target, R=1, O=1, S=0) / option
        prefix = ICMPv6NDOptPrefixInfo(prefix="2001:db8:bad::", prefixlen=64)
        yield f"RA from {source}", from_it / ICMPv6ND_RA(routerlifetime=9000) / prefix
        redirect = ICMPv6ND_Redirect(tgt=mine, dst="2001:db8:1::1")
        yield f"redirect from {source}", own / IPv6(src=source, dst=red2.ipv6, hlim=255) / redirect
    lying = ICMPv6ND_NS(tgt=red2.ipv6) / ICMPv6NDOptSrcLLAddr(lladdr=red3.mac)
    yield "NS with another's MAC address", own / IPv6(src=mine, dst=red2.ipv6, hlim=255) / lying
    offer = BOOTP(
        op=2, yiaddr="10.1.1.66", siaddr=sender.ipv4, chaddr=bytes.fromhex(red2.mac.replace(":", ""))
    )
    offer /= DHCP(options=[("message-type", "offer"), ("router", sender.ipv4), "end"])
    for destination, to in (("255.255.255.255", all4), (red2.ipv4, own)):
        for port in (68, 67):
            yield (
                f"DHCP offer to {destination}:{port}",
                to / IP(src=sender.ipv4, dst=destination) / UDP(sport=67, dport=port) / offer,
            )
    advertise = DHCP6_Advertise(trid=1) / DHCP6OptDNSServers(dnsservers=["2001:db8:bad::53"])
    for source in (mine, sender.ipv6):
        yield (
            f"DHCPv6 advertisement from {source}",
            own / IPv6(src=source, dst=link_local(red2.mac)) / UDP(sport=547, dport=546) / advertise,
        )
    ping, ping6 = ICMP() / b"forged", ICMPv6EchoRequest(data=b"forged")
    for source in (red3.ipv4, GATEWAY, "192.0.2.1", "127.0.0.1", "0.0.0.0", "255.255.255.255"):
        yield f"IPv4 source {source}", own / IP(src=source, dst=red2.ipv4) / ping
    for address in (red3.ipv6, "2001:db8:1::1", theirs, "::", "2001:db8:bad::1", web1.ipv6):
        yield f"IPv6 source {address}", own / IPv6(src=address, dst=red2.ipv6) / ping6
    truthful = IP(src=sender.ipv4, dst=red2.ipv4) / ping
    edge = colons(addresses.edge_mac(1))
    for source in (
        red2.mac,
        red3.mac,
        blue2.mac,
        gateway,
        edge,
        EVERYBODY,
        "01:00:5e:00:00:01",
        "02:00:00:00:00:99",
    ):
        yield f"source MAC address {source}", Ether(src=source, dst=red2.mac) / truthful
    yield (
        "to a MAC address of blue",
        Ether(src=mac, dst=blue2.mac) / IP(src=sender.ipv4, dst=red2.ipv4) / ping,
    )
    labels = [label.to_nic(switch, number) for switch in range(1, 7) for number in range(1, 12)]
    labels += [label.to_network(switch, number) for switch in range(1, 7) for number in range(1, 6)]
    for way in map(colons, labels):
        yield f"to label {way}", Ether(src=mac, dst=way) / truthful
    for vlan in (0, 1, 11, 12, 13, *range(300, 306), 4095):
        tag = Dot1Q(vlan=vlan)
        yield f"tagged {vlan}", Ether(src=mac, dst=blue2.mac) / tag / truthful
        yield f"tagged {vlan} to all", Ether(src=mac, dst=EVERYBODY) / tag / truthful
        yield f"tagged {vlan} twice", Ether(src=mac, dst=EVERYBODY) / tag / Dot1Q(vlan=300) / truthful
    yield "BPDU", Dot3(src=mac, dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP()
    for ethertype in (0x8035, 0x8847, 0x8863, 0x88B5, 0x9000, 0x0600):
        yield f"ethertype {ethertype:#x}", Ether(src=mac, dst=EVERYBODY, type=ethertype) / (b"forged" * 10)
    for router, dst in (
        (gateway, web1.ipv4),
        (gateway, "10.20.2.10"),
        (placed.gateway_mac("web"), web1.ipv4),
    ):
        yield (
            f"into blue's tiers by {router}",
            Ether(src=mac, dst=router) / IP(src=sender.ipv4, dst=dst) / ping,
        )
    yield (
        "into blue's tiers, IPv6",
        Ether(src=mac, dst=gateway) / IPv6(src=sender.ipv6, dst=web1.ipv6) / ping6,
    )


def test_forged_frames_reach_nobody_and_change_nothing(placed: Placed) -> None:
    red1 = placed.machines["red1"]
    # The mark behind ARP tells a forged answer from the true one, which may say just the same.
    mark = Padding(b"forged")
    named = [(name, bytes(frame / mark if ARP in frame else frame)) for name, frame in forged(placed, red1)]
    before = placed.places(), placed.cloud.controller.ask("/v1/topology")["links"]
    frames = [frame for _, frame in named]
    red2 = placed.machines["red2"]
    true = Ether(src=red1.mac, dst=red2.mac) / IP(src=red1.ipv4, dst=red2.ipv4) / UDP(dport=9) / b"true"
    # From red1's port, from one where a first packet would bind a NIC, and from one where nobody is.
    sent = {"red1": [*frames, bytes(true)], placed.free[0]: frames, placed.strangers[1]: frames}
    got = exchange(placed.nodes(), sent)
    assert {name for name, received in got.items() if bytes(true) in received} == {"red2"}
    payloads = {frame[14:]: name for name, frame in named}
    seen = {
        (machine, name)
        for machine, received in got.items()
        for frame in received
        for payload, name in payloads.items()
        if frame[14:] == payload or payload in frame
    }
    assert seen == set()
    assert len(named) > 150
    after = placed.places(), placed.cloud.controller.ask("/v1/topology")["links"]
    assert after == before
    for name in ("red2", "red3"):
        machine = placed.machines[name]
        assert " 3 received" in reach(placed.node("red1"), machine.ipv4)
        assert " 3 received" in reach(placed.node("red1"), machine.ipv6)
        assert " 3 received" in reach(placed.node(name), GATEWAY)
        assert " 3 received" in reach(placed.node(name), "2001:db8:1::1")


def said_port(frame: bytes) -> int:
    """Where in one of our LLDP frames the port stands that the proof is about."""
    return frame.index(bytes.fromhex("0e5d4c01")) + 12


def ports_up(placed: Placed) -> list[bool]:
    """Whether the ports at which nobody is are up, as their switches say."""
    links = [placed.cloud.node(name).defaultIntf().link for name in placed.strangers]
    ends = {interface.name for link in links for interface in (link.intf1, link.intf2)}
    switches = placed.cloud.controller.ask("/v1/topology")["switches"]
    return [port["up"] for switch in switches for port in switch["ports"] if port["name"] in ends]


def test_replayed_and_made_up_lldp_makes_no_link(placed: Placed) -> None:
    """Where a machine is, no LLDP comes out and none counts; elsewhere, what is not ours does not."""
    controller = placed.cloud.controller
    before = controller.ask("/v1/topology")["links"]
    strangers = {name: placed.cloud.node(name) for name in placed.strangers}
    tenants = {name: node for name, node in placed.nodes().items() if name in ("red1", "red2", *placed.free)}
    nodes = strangers | tenants
    heard: dict[str, list[bytes]] = {name: [] for name in nodes}

    def listen() -> bool:
        for name, received in exchange(nodes, {}).items():
            heard[name] += [frame for frame in received if frame[12:14] == b"\x88\xcc"]
        return all(heard[name] for name in strangers)

    # A port that has just come up says so at once; one that was down too shortly is not noticed.
    for state in ("down", "up"):
        for node in strangers.values():
            node.cmd(f"ip link set {node.defaultIntf()} {state}")
        wanted = [state == "up"] * 2
        controller.wait(lambda: ports_up(placed) == wanted, f"ports to be {state}")  # noqa: B023
    controller.wait(listen, "LLDP to come to ports where nobody is")
    assert not [name for name in tenants if heard[name]]
    true = [frame for name in strangers for frame in heard[name]]
    # For port 1, and with another proof.
    made_up = [
        frame[:at] + bytes((0, 0, 0, 1)) + frame[at + 4 :] for frame in true for at in [said_port(frame)]
    ]
    made_up += [frame[:-6] + bytes(4) + frame[-2:] for frame in true]
    assert not set(made_up) & set(true)
    sent = {name: made_up if name in strangers else [*true, *made_up] for name in nodes}
    got = exchange(nodes, sent)
    assert not [frame for frames in got.values() for frame in frames if frame in made_up]
    assert controller.ask("/v1/topology")["links"] == before
