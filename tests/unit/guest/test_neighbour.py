"""ARP and neighbour discovery by the controller."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.intent.model import Attachment
from sdn_orch.intent.snapshot import Delete
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
