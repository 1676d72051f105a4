"""What is said to whoever sends from outside: of spent hops and of packets that do not fit, and no more."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest
import scapy.layers.sctp as scapy_sctp
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.dataplane.pipeline import NETWORK, NO_PORT, REASON, ROUTER, STATIC, Punt, Table, public_network
from sdn_orch.guest.dispatch import answer
from sdn_orch.guest.frame import IPV6, read_frame
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.gateways import principal
from sdn_orch.intent.model import Account, Domain, Network, NetworkKind, Nic, Switch, Vpc
from sdn_orch.intent.outside import public_mac
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.traffic import SCTP
from sdn_orch.intent.validate import check
from sdn_orch.openflow.values import LOCAL, Output, Resubmit, SetField
from sdn_orch.southbound.base import PacketIn, PacketOut
from tests.unit.guest.world import rebuilt

DPID, PORT, VLAN, OFFICE_VLAN = 0xA1, 9, 7, 700
NEXT_HOP, PEER, PEER6 = "52:54:00:00:00:01", "198.51.100.9", "2001:db8:ffff::9"
PUBLIC = IPv4Network("203.0.113.0/24")


def _records() -> tuple[Any, ...]:
    address: dict[str, Any] = {"range_id": "range", "account_id": "acme", "network_id": "red"}
    return (
        Domain(id="root", name="ROOT", path="/"),
        Account(id="acme", name="acme", domain_id="root"),
        Network(
            id="red",
            account_id="acme",
            name="red",
            kind=NetworkKind.ISOLATED,
            ipv4=IPv4Network("10.1.1.0/24"),
            gateway4=IPv4Address("10.1.1.1"),
            ipv6=IPv6Network("2001:db8:1::/64"),
            gateway6=IPv6Address("2001:db8:1::1"),
        ),
        Vpc(id="shop", account_id="acme", name="shop", ipv4=IPv4Network("10.20.0.0/16")),
        PublicRange(
            id="range",
            ipv4=PUBLIC,
            gateway=PUBLIC[1],
            first=PUBLIC[10],
            last=PUBLIC[99],
            vlan=VLAN,
            ipv6=IPv6Network("2001:db8:ff::/64"),
            gateway6=IPv6Address("2001:db8:ff::1"),
        ),
        PublicAddress(id="first", address=PUBLIC[10], is_source_nat=True, **address),
        PublicAddress(id="second", address=PUBLIC[11], **address),
        PublicAddress(id="free", range_id="range", account_id="acme", address=PUBLIC[12]),
        PrivateGateway(
            id="office",
            vpc_id="shop",
            address=IPv4Address("198.18.0.7"),
            ipv4=IPv4Network("198.18.0.0/24"),
            gateway=IPv4Address("198.18.0.1"),
            vlan=OFFICE_VLAN,
        ),
        Switch(id="s1", dpid=DPID, name="s1", public_port=PORT),
        Switch(id="s2", dpid=DPID + 1, name="s2"),
    )


def _world() -> Snapshot:
    changes = [Put(record) for record in _records()]
    check(Snapshot.empty(), changes)
    return Snapshot.empty().change(changes)


WORLD = _world()
FIRST = principal(WORLD, "red")
assert FIRST is not None
ROUTER_MAC = public_mac(FIRST).to_bytes(6).hex(":")
OFFICE = WORLD.need(PrivateGateway, "office").router_mac


def packet4(dst: str = "203.0.113.11", payload: Any = None, **more: Any) -> Any:
    payload = UDP(sport=1, dport=33434) / bytes(40) if payload is None else payload
    fields: dict[str, Any] = {"src": PEER, "dst": dst, "ttl": 1}
    return Ether(src=NEXT_HOP, dst=ROUTER_MAC) / IP(**fields | more) / payload


def packet6(dst: str = "2001:db8:1::10", payload: Any = None, mac: str = ROUTER_MAC, **more: Any) -> Any:
    payload = UDP(sport=1, dport=33434) / bytes(40) if payload is None else payload
    fields: dict[str, Any] = {"src": PEER6, "dst": dst, "hlim": 1}
    return Ether(src=NEXT_HOP, dst=mac) / IPv6(**fields | more) / payload


def ask(frame: Any, snapshot: Snapshot = WORLD, vlan: int | None = VLAN, **more: Any) -> Any:
    """The answer to a frame from outside, read by scapy after its checksums were found right, or None."""
    values: dict[str, Any] = {
        "dpid": DPID,
        "in_port": PORT,
        "table": int(Table.PUNT),
        "cookie": 1,
        "metadata": NETWORK.of(public_network(vlan))[0] | REASON.of(Punt.TTL_EXCEEDED)[0],
        "reason": 1,
        "frame": bytes(frame),
    }
    reply = answer(snapshot, PacketIn(**values | more))
    if reply is None:
        return None
    assert reply.actions == (Output(PORT),)
    assert rebuilt(reply.frame) == reply.frame
    return Ether(reply.frame)


def test_a_public_address_says_that_the_hops_are_spent() -> None:
    for target in ("203.0.113.10", "203.0.113.11"):
        packet = packet4(target)
        reply = ask(packet)
        assert (reply.src, reply.dst, reply[Dot1Q].vlan) == (ROUTER_MAC, NEXT_HOP, VLAN)
        assert (reply[IP].src, reply[IP].dst, reply[IP].ttl) == (target, PEER, 64)
        assert (reply[ICMP].type, reply[ICMP].code) == (11, 0)
        assert bytes(reply[ICMP].payload) == bytes(packet[IP])


def test_the_router_of_an_ipv6_prefix_does() -> None:
    packet = packet6()
    reply = ask(packet)
    assert (reply.src, reply.dst, reply[Dot1Q].vlan) == (ROUTER_MAC, NEXT_HOP, VLAN)
    assert IPv6Address(reply[IPv6].src) in IPv6Network("2001:db8:ff::/64")
    assert reply[IPv6].dst == PEER6
    assert bytes(reply[ICMPv6TimeExceeded].payload) == bytes(packet[IPv6])


def test_a_private_gateway_does() -> None:
    frame = packet4("10.20.1.10", src="198.18.0.33")
    frame.dst = OFFICE
    reply = ask(frame, vlan=OFFICE_VLAN)
    assert (reply.src, reply[Dot1Q].vlan, reply[IP].src) == (OFFICE, OFFICE_VLAN, "198.18.0.7")
    frame[IP].src = "10.20.1.11"
    assert ask(frame, vlan=OFFICE_VLAN) is None, "it says that it comes from inside"


def test_an_untagged_network_is_answered_untagged() -> None:
    untagged = WORLD.change([Put(replace(WORLD.need(PublicRange, "range"), vlan=None))])
    reply = ask(packet4(), untagged, vlan=None)
    assert Dot1Q not in reply and reply[IP].src == "203.0.113.11"


@pytest.mark.parametrize(
    "frame",
    [
        packet4("203.0.113.12"),
        packet4("203.0.113.50"),
        packet4("10.1.1.10"),
        packet4(ttl=2),
        packet4(src="0.0.0.0"),
        packet4(src="224.0.0.1"),
        packet4(src="255.255.255.255"),
        packet4(frag=1),
        packet4(payload=ICMP(type=11) / bytes(28)),
        Ether(src=NEXT_HOP, dst="ff:ff:ff:ff:ff:ff") / packet4()[IP],
        packet6("2001:db8:2::10"),
        packet6("ff02::1"),
        packet6(hlim=2),
        packet6(mac="0e:5d:02:00:00:77"),
        packet6(src="2001:db8:1::11"),
        packet6(src="fe80::1"),
        packet6(src="::"),
        packet6(src="ff02::1"),
        packet6(payload=ICMPv6DestUnreach()),
    ],
)
def test_nothing_is_said_of(frame: Any) -> None:
    assert ask(frame) is None


@pytest.mark.parametrize(
    "wrong", [{"dpid": DPID + 1}, {"in_port": 8}, {"vlan": None}, {"vlan": 8}, {"vlan": OFFICE_VLAN}], ids=str
)
def test_nobody_is_answered_elsewhere(wrong: dict[str, Any]) -> None:
    for frame in (packet4(), packet6()):
        assert ask(frame, **wrong) is None


#: A packet too large for the network that it goes to comes as it is there: translated.
NARROW = WORLD.change(
    [
        Put(replace(WORLD.need(Network, "red"), mtu=1400)),
        Put(Nic(id="nic", network_id="red", mac="02:00:00:00:00:01", ipv4=IPv4Address("10.1.1.10"))),
        Put(replace(WORLD.need(PublicAddress, "second"), nic_id="nic", guest=IPv4Address("10.1.1.10"))),
    ]
)


def ask_large(
    frame: Any, snapshot: Snapshot = NARROW, *, static: bool = False, **more: Any
) -> PacketOut | None:
    """What is sent about a frame that is too large, once its checksums were found right."""
    red = NARROW.need(Network, "red")
    place = NETWORK.of(red.number)[0] | ROUTER.of(red.number)[0]
    metadata = place | REASON.of(Punt.TOO_BIG)[0] | STATIC.of(static)[0]
    values: dict[str, Any] = {"dpid": DPID, "in_port": PORT, "table": int(Table.PUNT), "cookie": 1}
    values |= {"metadata": metadata, "reason": 1, "frame": bytes(frame)}
    sent = answer(snapshot, PacketIn(**values | more))
    if sent is None:
        return None
    came = read_frame(bytes(frame))
    way = Table.UPLINK if static or (came is not None and came.ethertype == IPV6) else Table.LEAVE
    assert sent.actions == (SetField("metadata", place, NETWORK.mask | ROUTER.mask), Resubmit(way))
    assert rebuilt(sent.frame) == sent.frame
    return sent


LARGE = (
    UDP(sport=1, dport=9) / bytes(1400),
    UDP(sport=1, dport=9, chksum=0) / bytes(1400),
    TCP(sport=1, dport=9) / bytes(1400),
    ICMP(type=8) / bytes(1400),
)


@pytest.mark.parametrize("payload", LARGE)
@pytest.mark.parametrize("port", [PORT, NO_PORT])
def test_what_does_not_fit_is_answered_by_the_way_of_the_machine(payload: Any, port: int) -> None:
    packet = packet4("10.1.1.10", payload, ttl=60, tos=8)
    sent = ask_large(packet, in_port=port)
    assert sent is not None and sent.in_port == LOCAL
    reply = Ether(sent.frame)
    assert (reply[IP].src, reply[IP].dst) == ("10.1.1.10", PEER)
    assert (reply[ICMP].type, reply[ICMP].code, reply[ICMP].nexthopmtu) == (3, 4, 1400)
    assert sent.frame[42:] == bytes(packet)[14:][:548]


@pytest.mark.parametrize("payload", LARGE)
def test_the_packet_in_the_answer_is_as_it_was_before_static_nat(payload: Any) -> None:
    sent = ask_large(packet4("10.1.1.10", payload, ttl=60), static=True)
    assert sent is not None
    reply = Ether(sent.frame)
    assert (reply[IP].src, reply[IP].dst, reply[ICMP].nexthopmtu) == ("203.0.113.11", PEER, 1400)
    assert sent.frame[42:] == bytes(packet4("203.0.113.11", payload, ttl=60))[14:][:548]


def test_the_packet_in_the_answer_is_as_it_was_before_a_balancer_of_sctp() -> None:
    pool: dict[str, Any] = {"account_id": "acme", "network_id": "red", "name": "pool", "protocol": SCTP}
    balanced = NARROW.change(
        [
            Put(Balancer(id="pool", address_id="first", ports=(80, 80), guest_ports=(80, 80), **pool)),
            Put(Member(id="member", balancer_id="pool", nic_id="nic")),
        ]
    )
    for port, asked in ((80, "203.0.113.10"), (81, "10.1.1.10")):
        payload = scapy_sctp.SCTP(sport=1, dport=port) / bytes(1400)
        sent = ask_large(packet4("10.1.1.10", payload, ttl=60), balanced)
        assert sent is not None
        reply = Ether(sent.frame)
        assert (reply[IP].src, reply[IP].dst) == (asked, PEER)
        assert sent.frame[42:] == bytes(packet4(asked, payload, ttl=60))[14:][:548]


def test_an_ipv6_packet_that_does_not_fit_is_answered() -> None:
    packet = packet6(payload=UDP(sport=1, dport=9) / bytes(1400), hlim=60)
    sent = ask_large(packet)
    assert sent is not None
    reply = Ether(sent.frame)
    assert (reply[IPv6].src, reply[IPv6].dst) == ("2001:db8:1::10", PEER6)
    assert reply[ICMPv6PacketTooBig].mtu == 1400
    assert sent.frame[62:] == bytes(packet)[14:][:1232]


@pytest.mark.parametrize("payload", LARGE[:3])
def test_the_ipv6_packet_in_the_answer_is_as_it_was_before_a_balancer(payload: Any) -> None:
    balancer = IPv6Address("2001:db8:1::c8")
    before = packet6(str(balancer), payload.copy(), hlim=60)
    before[IPv6].payload.dport = 7000
    sent = ask_large(packet6(payload=payload, hlim=60), asked=(balancer.packed, 7000))
    assert sent is not None
    reply = Ether(sent.frame)
    assert (reply[IPv6].src, reply[IPv6].dst) == (str(balancer), PEER6)
    assert sent.frame[62:] == bytes(before)[14:][:1232]


LONG = UDP(sport=1, dport=9) / bytes(1400)


@pytest.mark.parametrize(
    "frame",
    [
        packet4("10.1.1.10", UDP() / bytes(1372), ttl=60),
        packet4("10.1.1.255", LONG, ttl=60),
        packet4("224.0.0.1", LONG, ttl=60),
        packet4("10.1.1.10", LONG, ttl=60, src="224.0.0.1"),
        packet4("10.1.1.10", LONG, ttl=60, frag=1),
        packet4("10.1.1.10", ICMP(type=11) / bytes(1400), ttl=60),
        Ether(src=NEXT_HOP, dst="ff:ff:ff:ff:ff:ff") / packet4("10.1.1.10", LONG, ttl=60)[IP],
        packet6(payload=UDP() / bytes(1352), hlim=60),
        packet6("ff02::1", payload=LONG, hlim=60),
        packet6(payload=ICMPv6DestUnreach() / bytes(1400), hlim=60),
    ],
)
def test_nothing_is_said_of_a_size_that(frame: Any) -> None:
    assert ask_large(frame) is None


@pytest.mark.parametrize("wrong", [{"dpid": DPID + 1}, {"in_port": 8}], ids=str)
def test_sizes_are_reported_at_the_gateway_alone(wrong: dict[str, Any]) -> None:
    assert ask_large(packet4("10.1.1.10", LONG, ttl=60), **wrong) is None


def test_no_static_nat_is_made_up() -> None:
    assert ask_large(packet4("10.1.1.11", LONG, ttl=60), static=True) is None
