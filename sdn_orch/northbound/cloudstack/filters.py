"""Filters of lists: parameters that the listing itself carries out, by what the things listed have.

A list declares them among its parameters: `by` compares with a field of the answer, `all_have` with what
all of them have, `where` with what is computed; `everywhere` is for what is for all zones, templates and
so on, `nowhere` for ids of what there is nothing of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sdn_orch.intent.model import Record
from sdn_orch.northbound.cloudstack.declare import Call
from sdn_orch.northbound.cloudstack.faults import no_entity
from sdn_orch.northbound.cloudstack.parameters import Parameter, Request, WrongValue, entity
from sdn_orch.northbound.cloudstack.shapes import Scene, Shape

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Parameter[T_co]):
    """A parameter, and whether a thing is listed: of scene, thing and the value asked for."""

    matches: Callable[[Scene, Any, Any], bool]


def matching(parameter: Parameter[T], matches: Callable[[Scene, Any, Any], bool]) -> Filter[T]:
    """Lists what agrees with the value asked for."""
    said = {field.name: getattr(parameter, field.name) for field in dataclasses.fields(Parameter)}
    return Filter(**said, matches=matches)


def where(parameter: Parameter[T], read: Callable[[Scene, Any], object]) -> Filter[T]:
    """Lists what has the value asked for, texts in any case and objects by their ids."""
    return matching(parameter, lambda scene, each, wanted: _plain(read(scene, each)) == _plain(wanted))


def by(shape: Shape[Any], parameter: Parameter[T]) -> Filter[T]:
    """Lists what has the value asked for in the field of the same name."""
    (field,) = (each for each in shape.fields if each.name == parameter.name)
    if field.is_for_admins:
        raise TypeError(f"{field.name}: who may not see a field may not ask for it")
    return where(parameter, field.read)


def all_have(parameter: Parameter[T], value: object) -> Filter[T]:
    """Lists everything if the value is asked for that all have, else nothing; None: none has any."""
    return where(parameter, lambda *_: value)


def of_none(name: str, kind: type[R], description: str) -> Filter[R]:
    """Lists nothing: whatever object is asked for, nothing that is listed belongs to it."""
    return all_have(entity(name, kind, f"{description}; none is"), None)


def everywhere(parameter: Parameter[T]) -> Filter[T]:
    """Lists everything: all of it is for whatever is asked for."""
    return matching(parameter, lambda *_: True)


def nowhere(name: str, what: str) -> Parameter[str]:
    """The id of something of which there is nothing: every id is unknown."""

    def read(request: Request) -> str | None:
        value = request.given.get(name, "")
        if value in ("", "None"):
            return None
        shown = value if len(value) <= 255 and value.isprintable() else "(unprintable)"
        raise WrongValue(no_entity(name, shown))

    return Parameter(name=name, type_name="uuid", description=f"the id of {what}", read=read)


def narrow(call: Call, found: Iterable[T]) -> Iterable[T]:
    """What of it the filters let through that the call gives."""
    asked = [
        (each.matches, wanted)
        for each in call.command.parameters
        if isinstance(each, Filter) and (wanted := call.get(each)) is not None
    ]
    if not asked:
        return found
    scene = call.scene
    return (each for each in found if all(matches(scene, each, wanted) for matches, wanted in asked))


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return value.id
    return value.lower() if isinstance(value, str) else value
