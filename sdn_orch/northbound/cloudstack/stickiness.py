"""Stickiness methods: their names and parameters, and what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sdn_orch.intent.balancers import Affinity
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.parameters import Entry

#: Name and value as given.
Given = tuple[tuple[str, str], ...]

_TIME = re.compile(r"(\d{1,9})([smhd]?)", re.ASCII)
_SIZE = re.compile(r"(\d{1,9})([kmg]?)", re.ASCII)
#: Milliseconds; a number without unit is in milliseconds, as HAProxy reads it.
_MILLISECONDS = {"": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MULTIPLES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a method; a flag takes no value."""

    name: str
    description: str
    is_flag: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A method; `expire` and `clients` name the parameters that say these, with their defaults."""

    name: str
    affinity: Affinity
    description: str
    parameters: tuple[Parameter, ...]
    expire: tuple[str, str] | None = None
    clients: tuple[str, str] | None = None


METHODS = (
    Method(
        "LbCookie",
        Affinity.COOKIE,
        "a cookie that the balancer sets",
        (
            Parameter("cookie-name", "the name of the cookie"),
            Parameter("mode", "insert, rewrite or prefix"),
            Parameter("nocache", "responses with the cookie are not to be cached", is_flag=True),
            Parameter("indirect", "members do not see the cookie", is_flag=True),
            Parameter("postonly", "the cookie is set in answers to POST only", is_flag=True),
            Parameter("domain", "the domain of the cookie"),
        ),
    ),
    Method(
        "AppCookie",
        Affinity.APPLICATION_COOKIE,
        "a cookie that the application sets",
        (
            Parameter("cookie-name", "the name of the cookie"),
            Parameter("length", "how many characters of it are looked at"),
            Parameter("holdtime", "how long it is remembered"),
            Parameter("request-learn", "cookies in requests are learnt too", is_flag=True),
            Parameter("prefix", "the cookie may be a prefix", is_flag=True),
            Parameter("mode", "path-parameters or query-string"),
        ),
        expire=("holdtime", "3h"),
    ),
    Method(
        "SourceBased",
        Affinity.SOURCE,
        "the client's address",
        (
            Parameter("tablesize", "how many clients are remembered"),
            Parameter("expire", "how long a client is remembered that stays away"),
        ),
        expire=("expire", "30m"),
        clients=("tablesize", "200k"),
    ),
)
_MODES = {
    "LbCookie": ("insert", "rewrite", "prefix"),
    "AppCookie": ("path-parameters", "query-string"),
}


def method(name: str) -> Method | None:
    """The method with this name, in any case."""
    return next((each for each in METHODS if each.name.lower() == name.lower()), None)


def read_parameters(chosen: Method, entries: Sequence[Entry]) -> Given:
    """The parameters of a method; raises a fault for those that it has not, or that miss their value."""
    known = {each.name: each for each in chosen.parameters}
    given: list[tuple[str, str]] = []
    for entry in entries:
        name, value = entry.get("name", ""), entry.get("value", "")
        if name not in known:
            raise bad(f"Stickiness method {chosen.name} has no parameter {name[:255]}")
        if not value and not known[name].is_flag:
            raise bad(f"Parameter {name} of stickiness method {chosen.name} needs a value")
        if len(value) > 255 or not value.isprintable():
            raise bad(f"Parameter {name} of stickiness method {chosen.name} is too long or not printable")
        if name != "domain" and name in dict(given):
            raise bad(f"Parameter {name} of stickiness method {chosen.name} is given twice")
        given.append((name, value))
    _check(chosen, dict(given))
    return tuple(given)


def meaning(chosen: Method, given: Given) -> tuple[int | None, int | None, Given]:
    """Seconds until a client is forgotten, how many clients are remembered, and what is said besides."""
    values = dict(given)
    expire = _seconds(values.get(chosen.expire[0], chosen.expire[1])) if chosen.expire else None
    clients = _count(values.get(chosen.clients[0], chosen.clients[1])) if chosen.clients else None
    named = {each[0] for each in (chosen.expire, chosen.clients) if each}
    return expire, clients, tuple(each for each in given if each[0] not in named)


def capability() -> str:
    """All methods, as the value of a capability of the service Lb."""
    return json.dumps(
        [
            {
                "methodname": each.name,
                "paramlist": [
                    {
                        "paramname": parameter.name,
                        "required": False,
                        "isflag": parameter.is_flag,
                        "description": parameter.description,
                    }
                    for parameter in each.parameters
                ],
                "description": each.description,
            }
            for each in METHODS
        ]
    )


def _check(chosen: Method, values: dict[str, str]) -> None:
    mode, modes = values.get("mode"), _MODES.get(chosen.name, ())
    if mode is not None and mode not in modes:
        raise bad(f"Parameter mode of stickiness method {chosen.name} must be one of {', '.join(modes)}")
    length = values.get("length")
    if length is not None and not re.fullmatch(r"\d{1,9}", length, re.ASCII):
        raise bad(f"Failed LB in validation: length is not a number: {length}")
    for name in ("holdtime", "expire"):
        if name in values and not (_TIME.fullmatch(values[name]) and _seconds(values[name])):
            raise bad(f"Failed LB in validation: {name} is not in timeformat: {values[name]}")
    size = values.get("tablesize")
    if size is not None and not (_SIZE.fullmatch(size) and 0 < _count(size) < 2**31):
        raise bad(f"Failed LB in validation: tablesize is not in size format: {size}")


def _seconds(text: str) -> int:
    found = _TIME.fullmatch(text)
    assert found is not None, text  # noqa: S101 (looked at before)
    return min(-(-int(found[1]) * _MILLISECONDS[found[2]] // 1000), 2**31 - 1)


def _count(text: str) -> int:
    found = _SIZE.fullmatch(text)
    assert found is not None, text  # noqa: S101 (looked at before)
    return int(found[1]) * _MULTIPLES[found[2]]
