"""Fragments: what no tenant may say it cannot say in pieces, and what is too long for a frame arrives."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise, DHCP6OptDNSServers
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    PadN,
)
from scapy.layers.l2 import Ether

from tests.e2e.fabrics import FABRICS, PLAIN, Placed, on
from tests.e2e.ping import reach
from tests.e2e.test_forged_frames import ALL_NODES, ALL_NODES_MAC, EVERYBODY, link_local
from tests.e2e.wire import exchange
from topologies.demo.machines import Machine

pytestmark = pytest.mark.mininet

SIZE = 4000
UDP_NUMBER, OPTIONS_NUMBER, ICMPV6_NUMBER, NOTHING_NUMBER = 17, 60, 58, 59


def pieces6(head: Any, number: int, content: bytes, first: int) -> Iterator[bytes]:
    """An IPv6 packet in two fragments, the first with so many bytes of the content."""
    for offset, part, more in ((0, content[:first], 1), (first // 8, content[first:], 0)):
        yield bytes(head / IPv6ExtHdrFragment(nh=number, id=77, offset=offset, m=more) / part)


def rogue(sender: Machine, receiver: Machine) -> Iterator[tuple[str, bytes]]:
    """First fragments of what only the network may say, and those that hide what they are."""
    mine, theirs = link_local(sender.mac), link_local(receiver.mac)
    all4, all6 = Ether(src=sender.mac, dst=EVERYBODY), Ether(src=sender.mac, dst=ALL_NODES_MAC)
    own = Ether(src=sender.mac, dst=receiver.mac)
    offer = BOOTP(op=2, yiaddr="10.1.1.66", siaddr=sender.ipv4) / DHCP(options=[("message-type", 2), "end"])
    for to, destination in ((all4, "255.255.255.255"), (own, receiver.ipv4)):
        whole: Any = IP(src=sender.ipv4, dst=destination, id=77) / UDP(sport=67, dport=68) / offer
        for size in (8, 64):
            yield f"DHCP offer to {destination} after {size} bytes", bytes(to / whole.fragment(size)[0])
    for size in (0, 4):
        short = IP(src=sender.ipv4, dst=receiver.ipv4, id=77, flags="MF", proto=UDP_NUMBER)
        yield f"UDP of {size} bytes", bytes(own / short / bytes((0, 67, 0, 68))[:size])
    head = own / IPv6(src=mine, dst=theirs, hlim=255)
    advertise = DHCP6_Advertise(trid=1) / DHCP6OptDNSServers(dnsservers=["2001:db8:bad::53"])
    content = bytes(UDP(sport=547, dport=546, chksum=1) / advertise)
    yield "DHCPv6 advertisement", next(pieces6(head, UDP_NUMBER, content, 8))
    yield "UDP over IPv6 without ports", next(pieces6(head, UDP_NUMBER, content, 0))
    option = ICMPv6NDOptDstLLAddr(lladdr=receiver.mac)
    said = {
        "RA": ICMPv6ND_RA(routerlifetime=9000) / ICMPv6NDOptPrefixInfo(prefix="2001:db8:bad::"),
        "redirect": ICMPv6ND_Redirect(tgt=mine, dst="2001:db8:1::1"),
        "NA": ICMPv6ND_NA(tgt=mine, R=1, O=1) / option,
        "NS": ICMPv6ND_NS(tgt=theirs) / option,
        "RS": ICMPv6ND_RS() / option,
    }
    for name, message in said.items():
        for to, destination in ((own, theirs), (all6, ALL_NODES)):
            head = to / IPv6(src=mine, dst=destination, hlim=255)
            content = bytes(message)
            padding = bytes(IPv6ExtHdrDestOpt(nh=ICMPV6_NUMBER, options=[PadN(optdata=bytes(12))]))
            assert len(padding) == 16
            yield f"{name} to {destination}", next(pieces6(head, ICMPV6_NUMBER, content, 8))
            long = next(pieces6(head, ICMPV6_NUMBER, content, 24 if len(content) >= 24 else 8))
            yield f"{name} to {destination}, more of it", long
            atomic = head / IPv6ExtHdrFragment(nh=ICMPV6_NUMBER, id=77) / content
            if name in ("RA", "redirect"):
                yield f"{name} to {destination} in a single fragment", bytes(atomic)
            for first in (8, 16, 24):
                hidden = next(pieces6(head, OPTIONS_NUMBER, padding + content, first))
                yield f"{name} to {destination} behind options, {first} bytes", hidden
            # Twice in fragments, and no header at all in the outer one.
            inner = bytes(IPv6ExtHdrFragment(nh=ICMPV6_NUMBER, id=78, m=1)) + content
            yield f"{name} to {destination} in two headers", next(pieces6(head, 44, inner, 8))
            yield f"{name} to {destination} in nothing", next(pieces6(head, NOTHING_NUMBER, content, 8))


# Plain switches do not show what fragments carry.
@on(*(fabric for fabric in FABRICS if fabric is not PLAIN))
def test_what_no_tenant_may_say_is_not_said_in_fragments(placed: Placed) -> None:
    red1, red2 = placed.machines["red1"], placed.machines["red2"]
    named = list(rogue(red1, red2))
    mine = link_local(red1.mac)
    honest4: Any = IP(src=red1.ipv4, dst=red2.ipv4, id=78) / UDP(sport=5000, dport=9) / bytes(100)
    own = Ether(src=red1.mac, dst=red2.mac)
    honest = [bytes(own / part) for part in honest4.fragment(64)]
    # The same ways of cutting, with content that is anybody's to send.
    head = own / IPv6(src=mine, dst=link_local(red2.mac))
    echo = bytes(ICMPv6EchoRequest(id=7, data=bytes(80)))
    padding = bytes(IPv6ExtHdrDestOpt(nh=ICMPV6_NUMBER, options=[PadN(optdata=bytes(12))]))
    honest += [*pieces6(head, ICMPV6_NUMBER, echo, 8), *pieces6(head, OPTIONS_NUMBER, padding + echo, 24)]
    honest += pieces6(head, UDP_NUMBER, bytes(UDP(sport=5000, dport=9, chksum=1) / bytes(80)), 16)
    got = exchange(placed.nodes(), {"red1": [*(frame for _, frame in named), *honest]})
    for frame in honest:
        assert [name for name, received in got.items() if frame in received] == ["red2"]
    payloads = {frame[14:]: name for name, frame in named}
    seen = {
        (machine, payloads[frame[14:]])
        for machine, received in got.items()
        for frame in received
        if frame[14:] in payloads
    }
    assert seen == set()


def test_only_open_vswitch_is_told_to_show_fragments(placed: Placed) -> None:
    for switch in placed.cloud.switches():
        said = subprocess.run(
            ["ovs-ofctl", "-O", "OpenFlow13,OpenFlow15", "get-frags", placed.cloud.node(switch).ofctl],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert said.strip() == ("normal" if placed.fabric is PLAIN else "nx-match")


def test_what_is_too_long_for_a_frame_arrives(placed: Placed) -> None:
    listening = (
        "import socket; s = socket.socket(socket.{family}, socket.SOCK_DGRAM); s.bind(('', 9009)); "
        "s.settimeout(5); print('ready', flush=True); print(len(s.recv(65535)))"
    )
    red2 = placed.machines["red2"]
    for family, address in (("AF_INET", red2.ipv4), ("AF_INET6", red2.ipv6)):
        assert " 3 received" in reach(placed.node("red1"), address, f"-s {SIZE}")
        listener = placed.node("red2").popen(["python3", "-c", listening.format(family=family)], text=True)
        assert listener.stdout.readline() == "ready\n"
        told = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM)"
        placed.node("red1").cmd(f"python3 -c \"{told}.sendto(bytes({SIZE}), ('{address}', 9009))\"")
        output, _ = listener.communicate(timeout=20)
        assert output == f"{SIZE}\n"
