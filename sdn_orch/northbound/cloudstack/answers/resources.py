"""How much accounts, projects and domains have and may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sdn_orch.northbound.cloudstack.answers.owners import holder
from sdn_orch.northbound.cloudstack.limits import (
    RESOURCE_TYPES,
    UNLIMITED,
    Holder,
    ResourceType,
    count,
    limit,
)
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, Shape, long, string

R = TypeVar("R")


def resource_fields(
    holder_of: Callable[[Scene, R], Holder], besides: tuple[str, ...] = ()
) -> tuple[Field[R], ...]:
    """total, limit and available of every type, but those whose fields begin with one of `besides`."""
    return tuple(
        field for type in RESOURCE_TYPES if type.prefix not in besides for field in _fields(holder_of, type)
    )


def _fields(holder_of: Callable[[Scene, R], Holder], type: ResourceType) -> tuple[Field[R], ...]:
    def total(scene: Scene, record: R) -> int:
        return count(scene.snapshot, holder_of(scene, record), type)

    def most(scene: Scene, record: R) -> str:
        return _words(limit(scene.snapshot, holder_of(scene, record), type))

    def available(scene: Scene, record: R) -> str:
        maximum = limit(scene.snapshot, holder_of(scene, record), type)
        return _words(maximum if maximum == UNLIMITED else max(0, maximum - total(scene, record)))

    what = type.name.replace("_", " ")
    shown = (
        string(f"{type.prefix}limit", f"how much it may have: {what}", most),
        string(f"{type.prefix}available", f"how much more it may have: {what}", available),
    )
    # Upstream tells secondary storage in fractions; there is none here.
    if type.prefix == "secondarystorage":
        return shown
    return (long(f"{type.prefix}total", f"how much it has: {what}", total), *shown)


def _words(number: int) -> str:
    return "Unlimited" if number == UNLIMITED else str(number)


@dataclass(frozen=True, slots=True)
class Held:
    """One type of resource of an account, a project or a domain."""

    holder: Holder
    type: ResourceType


def _fields_of_one() -> tuple[Field[Held], ...]:
    return (
        *holder(lambda _, held: held.holder),
        string("resourcetype", "the number of the type", lambda _, held: held.type.number),
        string("resourcetypename", "the name of the type", lambda _, held: held.type.name),
    )


RESOURCE_LIMIT: Shape[Held] = Shape(
    key="resourcelimit",
    resource="ResourceLimit",
    keywords=("resourcetypename",),
    fields=(
        *_fields_of_one(),
        long(
            "max",
            "how much there may be, -1 for any number",
            lambda scene, held: limit(scene.snapshot, held.holder, held.type),
        ),
    ),
)

RESOURCE_COUNT: Shape[Held] = Shape(
    key="resourcecount",
    resource="ResourceCount",
    keywords=("resourcetypename",),
    fields=(
        *_fields_of_one(),
        long(
            "resourcecount",
            "how much there is",
            lambda scene, held: count(scene.snapshot, held.holder, held.type),
        ),
    ),
)
