"""Shapes: which fields an object has in answers, of which type, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Generic, TypeVar

from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.callers import Caller
from sdn_orch.northbound.cloudstack.model_tenancy import Tag

R = TypeVar("R")
S = TypeVar("S", bound=Record)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scene:
    """The state that an answer is made from, who it is for, and what of it is rendered already."""

    snapshot: Snapshot
    caller: Caller
    rendered: dict[tuple[Part[Any, Any], str], dict[str, object]] = field(
        default_factory=dict, repr=False, compare=False
    )


@dataclass(frozen=True, slots=True)
class Field(Generic[R]):
    """One field. A value of None is left out of the answer; `is_for_admins`: and so it is for users.

    `told` is set where it tells of another object: which one, and the field of that.
    """

    name: str
    type: str
    description: str
    read: Callable[[Scene, R], object]
    is_for_admins: bool = False
    fields: tuple[Field[Any], ...] = ()
    told: tuple[Callable[[Scene, R], Any], Field[Any]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Part(Generic[R, S]):
    """Fields that tell of another object, which many have in common, as networks have an offering.

    An answer renders them once for each such object, and not for each of a thousand networks.
    """

    subject: Callable[[Scene, R], S | None]
    fields: tuple[Field[S], ...]

    def render(self, scene: Scene, record: R) -> dict[str, object]:
        """The fields as JSON values; none where there is no such object."""
        subject = self.subject(scene, record)
        if subject is None:
            return {}
        shown = scene.rendered.get((self, subject.id))
        if shown is None:
            shown = scene.rendered[self, subject.id] = _render(self.fields, scene, subject)
        return shown


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
    _parts: tuple[tuple[Field[R], ...] | Part[R, Any], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fields that tell of one other object lie side by side."""
        runs = groupby(self.fields, lambda field: field.told and field.told[0])
        object.__setattr__(self, "_parts", tuple(_part(subject, fields) for subject, fields in runs))

    def render(self, scene: Scene, record: R) -> dict[str, object]:
        """The object as JSON values."""
        shown: dict[str, object] = {}
        for part in self._parts:
            if isinstance(part, Part):
                shown |= part.render(scene, record)
            else:
                shown |= _render(part, scene, record)
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


def _render(fields: Iterable[Field[T]], scene: Scene, record: T) -> dict[str, object]:
    is_root_admin = scene.caller.is_root_admin
    return {
        field.name: value
        for field in fields
        if (is_root_admin or not field.is_for_admins) and (value := field.read(scene, record)) is not None
    }


def _part(
    subject: Callable[[Scene, R], Any] | None, fields: Iterable[Field[R]]
) -> tuple[Field[R], ...] | Part[R, Any]:
    if subject is None:
        return tuple(fields)
    return Part(subject, tuple(field.told[1] for field in fields if field.told))


def of(subject: Callable[[Scene, R], S | None], *fields: Field[S]) -> tuple[Field[R], ...]:
    """The fields of another object, if there is one; see `Part`."""

    def through(field: Field[S]) -> Callable[[Scene, R], object]:
        def read(scene: Scene, record: R) -> object:
            found = subject(scene, record)
            return None if found is None else field.read(scene, found)

        return read

    return tuple(
        Field(
            each.name,
            each.type,
            each.description,
            through(each),
            each.is_for_admins,
            each.fields,
            (subject, each),
        )
        for each in fields
    )


def when(time: datetime | None) -> str | None:
    """A time as CloudStack writes it, from one in UTC."""
    return f"{time.replace(tzinfo=None).isoformat(timespec='seconds')}+0000" if time else None


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
