"""What is forwarded: asked of the right resolvers, believed only from them, bounded, and never in the way."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from dns import flags, rcode
from dns.message import Message, from_wire, make_query, make_response
from dns.rrset import from_text
from scapy.layers.inet import UDP

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest import dns_message
from sdn_orch.guest.guest import Guest
from sdn_orch.guest.name_service import Asked
from sdn_orch.guest.names import Address
from sdn_orch.guest.resolvers import CAPACITY, PORT_CAPACITY, Resolvers
from sdn_orch.guest.service import respond
from sdn_orch.intent.model import Attachment, Network, Nic, Vpc
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.southbound.base import PacketOut
from sdn_orch.southbound.fake import FakeSwitch
from tests.name_server import Answer, NameServer
from tests.unit.guest.test_name_service import datagram
from tests.unit.guest.test_worker import Nobody
from tests.unit.guest.world import DPID, WORLD, packet_in, shown

FIRST, SECOND = "127.0.0.1", "127.0.0.2"
TRUSTED = frozenset(map(ip_address, (FIRST, SECOND)))
Told = queue.SimpleQueue[Message]


def asked(name: str = "example.org", port: int = 1, by_tcp: bool = False, **more: Any) -> Asked:
    nic, network = WORLD.need(Nic, "web1"), WORLD.need(Network, "web")
    place = replace(WORLD.need(Attachment, "a1"), port=port)
    query = make_query(name, "A", **more)
    return Asked(Guest(nic, network, place), bytes(4), bytes(4), 40000, query, by_tcp)


def found(query: Message, *addresses: str) -> bytes:
    """The answer that the name has these addresses."""
    reply = make_response(query, recursion_available=True)
    reply.answer.append(from_text(query.question[0].name, 60, "IN", "A", *addresses))
    return reply.to_wire(max_size=65_535)


def failed(query: Message) -> Iterable[bytes]:
    reply = make_response(query)
    reply.set_rcode(rcode.SERVFAIL)
    yield reply.to_wire()


def silent(query: Message) -> Iterable[bytes]:
    return ()


@contextmanager
def asking(port: int, patience: float = 5.0) -> Iterator[Resolvers]:
    resolvers = Resolvers(lambda: TRUSTED, port, patience)
    resolvers.start()
    try:
        yield resolvers
    finally:
        resolvers.stop()


def servers(*addresses: str) -> tuple[Address, ...]:
    return tuple(map(ip_address, addresses))


def addresses(message: Message) -> list[str]:
    return [str(record) for each in message.answer for record in each]


def test_what_the_resolver_says_is_passed_on_under_the_guests_own_id() -> None:
    told: Told = queue.SimpleQueue()
    with NameServer(FIRST, 0, lambda query: [found(query, "192.0.2.1")]) as server, asking(server.port) as us:
        for _ in range(8):
            question = asked(use_edns=0, want_dnssec=True)
            assert us.ask(question, servers(FIRST), told.put) is None
            message = told.get(timeout=5)
            assert addresses(message) == ["192.0.2.1"]
            assert message.id == question.query.id
            assert message.flags & flags.RA and message.ednsflags & flags.DO
            assert server.asked[-1].ednsflags & flags.DO
    # Under ids and from ports that cannot be guessed.
    assert len({query.id for query in server.asked}) > 6
    assert len({port for _, port in server.clients}) > 6


def test_what_does_not_answer_the_question_is_not_believed() -> None:
    def forge(query: Message) -> Iterable[bytes]:
        yield (query.id ^ 1).to_bytes(2) + found(query, "192.0.2.66")[2:]
        other = make_query("other.org", "A", id=query.id)
        yield found(other, "192.0.2.66")
        yield query.to_wire()
        yield found(query, "192.0.2.66")[:-3]
        yield b"\0" * 5
        yield found(query, "192.0.2.1")

    told: Told = queue.SimpleQueue()
    with NameServer(FIRST, 0, forge) as server, asking(server.port) as us:
        us.ask(asked(), servers(FIRST), told.put)
        assert addresses(told.get(timeout=5)) == ["192.0.2.1"]


@pytest.mark.parametrize("by_tcp", [False, True])
def test_the_second_resolver_is_asked_where_nobody_listens_at_the_first(by_tcp: bool) -> None:
    told: Told = queue.SimpleQueue()
    with (
        NameServer(SECOND, 0, lambda query: [found(query, "192.0.2.2")]) as second,
        asking(second.port) as us,
    ):
        us.ask(asked(by_tcp=by_tcp), servers(FIRST, SECOND), told.put)
        assert addresses(told.get(timeout=5)) == ["192.0.2.2"]


@pytest.mark.parametrize("by_tcp", [False, True])
@pytest.mark.parametrize("first", [silent, failed])
def test_the_second_resolver_is_asked_when_the_first_cannot_say(first: Answer, by_tcp: bool) -> None:
    told: Told = queue.SimpleQueue()
    with (
        NameServer(SECOND, 0, lambda query: [found(query, "192.0.2.2")]) as second,
        NameServer(FIRST, second.port, first),
        asking(second.port, patience=0.3) as us,
    ):
        us.ask(asked(by_tcp=by_tcp), servers(FIRST, SECOND), told.put)
        assert addresses(told.get(timeout=5)) == ["192.0.2.2"]


def test_who_asks_by_tcp_is_told_what_no_datagram_has_room_for() -> None:
    told: Told = queue.SimpleQueue()
    many = {f"192.0.{n >> 8}.{n & 255}" for n in range(2000)}
    with NameServer(FIRST, 0, lambda query: [found(query, *many)]) as server, asking(server.port) as us:
        us.ask(asked(by_tcp=True, use_edns=0), servers(FIRST), told.put)
        message = told.get(timeout=5)
        assert set(addresses(message)) == many
        assert len(dns_message.stream(message)) > 2000 * 16


def test_a_guest_hears_when_nobody_could_say() -> None:
    told: Told = queue.SimpleQueue()
    with NameServer(FIRST, 0, silent) as server, asking(server.port, patience=0.1) as us:
        us.ask(asked(), servers(FIRST, FIRST), told.put)
        assert told.get(timeout=5).rcode() == rcode.SERVFAIL
    assert len(server.asked) == 2


def test_a_resolver_that_fails_alone_says_so_itself() -> None:
    told: Told = queue.SimpleQueue()
    with NameServer(FIRST, 0, failed) as server, asking(server.port) as us:
        us.ask(asked(), servers(FIRST), told.put)
        assert told.get(timeout=5).rcode() == rcode.SERVFAIL


@pytest.mark.parametrize(
    "resolver", ["127.0.0.9", "10.1.1.9", "169.254.1.1", "224.0.0.251", "::1", "fe80::1", "::ffff:127.0.0.1"]
)
def test_what_a_tenant_states_is_not_asked_where_it_could_not_go_itself(resolver: str) -> None:
    us = Resolvers(lambda: TRUSTED)
    assert us.ask(asked(), servers(resolver), lambda message: None) is rcode.REFUSED
    assert us.ask(asked(), (), lambda message: None) is rcode.REFUSED
    assert us.ask(asked(), servers("9.9.9.9"), lambda message: None) is None
    us.stop()


def test_so_many_questions_may_be_open_and_asking_never_waits() -> None:
    told: Told = queue.SimpleQueue()
    with NameServer(FIRST, 0, silent) as server, asking(server.port, patience=3.0) as us:
        start = time.monotonic()
        codes = [us.ask(asked(), servers(FIRST), told.put) for _ in range(PORT_CAPACITY + 10)]
        assert codes == [None] * PORT_CAPACITY + [rcode.SERVFAIL] * 10
        left = CAPACITY - PORT_CAPACITY
        more = [us.ask(asked(port=2 + n // 20), servers(FIRST), told.put) for n in range(left + 5)]
        assert more == [None] * left + [rcode.SERVFAIL] * 5
        assert time.monotonic() - start < 3.0
        # They are given back when nobody has answered.
        assert {told.get(timeout=10).rcode() for _ in range(CAPACITY)} == {rcode.SERVFAIL}
        assert us.ask(asked(), servers(FIRST), told.put) is None


def test_a_teller_that_stumbles_does_not_end_the_thread() -> None:
    def stumble(message: Message) -> None:
        raise ValueError("stumbled")

    told: Told = queue.SimpleQueue()
    with NameServer(FIRST, 0, lambda query: [found(query, "192.0.2.1")]) as server, asking(server.port) as us:
        us.ask(asked(), servers(FIRST), stumble)
        us.ask(asked(), servers(FIRST), told.put)
        assert addresses(told.get(timeout=5)) == ["192.0.2.1"]


def test_a_guest_gets_its_answer_where_it_asked_unless_it_has_gone() -> None:
    switch = FakeSwitch(DPID)
    datapath = switch.connect(Nobody())
    vpc = replace(WORLD.need(Vpc, "vpc"), dns=(FIRST,))
    world = WORLD.change([Put(vpc)])
    held: queue.SimpleQueue[None] = queue.SimpleQueue()

    def answer(query: Message) -> Iterable[bytes]:
        held.get(timeout=5)
        yield found(query, *(f"192.0.2.{n}" for n in range(200)))

    now: list[Snapshot] = [world]
    query = make_query("example.org", "A")
    packet = packet_in("web1", Punt.DNS, bytes(datagram(query.to_wire())))
    with NameServer(FIRST, 0, answer) as server, asking(server.port) as us:
        respond(lambda: now[0], datapath, packet, us.ask)
        assert not switch.sent
        held.put(None)
        wait(lambda: bool(switch.sent))
        (sent,) = switch.sent
        reply = shown("web1", PacketOut(sent.actions, sent.frame, sent.in_port))
        message = from_wire(bytes(reply[UDP].payload))
        assert message.id == query.id and message.flags & flags.TC and len(reply[UDP].payload) <= 512
        switch.sent.clear()
        respond(lambda: now[0], datapath, packet, us.ask)
        now[0] = world.change([Put(replace(world.need(Attachment, "a1"), port=9))])
        held.put(None)
        wait(lambda: len(server.asked) == 2)
        time.sleep(0.1)
        assert not switch.sent


def wait(condition: Callable[[], bool]) -> None:
    """Until it is so; five seconds at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
