"""ICMP of the gateway: errors about whom, how long, and about what never; pings."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_Redirect,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.dataplane.pipeline import Punt, Table
from tests.unit.guest.world import AUTONOMOUS1, LINK_LOCAL1, MAC1, MAC2, ask, gateway, gateway6


def packet4(payload: Any = None, src: str = "10.1.1.11", dst: str = "10.1.2.13", **more: Any) -> Any:
    payload = UDP(sport=1, dport=33434) / bytes(40) if payload is None else payload
    return Ether(src=MAC1, dst=gateway("web")) / IP(src=src, dst=dst, **{"ttl": 1} | more) / payload


def packet6(payload: Any = None, src: str = AUTONOMOUS1, dst: str = "fd00:2::13") -> Any:
    payload = UDP(sport=1, dport=33434) / bytes(40) if payload is None else payload
    return Ether(src=MAC1, dst=gateway("web")) / IPv6(src=src, dst=dst, hlim=1) / payload


def test_time_exceeded_quotes_the_packet() -> None:
    packet = packet4()
    reply = ask("web1", Punt.TTL_EXCEEDED, packet)
    assert (reply.src, reply.dst) == (gateway("web"), MAC1)
    assert (reply[IP].src, reply[IP].dst) == ("10.1.1.1", "10.1.1.11")
    assert (reply[ICMP].type, reply[ICMP].code) == (11, 0)
    assert bytes(reply[ICMP].payload) == bytes(packet[IP])
    reply = ask("web1", Punt.TTL_EXCEEDED, packet6())
    assert (reply[IPv6].src, reply[IPv6].dst) == ("fd00:1::1", AUTONOMOUS1)
    assert bytes(reply[ICMPv6TimeExceeded].payload) == bytes(packet6()[IPv6])


def test_a_plain_switchs_ttl_check_names_the_receivers_network() -> None:
    """There the source MAC may be the gateway's already, and there is no reason in the metadata."""
    frame = packet4(ttl=0)
    frame.src = gateway("db")
    reply = ask("web1", Punt.DISCOVERY, frame, network="db", table=int(Table.NEXT_HOP))
    assert (reply[IP].src, reply[ICMP].type) == ("10.1.1.1", 11)


def test_the_sender_behind_a_trunk_is_told_behind_its_vlan() -> None:
    frame = packet4(src="10.1.1.112")
    frame.src = MAC2
    reply = ask("web2", Punt.TTL_EXCEEDED, frame)
    assert (reply[Dot1Q].vlan, reply.dst, reply[IP].dst) == (100, MAC2, "10.1.1.112")


@pytest.mark.parametrize("flags", ["DF", 0])
def test_fragmentation_needed_tells_the_receivers_mtu(flags: Any) -> None:
    packet = packet4(UDP() / bytes(1400), ttl=64, flags=flags)
    reply = ask("web1", Punt.TOO_BIG, packet, network="db")
    assert (reply[ICMP].type, reply[ICMP].code, reply[ICMP].nexthopmtu) == (3, 4, 1300)
    assert len(reply[IP]) == 576
    assert bytes(packet[IP]).startswith(bytes(reply[ICMP].payload)[:548])


def test_packet_too_big_tells_the_receivers_mtu() -> None:
    packet = packet6(UDP() / bytes(1400))
    reply = ask("web1", Punt.TOO_BIG, packet, network="db")
    assert reply[ICMPv6PacketTooBig].mtu == 1300
    assert len(reply[IPv6]) == 1280


def test_a_packet_that_fits_is_not_too_big() -> None:
    assert ask("web1", Punt.TOO_BIG, packet4(), network="db") is None


@pytest.mark.parametrize("kind", [0, 8, 13])
def test_errors_are_about_icmp_queries(kind: int) -> None:
    assert ask("web1", Punt.TTL_EXCEEDED, packet4(ICMP(type=kind)))[ICMP].type == 11


def test_errors_are_about_first_fragments_and_behind_extension_headers() -> None:
    assert ask("web1", Punt.TTL_EXCEEDED, packet4(flags="MF"))[ICMP].type == 11
    assert ICMPv6TimeExceeded in ask("web1", Punt.TTL_EXCEEDED, packet6(IPv6ExtHdrDestOpt() / UDP()))
    first = packet6(IPv6ExtHdrFragment(m=1, offset=0) / UDP())
    assert ICMPv6TimeExceeded in ask("web1", Punt.TTL_EXCEEDED, first)


@pytest.mark.parametrize(
    "frame",
    [
        *(packet4(ICMP(type=kind) / bytes(28)) for kind in (3, 4, 5, 11, 12)),
        packet4(frag=1),
        packet4(dst="10.1.1.255"),
        packet4(dst="255.255.255.255"),
        packet4(dst="224.0.0.1"),
        packet4(src="0.0.0.0"),
        packet4(src="10.1.1.12"),
        packet4(src="127.0.0.1"),
        packet6(ICMPv6DestUnreach()),
        packet6(ICMPv6ND_Redirect()),
        packet6(IPv6ExtHdrDestOpt() / ICMPv6TimeExceeded()),
        packet6(dst="ff02::1"),
        packet6(src="::"),
        packet6(src="fd00:1::12"),
        packet6(src=LINK_LOCAL1),
        packet6(IPv6ExtHdrFragment(m=1, offset=4) / UDP()),
    ],
)
def test_errors_are_never_about(frame: Any) -> None:
    assert ask("web1", Punt.TTL_EXCEEDED, frame) is None


@pytest.mark.parametrize("target", ["10.1.1.1", "10.1.2.1"])
def test_every_gateway_of_the_router_answers_a_ping(target: str) -> None:
    ping = packet4(ICMP(type=8, id=77, seq=3) / b"hello", dst=target, ttl=64)
    reply = ask("web1", Punt.GATEWAY_ECHO, ping)
    assert (reply[IP].src, reply[IP].dst, reply[IP].ttl) == (target, "10.1.1.11", 64)
    assert (reply[ICMP].type, reply[ICMP].id, reply[ICMP].seq) == (0, 77, 3)
    assert bytes(reply[ICMP].payload) == b"hello"


@pytest.mark.parametrize(
    ("target", "source"),
    [("fd00:1::1", AUTONOMOUS1), ("fd00:2::1", AUTONOMOUS1), (gateway6("web"), LINK_LOCAL1)],
)
def test_every_gateway_of_the_router_answers_a_ping_over_ipv6(target: str, source: str) -> None:
    ping = packet6(ICMPv6EchoRequest(id=77, seq=3, data=b"hello"), dst=target, src=source)
    reply = ask("web1", Punt.GATEWAY_ECHO, ping)
    assert (reply[IPv6].src, reply[IPv6].dst) == (target, source)
    answer = reply[ICMPv6EchoReply]
    assert (answer.id, answer.seq, answer.data) == (77, 3, b"hello")


@pytest.mark.parametrize(
    "frame",
    [
        packet4(ICMP(type=8), dst="10.1.1.12"),
        packet4(ICMP(type=8), dst="10.1.1.255"),
        packet4(ICMP(type=8, chksum=1), dst="10.1.1.1"),
        packet4(ICMP(type=8, code=1), dst="10.1.1.1"),
        packet4(ICMP(type=0), dst="10.1.1.1"),
        packet4(ICMP(type=8), dst="10.1.1.1", flags="MF"),
        packet4(ICMP(type=8), dst="10.1.1.1", src="10.1.1.12"),
        packet4(TCP(), dst="10.1.1.1"),
        packet6(ICMPv6EchoRequest(), dst=gateway6("db")),
        packet6(ICMPv6EchoRequest(cksum=1), dst="fd00:1::1"),
        packet6(ICMPv6EchoRequest(), dst="fd00:1::1", src="fd00:1::12"),
    ],
)
def test_pings_that_are_not_answered(frame: Any) -> None:
    assert ask("web1", Punt.GATEWAY_ECHO, frame) is None


def test_the_gateway_of_a_stranger_does_not_answer() -> None:
    ping = packet4(ICMP(type=8), dst="10.1.2.1")
    assert ask("other1", Punt.GATEWAY_ECHO, ping) is None
    assert ask("web1", Punt.TTL_EXCEEDED, packet4(), network="other") is None
