"""Declarations: everything that is known of a route, from which the door and its documentation are made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

from sdn_orch.intent.model import Record
from sdn_orch.northbound.operator.models import Model, Nothing, Paged
from sdn_orch.northbound.operator.problems import Refusal
from sdn_orch.northbound.operator.proxy_hosts import ProxyHosts
from sdn_orch.northbound.operator.tokens import Scope
from sdn_orch.northbound.operator.view import View
from sdn_orch.northbound.service import Service

if TYPE_CHECKING:
    # It is imported only where there is a CloudStack to sync with.
    from sdn_orch.northbound.sync.syncing import Syncing

#: Bytes of a request's body, where its declaration says nothing else.
LARGEST_BODY = 64 * 1024

T = TypeVar("T")
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that its declaration has found in order."""

    view: View
    service: Service
    #: With the CloudStack that the configuration names, if it names one.
    sync: Syncing | None
    hosts: ProxyHosts
    path: Mapping[str, str]
    #: Instances of the declared models.
    query: Any
    body: Any
    if_match: str | None

    def check_match(self, current: Model) -> None:
        """Raises a refusal if the client saw another state of what it is about to change."""
        if self.if_match is None or self.if_match.strip() == "*":
            return
        if etag(current.model_dump_json(by_alias=True).encode()) not in entity_tags(self.if_match):
            raise Refusal(
                HTTPStatus.PRECONDITION_FAILED,
                "changed",
                "it is not what If-Match says: read it again",
                (("request", "header.If-Match", "it names another state"),),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """See the module. `answer` is what pydantic checks answers with; None: the answer has no body."""

    method: str
    path: str
    summary: str
    scope: Scope
    handler: Callable[[Asked], Any]
    answer: TypeAdapter[Any] | None
    query: type[Model] = Nothing
    body: type[Model] | None = None
    status: HTTPStatus = HTTPStatus.OK
    largest_body: int = LARGEST_BODY

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return [part[1:-1].partition(":")[0] for part in self.path.split("/") if part.startswith("{")]

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return "/".join(
            "{" + part[1:-1].partition(":")[0] + "}" if part.startswith("{") else part
            for part in self.path.split("/")
        )

    @property
    def name(self) -> str:
        """What generated clients call it."""
        return self.handler.__name__


def reads(
    path: str, answer: Any, summary: str, query: type[Model] = Nothing, scope: Scope = Scope.READ
) -> Callable[[Callable[[Asked], Any]], Declaration]:
    """A question: it changes nothing."""

    def declare(handler: Callable[[Asked], Any]) -> Declaration:
        return Declaration(
            method="GET",
            path=path,
            summary=summary,
            scope=scope,
            handler=handler,
            answer=TypeAdapter(answer),
            query=query,
        )

    return declare


def writes(
    method: str,
    path: str,
    answer: Any,
    summary: str,
    *,
    scope: Scope,
    body: type[Model] | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    largest_body: int = LARGEST_BODY,
) -> Callable[[Callable[[Asked], Any]], Declaration]:
    """A change, which the handler makes in one transaction."""

    def declare(handler: Callable[[Asked], Any]) -> Declaration:
        return Declaration(
            method=method,
            path=path,
            summary=summary,
            scope=scope,
            handler=handler,
            answer=None if answer is None else TypeAdapter(answer),
            body=body,
            status=status,
            largest_body=largest_body,
        )

    return declare


def page(records: Iterable[R], show: Callable[[R], T], asked: Paged) -> dict[str, Any]:
    """The page of records in the order of their numbers; only what is on it is shown."""
    after = int(asked.cursor or 0)
    return cut(((each.number, partial(show, each)) for each in records if each.number > after), asked)


def cut(found: Iterable[tuple[int, Callable[[], T]]], asked: Paged) -> dict[str, Any]:
    """The first of what stands behind the cursor, each with its place for the next one."""
    items: list[T] = []
    last = 0
    for place, show in found:
        if len(items) == asked.limit:
            return {"items": items, "next": str(last)}
        items.append(show())
        last = place
    return {"items": items, "next": None}


def etag(content: bytes) -> str:
    """The entity tag of an answer: a hash of it."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def entity_tags(header: str) -> set[str]:
    """The tags of If-Match or If-None-Match, weak ones as strong ones."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
