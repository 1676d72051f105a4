"""Hypothesis strategies for OpenFlow values that a version can say."""

from __future__ import annotations

from hypothesis import strategies as st

from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.values import (
    ANY,
    CONTROLLER,
    IN_PORT,
    OPENFLOW_13,
    Action,
    ApplyGroup,
    Bucket,
    CheckPacketLarger,
    Clone,
    CopyField,
    DecrementTtl,
    Flow,
    Group,
    GroupType,
    HashSource,
    Learn,
    Match,
    Meter,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    Side,
    Track,
    Translate,
    Untrack,
    UseMeter,
)

VERSIONS = (0x04, 0x06)
numbers = st.integers(0, 0xFFFFFFFF)
tables = st.integers(0, 254)


def _values(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


@st.composite
def matches(draw: st.DrawFn) -> Match:
    """Any fields together, exact or masked; whether a switch takes them together is not asked."""
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=8))
    fields: dict[str, int | tuple[int, int]] = {}
    for name in chosen:
        field = FIELDS[name]
        value = draw(_values(field.bits))
        if field.maskable and draw(st.booleans()):
            fields[name] = (value, draw(_values(field.bits)))
        else:
            fields[name] = value
    return Match.of(**fields)


@st.composite
def set_fields(draw: st.DrawFn) -> SetField:
    """A set-field in the form in which it is read back: no full mask, no value outside the mask."""
    field = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]
    full = (1 << field.bits) - 1
    # Open vSwitch sets the input port under a name of 16 bits.
    value = draw(_values(16 if field.name == "in_port" else field.bits))
    mask = draw(st.integers(1, full)) if field.maskable and draw(st.booleans()) else None
    return (
        SetField(field.name, value, None)
        if mask in (None, full)
        else SetField(field.name, value & mask, mask)
    )


@st.composite
def copy_fields(draw: st.DrawFn) -> CopyField:
    """A copy that stays within both fields."""
    source, target = (FIELDS[draw(st.sampled_from(sorted(FIELDS)))] for _ in range(2))
    bits = draw(st.integers(1, min(source.bits, target.bits)))
    return CopyField(
        source.name,
        target.name,
        bits,
        draw(st.integers(0, source.bits - bits)),
        draw(st.integers(0, target.bits - bits)),
    )


simple_actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Output, st.one_of(numbers, st.sampled_from((IN_PORT, CONTROLLER))), st.integers(0, 0xFFFF)),
    st.builds(ApplyGroup, numbers),
    st.just(PushVlan()),
    st.just(PopVlan()),
    st.just(DecrementTtl()),
    st.builds(Resubmit, st.integers(0, 255)),
    st.builds(
        CheckPacketLarger,
        st.integers(0, 0xFFFF),
        st.sampled_from(("reg0", "reg1", "reg2", "reg3")),
        st.integers(0, 31),
    ),
    st.builds(
        Learn,
        table=st.integers(0, 254),
        priority=st.integers(0, 0xFFFF),
        cookie=st.integers(1, 2**64 - 1),
        idle_timeout=st.integers(0, 0xFFFF),
        limit=numbers,
        match=st.builds(
            lambda number: Match.of(eth_type=0x0800, reg3=(number << 10, 0xFFFFFC00)),
            st.integers(0, 2**22 - 1),
        ),
        own=st.sampled_from(((), ("ipv4_src",), ("ipv4_src", "ipv4_dst"))),
        then=st.sampled_from(((), (SetField("reg0", 7),), (SetField("reg1", 0xA0, 0xF0),))),
    ),
    st.builds(HashSource, st.sampled_from(("reg0", "reg1", "reg2", "reg3")), st.integers(1, 16)),
    st.builds(
        Track,
        st.integers(0, 0xFFFF) | st.sampled_from(("reg0", "reg1", "reg2", "reg3")),
        st.none() | st.integers(0, 254),
        translated=st.booleans(),
        commit=st.just(False),
    ),
    st.builds(
        Track,
        numbers.map(lambda number: number & 0xFFFF),
        st.none() | st.integers(0, 254),
        commit=st.just(True),
        to=st.none()
        | st.builds(
            Translate, st.sampled_from(Side), st.integers(0, 0xFFFFFFFF), st.none() | st.integers(0, 0xFFFF)
        ),
        alg=st.sampled_from((0, 21, 69)),
        mark=st.integers(0, 0xFFFFFFFF),
        label=st.integers(0, 2**128 - 1),
    ),
    st.just(Untrack()),
    set_fields(),
    copy_fields(),
)
meters = st.builds(UseMeter, numbers)


clones = st.lists(simple_actions, max_size=3).map(lambda actions: Clone(tuple(actions)))


@st.composite
def action_lists(draw: st.DrawFn, version: int) -> tuple[Action, ...]:
    """What a flow may do: a meter only first in 1.3, anywhere in 1.5."""
    if version == OPENFLOW_13:
        first = draw(st.lists(meters, max_size=1))
        return (*first, *draw(st.lists(st.one_of(simple_actions, clones), max_size=5)))
    return tuple(draw(st.lists(st.one_of(simple_actions, clones, meters), max_size=6)))


@st.composite
def flows(draw: st.DrawFn, version: int) -> Flow:
    """Any flow."""
    metadata = draw(st.none() | st.tuples(_values(64), _values(64)))
    return Flow(
        draw(tables),
        draw(st.integers(0, 0xFFFF)),
        draw(matches()),
        draw(action_lists(version)),
        None if metadata is None else (metadata[0] & metadata[1], metadata[1]),
        draw(st.none() | tables),
    )


@st.composite
def groups(draw: st.DrawFn) -> Group:
    """Any group; weights only where they mean something."""
    kind = draw(st.sampled_from(GroupType))
    weight = st.integers(0, 0xFFFF) if kind == GroupType.SELECT else st.just(1)
    buckets = st.builds(
        Bucket,
        st.lists(simple_actions, max_size=4).map(tuple),
        weight,
        st.one_of(st.just(ANY), numbers),
        st.one_of(st.just(ANY), numbers),
    )
    return Group(draw(numbers), kind, tuple(draw(st.lists(buckets, max_size=5))))


drop_meters = st.builds(Meter, numbers, numbers, numbers, st.booleans())
