"""Records as JSON text and back, strictly by the type hints of their fields.

Strict both ways: what is written can be read again and is equal, else writing fails; what is read must
be of the types declared. A field that an older version did not write takes its default; a field that
this version does not know means that a newer version wrote the record, and is an error.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import types
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from functools import cache, partial
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from math import isfinite
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from sdn_orch.errors import Invalid
from sdn_orch.intent.model import Record

R = TypeVar("R", bound=Record)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


_PARSER = json.JSONDecoder(parse_constant=_no_constant)

_FAMILIES = {IPv4Address: socket.AF_INET, IPv6Address: socket.AF_INET6}
_ADDRESSES = (IPv4Network, IPv6Network, IPv4Interface, IPv6Interface)
#: Kept beside the body, as columns of their own.
_COLUMNS = ("id", "number")


@dataclasses.dataclass(frozen=True, slots=True)
class _Codec:
    """A pair of functions for one type; both raise ValueError or TypeError on what is not of it.

    What is of type `same` is the same in JSON and needs neither.
    """

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    same: type | None = None


def kinds() -> dict[str, type[Record]]:
    """Every kind of record that is imported, by its class name; raises TypeError if two share a name."""
    found: dict[str, type[Record]] = {}
    waiting = list(Record.__subclasses__())
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        known = found.get(kind.__name__)
        # A dataclass with slots is made twice, and the first one lingers: the last one counts.
        if known is not None and (known.__module__, known.__qualname__) != (
            kind.__module__,
            kind.__qualname__,
        ):
            raise TypeError(
                f"two kinds of record are named {kind.__name__}: {known.__module__}, {kind.__module__}"
            )
        found[kind.__name__] = kind
    return found


def encode(record: Record) -> str:
    """The record's body as JSON; raises Invalid naming record and field if a value is not of its type."""
    body = {}
    for name, codec, _ in _fields(type(record)):
        try:
            body[name] = codec.encode(getattr(record, name))
        except (TypeError, ValueError) as error:
            raise Invalid(f"{type(record).__name__} {record.id}: {name}: {error}") from error
    for name in _COLUMNS:
        del body[name]
    if not record.id or not record.id.isprintable():
        raise Invalid(f"{type(record).__name__} {record.id!r}: id: it is empty or cannot be printed")
    return json.dumps(body, allow_nan=False, separators=(",", ":"))


def decode(kind: type[R], id: str, number: int, body: str) -> R:
    """The record that was encoded; raises ValueError naming the field."""
    values, end = _PARSER.raw_decode(body)
    if end != len(body) or type(values) is not dict or not values.keys().isdisjoint(_COLUMNS):
        raise ValueError("the body is not an object of fields")
    values["id"], values["number"] = id, number
    record: R = _decode_object(kind, values)
    return record


#: Name, codec and whether it may be left out, for each field of a dataclass.
_Fields = tuple[tuple[str, _Codec, bool], ...]
_KNOWN: dict[type, _Fields] = {}


def _fields(kind: type[Any]) -> _Fields:
    fields = _KNOWN.get(kind)
    if fields is None:
        hints = get_type_hints(kind)
        fields = _KNOWN[kind] = tuple(
            (
                field.name,
                _codec(hints[field.name]),
                field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING,
            )
            for field in dataclasses.fields(kind)
        )
    return fields


def _encode_object(kind: type[Any], value: object) -> dict[str, Any]:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not a {kind.__name__}")
    return {name: codec.encode(getattr(value, name)) for name, codec, _ in _fields(kind)}


def _decode_object(kind: type[Any], values: object) -> Any:
    if not isinstance(values, dict):
        raise TypeError(f"{values!r} is not an object")
    arguments = {}
    for name, codec, optional in _fields(kind):
        if name in values:
            value = values[name]
            if type(value) is not codec.same:
                try:
                    value = codec.decode(value)
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{name}: {error}") from error
            arguments[name] = value
        elif not optional:
            raise ValueError(f"{name}: it is missing")
    if len(arguments) < len(values):
        unknown = min(values.keys() - arguments.keys())
        raise ValueError(f"{unknown}: {kind.__name__} has no such field; did a newer version write it?")
    return kind(**arguments)


@cache
def _codec(hint: Any) -> _Codec:
    """The codec for one type hint; raises TypeError for types that records cannot have."""
    if hint is float:
        return _Codec(_finite, _finite)
    if hint in (str, int, bool, type(None)):
        check = partial(_exactly, hint)
        return _Codec(check, check, hint)
    if (family := _FAMILIES.get(hint)) is not None:
        return _Codec(
            lambda value: str(_exactly(hint, value)), lambda value: _single_address(hint, family, value)
        )
    if hint in _ADDRESSES:
        return _Codec(lambda value: str(_exactly(hint, value)), lambda value: _address(hint, value))
    if hint is datetime:
        return _Codec(_encode_time, lambda value: datetime.fromisoformat(_exactly(str, value)))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _Codec(lambda value: _exactly(hint, value).value, hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _Codec(partial(_encode_object, hint), partial(_decode_object, hint))
    if get_origin(hint) is tuple:
        return _tuple_codec(get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return _union_codec(get_args(hint))
    raise TypeError(f"records cannot hold {hint}")


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


def _finite(value: object) -> float:
    number: float = _exactly(float, value)
    if not isfinite(number):
        raise ValueError(f"{number} is not a number that JSON has")
    return number


def _address(kind: type, value: object) -> object:
    address = kind(_exactly(str, value))
    if str(address) != value:
        raise ValueError(f"{value!r} should read {address}")
    return address


def _single_address(kind: type[Any], family: socket.AddressFamily, value: object) -> object:
    """As `_address`, at a tenth of the cost where the system's own functions agree on the text."""
    try:
        packed = socket.inet_pton(family, cast("str", value))
        # They write the last four octets of some IPv6 addresses with dots, as `ipaddress` does not.
        if socket.inet_ntop(family, packed) == value and (family is socket.AF_INET or "." not in value):
            return kind(packed)
    except (OSError, TypeError, ValueError):
        pass
    return _address(kind, value)


def _encode_time(value: datetime) -> str:
    if _exactly(datetime, value).tzinfo is not UTC:
        raise ValueError(f"{value} is not in UTC")
    return value.isoformat()


def _tuple_codec(members: tuple[Any, ...]) -> _Codec:
    if len(members) == 2 and members[1] is Ellipsis:
        member = _codec(members[0])
        return _Codec(
            lambda value: [member.encode(each) for each in _exactly(tuple, value)],
            lambda value: tuple(member.decode(each) for each in _exactly(list, value)),
        )
    codecs = tuple(_codec(each) for each in members)
    return _Codec(
        lambda value: [
            codec.encode(each) for codec, each in zip(codecs, _exactly(tuple, value), strict=True)
        ],
        lambda value: tuple(
            codec.decode(each) for codec, each in zip(codecs, _exactly(list, value), strict=True)
        ),
    )


def _union_codec(members: tuple[Any, ...]) -> _Codec:
    if len(members) == 2 and type(None) in members:
        (some,) = (_codec(each) for each in members if each is not type(None))
        return _Codec(
            lambda value: None if value is None else some.encode(value),
            lambda value: None if value is None else some.decode(value),
            some.same,
        )
    codecs = [_codec(each) for each in members]
    decode = partial(_decode_union, codecs)
    return _Codec(partial(_encode_union, codecs, decode), decode)


def _encode_union(codecs: list[_Codec], decode: Callable[[Any], Any], value: object) -> object:
    for codec in codecs:
        try:
            encoded = codec.encode(value)
        except (TypeError, ValueError):
            continue
        # Two members may look the same in JSON: then it could not be told which one was meant.
        if decode(encoded) == value:
            return encoded
    raise TypeError(f"{value!r} is of none of the types declared")


def _decode_union(codecs: list[_Codec], value: object) -> object:
    found = []
    for codec in codecs:
        try:
            found.append(codec.decode(value))
        except (TypeError, ValueError):
            continue
    if len(found) != 1:
        raise ValueError(f"{value!r} is of {len(found)} of the types declared, not of one")
    return found[0]
