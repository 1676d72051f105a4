"""Reading a TOML file into a pydantic model, so that every fault says where it stands and what would do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import tomli
from pydantic import BaseModel, ValidationError

from sdn_orch.errors import Invalid

PREFIX = "SDN_ORCH__"

M = TypeVar("M", bound=BaseModel)
#: Where a value stands: keys of tables and indexes of arrays.
Place = tuple[str | int, ...]
#: A place and what is wrong there.
Misfit = tuple[Place, str]


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A line of the file (0: none in particular), or a variable of the environment."""

    line: int
    variable: str = ""

    def text(self, path: Path | None) -> str:
        """As it stands in front of a fault."""
        if self.variable:
            return f"environment {self.variable}"
        return f"{path}:{self.line}" if self.line else str(path or "configuration")


def read(
    model: type[M],
    path: Path | None,
    environment: Mapping[str, str],
    contradictions: Callable[[Mapping[str, Any], M | None], Iterable[Misfit]],
) -> M:
    """The model with what the file and the environment say. Raises Invalid with every fault.

    `contradictions` sees what was said, and the model if each value by itself is right.
    """
    text, raw = _parse(path)
    misfits = list(_override(raw, environment))
    result = None
    try:
        result = model.model_validate(raw)
    except ValidationError as error:
        misfits += [_explain(model, fault["loc"], fault["type"], fault["msg"]) for fault in error.errors()]
    misfits += contradictions(raw, result)
    if misfits or result is None:
        where = _sites(text, environment)
        sited = sorted(
            ((_site(place, where), place, text) for place, text in misfits), key=lambda row: row[0]
        )
        raise Invalid(*(f"{site.text(path)}: {dotted(place)}: {text}" for site, place, text in sited))
    return result


def dotted(place: Place) -> str:
    """A place as people write it: `switches[2].dpid`, counted from 1 as in the file."""
    text = ""
    for step in place:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def suggestion(word: str, known: Iterable[str]) -> str:
    """ ", did you mean …?" when one of the known words is close, else nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else ""


def _parse(path: Path | None) -> tuple[str, dict[str, Any]]:
    if path is None:
        return "", {}
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomli.loads(text)
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Invalid(f"{path}: is not UTF-8 at byte {error.start}") from None
    except tomli.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", place)
        raise Invalid(f"{path}:{line[1] if line else text.count(chr(10)) + 1}: is not TOML: {what}") from None
    return text, raw


def _sites(text: str, environment: Mapping[str, str]) -> dict[Place, Site]:
    """Where everything stands that the file or the environment says."""
    where = {place: Site(line) for place, line in _lines(text)}
    for name, place in _variables(environment):
        where[place] = site = Site(1 << 31, name)
        for length in range(1, len(place)):
            where.setdefault(place[:length], site)
    return where


_TABLE = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+(?:\s*\.\s*[A-Za-z0-9_\"'-]+)*)\s*=")


def _lines(text: str) -> Iterator[tuple[Place, int]]:
    """Places of tables and keys with their lines. Inside a value of several lines nothing is looked for."""
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := _TABLE.match(line):
            table = ()
            for step in _steps(heading[2]):
                table = (*table, step)
                # A heading below an array of tables belongs to the array's last table.
                if table in counts and table != _steps(heading[2]):
                    table = (*table, counts[table] - 1)
            if heading[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table = (*table, counts[table] - 1)
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *_steps(key[1])), number


def _steps(name: str) -> Place:
    return tuple(step.strip(" \"'") for step in name.split("."))


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, Place]]:
    """The variables that are for us, and what each of them sets."""
    for name in sorted(environment):
        if name.startswith(PREFIX):
            yield name, tuple(name.removeprefix(PREFIX).lower().split("__"))


def _override(raw: dict[str, Any], environment: Mapping[str, str]) -> Iterator[Misfit]:
    """Lay the environment over `raw`."""
    for name, place in _variables(environment):
        table: Any = raw
        for step in place[:-1]:
            table = table.setdefault(step, {}) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table[place[-1]] = _value(environment[name])
        else:
            yield place, "what stands above it is not a table"


def _value(text: str) -> Any:
    try:
        return tomli.loads(f"value = {text}")["value"]
    except (tomli.TOMLDecodeError, KeyError):
        return text


def _explain(model: type[BaseModel], place: Place, kind: str, text: str) -> Misfit:
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return place, "no such key" + suggestion(str(place[-1]), _keys(model, place[:-1]))
    if kind == "missing":
        return place, "is missing"
    text = text.removeprefix("Value error, ")
    return place, text[:1].lower() + text[1:] if text.startswith("Input should") else text


def _keys(model: type[Any], place: Place) -> list[str]:
    """The keys that the model knows at a place."""
    for step in place:
        if isinstance(step, int):
            continue
        inner = _model_in(_annotations(model).get(step))
        if inner is None:
            return []
        model = inner
    return list(_annotations(model))


def _annotations(model: type[Any]) -> dict[str, Any]:
    """The fields of a model, or of a dataclass in one, with what they hold."""
    if issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    return {field.name: field.type for field in fields(model)}


def _model_in(annotation: Any) -> type[Any] | None:
    """The model or dataclass within `Model`, `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation)):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _site(place: Place, where: Mapping[Place, Site]) -> Site:
    """Where the value, or else the nearest thing around it, stands."""
    for length in range(len(place), 0, -1):
        if place[:length] in where:
            return where[place[:length]]
    return Site(0)
