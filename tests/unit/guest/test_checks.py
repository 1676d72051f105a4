"""Checks of balancers' members: who is asked how, what counts as an answer, and when a member turns."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.checks import Checks, Turned, noted
from sdn_orch.intent.balancers import Balancer, HealthCheck, Member
from sdn_orch.intent.health import Failing, is_failing
from sdn_orch.intent.model import Record
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.southbound.fake import FakeSwitch
from tests.unit.guest.test_worker import Nobody
from tests.unit.guest.world import AUTONOMOUS1, DPID, MAC1, MAC2, WORLD, gateway, packet_in

PUBLIC = IPv4Network("203.0.113.0/24")


def world(path: str = "", protocol: int = 6) -> Snapshot:
    """Both machines of the tier behind a balancer, with a check."""
    records: tuple[Record, ...] = (
        PublicRange(id="range", ipv4=PUBLIC, gateway=PUBLIC[1], first=PUBLIC[9], last=PUBLIC[99]),
        PublicAddress(id="ip", range_id="range", account_id="acme", address=PUBLIC[9], vpc_id="vpc"),
        Balancer(
            id="lb",
            account_id="acme",
            network_id="web",
            name="lb",
            protocol=protocol,
            ports=(80, 80),
            guest_ports=(8080, 8080),
            address_id="ip",
        ),
        Member(id="one", balancer_id="lb", nic_id="web1", seat=0),
        Member(id="two", balancer_id="lb", nic_id="web2", guest=IPv4Address("10.1.1.112"), seat=1),
        HealthCheck(id="check", balancer_id="lb", path=path, timeout=2, interval=5, healthy=2, unhealthy=3),
    )
    return WORLD.change([Put(record) for record in records])


def world6(path: str = "", protocol: int = 6) -> Snapshot:
    """The same balancer at an IPv6 address, before the first machine."""
    four = world(path, protocol)
    balancer = four.need(Balancer, "lb")
    six = replace(balancer, address_id=None, inner_network_id="web", inner=IPv6Address("fd00:1::c8"))
    return four.change([Put(six), Delete(Member, "two")])


class Asking:
    """The checks of a world with a switch, of which the first member is looked at."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.switch = FakeSwitch(DPID)
        datapath = self.switch.connect(Nobody())
        self.checks = Checks(lambda: self.snapshot, {DPID: datapath}.get)
        self.now = 0.0
        self.turned: Turned = []

    def wait(self, seconds: float) -> list[Any]:
        """What is sent to the first member meanwhile."""
        self.switch.sent.clear()
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            self._note(self.checks.tick(self.now))
        return self.sent()

    def asked(self) -> Any:
        """What the first member is asked next."""
        while not (sent := self.wait(0.25)):
            assert self.now < 1000
        return sent[0]

    def sent(self) -> list[Any]:
        frames = [Ether(frame) for _, frame, *_ in self.switch.sent]
        self.switch.sent.clear()
        return [frame for frame in frames if frame.dst == MAC1]

    def say(self, reply: Any, nic: str = "web1", mac: str = MAC1) -> list[Any]:
        """What is sent for a packet of a member."""
        frame = Ether(src=mac, dst=gateway("web")) / reply
        self._note(self.checks.receive(packet_in(nic, Punt.CHECK, bytes(frame))))
        return self.sent()

    def _note(self, turned: Turned) -> None:
        self.turned += turned
        self.snapshot = self.snapshot.change(noted(self.snapshot, turned))


def answer(asked: Any, flags: str, payload: bytes = b"", ahead: int = 0) -> Any:
    """What the member's TCP says to a segment."""
    ends = {"sport": asked[TCP].dport, "dport": asked[TCP].sport}
    heard = asked[TCP].seq + len(asked[TCP].payload) + ("S" in asked[TCP].flags)
    segment = TCP(flags=flags, seq=7000 + ahead, ack=heard & 0xFFFFFFFF, **ends)
    if IPv6 in asked:
        return IPv6(src=asked[IPv6].dst, dst=asked[IPv6].src) / segment / payload
    return IP(src=asked[IP].dst, dst=asked[IP].src) / segment / payload


def test_a_connection_is_begun_at_the_members_port_and_left_at_once() -> None:
    asking = Asking(world())
    asked = asking.asked()
    assert (asked.src, asked[IP].src, asked[IP].dst) == (gateway("web"), "10.1.1.1", "10.1.1.11")
    assert asked[TCP].dport == 8080 and asked[TCP].flags == "S" and asked[TCP].sport & 0xFF00 == 0xFE00
    (left,) = asking.say(answer(asked, "SA"))
    assert left[TCP].flags == "RA" and left[TCP].seq == asked[TCP].seq + 1 and left[TCP].ack == 7001
    assert asking.turned == []
    # Nobody else speaks of it.
    assert asking.say(answer(asked, "SA")) == []


def test_who_does_not_answer_so_often_fails_and_who_does_so_often_lives_again() -> None:
    asking = Asking(world())
    asking.wait(12)
    assert asking.turned == []
    asking.wait(2)
    assert sorted(asking.turned) == [("one", True), ("two", True)]
    assert is_failing(asking.snapshot, asking.snapshot.need(Member, "one"))
    asking.turned.clear()
    for expected in ([], [("one", False)]):
        asked = asking.asked()
        asking.say(answer(asked, "SA"))
        assert asking.turned == expected
    assert not is_failing(asking.snapshot, asking.snapshot.need(Member, "one"))
    assert asking.snapshot.count(Failing) == 1


def test_one_answer_between_makes_failures_count_anew() -> None:
    asking = Asking(world())
    for _ in range(3):
        asking.wait(8.5)
        asked = asking.asked()
        asking.say(answer(asked, "SA"))
    assert ("one", True) not in asking.turned


def test_a_refused_connection_is_a_failure_at_once() -> None:
    asking = Asking(world())
    for _ in range(3):
        asked = asking.asked()
        assert asking.say(answer(asked, "RA")) == []
    assert asking.turned[0] == ("one", True)


@pytest.mark.parametrize(
    ("said", "lives"),
    [
        ([b"HTTP/1.0 200 OK\r\n\r\nfine"], True),
        ([b"HTTP/1.1 2", b"04 None\r\n"], True),
        ([b"HTTP/1.1 302 Found\r\n"], True),
        ([b"HTTP/1.1 404 Not Found\r\n"], False),
        ([b"HTTP/1.1 500 Oh\r\n"], False),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], False),
        ([b"x" * 800, b"x" * 800], False),
    ],
)
def test_by_http_the_first_line_decides(said: list[bytes], lives: bool) -> None:
    asking = Asking(world(path="/up"))
    asked = asking.asked()
    (request,) = asking.say(answer(asked, "SA"))
    assert bytes(request[TCP].payload).startswith(b"GET /up HTTP/1.0\r\nHost: 10.1.1.11\r\n")
    last, ahead = request, 1
    for part in said:
        (last,) = asking.say(answer(request, "PA", part, ahead))
        ahead += len(part)
    assert last[TCP].flags == "RA"
    (watched,) = (watched for watched in asking.checks._watched.values() if watched.target.member.id == "one")
    assert watched.lives is lives and watched.probe is None


def test_members_of_what_is_not_tcp_are_pinged() -> None:
    asking = Asking(world(protocol=17))
    asked = asking.asked()
    assert asked[ICMP].type == 8
    echo = ICMP(type=0, id=asked[ICMP].id, seq=asked[ICMP].seq)
    asking.say(IP(src="10.1.1.11", dst="10.1.1.1") / ICMP(type=0, id=1, seq=1))
    assert asking.checks._watched["one"].probe is not None
    asking.say(IP(src="10.1.1.11", dst="10.1.1.1") / echo)
    assert asking.checks._watched["one"].lives is True


def test_ipv6_members_are_asked_by_their_ipv6_gateway() -> None:
    asking = Asking(world6(path="/up"))
    asked = asking.asked()
    assert (asked.src, asked[IPv6].src, asked[IPv6].dst) == (gateway("web"), "fd00:1::1", AUTONOMOUS1)
    assert asked[TCP].dport == 8080 and asked[TCP].flags == "S" and asked[TCP].sport & 0xFF00 == 0xFE00
    whole = IPv6(bytes(asked[IPv6]))
    del whole[TCP].chksum
    assert IPv6(bytes(whole))[TCP].chksum == asked[TCP].chksum
    (request,) = asking.say(answer(asked, "SA"))
    host = f"Host: [{AUTONOMOUS1}]\r\n".encode()
    assert bytes(request[TCP].payload).startswith(b"GET /up HTTP/1.0\r\n" + host)
    (last,) = asking.say(answer(request, "PA", b"HTTP/1.1 200 OK\r\n", 1))
    assert last[TCP].flags == "RA" and asking.checks._watched["one"].lives is True


def test_ipv6_members_of_what_is_not_tcp_are_pinged() -> None:
    asking = Asking(world6(protocol=17))
    asked = asking.asked()
    ping = asked[ICMPv6EchoRequest]
    said = IPv6(src=AUTONOMOUS1, dst="fd00:1::1")
    # Neither another one's answer, nor that of a ping by IPv4.
    for wrong in (
        said / ICMPv6EchoReply(id=ping.id ^ 1, seq=ping.seq),
        IP(src="10.1.1.11", dst="10.1.1.1") / ICMP(type=0, id=ping.id, seq=ping.seq),
    ):
        asking.say(wrong)
        assert asking.checks._watched["one"].probe is not None
    asking.say(said / ICMPv6EchoReply(id=ping.id, seq=ping.seq))
    assert asking.checks._watched["one"].lives is True


def test_others_answer_for_nobody() -> None:
    asking = Asking(world())
    asked = asking.asked()
    right = answer(asked, "SA")
    for wrong in (
        IP(src="10.1.1.12", dst="10.1.1.1") / right[TCP].copy(),
        answer(asked, "A"),
        IP(src="10.1.1.11", dst="10.1.1.1") / UDP(sport=8080, dport=asked[TCP].sport),
    ):
        assert asking.say(wrong) == []
    guessed = answer(asked, "SA")
    guessed[TCP].ack ^= 0x10
    assert asking.say(guessed) == []
    # Another machine, with the right words.
    assert asking.say(right, "web2", MAC2) == []
    assert asking.checks._watched["one"].lives is None
    assert asking.say(right)


def test_who_cannot_be_asked_is_as_it_was_and_without_a_check_nobody_fails() -> None:
    asking = Asking(world())
    asking.checks = Checks(lambda: asking.snapshot, lambda dpid: None)
    asking.wait(60)
    assert asking.turned == []
    asking.snapshot = asking.snapshot.change([Put(Failing(id="fact", member_id="one"))])
    assert is_failing(asking.snapshot, asking.snapshot.need(Member, "one"))
    asking.snapshot = asking.snapshot.change([Delete(HealthCheck, "check")])
    assert not is_failing(asking.snapshot, asking.snapshot.need(Member, "one"))
    asking.checks.changed()
    asking.wait(1)
    assert asking.snapshot.count(Failing) == 0


@given(st.binary(max_size=80), st.sampled_from((1, 6, 17)), st.booleans())
def test_whatever_a_member_says_it_is_no_answer_by_chance(data: bytes, protocol: int, is_first: bool) -> None:
    asking = ASKING
    reply = IP(src="10.1.1.11", dst="10.1.1.1", proto=protocol, frag=0 if is_first else 100) / data
    asking.say(reply)
    assert asking.checks._watched["one"].probe is not None


ASKING = Asking(world())
ASKING.asked()
