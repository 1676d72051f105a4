"""Router advertisements, as scapy reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Any

import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDNSSL,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptRDNSS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.router_advertisement import INTERVAL, LIFETIME, due
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.snapshot import Put, Snapshot
from tests.unit.guest.world import LINK_LOCAL1, LINK_LOCAL2, MAC1, MAC2, MAC3, WORLD, ask, gateway, gateway6


def solicitation(mac: str = MAC1, src: str = LINK_LOCAL1, **more: Any) -> Any:
    option = b"" if src == "::" else ICMPv6NDOptSrcLLAddr(lladdr=mac)
    ip = IPv6(src=src, dst="ff02::2", hlim=more.pop("hlim", 255))
    return Ether(src=mac, dst="33:33:00:00:00:02") / ip / ICMPv6ND_RS(**more) / option


def test_a_nic_with_its_self_made_address_is_told_to_make_it() -> None:
    reply = ask("web1", Punt.ROUTER_SOLICITATION, solicitation())
    assert (reply.src, reply.dst) == (gateway("web"), MAC1)
    assert (reply[IPv6].src, reply[IPv6].dst, reply[IPv6].hlim) == (gateway6("web"), LINK_LOCAL1, 255)
    assert (reply[ICMPv6ND_RA].M, reply[ICMPv6ND_RA].O) == (0, 1)
    assert reply[ICMPv6ND_RA].routerlifetime == LIFETIME
    prefix = reply[ICMPv6NDOptPrefixInfo]
    assert (prefix.prefix, prefix.prefixlen, prefix.L, prefix.A) == ("fd00:1::", 64, 1, 1)
    assert prefix.validlifetime > prefix.preferredlifetime > LIFETIME
    assert reply[ICMPv6NDOptMTU].mtu == 1450
    assert reply[ICMPv6NDOptSrcLLAddr].lladdr == gateway("web")
    assert reply[ICMPv6NDOptRDNSS].dns == ["fd00:1::1", "2001:db8::53"]
    assert reply[ICMPv6NDOptDNSSL].searchlist == ["vpc.example."]
    assert reply[ICMPv6NDOptRDNSS].lifetime == LIFETIME


def test_a_nic_with_any_other_address_is_told_to_ask_and_a_secondary_one_gets_no_router() -> None:
    reply = ask("web2", Punt.ROUTER_SOLICITATION, solicitation(MAC2, LINK_LOCAL2))
    assert reply[Dot1Q].vlan == 100
    assert (reply[ICMPv6ND_RA].M, reply[ICMPv6NDOptPrefixInfo].A) == (1, 0)
    assert reply[ICMPv6ND_RA].routerlifetime == 0


def test_the_gateway_is_a_name_server_where_it_answers_names() -> None:
    reply = ask("db3", Punt.ROUTER_SOLICITATION, solicitation(MAC3, "fe80::ff:fe00:3"))
    # The tier states name servers of its own, all of them IPv4, and its gateway answers no names.
    assert ICMPv6NDOptRDNSS not in reply
    world = WORLD.change([Put(replace(WORLD.need(Network, "db"), answers_names=True))])
    reply = ask("db3", Punt.ROUTER_SOLICITATION, solicitation(MAC3, "fe80::ff:fe00:3"), snapshot=world)
    assert reply[ICMPv6NDOptRDNSS].dns == ["fd00:2::1"]


def test_a_prefix_that_is_no_64_is_never_autonomous() -> None:
    web = replace(WORLD.need(Network, "web"), ipv6=None)
    world = WORLD.change([Put(web)])
    assert ask("web1", Punt.ROUTER_SOLICITATION, solicitation(), snapshot=world) is None


def test_an_unspecified_source_is_answered_to_all_nodes() -> None:
    reply = ask("web1", Punt.ROUTER_SOLICITATION, solicitation(src="::"))
    assert (reply.dst, reply[IPv6].dst) == (MAC1, "ff02::1")


@pytest.mark.parametrize(
    "frame",
    [
        solicitation(hlim=254),
        solicitation(code=1),
        solicitation(cksum=1),
        solicitation(mac=MAC3),
        solicitation() / b"\x01\x00",
        solicitation() / b"\x01\x02" / bytes(6),
        Ether(src=MAC1) / IPv6(src="::", dst="ff02::2") / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=MAC1),
        Ether(src=MAC1) / IPv6(src=LINK_LOCAL1, dst="ff02::1", hlim=255) / ICMPv6ND_RA(),
    ],
    ids=["hops", "code", "checksum", "mac", "zero option", "cut option", "source option", "advertisement"],
)
def test_an_invalid_solicitation_gets_no_answer(frame: Any) -> None:
    assert ask("web1", Punt.ROUTER_SOLICITATION, frame) is None


def test_every_nic_is_due_once_an_interval_in_even_load() -> None:
    nic = WORLD.need(Nic, "web1")
    attachment_free = WORLD
    changes = [
        Put(
            replace(
                nic,
                id=f"n{n}",
                number=0,
                mac=f"02:00:01:00:{n >> 8:02x}:{n & 255:02x}",
                ipv4=None,
                ipv6=IPv6Address("fd00:1::1:0") + n,
            )
        )
        for n in range(2 * INTERVAL)
    ]
    world: Snapshot = attachment_free.change(changes)
    assert {guest.nic.id for guest in due(world, 0, INTERVAL)} == {"web1", "web2", "db3"}
    seconds = Counter(
        guest.nic.id for second in range(5000, 5000 + INTERVAL) for guest in due(world, second, second + 1)
    )
    assert seconds == {"web1": 1, "web2": 1, "db3": 1}
    # However long nobody asked, nobody is told twice.
    assert sorted(guest.nic.id for guest in due(world, 0, 10 * INTERVAL)) == ["db3", "web1", "web2"]
