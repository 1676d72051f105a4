"""Whatever bytes a guest sends: no exception, an answer only to the guest itself, and that quickly."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp6 import DUID_LL, DHCP6_Solicit, DHCP6OptClientId, DHCP6OptIA_NA
from scapy.layers.dns import DNS, DNSQR, DNSRROPT
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether

from sdn_orch.dataplane.pipeline import NETWORK, NO_PORT, REASON, Punt
from sdn_orch.guest.dispatch import LONGEST_FRAME, answer
from sdn_orch.guest.frame import read_frame, read_ip
from sdn_orch.guest.listener import Listener
from sdn_orch.guest.tcp import Responder
from sdn_orch.intent.model import Attachment, Network, Nic
from sdn_orch.openflow.values import CONTROLLER, Output
from sdn_orch.southbound.base import PacketIn, PacketOut
from sdn_orch.southbound.fake import FakeSwitch
from tests.unit.guest import test_outside as outside
from tests.unit.guest.test_dhcp4 import message
from tests.unit.guest.test_worker import Nobody
from tests.unit.guest.world import AUTONOMOUS1, DPID, LINK_LOCAL1, MAC1, MAC2, WORLD, gateway

SWITCH = FakeSwitch(DPID)
DATAPATH = SWITCH.connect(Nobody())
LISTENER = Listener(
    lambda: WORLD, {Punt.METADATA, Punt.DNS}, Responder(lambda peer, request: request, b"key")
)

#: Seconds of processor time for one packet, with a wide margin.
BOUND = 0.25

#: Said in each frame to one address, as scapy would ask the networks of this machine who has that.
_ROUTER = gateway("web")
_OWN6 = IPv6(src=LINK_LOCAL1, dst="ff02::1:2")
SEEDS = tuple(
    bytes(frame)
    for frame in (
        message(("message-type", "discover")),
        message(
            ("message-type", "request"), ("requested_addr", "10.1.1.11"), ("param_req_list", [1, 3, 121])
        ),
        message(("message-type", "inform"), ciaddr="10.1.1.11", src="10.1.1.11"),
        message(("message-type", "discover"), mac=MAC2),
        Ether(src=MAC1) / ARP(hwsrc=MAC1, psrc="10.1.1.11", pdst="10.1.1.1"),
        Ether(src=MAC1)
        / _OWN6
        / UDP(sport=546, dport=547)
        / DHCP6_Solicit()
        / DHCP6OptClientId(duid=DUID_LL(lladdr=MAC1))
        / DHCP6OptIA_NA(iaid=1),
        Ether(src=MAC1)
        / IPv6(src=LINK_LOCAL1, dst="ff02::2", hlim=255)
        / ICMPv6ND_RS()
        / ICMPv6NDOptSrcLLAddr(lladdr=MAC1),
        Ether(src=MAC1)
        / IPv6(src=AUTONOMOUS1, dst="ff02::1:ff00:1", hlim=255)
        / ICMPv6ND_NS(tgt="fd00:1::1")
        / ICMPv6NDOptSrcLLAddr(lladdr=MAC1),
        Ether(src=MAC1, dst=_ROUTER) / IP(src="10.1.1.11", dst="10.1.1.1") / ICMP(type=8) / bytes(1400),
        Ether(src=MAC1, dst=_ROUTER)
        / IPv6(src=AUTONOMOUS1, dst="fd00:1::1")
        / ICMPv6EchoRequest(data=bytes(9000)),
        Ether(src=MAC1, dst=_ROUTER)
        / IPv6(src=AUTONOMOUS1, dst="fd00:2::13", hlim=1)
        / IPv6ExtHdrHopByHop()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrFragment(m=1)
        / UDP(),
        Ether(src=MAC1, dst=_ROUTER)
        / IP(src="10.1.1.11", dst="10.1.1.1")
        / UDP(sport=40000, dport=53)
        / DNS(rd=1, qd=DNSQR(qname="web1.vpc.example"), ar=DNSRROPT(rclass=1232)),
        Ether(src=MAC1, dst=_ROUTER)
        / IPv6(src=AUTONOMOUS1, dst="fd00:1::1")
        / UDP(sport=40000, dport=53)
        / DNS(rd=1, qd=DNSQR(qname="13.2.1.10.in-addr.arpa", qtype="PTR")),
        Ether(src=MAC2, dst=_ROUTER)
        / Dot1Q(vlan=100)
        / IP(src="10.1.1.12", dst="10.1.2.13", ttl=1)
        / UDP()
        / bytes(1400),
        Ether(src=MAC1, dst=_ROUTER)
        / IP(src="10.1.1.11", dst="169.254.169.254")
        / TCP(sport=4000, dport=80, flags="S"),
        Ether(src=MAC1, dst=_ROUTER)
        / IP(src="10.1.1.11", dst="10.1.1.1")
        / TCP(sport=4000, dport=8080, flags="PA", seq=7, ack=9)
        / b"GET / HTTP/1.0\r\n\r\n",
    )
)


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes] = SEEDS) -> bytes:
    """A frame that was right, with octets changed, cut out, doubled or added."""
    frame = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, min(len(frame) - 1, 400))))
        match draw(st.integers(0, 3)):
            case 0:
                frame[at : at + 1] = bytes((draw(st.integers(0, 255)),))
            case 1:
                del frame[at : at + draw(st.integers(1, 40))]
            case 2:
                frame[at:at] = draw(st.binary(max_size=40))
            case _:
                frame[at:at] = frame[at : at + draw(st.integers(1, 300))]
    return bytes(frame)


FRAMES = st.one_of(
    mutated(),
    st.binary(max_size=400),
    # Behind a header that gets far into the parsers.
    st.builds(
        lambda seed, cut, rest: seed[:cut] + rest, st.sampled_from(SEEDS), st.integers(14, 300), st.binary()
    ),
)
PACKETS = st.builds(
    lambda port, number, reason, table, frame: PacketIn(
        dpid=DPID,
        in_port=port,
        table=table,
        cookie=0,
        metadata=NETWORK.of(number)[0] | REASON.of(reason)[0],
        reason=1,
        frame=frame,
    ),
    st.integers(0, 7),
    st.integers(0, 6),
    st.integers(0, 15),
    st.sampled_from([8, 13]),
    FRAMES,
)


def check(packet: PacketIn) -> bool:
    """Whether there is an answer; fails where it goes to anybody but an active NIC of this very port."""
    start = time.thread_time()
    replies = list(answers(packet))
    assert time.thread_time() - start < BOUND
    for reply in replies:
        check_reply(packet, reply)
    return bool(replies)


FROM_OUTSIDE = tuple(
    bytes(frame)
    for payload in outside.LARGE
    for frame in (outside.packet4("10.1.1.10", payload, ttl=9), outside.packet6(payload=payload, hlim=9))
)


def answers(packet: PacketIn) -> Iterator[PacketOut]:
    """Everything that is sent back."""
    SWITCH.sent.clear()
    if (reply := answer(WORLD, packet)) is not None:
        yield reply
    LISTENER.receive(DATAPATH, packet, 0.0)
    for sent in SWITCH.sent:
        yield PacketOut(sent.actions, sent.frame, sent.in_port)


def check_reply(packet: PacketIn, reply: PacketOut) -> None:
    """See `check`."""
    assert (reply.actions, reply.in_port) == ((Output(packet.in_port),), CONTROLLER)
    there = WORLD.where(Attachment, "ports", ("s1", packet.in_port))
    frame = read_frame(reply.frame)
    assert frame is not None
    assert len(reply.frame) <= LONGEST_FRAME
    nics = [WORLD.need(Nic, one.nic_id) for one in there if one.vlan == frame.vlan]
    receivers = [
        nic for nic in nics if nic.active and frame.destination.hex(":") in (nic.mac, "ff:ff:ff:ff:ff:ff")
    ]
    assert receivers
    # And from the receiver's own network: its gateway or a NIC of it.
    network = WORLD.need(Network, receivers[0].network_id)
    known = {network.gateway_mac} | {nic.mac for nic in WORLD.where(Nic, "network_id", network.id)}
    assert frame.source.hex(":") in known


@given(PACKETS)
def test_any_packet_is_answered_to_its_sender_or_not_at_all(packet: PacketIn) -> None:
    check(packet)


@given(mutated(), st.sampled_from(Punt))
def test_damaged_packets_of_a_known_guest(frame: bytes, reason: Punt) -> None:
    number = WORLD.need(Network, "web").number
    metadata = NETWORK.of(number)[0] | REASON.of(reason)[0]
    for port in (1, 2):
        check(PacketIn(DPID, port, 13, 0, metadata, 1, frame))


@given(mutated(FROM_OUTSIDE), st.sampled_from((outside.PORT, NO_PORT)), st.booleans())
def test_damaged_packets_from_outside_are_answered_to_their_sender_or_not_at_all(
    frame: bytes, port: int, static: bool
) -> None:
    sent = outside.ask_large(frame, static=static, in_port=port)
    said, came = read_frame(sent.frame) if sent is not None else None, read_frame(frame)
    if said is None or came is None:
        assert sent is None
        return
    error, packet = read_ip(said), read_ip(came)
    assert error is not None and packet is not None
    assert error.destination == packet.source and len(error.whole) <= 1280


def test_the_seeds_are_answered() -> None:
    """Otherwise nothing above would get far."""
    answered = set()
    for seed in SEEDS:
        for reason in Punt:
            for network in ("web", "db"):
                metadata = NETWORK.of(WORLD.need(Network, network).number)[0] | REASON.of(reason)[0]
                for port in (1, 2):
                    if check(PacketIn(DPID, port, 13, 0, metadata, 1, seed)):
                        answered.add((seed, reason))
    assert {seed for seed, _ in answered} == set(SEEDS)
    assert {reason for _, reason in answered} == set(Punt) - {
        Punt.DISCOVERY,
        Punt.CHECK,
        Punt.FIRST_PACKET,
        Punt.UPSTREAM,
    }
