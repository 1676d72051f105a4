"""DNS at the gateway: the router's own names and addresses, nobody else's, and what is not answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dns import flags, rcode
from dns.message import Message, from_wire, make_query
from dns.reversename import from_address
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.dispatch import answer
from sdn_orch.guest.name_service import Asked
from sdn_orch.guest.names import Address
from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.snapshot import Put, Snapshot
from tests.unit.guest.world import AUTONOMOUS1, MAC1, MAC2, WORLD, ask, gateway, packet_in

LONG = ".".join(["a" * 63] * 3)


def datagram(
    payload: bytes, source: str = "10.1.1.11", to: str = "10.1.1.1", mac: str = MAC1, network: str = "web"
) -> Any:
    ip = IPv6(src=source, dst=to) if ":" in to else IP(src=source, dst=to)
    return Ether(src=mac, dst=gateway(network)) / ip / UDP(sport=40000, dport=53) / payload


def question(name: str, kind: str = "A", **more: Any) -> Any:
    return datagram(make_query(name, kind, id=7).to_wire(), **more)


def said(reply: Any) -> Message:
    """The message of an answer, which came from port 53 to the port that asked."""
    assert (reply[UDP].sport, reply[UDP].dport) == (53, 40000)
    return from_wire(bytes(reply[UDP].payload))


def told(nic: str, frame: Any, **more: Any) -> tuple[str, list[str]]:
    """Code and records of the answer to a question."""
    message = said(ask(nic, Punt.DNS, frame, **more))
    assert message.id == 7 and message.flags & flags.QR and message.flags & flags.RA
    records = [str(record) for each in message.answer for record in each]
    return rcode.to_text(message.rcode()), records


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web1.vpc.example", "A", ["10.1.1.11"]),
        ("WEB1.vpc.Example", "A", ["10.1.1.11"]),
        ("web1", "A", ["10.1.1.11"]),
        ("web1.vpc.example", "AAAA", [AUTONOMOUS1]),
        ("web1.vpc.example", "ANY", ["10.1.1.11", AUTONOMOUS1]),
        ("web1.vpc.example", "MX", []),
        ("vpc.example", "A", []),
        # Another tier of the VPC.
        ("db3.db.example", "A", ["10.1.2.13"]),
        ("db3", "AAAA", ["fd00:2::13"]),
        ("11.1.1.10.in-addr.arpa", "PTR", ["web1.vpc.example."]),
        ("13.2.1.10.in-addr.arpa", "PTR", ["DB3.db.example."]),
        # Where cloud-init looks for metadata.
        ("data-server", "A", ["10.1.1.1"]),
        ("data-server.vpc.example", "AAAA", ["fd00:1::1"]),
    ],
)
def test_what_the_router_has(name: str, kind: str, expected: list[str]) -> None:
    assert told("web1", question(name, kind)) == ("NOERROR", expected)


def test_the_reverse_of_ipv6() -> None:
    name = from_address("fd00:2::13").to_text()
    assert told("web1", question(name, "PTR")) == ("NOERROR", ["DB3.db.example."])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nobody.vpc.example", "A"),
        ("nobody", "A"),
        ("spy", "A"),
        ("spy.vpc.example", "A"),
        # web2 has no host name, .200 nobody has, and the VPC has no such network, nor anybody but its owner.
        ("12.1.1.10.in-addr.arpa", "PTR"),
        ("200.1.1.10.in-addr.arpa", "PTR"),
        ("1.77.1.10.in-addr.arpa", "PTR"),
        ("1.1.168.192.in-addr.arpa", "PTR"),
    ],
)
def test_what_it_does_not_have(name: str, kind: str) -> None:
    assert told("web1", question(name, kind)) == ("NXDOMAIN", [])


def test_tenants_with_equal_addresses_hear_of_their_own_names_only() -> None:
    there: dict[str, Any] = {"network": "other"}
    assert told("other1", question("spy.evil.example", **there)) == ("NOERROR", ["10.1.1.11"])
    reverse = question("11.1.1.10.in-addr.arpa", "PTR", **there)
    assert told("other1", reverse) == ("NOERROR", ["spy.evil.example."])
    assert told("other1", question("web1", **there)) == ("NXDOMAIN", [])
    assert told("other1", question("web1.vpc.example", **there)) == ("REFUSED", [])
    assert told("web1", question("spy.evil.example")) == ("REFUSED", [])


def test_it_is_asked_by_ipv6_and_behind_a_vlan_too() -> None:
    reply = ask("web1", Punt.DNS, question("db3", source=AUTONOMOUS1, to="fd00:1::1"))
    assert (reply.src, reply.dst) == (gateway("web"), MAC1)
    assert (reply[IPv6].src, reply[IPv6].dst) == ("fd00:1::1", AUTONOMOUS1)
    frame = question("db3", source="10.1.1.12", mac=MAC2)
    assert ask("web2", Punt.DNS, frame)[Dot1Q].vlan == 100


@pytest.mark.parametrize(
    "frame",
    [
        question("web1", source="10.1.1.12"),
        question("web1", to="10.1.1.12"),
        # The gateway of a network whose offering has no DNS.
        question("web1", to="10.1.2.1"),
        datagram(b""),
        datagram(make_query("web1", "A").to_wire()[:-1]),
        datagram(b"\0\7\x81\x80" + make_query("web1", "A").to_wire()[4:]),
        datagram(b"\0\7\1\0\0\2" + make_query("web1", "A").to_wire()[6:]),
        datagram(b"\0\7\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"),
        datagram(b"\0\7\x28\0\0\1" + make_query("web1", "SOA").to_wire()[6:]),
    ],
)
def test_what_is_no_question_to_this_gateway_gets_no_answer(frame: Any) -> None:
    assert ask("web1", Punt.DNS, frame) is None


@pytest.mark.parametrize("kind", ["AXFR", "IXFR", "MAILB", "TSIG"])
def test_questions_about_more_than_a_name_are_refused(kind: str) -> None:
    assert told("web1", question("vpc.example", kind)) == ("REFUSED", [])


def test_an_unknown_version_of_edns_is_told_so() -> None:
    query = make_query("web1", "A", id=7, use_edns=1)
    assert told("web1", datagram(query.to_wire()))[0] == "BADVERS"


def named(count: int) -> Snapshot:
    """Many machines of one name."""
    base = WORLD.need(Nic, "web1")
    more = [
        replace(
            base,
            id=f"more{n}",
            number=0,
            mac=f"02:00:00:00:01:{n:02x}",
            ipv4=base.ipv4 and base.ipv4 + 20 + n,
            ipv6=None,
        )
        for n in range(count)
    ]
    return WORLD.change([Put(nic) for nic in more])


@pytest.mark.parametrize(("payload", "room"), [(None, 512), (700, 700), (4096, 1402)])
def test_what_does_not_fit_is_cut_off(payload: int | None, room: int) -> None:
    query = make_query("web1", "A", use_edns=payload is not None, payload=payload)
    frame = datagram(query.to_wire())
    reply = ask("web1", Punt.DNS, frame, snapshot=named(120))
    message = said(reply)
    assert len(reply[UDP].payload) <= room and message.flags & flags.TC
    whole = said(ask("web1", Punt.DNS, frame, snapshot=named(20)))
    assert not whole.flags & flags.TC and len(whole.answer[0]) == 21


class Noted:
    """Takes what is to be forwarded."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def __call__(self, asked: Asked, resolvers: tuple[Address, ...]) -> rcode.Rcode | None:
        self.asked.append((str(asked.query.question[0].name), tuple(map(str, resolvers))))
        return None


@pytest.mark.parametrize(
    "name", ["example.org", f"{LONG}.org", "vpc.example.org", ".", "53.2.0.8.in-addr.arpa"]
)
def test_other_names_are_for_the_networks_resolvers(name: str) -> None:
    noted = Noted()
    assert answer(WORLD, packet_in("web1", Punt.DNS, bytes(question(name, "TXT"))), noted) is None
    assert noted.asked == [(name if name == "." else f"{name}.", ("192.0.2.53", "2001:db8::53"))]


def test_the_gateway_is_no_resolver_of_its_own() -> None:
    vpc = replace(WORLD.need(Vpc, "vpc"), dns=("10.1.1.1", "10.1.2.1", "fd00:2::1", "9.9.9.9"))
    noted = Noted()
    answer(WORLD.change([Put(vpc)]), packet_in("web1", Punt.DNS, bytes(question("a.org"))), noted)
    assert noted.asked == [("a.org.", ("9.9.9.9",))]


def test_without_a_domain_machines_are_known_by_their_bare_names() -> None:
    world = WORLD.change([Put(replace(WORLD.need(Network, "other"), domain_name=""))])
    there: dict[str, Any] = {"network": "other"}
    assert told("other1", question("spy", **there), snapshot=world) == ("NOERROR", ["10.1.1.11"])
    reverse = question("11.1.1.10.in-addr.arpa", "PTR", **there)
    assert told("other1", reverse, snapshot=world) == ("NOERROR", ["spy."])
