"""Parameters: what a command takes, of which type, and how its text is read.

A parameter is declared once and used as a key: `call[ZONE]` has the type that `ZONE` reads.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Generic, TypeVar
from uuid import UUID

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.callers import Access, Caller, check_access
from sdn_orch.northbound.cloudstack.faults import MALFORMED, ApiFault, no_entity
from sdn_orch.northbound.cloudstack.tombstones import was_there

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=StrEnum)

#: One entry of a map parameter: `name[0].field=value`.
Entry = Mapping[str, str]

_LENGTH = 255
#: What clients that are written in Python send where they mean nothing; texts may really read so.
_NONE = "None"
_ENTRY = re.compile(r"\[(\d{1,4})\]\.(.+)")
_ENTRY_LIMIT = 1000


class WrongValue(Exception):
    """The text is not what the parameter's type wants."""


class Gone(WrongValue):
    """The text names something that is deleted. Lists by it are empty; for all else it is a wrong value."""


@dataclass(frozen=True, slots=True)
class Request:
    """What parameters are read from: lower-case names and values, and who asks in which state."""

    given: Mapping[str, str]
    snapshot: Snapshot
    caller: Caller
    #: Whether it only lists.
    is_list: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Generic[T_co]):
    """See the module. `type_name` is the word that listApis uses; `kind` what a UUID refers to."""

    name: str
    type_name: str
    description: str
    #: None if the parameter is absent; raises WrongValue or ApiFault.
    read: Callable[[Request], T_co | None]
    is_required: bool = False
    length: int = _LENGTH
    since: str = ""
    kind: type[Record] | None = None


def required(parameter: Parameter[T]) -> Parameter[T]:
    """The same parameter, which must be there."""
    return dataclasses.replace(parameter, is_required=True)


def _scalar(
    name: str,
    type_name: str,
    description: str,
    convert: Callable[[str], T],
    *,
    length: int = _LENGTH,
    since: str = "",
    is_text: bool = False,
) -> Parameter[T]:
    def read(request: Request) -> T | None:
        value = request.given.get(name, "")
        if not value or (value == _NONE and not is_text):
            return None
        if len(value) > length:
            raise WrongValue(f"Value greater than max allowed length {length} for param: {name}")
        return convert(value)

    return Parameter(
        name=name, type_name=type_name, description=description, read=read, length=length, since=since
    )


def text(name: str, description: str, *, length: int = _LENGTH, since: str = "") -> Parameter[str]:
    """Any text without control characters."""

    def convert(value: str) -> str:
        if any(ord(character) < 32 and character not in "\t\r\n" for character in value):
            raise WrongValue(f"Invalid value for parameter {name}: it contains control characters")
        return value

    return _scalar(name, "string", description, convert, length=length, since=since, is_text=True)


def boolean(name: str, description: str, *, since: str = "") -> Parameter[bool]:
    """true or false."""

    def convert(value: str) -> bool:
        if value.lower() not in ("true", "false"):
            raise WrongValue(f"Invalid value {value} for parameter {name}: it must be true or false")
        return value.lower() == "true"

    return _scalar(name, "boolean", description, convert, since=since)


def integer(
    name: str, description: str, low: int = 0, high: int = 2**31 - 1, *, since: str = ""
) -> Parameter[int]:
    """A decimal number from `low` to `high`."""

    def convert(value: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,19}", value, re.ASCII) or not low <= int(value) <= high:
            raise WrongValue(
                f"Invalid value {value} for parameter {name}: it must be a number in {low}..{high}"
            )
        return int(value)

    return _scalar(name, "integer", description, convert, since=since)


def choice(name: str, description: str, kind: type[E]) -> Parameter[E]:
    """One of the values of an enumeration, in any case."""

    def convert(value: str) -> E:
        for member in kind:
            if member.value.lower() == value.lower():
                return member
        allowed = ", ".join(member.value for member in kind)
        raise WrongValue(f"Invalid value {value} for parameter {name}: it must be one of {allowed}")

    return _scalar(name, "string", description, convert)


def _network_value(name: str, description: str, convert: Callable[[str], T], what: str) -> Parameter[T]:
    def checked(value: str) -> T:
        try:
            return convert(value)
        except ValueError:
            raise WrongValue(f"Invalid value {value} for parameter {name}: it is not {what}") from None

    return _scalar(name, "string", description, checked)


def ipv4(name: str, description: str) -> Parameter[IPv4Address]:
    """An IPv4 address."""
    return _network_value(name, description, IPv4Address, "an IPv4 address")


def ipv6(name: str, description: str) -> Parameter[IPv6Address]:
    """An IPv6 address."""
    return _network_value(name, description, _ipv6, "an IPv6 address")


def address(name: str, description: str) -> Parameter[IPv4Address | IPv6Address]:
    """An address of either version."""
    return _network_value(
        name, description, lambda value: _ipv6(value) if ":" in value else ip_address(value), "an IP address"
    )


def cidr4(name: str, description: str) -> Parameter[IPv4Network]:
    """An IPv4 prefix with its length."""

    def convert(value: str) -> IPv4Network:
        if "/" not in value:
            raise ValueError(value)
        return IPv4Network(value)

    return _network_value(name, description, convert, "an IPv4 CIDR")


def cidr6(name: str, description: str) -> Parameter[IPv6Network]:
    """An IPv6 prefix with its length."""

    def convert(value: str) -> IPv6Network:
        if "/" not in value or "%" in value:
            raise ValueError(value)
        return IPv6Network(value)

    return _network_value(name, description, convert, "an IPv6 CIDR")


def cidrs(name: str, description: str) -> Parameter[tuple[IPv4Network | IPv6Network, ...]]:
    """CIDRs of one IP version, joined by commas."""

    def convert(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
        found = []
        for part in value.split(","):
            try:
                if "/" not in part or "%" in part:
                    raise ValueError(part)
                found.append(ip_network(part.strip()))
            except ValueError:
                raise WrongValue(
                    f"Invalid value {part[:_LENGTH]} for parameter {name}: it is not a CIDR"
                ) from None
        if len({prefix.version for prefix in found}) > 1:
            raise WrongValue(f"Invalid value for parameter {name}: IPv4 and IPv6 CIDRs are mixed")
        return tuple(dict.fromkeys(found))

    return _scalar(name, "list", description, convert, length=4096)


def mac(name: str, description: str) -> Parameter[str]:
    """A unicast MAC address, in lower case with colons whatever was given."""

    def convert(value: str) -> str:
        octets = re.fullmatch(r"([0-9a-f]{2})(?:[:-]([0-9a-f]{2})){5}", value.lower())
        if octets is None or int(octets[1], 16) & 1:
            raise ValueError(value)
        return value.lower().replace("-", ":")

    return _network_value(name, description, convert, "a unicast MAC address")


def date(name: str, description: str) -> Parameter[datetime]:
    """A day, or a day and a time, in UTC."""

    def convert(value: str) -> datetime:
        for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
            try:
                return datetime.strptime(value, form).replace(tzinfo=UTC)
            except ValueError:
                continue
        try:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
        except ValueError:
            raise WrongValue(
                f"Invalid value {value} for parameter {name}: it must be yyyy-MM-dd or yyyy-MM-dd HH:mm:ss"
            ) from None

    return _scalar(name, "date", description, convert)


def words(name: str, description: str, *, length: int = 4096) -> Parameter[tuple[str, ...]]:
    """Texts joined by commas."""

    def convert(value: str) -> tuple[str, ...]:
        return tuple(word for word in (part.strip() for part in value.split(",")) if word)

    return _scalar(name, "list", description, convert, length=length)


def entity(
    name: str, kind: type[R], description: str, access: Access = Access.OPERATE, *, since: str = ""
) -> Parameter[R]:
    """The UUID of an object, which must exist and be open to the caller."""

    def read(request: Request) -> R | None:
        value = request.given.get(name, "")
        return None if value in ("", _NONE) else _find(request, name, kind, value, access)

    return Parameter(name=name, type_name="uuid", description=description, read=read, since=since, kind=kind)


def entities(
    name: str, kind: type[R], description: str, access: Access = Access.OPERATE
) -> Parameter[tuple[R, ...]]:
    """UUIDs of objects joined by commas."""

    def read(request: Request) -> tuple[R, ...] | None:
        given = request.given.get(name, "")
        values = [] if given == _NONE else [value.strip() for value in given.split(",") if value.strip()]
        if len(values) > _ENTRY_LIMIT:
            raise WrongValue(f"Invalid value for parameter {name}: more than {_ENTRY_LIMIT} values")
        return _find_all(request, name, kind, values, access) or None

    return Parameter(name=name, type_name="list", description=description, read=read, kind=kind)


def mapping(name: str, description: str) -> Parameter[tuple[Entry, ...]]:
    """Maps `name[0].field=value`, in the order of their indexes; field names in lower case."""

    def read(request: Request) -> tuple[Entry, ...] | None:
        found: dict[int, dict[str, str]] = {}
        for key, value in request.given.items():
            if not key.startswith(name + "["):
                continue
            entry = _ENTRY.fullmatch(key[len(name) :])
            if entry is None:
                raise ApiFault(MALFORMED, f"Malformed parameter {key}: it must read {name}[<number>].<field>")
            if len(value) > 4096:
                raise WrongValue(f"Value greater than max allowed length 4096 for param: {key}")
            found.setdefault(int(entry[1]), {})[entry[2]] = value
        return tuple(found[index] for index in sorted(found)) or None

    return Parameter(name=name, type_name="map", description=description, read=read)


def _find_all(request: Request, name: str, kind: type[R], values: list[str], access: Access) -> tuple[R, ...]:
    """The objects with these ids, besides those that are deleted; raises Gone if all are."""
    found: list[R] = []
    gone: Gone | None = None
    for value in values:
        try:
            found.append(_find(request, name, kind, value, access))
        except Gone as error:
            gone = error
    if gone is not None and not (found and request.is_list):
        raise gone
    return tuple(found)


def _find(request: Request, name: str, kind: type[R], value: str, access: Access) -> R:
    """The object with this id; ids are compared in lower case, as UUIDs are."""
    record = request.snapshot.get(kind, value.lower()) if _is_uuid(value) else None
    if record is None:
        if was_there(request.snapshot, request.caller, kind, value.lower()):
            raise Gone(no_entity(name, value))
        shown = value if len(value) <= _LENGTH and value.isprintable() else "(unprintable)"
        raise WrongValue(no_entity(name, shown))
    check_access(request.snapshot, request.caller, record, access)
    return record


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _ipv6(value: str) -> IPv6Address:
    if "%" in value:
        raise ValueError(value)
    return IPv6Address(value)


def uuid_of_choice(name: str, description: str) -> Parameter[str]:
    """A UUID that the caller makes up."""

    def convert(value: str) -> str:
        if not _is_uuid(value):
            raise WrongValue(f"Invalid value {value} for parameter {name}: it is not a UUID")
        return str(UUID(value))

    return _scalar(name, "string", description, convert)
