"""The ASGI routes under `/v1/`: who asks, whether the request is as declared, and the answer with its tag.

On the unix socket, which only the daemon's user may open, everything is allowed; over TCP every request
carries a token, and its scope says what it is good for.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sdn_orch.errors import SdnOrchError
from sdn_orch.northbound.operator import routes as declared
from sdn_orch.northbound.operator import tokens
from sdn_orch.northbound.operator.declare import Asked, Declaration, entity_tags, etag
from sdn_orch.northbound.operator.metrics import MEDIA_TYPE as MEDIA_TYPE_OF_METRICS
from sdn_orch.northbound.operator.metrics import metrics
from sdn_orch.northbound.operator.models import Model, Problem
from sdn_orch.northbound.operator.openapi import document
from sdn_orch.northbound.operator.problems import MEDIA_TYPE, Refusal, failure, problem
from sdn_orch.northbound.operator.proxy_hosts import ProxyHosts
from sdn_orch.northbound.operator.tokens import Scope
from sdn_orch.northbound.operator.view import View
from sdn_orch.northbound.service import Service

if TYPE_CHECKING:
    # It is imported only where there is a CloudStack to sync with.
    from sdn_orch.northbound.sync.syncing import Syncing

log = logging.getLogger(__name__)

DOCUMENT, METRICS = "/v1/openapi.json", "/metrics"


class _Anything(PathConvertor):
    """The rest of a path, slashes and line ends too."""

    regex = "(?s:.*)"


register_url_convertor("anything", _Anything())


class Door:
    """Answers requests. `is_trusted`: whoever can reach it may do everything."""

    def __init__(
        self,
        view: View,
        service: Service,
        sync: Syncing | None = None,
        hosts: ProxyHosts | None = None,
        *,
        is_trusted: bool,
    ) -> None:
        self._view = view
        self._service = service
        self._sync = sync
        self._hosts = hosts or ProxyHosts()
        self._is_trusted = is_trusted

    def routes(self) -> list[Route]:
        """The routes of every declaration, the documentation, and refusals of all else under `/v1`."""
        by_path: dict[str, dict[str, Declaration]] = {}
        for each in declared.DECLARATIONS:
            by_path.setdefault(each.path, {})[each.method] = each
        found = [Route(path, self._endpoint(methods), methods=_EVERY) for path, methods in by_path.items()]
        return [
            Route(DOCUMENT, _document, methods=["GET"]),
            Route(METRICS, self._metrics, methods=["GET"]),
            *found,
            Route("/v1/{rest:anything}", _unknown, methods=_EVERY),
        ]

    async def _metrics(self, request: Request) -> Response:
        try:
            self._who(request, Scope.READ)
            said = await run_in_threadpool(metrics, self._view, self._service.snapshot)
        except SdnOrchError as error:
            return refuse(problem(error))
        except Exception:
            log.exception("GET %s failed", METRICS)
            return refuse(failure())
        return Response(said, headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE_OF_METRICS)

    def _endpoint(self, methods: Mapping[str, Declaration]) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                each = methods.get("GET" if request.method == "HEAD" else request.method)
                if each is None:
                    return _not_allowed(request.method, methods)
                who = self._who(request, each.scope)
                body = await _body(request, each)
                asked = Asked(
                    view=self._view,
                    service=self._service,
                    sync=self._sync,
                    hosts=self._hosts,
                    path=request.path_params,
                    query=_query(request, each),
                    body=body,
                    if_match=request.headers.get("if-match"),
                )
                content = await run_in_threadpool(_content, each, asked)
            except SdnOrchError as error:
                return refuse(problem(error))
            except Exception:
                log.exception("%s %s failed", request.method, request.url.path)
                return refuse(failure())
            if each.method != "GET":
                log.info("%s %s", each.method, request.url.path, extra={"by": who})
            return _answer(request, each, content)

        return endpoint

    def _who(self, request: Request, scope: Scope) -> str:
        """The name of whoever asks; raises 401 and 403."""
        if self._is_trusted:
            return "the daemon's user"
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        token = None
        if scheme.lower() == "bearer":
            token = tokens.find(self._service.snapshot, secret.strip(), self._service.now)
        if token is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "no-token", "no token, or one that is not good (any more)")
        if not token.allows(scope):
            raise Refusal(
                HTTPStatus.FORBIDDEN, "scope", f"this needs a token of scope {scope}, not {token.scope}"
            )
        return token.name


def application(
    view: View, service: Service, sync: Syncing | None = None, hosts: ProxyHosts | None = None
) -> Starlette:
    """The door for a unix socket."""
    return Starlette(routes=Door(view, service, sync, hosts, is_trusted=True).routes())


_EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]


def _content(each: Declaration, asked: Asked) -> bytes:
    """What the handler answers, found to be as declared."""
    found = each.handler(asked)
    if each.answer is None:
        return b""
    return each.answer.dump_json(each.answer.validate_python(found), by_alias=True)


def _answer(request: Request, each: Declaration, content: bytes) -> Response:
    headers = {"Cache-Control": "no-cache"}
    if each.answer is None:
        return Response(status_code=each.status, headers=headers)
    headers["ETag"] = etag(content)
    known = request.headers.get("if-none-match")
    if (
        each.method == "GET"
        and known is not None
        and (known.strip() == "*" or headers["ETag"] in entity_tags(known))
    ):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, each.status, headers, media_type="application/json")


def refuse(said: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as an answer."""
    more = {"Cache-Control": "no-store", **(headers or {})}
    if said.status == HTTPStatus.UNAUTHORIZED:
        more["WWW-Authenticate"] = 'Bearer realm="sdn-orch"'
    return Response(said.model_dump_json(), said.status, more, media_type=MEDIA_TYPE)


def _query(request: Request, each: Declaration) -> Model:
    given = request.query_params.multi_items()
    twice = [name for name, count in Counter(name for name, _ in given).items() if count > 1]
    if twice:
        raise _wrong(*(("request", f"query.{name}", "it is given twice") for name in twice))
    try:
        return each.query.model_validate(dict(given), by_alias=True, by_name=False)
    except ValidationError as error:
        raise _wrong(*_faults("query", error)) from None


async def _body(request: Request, each: Declaration) -> Model | None:
    if each.body is None:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "the body must be application/json",
            (("request", "header.Content-Type", "it must be application/json"),),
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > each.largest_body:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too-large",
                f"the body has more than {each.largest_body} bytes",
            )
    try:
        return each.body.model_validate_json(bytes(body))
    except ValidationError as error:
        raise _wrong(*_faults("body", error)) from None


def _faults(place: str, error: ValidationError) -> list[tuple[str, str, str]]:
    return [
        ("request", ".".join((place, *map(str, each["loc"]))), each["msg"].removeprefix("Value error, "))
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _wrong(*faults: tuple[str, str, str]) -> Refusal:
    detail = "; ".join(f"{field}: {reason}" for _, field, reason in faults)
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed", detail, faults)


def _not_allowed(method: str, methods: Mapping[str, Declaration]) -> Response:
    refusal = Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "method", f"{method} is not among what can be done here")
    return refuse(problem(refusal), {"Allow": ", ".join(sorted(methods))})


async def _unknown(request: Request) -> Response:
    return refuse(problem(Refusal(HTTPStatus.NOT_FOUND, "not-found", f"there is no {request.url.path}")))


@cache
def _described() -> bytes:
    return json.dumps(document(declared.DECLARATIONS)).encode()


def _document(request: Request) -> Response:
    content = _described()
    tag = etag(content)
    if tag in entity_tags(request.headers.get("if-none-match", "")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return Response(content, headers={"ETag": tag}, media_type="application/json")
