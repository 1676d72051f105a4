"""Connections of the simulator, where that is easily got wrong: as Open vSwitch showed with packets."""

from __future__ import annotations

from collections.abc import Mapping

from sdn_orch.dataplane.connections import Connections, Found
from sdn_orch.dataplane.stages.protocols import ECHO_REPLY, ECHO_REQUEST, ICMP, UDP
from sdn_orch.openflow.values import ConnectionState, Side, Track, Translate

ZONE = 5
NEW, REPLY, INVALID = ConnectionState.NEW, ConnectionState.REPLY, ConnectionState.INVALID
BEGIN = Track(ZONE, commit=True)


def echo(kind: int, source: int, destination: int) -> Mapping[str, int]:
    addresses = {"ipv4_src": source, "ipv4_dst": destination}
    return {**addresses, "ip_proto": ICMP, "icmpv4_type": kind, "icmpv4_code": 0}


def udp(source: int, port: int, destination: int, to_port: int) -> Mapping[str, int]:
    ports = {"udp_src": port, "udp_dst": to_port}
    return {"ipv4_src": source, "ipv4_dst": destination, "ip_proto": UDP, **ports}


def test_the_answer_to_an_echo_begins_nothing_and_who_is_asked_may_ask() -> None:
    tracked, same = Connections(), (7).to_bytes(2, "big") + bytes(6)

    def state(action: Track, kind: int, source: int, destination: int) -> int:
        return tracked.look_up(action, echo(kind, source, destination), same).state

    assert state(BEGIN, ECHO_REPLY, 1, 2) & INVALID
    assert state(BEGIN, ECHO_REQUEST, 1, 2) & NEW
    assert state(Track(ZONE), ECHO_REQUEST, 2, 1) & NEW, "that is another one"
    assert state(Track(ZONE), ECHO_REPLY, 2, 1) & REPLY
    assert state(Track(ZONE), ECHO_REPLY, 1, 2) & INVALID


def test_who_asks_one_place_by_two_addresses_is_told_apart_by_another_port() -> None:
    tracked, to = Connections(), Translate(Side.DESTINATION, 9, 80)
    by_port: dict[int, int] = {}
    for front in (3, 4):
        found: Found = tracked.look_up(Track(ZONE, commit=True, to=to), udp(1, 5000, front, 80), b"")
        assert (found.changes["ipv4_dst"], found.changes["udp_dst"]) == (9, 80)
        by_port[found.changes["udp_src"]] = front
    assert len(by_port) == 2
    for port, front in by_port.items():
        back = tracked.look_up(Track(ZONE, translated=True), udp(9, 80, 1, port), b"")
        assert back.state & REPLY
        assert (back.changes["ipv4_src"], back.changes["udp_dst"]) == (front, 5000)
