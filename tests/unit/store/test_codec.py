"""Records survive JSON, and nothing else passes for one."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.errors import Invalid
from sdn_orch.intent.model import Capabilities, Network, NetworkKind, Nic, Record, Switch, Transport
from sdn_orch.store.codec import decode, encode, kinds


class Level(IntEnum):
    """An enumeration of numbers."""

    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Point:
    """A value inside a record."""

    x: float
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything(Record):
    """A record with a field of every type that can be stored."""

    text: str
    flag: bool
    amount: float
    level: Level
    when: datetime
    points: tuple[Point, ...]
    pair: tuple[int, str]
    address: IPv4Address | IPv6Address | None
    prefix: IPv4Network | IPv6Network
    either: int | str
    later: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful(Record):
    """A record whose address reads like text: what was meant could not be told."""

    value: str | IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose(Record):
    """A record with a field that cannot be stored."""

    values: dict[str, int]


TEXT = st.text(st.characters(codec="utf-8"))
IDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)
MTUS = st.integers(-(2**70), 2**70)
EVERYTHING = st.builds(
    Everything,
    id=IDS,
    amount=st.floats(allow_nan=False, allow_infinity=False),
    when=st.datetimes(timezones=st.just(UTC)),
    points=st.lists(
        st.builds(Point, x=st.floats(allow_nan=False, allow_infinity=False), label=st.none() | TEXT)
    ).map(tuple),
)
RECORDS = st.one_of(
    EVERYTHING,
    st.builds(Nic, id=IDS, ipv4=st.none() | st.ip_addresses(v=4), ipv6=st.none() | st.ip_addresses(v=6)),
    st.builds(Network, id=IDS, mtu=MTUS),
    st.builds(Switch, id=IDS, capabilities=st.builds(Capabilities)),
)


@given(RECORDS)
def test_what_is_encoded_is_decoded(record: Record) -> None:
    body = encode(record)
    again = decode(type(record), record.id, record.number, body)
    assert again == record
    assert [type(getattr(again, f.name)) for f in fields(record)] == [
        type(getattr(record, f.name)) for f in fields(record)
    ]
    assert body.isascii()


NETWORK = Network(id="n", number=4, account_id="a", name="web", kind=NetworkKind.ISOLATED)
EXAMPLE = Everything(
    id="e",
    text="",
    flag=True,
    amount=1.5,
    level=Level.LOW,
    when=datetime(2026, 1, 2, tzinfo=UTC),
    points=(Point(1.0),),
    pair=(1, "one"),
    address=None,
    prefix=IPv6Network("2001:db8::/64"),
    either=1,
)


def test_the_body_is_plain_json() -> None:
    assert json.loads(encode(EXAMPLE)) == {
        "text": "",
        "flag": True,
        "amount": 1.5,
        "level": 1,
        "when": "2026-01-02T00:00:00+00:00",
        "points": [{"x": 1.0, "label": None}],
        "pair": [1, "one"],
        "address": None,
        "prefix": "2001:db8::/64",
        "either": 1,
        "later": "default",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", b"bytes"),
        ("flag", 1),
        ("amount", 1),
        ("amount", float("nan")),
        ("amount", float("inf")),
        ("level", 1),
        ("when", datetime(2026, 1, 2)),
        ("when", EXAMPLE.when.astimezone().replace(tzinfo=None)),
        ("when", "2026-01-02T00:00:00+00:00"),
        ("points", [Point(1.0)]),
        ("points", (Point(cast("float", 1)),)),
        ("points", ((1.0, None),)),
        ("pair", (1,)),
        ("pair", (1, "one", 2)),
        ("pair", (True, "one")),
        ("address", "10.0.0.1"),
        ("address", IPv4Network("10.0.0.0/24")),
        ("prefix", None),
        ("either", None),
        ("number", None),
    ],
)
def test_a_value_of_another_type_is_not_written(field: str, value: Any) -> None:
    wrong = replace(EXAMPLE, **{field: value})
    with pytest.raises(Invalid, match=f"Everything e: {field}: "):
        encode(wrong)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": 5}, "text: 5 is not of type str"),
        ({"text": None}, "text: None is not of type str"),
        ({"flag": 1}, "flag: 1 is not of type bool"),
        ({"amount": 1}, "amount: 1 is not of type float"),
        ({"amount": 1e999}, "amount: inf is not a number"),
        ({"level": 3}, "level: 3 is not a valid Level"),
        ({"when": "yesterday"}, "when: Invalid isoformat"),
        ({"points": {}}, "points: {} is not of type list"),
        ({"points": [{"x": 1.0, "y": 2}]}, "points: y: Point has no such field"),
        ({"points": [{}]}, "points: x: it is missing"),
        ({"points": [5]}, "points: 5 is not an object"),
        ({"pair": [1]}, "pair: "),
        ({"address": "10.0.0.300"}, "address: "),
        ({"address": "010.0.0.1"}, "address: "),
        ({"address": "2001:DB8::1"}, "address: "),
        ({"address": 5}, "address: "),
        ({"prefix": "10.0.0.1/24"}, "prefix: "),
        ({"prefix": "10.0.0.0"}, "prefix: "),
        ({"either": True}, "either: "),
        ({"newer": 1}, "newer: Everything has no such field; did a newer version write it"),
        ({"id": "other"}, "the body is not an object of fields"),
    ],
)
def test_a_wrong_body_is_named(change: dict[str, Any], said: str) -> None:
    body = {**json.loads(encode(EXAMPLE)), **change}
    with pytest.raises(ValueError) as caught:
        decode(Everything, "e", 1, json.dumps(body).replace("Infinity", "1e999"))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("body", ["", "{", "[]", "5", "null", '{"amount":NaN}', '{"amount":Infinity}'])
def test_what_is_no_object_is_refused(body: str) -> None:
    with pytest.raises(ValueError):
        decode(Everything, "e", 1, body)


def test_an_older_body_takes_defaults_and_a_needed_field_must_be_there() -> None:
    body = json.loads(encode(EXAMPLE))
    del body["later"]
    assert decode(Everything, "e", 0, json.dumps(body)) == EXAMPLE
    del body["text"]
    with pytest.raises(ValueError, match="text: it is missing"):
        decode(Everything, "e", 0, json.dumps(body))


def test_what_could_not_be_told_apart_is_not_written() -> None:
    assert decode(Doubtful, "d", 0, encode(Doubtful(id="d", value="ten"))) == Doubtful(id="d", value="ten")
    for value in ("10.0.0.1", IPv4Address("10.0.0.1")):
        with pytest.raises(Invalid, match="Doubtful d: value"):
            encode(Doubtful(id="d", value=value))


def test_a_field_that_cannot_be_stored_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="records cannot hold dict"):
        encode(Loose(id="l", values={}))


def test_kinds_are_found_by_name_once_each() -> None:
    found = kinds()
    assert found["Network"] is Network
    assert found["Everything"] is Everything
    assert all(kind.__name__ == name and issubclass(kind, Record) for name, kind in found.items())


def test_two_kinds_of_one_name_are_a_fault_of_the_program() -> None:
    taken = type("Network", (Record,), {"__module__": "elsewhere"})
    try:
        with pytest.raises(TypeError, match="two kinds of record are named Network"):
            kinds()
    finally:
        # Classes are told apart by name for as long as they live.
        taken.__name__ = "NotNetwork"


def test_enumerations_and_times_keep_their_types() -> None:
    switch = Switch(id="s", dpid=2**64 - 1, name="leaf", transport=Transport.VXLAN)
    again = decode(Switch, "s", 0, encode(switch))
    assert again.transport is Transport.VXLAN
    assert again.dpid == 2**64 - 1
    later = replace(EXAMPLE, when=EXAMPLE.when + timedelta(microseconds=1))
    assert decode(Everything, "e", 0, encode(later)).when == later.when
    assert decode(Network, "n", 4, encode(NETWORK)) == NETWORK
