"""Discovery over cables in memory: speed, patience, pace, and what a tenant may try."""

from __future__ import annotations

import random

import pytest
from scapy.contrib.lldp import LLDPDU, LLDPDUChassisID, LLDPDUGenericOrganisationSpecific, LLDPDUPortID
from scapy.layers.l2 import Ether

from sdn_orch.southbound import lldp
from sdn_orch.southbound.discovery import STEADY_RATE, URGENT_RATE
from tests.unit.southbound.fabric import Fabric, port

A, B, C, D = (1, 1), (2, 1), (2, 2), (3, 1)
KEY = bytes(range(32))


def linked() -> Fabric:
    fabric = Fabric({A: B})
    fabric.start((1, [1]), (2, [1, 2]), (3, [1]))
    fabric.run(1)
    assert fabric.up == {(A, B): True}
    return fabric


def test_a_link_is_found_within_a_tenth_of_a_second() -> None:
    fabric = Fabric({A: B})
    fabric.start((1, [1]), (2, [1]))
    fabric.step()
    fabric.step()
    assert fabric.up == {(A, B): True}


def test_one_direction_is_no_link() -> None:
    fabric = Fabric()
    fabric.cables = {A: B}
    fabric.start((1, [1]), (2, [1]))
    fabric.run(30)
    assert fabric.up == {}


def test_a_port_that_goes_down_takes_its_link_down_at_once_and_brings_it_back_in_a_second() -> None:
    fabric = linked()
    fabric.run(100)
    fabric.change(A, False)
    assert fabric.up == {(A, B): False} and fabric.ports[A] is False
    fabric.run(5)
    assert fabric.up == {(A, B): False}
    fabric.change(A, True)
    fabric.run(0.3)
    assert fabric.up == {(A, B): True} and fabric.ports[A] is True


def test_a_port_at_which_the_switch_finds_the_other_end_dead_takes_its_link_out_of_use() -> None:
    fabric = linked()
    fabric.change(A, True, live=False)
    assert fabric.up == {(A, B): False} and fabric.ports[A] is False
    # That LLDP gets through says nothing about it.
    fabric.run(60)
    assert fabric.up == {(A, B): False} and fabric.ports[A] is False
    fabric.change(A, True)
    assert fabric.up == {(A, B): True} and fabric.ports[A] is True


def test_a_port_that_answers_again_after_its_link_was_lost_is_linked_at_once() -> None:
    fabric = linked()
    fabric.change(A, True, live=False)
    fabric.cables.clear()
    fabric.run(60)
    fabric.cables = {A: B, B: A}
    fabric.change(A, True)
    fabric.run(0.3)
    assert fabric.up == {(A, B): True}


def test_a_moved_cable_is_known_though_the_old_end_is_watched_still() -> None:
    fabric = linked()
    fabric.cables = {A: D, D: A}
    fabric.change(A, True, live=False)
    fabric.run(60)
    assert fabric.up == {(A, B): False, (A, D): False}
    fabric.change(A, True)
    assert fabric.up[A, D]


def test_a_port_that_is_dead_when_its_switch_comes_back() -> None:
    fabric = linked()
    fabric.discovery.switch_down(1)
    fabric.take(fabric.discovery.switch_up(1, [port(1, live=False)], fabric.now))
    assert fabric.ports[A] is False
    fabric.run(1)
    assert fabric.up == {(A, B): False}
    fabric.change(A, True)
    assert fabric.up == {(A, B): True}


def test_a_removed_port_takes_its_link_down() -> None:
    fabric = linked()
    fabric.change(B, True, removed=True)
    assert fabric.up == {(A, B): False} and fabric.ports[B] is False
    fabric.run(60)
    assert not fabric.up[A, B]


@pytest.mark.parametrize("direction", [A, B])
def test_a_link_silent_in_one_direction_is_lost_after_its_patience(direction: tuple[int, int]) -> None:
    fabric = linked()
    fabric.run(60)
    assert fabric.up[A, B]
    del fabric.cables[direction]
    fabric.run(14)
    assert fabric.up[A, B]
    fabric.run(8)
    assert not fabric.up[A, B]
    fabric.cables[A], fabric.cables[B] = B, A
    fabric.run(6)
    assert fabric.up[A, B]


def test_a_moved_cable_is_a_new_link() -> None:
    fabric = linked()
    fabric.change(A, False)
    fabric.cables = {A: D, D: A}
    fabric.change(A, True)
    fabric.change(D, False)
    fabric.change(D, True)
    fabric.run(1)
    assert fabric.up == {(A, B): False, (A, D): True}


def test_the_capacity_is_the_slower_ports_speed() -> None:
    fabric = Fabric({A: B})
    fabric.discovery.switch_up(1, [port(1, speed=40_000)], fabric.now)
    fabric.discovery.switch_up(2, [port(1, speed=25_000)], fabric.now)
    frames, _ = fabric.discovery.tick(fabric.now)
    seen = [
        one
        for dpid, n, frame in frames
        for one in fabric.discovery.lldp_received(*fabric.cables[dpid, n], frame, 0)
    ]
    assert [one.capacity for one in seen if hasattr(one, "capacity")] == [25_000]


def test_a_lost_session_says_nothing_about_links() -> None:
    fabric = linked()
    fabric.discovery.switch_down(1)
    fabric.run(300)
    assert fabric.up == {(A, B): True}
    fabric.start((1, [1]))
    fabric.run(60)
    assert fabric.up == {(A, B): True}
    fabric.discovery.switch_down(1)
    fabric.cables.clear()
    fabric.start((1, [1]))
    fabric.run(30)
    assert fabric.up == {(A, B): False}


def test_ports_that_went_down_or_away_while_a_switch_was_gone_take_their_links_down() -> None:
    for ports in ([port(1, up=False)], []):
        fabric = linked()
        fabric.discovery.switch_down(1)
        fabric.take(fabric.discovery.switch_up(1, ports, fabric.now))
        assert fabric.up == {(A, B): False}


def test_the_peer_of_a_lost_session_still_takes_the_link_down() -> None:
    fabric = linked()
    fabric.discovery.switch_down(1)
    fabric.change(B, False)
    assert fabric.up == {(A, B): False}


def test_links_of_an_earlier_run_stand_until_they_prove_silent() -> None:
    for cables, expected in (({A: B}, True), ({}, False)):
        fabric = Fabric(cables)
        fabric.discovery.expect([(B, A)])
        fabric.start((1, [1]))
        fabric.run(100)
        assert fabric.up == {}
        fabric.start((2, [1, 2]))
        fabric.run(15)
        assert fabric.up.get((A, B)) is not False
        fabric.run(15)
        assert fabric.up[A, B] is expected


def test_a_second_session_of_a_switch_before_the_end_of_the_first_is_a_new_beginning() -> None:
    fabric = linked()
    fabric.start((1, [1]))
    fabric.run(30)
    assert fabric.up == {(A, B): True}
    assert fabric.discovery.port_up(A)


def test_port_state_is_told_where_discovery_is_off() -> None:
    fabric = Fabric({A: B}, enabled=False)
    fabric.start((1, [1]), (2, [1]))
    fabric.run(30)
    assert fabric.sent == [] and fabric.up == {} and fabric.ports == {A: True, B: True}
    fabric.change(A, False)
    assert not fabric.discovery.port_up(A) and fabric.discovery.port_up(B)
    assert fabric.discovery.port_up((9, 9)) and not fabric.discovery.port_up((1, 7))


def test_everything_is_told_again_after_a_while() -> None:
    fabric = linked()
    fabric.up.clear()
    fabric.ports.clear()
    fabric.run(31)
    assert fabric.up == {(A, B): True} and fabric.ports.keys() == {A, B, C, D}


# --- what a tenant may try -------------------------------------------------------------------------


def test_nothing_is_sent_to_a_tenants_port_nor_believed_from_it() -> None:
    fabric = Fabric({A: B}, tenants={B})
    fabric.start((1, [1]), (2, [1]))
    fabric.run(60)
    assert fabric.up == {}
    assert {end for _, end, _ in fabric.sent} == {A}
    assert fabric.discovery.ignored["tenant's port"] > 0


def test_a_port_that_becomes_a_tenants_loses_its_link() -> None:
    fabric = linked()
    fabric.tenants.add(B)
    fabric.run(1)
    assert fabric.up == {(A, B): False}


def test_a_forged_frame_is_ignored() -> None:
    fabric = linked()
    fabric.run(20)
    real = lldp.read(fabric.last(D))
    assert real is not None
    forged = lldp.write(lldp.head(3, 1, "02:00:00:00:00:01"), bytes(32), 3, 1, real.sequence)
    fabric.receive(C, forged)
    assert fabric.discovery.ignored["forged"] == 1
    # Another port's name in a frame with a real proof is as good as a forgery.
    genuine = fabric.last(D)
    body = genuine.replace((3).to_bytes(8) + (1).to_bytes(4), (3).to_bytes(8) + (2).to_bytes(4))
    assert body != genuine
    fabric.receive(C, body)
    assert fabric.discovery.ignored["forged"] == 2
    fabric.run(1)
    assert fabric.up == {(A, B): True}


def test_a_replayed_frame_is_ignored() -> None:
    fabric = linked()
    old_d, old_c, old_a = fabric.last(D), fabric.last(C), fabric.last(A)
    fabric.run(200)
    for end, frame in ((C, old_d), (D, old_c), (C, old_a)):
        fabric.receive(end, frame)
    assert fabric.discovery.ignored["out of date"] == 3
    # The newest frame of a linked port, replayed elsewhere.
    fabric.receive(C, fabric.last(A))
    assert fabric.discovery.ignored["heard elsewhere"] == 1
    assert fabric.up == {(A, B): True}


def test_a_living_link_cannot_be_taken_over() -> None:
    fabric = linked()
    fabric.run(50)
    fabric.receive(B, fabric.last(D))
    assert fabric.discovery.ignored["port has another link"] == 1
    fabric.run(50)
    assert fabric.up == {(A, B): True}


def test_frames_that_are_not_ours_are_ignored() -> None:
    fabric = linked()
    generator = random.Random(7)
    real = fabric.last(A)
    frames = [generator.randbytes(generator.randrange(200)) for _ in range(2000)]
    frames += [real[:14] + generator.randbytes(60) for _ in range(2000)]
    frames += [real[:cut] for cut in range(len(real) - 2)]
    for _ in range(3000):
        changed = bytearray(real)
        changed[generator.randrange(14, len(real) - 2)] ^= 1 << generator.randrange(8)
        frames.append(bytes(changed))
    for frame in frames:
        fabric.receive(C, frame)
    assert fabric.up == {(A, B): True}


# --- pace --------------------------------------------------------------------------------------------


def test_five_thousand_ports_start_bounded_and_stay_under_the_steady_rate() -> None:
    cables = {(d, p): (d + 50, p) for d in range(1, 51) for p in range(1, 26)}
    fabric = Fabric(cables)
    fabric.start(*((d, range(1, 51)) for d in range(1, 101)))
    fabric.run(60)
    assert sum(fabric.up.values()) == len(cables) == 1250
    start = min(at for at, _, _ in fabric.sent)
    first_second = [at for at, _, _ in fabric.sent if at < start + 1]
    assert len(first_second) <= URGENT_RATE * 1.5
    found = len(fabric.sent)
    fabric.run(200)
    assert (len(fabric.sent) - found) / 200 <= STEADY_RATE
    assert all(fabric.up.values())
    # A link that comes up is found fast all the same.
    fabric.change((1, 1), False)
    assert not fabric.up[(1, 1), (51, 1)]
    fabric.change((1, 1), True)
    fabric.run(0.5)
    assert fabric.up[(1, 1), (51, 1)]


def test_a_silent_port_is_asked_rarely() -> None:
    fabric = Fabric()
    fabric.start((1, [1]))
    fabric.run(10)
    assert 5 <= len(fabric.sent) <= 7
    fabric.run(100)
    assert len(fabric.sent) <= 9


# --- bytes -------------------------------------------------------------------------------------------


def test_the_frame_is_lldp() -> None:
    frame = lldp.write(lldp.head(0x2A, 7, "02:00:00:00:00:07"), KEY, 0x2A, 7, 99)
    shown = Ether(frame)
    assert (shown.dst, shown.src, shown.type) == ("01:80:c2:00:00:0e", "02:00:00:00:00:07", 0x88CC)
    assert LLDPDU in shown
    assert shown[LLDPDUChassisID].id == b"000000000000002a"
    assert shown[LLDPDUPortID].id == b"7"
    assert shown[LLDPDUGenericOrganisationSpecific].org_code == 0x0E5D4C
    assert bytes(shown) == frame
    said = lldp.read(frame)
    assert said is not None and (said.dpid, said.port, said.sequence) == (0x2A, 7, 99)
    assert lldp.is_genuine(KEY, said)
    assert not lldp.is_genuine(bytes(32), said)
