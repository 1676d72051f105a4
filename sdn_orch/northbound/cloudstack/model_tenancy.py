"""Projects, and what is said about resources: tags and details."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sdn_orch.intent.model import Follower, Record


class ProjectState(StrEnum):
    """Nothing can be created in a suspended project."""

    ACTIVE = "Active"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(Record):
    """Things that several accounts share: they belong to an account of the project's own."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    account_id: str
    name: str
    display_text: str
    created: datetime
    state: ProjectState = ProjectState.ACTIVE


class ProjectRole(StrEnum):
    """Administrators of a project also change the project itself."""

    ADMIN = "Admin"
    REGULAR = "Regular"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectMember(Record):
    """An account that may act in a project, all its users or one of them."""

    REFERENCES: ClassVar[dict[str, str]] = {
        "project_id": "Project",
        "account_id": "Account",
        "user_id": "User",
    }

    project_id: str
    account_id: str
    user_id: str | None = None
    role: ProjectRole = ProjectRole.REGULAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag(Follower):
    """A key with a value that somebody gave a resource; one value a key.

    `account_id` is the resource's owner, or who tagged it if nobody owns it.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    INDEXES: ClassVar[tuple[str, ...]] = ("subject_id", "key")

    account_id: str
    key: str
    value: str
    customer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDetail(Follower):
    """A setting of a resource that an administrator keeps here; otherwise like a tag."""

    REFERENCES: ClassVar[dict[str, str]] = {"account_id": "Account"}
    INDEXES: ClassVar[tuple[str, ...]] = ("subject_id", "key")

    account_id: str
    key: str
    value: str
    for_display: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimit(Follower):
    """How many things of a type (CloudStack's number) an account or all of a domain may have; -1: any."""

    type: int
    maximum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingValue(Record):
    """What an administrator chose for a setting. Its id is the setting's name."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone(Record):
    """That there was a record of this kind with this id, and whose it was; empty: nobody's."""

    kind: str
    account_id: str
