"""Frames become packets and back; scapy judges lengths and checksums; whatever is cut or wrong is refused."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from sdn_orch.errors import MalformedMessage
from sdn_orch.intent.frames import read_frame, write_frame
from tests.property.clouds import make_cloud
from tests.property.packets import Packets

MAC, PEER = "06:00:00:00:00:01", "06:00:00:00:00:02"


@given(st.integers(0, 2**48))
def test_a_packet_is_read_back_as_it_was_written(seed: int) -> None:
    random = Random(seed)
    cloud = make_cloud(random)
    packet = Packets(cloud, random, forgery=0.3).make(random.choice(list(cloud.nics)))
    frame = write_frame(packet)
    again = read_frame(frame)
    assert write_frame(again) == frame
    assert len(frame) == packet.length == again.length
    assert again.fields == packet.fields


@pytest.mark.parametrize(
    "made",
    [
        Ether(src=MAC, dst=PEER)
        / IP(src="10.0.0.1", dst="10.0.0.2", id=0, flags="DF")
        / UDP(sport=68, dport=67)
        / b"hello",
        Ether(src=MAC, dst=PEER)
        / Dot1Q(vlan=7, prio=3)
        / IP(src="10.0.0.1", dst="10.0.0.2", id=0, flags="DF")
        / TCP(),
        Ether(src=MAC, dst=PEER)
        / IPv6(src="fe80::1", dst="ff02::1:ff00:2", hlim=255)
        / ICMPv6ND_NS(tgt="2001:db8::2")
        / ICMPv6NDOptSrcLLAddr(lladdr=MAC),
        Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MAC, psrc="10.0.0.1", pdst="10.0.0.2"),
        Ether(src=MAC, dst=PEER)
        / IPv6(src="2001:db8::1", dst="2001:db8::2")
        / UDP(sport=1, dport=2)
        / b"odd",
    ],
)
def test_written_frames_are_those_of_scapy(made: Ether) -> None:
    assert write_frame(read_frame(bytes(made))) == bytes(made)


def test_fields_have_their_names() -> None:
    packet = read_frame(
        bytes(Ether(src=MAC, dst=PEER) / Dot1Q(vlan=7, prio=3) / IP(ttl=9, tos=0xB9) / UDP(dport=67))
    )
    assert packet["vlan_vid"] == 0x1007
    assert packet["vlan_pcp"] == 3
    assert (packet["ip_dscp"], packet["ip_ecn"], packet["ip_ttl"]) == (46, 1, 9)
    assert packet["udp_dst"] == 67
    assert packet.get("tcp_dst") is None


def test_padding_is_cut_off() -> None:
    frame = bytes(Ether(src=MAC, dst=PEER) / IP(src="10.0.0.1", dst="10.0.0.2", id=0, flags="DF") / UDP())
    assert write_frame(read_frame(frame + bytes(18))) == frame


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused(data: bytes) -> None:
    try:
        packet = read_frame(data)
    except MalformedMessage:
        return
    assert write_frame(packet)


@given(st.integers(0, 2**48), st.data())
def test_damaged_frames_are_read_or_refused(seed: int, data: st.DataObject) -> None:
    random = Random(seed)
    cloud = make_cloud(random)
    frame = bytearray(write_frame(Packets(cloud, random).make(random.choice(cloud.nics))))
    for _ in range(data.draw(st.integers(0, 4))):
        frame[data.draw(st.integers(12, len(frame) - 1))] = data.draw(st.integers(0, 255))
    del frame[data.draw(st.integers(0, len(frame))) :]
    try:
        read_frame(bytes(frame))
    except MalformedMessage:
        return


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (bytes(13), "ends before"),
        (bytes(12) + b"\x08\x00" + b"\x45" + bytes(10), "cut short"),
        (bytes(12) + b"\x08\x00" + b"\x44" + bytes(30), "header of 16 bytes"),
        (bytes(12) + b"\x08\x06" + bytes(28), "ARP is not"),
        (bytes(12) + b"\x86\xdd" + b"\x60\x00\x00\x00\xff\xff\x3a\x40" + bytes(40), "IPv6 packet of"),
        (bytes(12) + b"\x01\x00" + bytes(3), "length field"),
    ],
)
def test_faults_are_named(frame: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        read_frame(frame)


def test_chains_of_extension_headers_are_bounded() -> None:
    chain = (b"\x3c\x00" + bytes(6)) * 9
    head = b"\x60\x00\x00\x00" + len(chain).to_bytes(2, "big") + b"\x3c\x40" + bytes(32)
    with pytest.raises(MalformedMessage, match="more than 8"):
        read_frame(bytes(12) + b"\x86\xdd" + head + chain)
