"""ARP and neighbour discovery by the controller."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.frame import read_frame
from sdn_orch.guest.neighbour import advertised, advertisement, solicitation
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.model import Attachment
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import StaticRoute
from sdn_orch.intent.snapshot import Delete, Put
from tests.unit.dataplane.worlds import public_range
from tests.unit.guest.world import (
    AUTONOMOUS1,
    LINK_LOCAL1,
    LINK_LOCAL2,
    MAC1,
    MAC2,
    WORLD,
    ask,
    gateway,
    gateway6,
)


def who_has(target: str, mac: str = MAC1, sender: str = "10.1.1.11", **more: Any) -> Any:
    fields: dict[str, Any] = {"op": 1, "hwsrc": mac, "psrc": sender, "pdst": target} | more
    return Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(**fields)


def solicit(target: str, src: str = AUTONOMOUS1, mac: str = MAC1, hlim: int = 255, **more: Any) -> Any:
    ip = IPv6(src=src, dst="ff02::1:ff00:1", hlim=hlim)
    option = ICMPv6NDOptSrcLLAddr(lladdr=mac)
    return Ether(src=mac, dst="33:33:ff:00:00:01") / ip / ICMPv6ND_NS(tgt=target, **more) / option


@pytest.mark.parametrize(
    ("target", "mac"),
    [("10.1.1.1", gateway("web")), ("10.1.1.12", MAC2), ("10.1.1.112", MAC2)],
    ids=["gateway", "neighbour", "secondary address"],
)
def test_arp_is_answered(target: str, mac: str) -> None:
    reply = ask("web1", Punt.ARP, who_has(target))
    assert (reply.src, reply.dst) == (mac, MAC1)
    arp = reply[ARP]
    assert (arp.op, arp.hwsrc, arp.psrc, arp.hwdst, arp.pdst) == (2, mac, target, MAC1, "10.1.1.11")


def test_a_probe_for_a_neighbours_address_is_answered() -> None:
    assert ask("web1", Punt.ARP, who_has("10.1.1.12", sender="0.0.0.0"))[ARP].hwsrc == MAC2


@pytest.mark.parametrize(
    "frame",
    [
        who_has("10.1.1.11"),
        who_has("10.1.1.11", sender="0.0.0.0"),
        who_has("10.1.2.13"),
        who_has("10.1.2.1"),
        who_has("10.1.1.14"),
        who_has("10.1.1.77"),
        who_has("10.1.1.1", sender="10.1.1.12"),
        who_has("10.1.1.1", hwsrc=MAC2),
        who_has("10.1.1.1", op=2),
        who_has("10.1.1.1", ptype=0x86DD),
        Ether(src=MAC1, type=0x0806) / b"\0\1\x08\0\6\4\0\1",
    ],
    ids=[
        "own",
        "probe",
        "other tier",
        "other gateway",
        "stopped",
        "unknown",
        "spa",
        "sha",
        "op",
        "type",
        "cut",
    ],
)
def test_arp_is_not_answered(frame: Any) -> None:
    assert ask("web1", Punt.ARP, frame) is None


def test_who_answers_from_other_addresses_asks_under_them() -> None:
    """A machine that static routes lead by, and members of a balancer with direct return."""
    behind, front, public = "172.20.0.7", "10.1.1.200", IPv4Address("203.0.113.10")
    for sender in (behind, front):
        assert ask("web1", Punt.ARP, who_has("10.1.1.1", sender=sender)) is None
    balancer = Balancer(
        id="direct", account_id="acme", network_id="web", inner_network_id="web", inner=IPv4Address(front),
        name="direct", protocol=6, ports=(80, 80), guest_ports=(80, 80), direct_return=True,
    )  # fmt: skip
    records = [
        balancer,
        Member(id="member", balancer_id="direct", nic_id="web1"),
        StaticRoute(
            id="lab",
            vpc_id="vpc",
            prefix=IPv4Network("172.20.0.0/16"),
            next_hop=IPv4Address("10.1.1.11"),
            network_id="web",
        ),
        public_range(IPv4Network("203.0.113.0/24")),
        PublicAddress(id="ip", range_id="range", account_id="acme", address=public, vpc_id="vpc"),
    ]
    world = WORLD.change([Put(record) for record in records])
    for sender in (behind, front):
        reply = ask("web1", Punt.ARP, who_has("10.1.1.1", sender=sender), snapshot=world)
        assert (reply[ARP].hwsrc, reply[ARP].pdst) == (gateway("web"), sender)
        stranger = who_has("10.1.1.1", mac=MAC2, sender=sender)
        assert ask("web2", Punt.ARP, stranger, snapshot=world) is None


def test_a_neighbour_that_is_nowhere_is_not_told_of() -> None:
    world = WORLD.change([Delete(Attachment, "a2")])
    assert ask("web1", Punt.ARP, who_has("10.1.1.12"), snapshot=world) is None


@pytest.mark.parametrize(
    ("target", "mac", "router"),
    [
        ("fd00:1::1", gateway("web"), 1),
        (gateway6("web"), gateway("web"), 1),
        ("fd00:1::12", MAC2, 0),
        (LINK_LOCAL2, MAC2, 0),
    ],
)
@pytest.mark.parametrize("source", [AUTONOMOUS1, LINK_LOCAL1])
def test_neighbour_solicitations_are_answered(target: str, mac: str, router: int, source: str) -> None:
    reply = ask("web1", Punt.NEIGHBOUR_SOLICITATION, solicit(target, source))
    assert (reply.src, reply.dst, reply[IPv6].hlim) == (mac, MAC1, 255)
    assert (reply[IPv6].src, reply[IPv6].dst) == (target, source)
    told = reply[ICMPv6ND_NA]
    assert (told.R, told.S, told.O, told.tgt) == (router, 1, 1, target)
    assert reply[ICMPv6NDOptDstLLAddr].lladdr == mac


@pytest.mark.parametrize(
    "frame",
    [
        solicit("fd00:1::12", "::"),
        solicit(AUTONOMOUS1),
        solicit(LINK_LOCAL1),
        solicit("fd00:2::13"),
        solicit("fd00:1::77"),
        solicit("fe80::1"),
        solicit("fd00:1::1", "fd00:1::12"),
        solicit("fd00:1::1", hlim=64),
        solicit("fd00:1::1", code=1),
        solicit("fd00:1::1", cksum=7),
        solicit("fd00:1::1") / b"\x0e",
    ],
    ids=["DAD", "own", "own LL", "tier", "unknown", "odd LL", "source", "hops", "code", "checksum", "cut"],
)
def test_neighbour_solicitations_are_not_answered(frame: Any) -> None:
    assert ask("web1", Punt.NEIGHBOUR_SOLICITATION, frame) is None


ROUTER_MAC, UPSTREAM = "0e:5d:02:00:00:01", "2001:db8:ff::1"
ROUTER = bytes.fromhex(ROUTER_MAC.replace(":", ""))
OWN = IPv6Address("2001:db8:ff::c5d")


def test_a_router_tells_everybody_of_its_address() -> None:
    said = Ether(advertisement(ROUTER, OWN.packed))
    assert (said.src, said.dst) == (ROUTER_MAC, "33:33:00:00:00:01")
    assert (said[IPv6].src, said[IPv6].dst, said[IPv6].hlim) == (str(OWN), "ff02::1", 255)
    assert (said[ICMPv6ND_NA].tgt, said[ICMPv6ND_NA].R, said[ICMPv6ND_NA].S) == (str(OWN), 1, 0)
    assert said[ICMPv6ND_NA].O == 1
    assert said[ICMPv6NDOptDstLLAddr].lladdr == ROUTER_MAC


def test_a_router_solicits_the_one_that_leads_on() -> None:
    asked = Ether(solicitation(ROUTER, OWN.packed, IPv6Address(UPSTREAM).packed))
    assert (asked.dst, asked[IPv6].dst) == ("33:33:ff:00:00:01", "ff02::1:ff00:1")
    assert (asked[IPv6].src, asked[IPv6].hlim, asked[ICMPv6ND_NS].tgt) == (str(OWN), 255, UPSTREAM)
    assert asked[ICMPv6NDOptSrcLLAddr].lladdr == ROUTER_MAC


def advertise(hlim: int = 255, option: str | None = MAC2, **more: Any) -> bytes:
    frame = (
        Ether(src=MAC1, dst=ROUTER_MAC)
        / IPv6(src=UPSTREAM, dst=str(OWN), hlim=hlim)
        / ICMPv6ND_NA(tgt=UPSTREAM, **more)
    )
    return bytes(frame / ICMPv6NDOptDstLLAddr(lladdr=option) if option else frame)


@pytest.mark.parametrize(("option", "mac"), [(MAC2, MAC2), (None, MAC1)])
def test_an_advertisement_tells_a_mac_address(option: str | None, mac: str) -> None:
    frame = read_frame(advertise(option=option))
    assert frame is not None
    assert advertised(frame) == (bytes.fromhex(mac.replace(":", "")), IPv6Address(UPSTREAM).packed)


@pytest.mark.parametrize(
    "data",
    [
        advertise(hlim=64),
        advertise(code=1),
        advertise(type=135),
        advertise(cksum=1),
        advertise()[:-1],
        advertise(option=None)[:-4],
        bytes(Ether(src=MAC1, dst=ROUTER_MAC) / IPv6(hlim=255)),
        bytes(14),
    ],
)
def test_other_advertisements_tell_nothing(data: bytes) -> None:
    frame = read_frame(data)
    assert frame is not None
    assert advertised(frame) is None
