"""Shapes: which fields an object has in answers, of which type, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.callers import Caller
from sdn_orch.northbound.cloudstack.model_tenancy import Tag

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scene:
    """The state that an answer is made from, and who it is for."""

    snapshot: Snapshot
    caller: Caller


@dataclass(frozen=True, slots=True)
class Field(Generic[R]):
    """One field. A value of None is left out of the answer; `is_for_admins`: and so it is for users."""

    name: str
    type: str
    description: str
    read: Callable[[Scene, R], object]
    is_for_admins: bool = False
    fields: tuple[Field[Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Generic[R]):
    """An object in answers: the key that it is wrapped by, and its fields.

    `keywords` are the fields in which `keyword` looks; `resource` is what events and jobs call it.
    """

    key: str
    resource: str
    fields: tuple[Field[R], ...]
    kind: type[Record] | None = None
    keywords: tuple[str, ...] = ("name",)

    def render(self, scene: Scene, record: R) -> dict[str, object]:
        """The object as JSON values."""
        shown: dict[str, object] = {}
        for field in self.fields:
            if field.is_for_admins and not scene.caller.is_root_admin:
                continue
            value = field.read(scene, record)
            if value is not None:
                shown[field.name] = value
        return shown

    @property
    def is_taggable(self) -> bool:
        """Whether the objects have resource tags."""
        return any(field.name == "tags" and field.type == "list" for field in self.fields)

    def matches(self, scene: Scene, record: R, keyword: str) -> bool:
        """Whether the keyword is part of a name-like field, in any case."""
        wanted = keyword.lower()
        return any(
            wanted in str(field.read(scene, record)).lower()
            for field in self.fields
            if field.name in self.keywords
        )


def when(time: datetime | None) -> str | None:
    """A time as CloudStack writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000") if time else None


def always(value: T) -> Callable[[Scene, Any], T]:
    """For fields that are the same in every object."""
    return lambda *_: value


def string(
    name: str, description: str, read: Callable[[Scene, R], object], *, is_for_admins: bool = False
) -> Field[R]:
    """A text field; whatever is read is written as text."""

    def as_text(scene: Scene, record: R) -> str | None:
        value = read(scene, record)
        return None if value is None else str(value)

    return Field(name, "string", description, as_text, is_for_admins)


def flag(
    name: str, description: str, read: Callable[[Scene, R], bool | None], *, is_for_admins: bool = False
) -> Field[R]:
    """A boolean field."""
    return Field(name, "boolean", description, read, is_for_admins)


def number(
    name: str, description: str, read: Callable[[Scene, R], int | None], *, is_for_admins: bool = False
) -> Field[R]:
    """An integer field."""
    return Field(name, "integer", description, read, is_for_admins)


def long(name: str, description: str, read: Callable[[Scene, R], int | None]) -> Field[R]:
    """An integer field that upstream declares as long."""
    return Field(name, "long", description, read)


def moment(name: str, description: str, read: Callable[[Scene, R], datetime | None]) -> Field[R]:
    """A date field."""
    return Field(name, "date", description, lambda scene, record: when(read(scene, record)))


def items(
    name: str,
    description: str,
    read: Callable[[Scene, R], list[Any]],
    fields: tuple[Field[Any], ...] = (),
    type: str = "list",
) -> Field[R]:
    """A list field: of the objects that `fields` describe, or of plain values."""

    def rendered(scene: Scene, record: R) -> list[object]:
        values = read(scene, record)
        if not fields:
            return values
        return [{f.name: shown for f in fields if (shown := f.read(scene, v)) is not None} for v in values]

    return Field(name, type, description, rendered, fields=fields)


def nested(
    name: str, description: str, shape: Shape[Any], read: Callable[[Scene, R], Iterable[Any]]
) -> Field[R]:
    """A list of objects with a shape of their own."""

    def rendered(scene: Scene, record: R) -> list[object]:
        return [shape.render(scene, each) for each in read(scene, record)]

    return Field(name, "list", description, rendered, fields=shape.fields)


def has_tags(scene: Scene, record: Record, wanted: Mapping[str, str]) -> bool:
    """Whether the resource has every one of the tags."""
    found = {tag.key: tag.value for tag in scene.snapshot.where(Tag, "subject_id", record.id)}
    return wanted.items() <= found.items()


SUCCESS: Shape[Mapping[str, object]] = Shape(
    key="",
    resource="",
    fields=(
        flag("success", "true if the operation succeeded", always(True)),
        string("displaytext", "any text associated with the outcome", always(None)),
    ),
)
