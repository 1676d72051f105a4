"""What gateways ask outside: who leads on, seldom while it is known, and often while it is not."""

from __future__ import annotations

from sdn_orch.intent.model import Switch
from sdn_orch.intent.public import NextHop
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.southbound.fake import FakeSwitch
from sdn_orch.uplinks import ANNOUNCED_AT, ANSWERED, UNANSWERED, Uplinks
from tests.golden.worlds import WORLDS
from tests.unit.guest.test_worker import Nobody

#: The number of the switch with the public port, and the gateway of the range.
GATEWAY, UPSTREAM = 2, bytes((203, 0, 113, 1))


def test_a_next_hop_that_is_forgotten_is_asked_for_at_once() -> None:
    snapshot = Snapshot.of(*WORLDS["gateway"])
    (hop,) = snapshot.all(NextHop)
    switch = FakeSwitch(GATEWAY)
    datapath = switch.connect(Nobody())
    world = [snapshot]
    uplinks = Uplinks(lambda: world[0], {GATEWAY: datapath}.get, lambda *_: True)

    def asks(now: float) -> bool:
        switch.sent.clear()
        uplinks.tick(now)
        return any(frame.endswith(UPSTREAM) for _, frame, *_ in switch.sent)

    assert asks(100.0)
    assert not asks(101.0) and not asks(100.0 + ANSWERED - 0.1)
    assert asks(100.0 + ANSWERED)
    # It goes and its question stays: another private gateway may have come in place of one.
    world[0] = snapshot.change([Delete(NextHop, hop.id)])
    assert asks(105.0 + ANSWERED)
    assert not asks(105.0 + ANSWERED + UNANSWERED / 2)
    assert asks(105.0 + ANSWERED + UNANSWERED)
    world[0] = world[0].change([Put(NextHop(id="again", range_id=hop.range_id, mac=hop.mac))])
    assert not asks(107.0 + ANSWERED)


def test_what_comes_is_announced_each_time_also_by_a_frame_that_no_switch_outside_has_seen() -> None:
    snapshot = Snapshot.of(*WORLDS["gateway"])
    switch = FakeSwitch(GATEWAY)
    uplinks = Uplinks(lambda: snapshot, {GATEWAY: switch.connect(Nobody())}.get, lambda *_: True)
    nowhere: list[bytes] = []
    for pause in ANNOUNCED_AT:
        switch.sent.clear()
        uplinks.tick(100.0 + pause)
        frames = [frame for _, frame, *_ in switch.sent if not frame.endswith(UPSTREAM)]
        said = [frame for frame in frames if frame.startswith(b"\xff" * 6)]
        assert sorted(frame[-4:] for frame in said) == [bytes((203, 0, 113, host)) for host in (10, 11)]
        (other,) = (frame for frame in frames if frame not in said)
        # From the router, to nobody, and no group's address.
        assert other[6:] in {frame[6:] for frame in said} and not other[0] & 1
        nowhere.append(other[:6])
    assert len(set(nowhere)) == len(ANNOUNCED_AT)


def test_what_comes_is_announced_when_its_switch_serves_it_and_not_before() -> None:
    snapshot = Snapshot.of(*WORLDS["gateway"])
    switch, serving = FakeSwitch(GATEWAY), set[str]()
    session = switch.connect(Nobody())
    uplinks = Uplinks(lambda: snapshot, {GATEWAY: session}.get, lambda id, _revision: id in serving)

    def announced(now: float) -> int:
        switch.sent.clear()
        uplinks.tick(now)
        return len([frame for _, frame, *_ in switch.sent if not frame.endswith(UPSTREAM)])

    assert not any(announced(100.0 + pause) for pause in (*ANNOUNCED_AT, 10.0))
    serving.add(snapshot.where(Switch, "dpid", GATEWAY)[0].id)
    assert all(announced(200.0 + pause) for pause in ANNOUNCED_AT)
    assert not announced(210.0)
    # A session of which nobody knows what it held.
    serving.clear()
    uplinks.connected(snapshot.where(Switch, "dpid", GATEWAY)[0].id)
    assert not announced(300.0)
    serving.add(snapshot.where(Switch, "dpid", GATEWAY)[0].id)
    assert announced(301.0)
