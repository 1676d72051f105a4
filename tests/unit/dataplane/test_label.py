"""Labels are MAC addresses that say path, switch and destination."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.dataplane import label
from sdn_orch.dataplane.label import Label
from sdn_orch.intent.model import Network, Nic, Switch

labels = st.builds(
    Label,
    path=st.integers(0, label.PATHS - 1),
    switch=st.integers(1, Switch.LARGEST_NUMBER),
    destination=st.integers(0, Nic.LARGEST_NUMBER),
    flood=st.booleans(),
)


@given(labels)
def test_a_label_says_what_it_was_made_of(one: Label) -> None:
    octets = label.encode(one).to_bytes(6, "big")
    assert octets[0] & 0x03 == 0x02, "locally administered, and no group address"
    assert (octets[0] >> 2, int.from_bytes(octets[1:3], "big")) == (one.path, one.switch)
    assert (octets[3] >> 7, int.from_bytes(octets[3:], "big") & 0x7FFFFF) == (one.flood, one.destination)


@given(labels, labels)
def test_masks_tell_labels_apart(one: Label, other: Label) -> None:
    a, b = label.encode(one), label.encode(other)
    assert (a & label.WAY_MASK == b & label.WAY_MASK) == (
        (one.path, one.switch) == (other.path, other.switch)
    )
    assert (a & label.SWITCH_MASK == b & label.SWITCH_MASK) == (one.switch == other.switch)
    same = (one.switch, one.destination, one.flood) == (other.switch, other.destination, other.flood)
    assert (a & label.DESTINATION_MASK == b & label.DESTINATION_MASK) == same


@given(labels, st.integers(0, label.PATHS - 1))
def test_a_detour_rewrites_the_path_alone(one: Label, path: int) -> None:
    changed = label.encode(one) & ~label.PATH_MASK | label.path_bits(path)
    assert changed == label.encode(Label(path, one.switch, one.destination, one.flood))


def test_examples() -> None:
    assert label.to_nic(1, 2) == 0x020001000002
    assert label.to_network(0x1234, 5) == 0x021234800005
    assert label.way(label.SECOND_DETOUR, 1) == 0x0A0001000000
    assert label.to_outside(0x1234, 5) == 0x021234C00005
    assert Network.LARGEST_NUMBER == 0x3FFFFF and Nic.LARGEST_NUMBER == 0x7FFFFF


@pytest.mark.parametrize(
    "wrong", [Label(64, 1, 1), Label(-1, 1, 1), Label(0, 0, 1), Label(0, 1 << 16, 1), Label(0, 1, 1 << 23)]
)
def test_what_does_not_fit_is_refused(wrong: Label) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        label.encode(wrong)
