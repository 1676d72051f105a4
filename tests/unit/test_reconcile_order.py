"""Which switches go first when something changes: no packet is sent to one that does not expect it yet."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.intent.model import Attachment, Link, Source
from sdn_orch.precedence import leading

CABLE = Link(id="cable", a_switch_id="leaf2", a_port=1, b_switch_id="spine1", b_port=2)
CUT = replace(CABLE, up=False)
SWITCHES = {"leaf1", "leaf2", "spine1", "spine2"}


def test_the_ends_of_a_cable_that_comes_go_first() -> None:
    for change in ((CUT, CABLE), (None, CABLE)):
        assert leading([change], SWITCHES) == {"leaf2", "spine1"}


def test_the_ends_of_a_cable_that_goes_wait_for_all_others() -> None:
    for change in ((CABLE, CUT), (CABLE, None)):
        assert leading([change], SWITCHES) == {"leaf1", "spine2"}


def test_a_cable_that_stays_down_or_up_puts_nobody_first() -> None:
    for change in ((CUT, replace(CUT, capacity=1)), (CABLE, replace(CABLE, capacity=1)), (CUT, None)):
        assert leading([change], SWITCHES) == set()


def test_the_edge_to_which_a_nic_comes_goes_first_if_anything_changes_there() -> None:
    place = Attachment(id="place", nic_id="nic", switch_id="leaf1", port=3, source=Source.OVSDB)
    assert leading([(None, place)], SWITCHES) == {"leaf1"}
    assert leading([(None, place)], {"leaf2"}) == set()
    assert leading([(place, None)], SWITCHES) == set()
