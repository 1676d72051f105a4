"""The ASGI routes of the door: reads a request within its limits, answers it in the thread pool."""

from __future__ import annotations

import logging
import time
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sdn_orch.northbound.cloudstack.door import SESSION_COOKIE, Answer, Door, Visit, refuse
from sdn_orch.northbound.cloudstack.faults import ApiFault, bad

log = logging.getLogger(__name__)

PATH = "/client/api"
#: Enough for the largest call, machines with 1 MB of user data in Base64; more is refused unread.
LARGEST_BODY = 2 * 1024 * 1024
_MOST_PARAMETERS = 2000
_QUESTIONS = ("list", "query", "get")
_OK = 200
#: From this status on, errors are ours and not the client's; CloudStack's own numbers begin at 530.
_OURS = 530
_FORM = "application/x-www-form-urlencoded"


def routes(door: Door) -> list[Route]:
    """GET and POST on `/client/api`."""

    async def endpoint(request: Request) -> Response:
        started = time.monotonic()
        pairs: list[tuple[str, str]] = []
        try:
            pairs += _decode(request.scope["query_string"])
            pairs += _decode(await _body(request))
        except ApiFault as fault:
            answer = refuse(fault, {name.lower(): value for name, value in pairs})
        else:
            visit = Visit(request.method == "POST", request.cookies.get(SESSION_COOKIE, ""))
            answer = await run_in_threadpool(door.answer, pairs, visit)
        _tell(request, pairs, answer, time.monotonic() - started)
        return _response(answer, is_secure=request.url.scheme == "https")

    return [Route(PATH, endpoint, methods=["GET", "POST"])]


def _tell(request: Request, pairs: list[tuple[str, str]], answer: Answer, seconds: float) -> None:
    """What was asked, of parameters only the command, because others may be secrets.

    Questions, which pollers ask all day, are told only where they fail.
    """
    command = next((value for name, value in pairs if name.lower() == "command"), "")
    command = command[:64] if command.isalnum() else "(no command)"
    extra: dict[str, object] = {
        "status": answer.status,
        "ms": round(seconds * 1000, 1),
        "client": request.client.host if request.client else "",
    }
    level = logging.DEBUG if command.startswith(_QUESTIONS) and answer.status == _OK else logging.INFO
    if answer.status >= _OURS:
        level = logging.ERROR
        extra["error"] = answer.description
    log.log(level, "%s %s", request.method, command, extra=extra)


def _decode(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise bad("The request is not made of at most 2000 URL-encoded UTF-8 parameters") from None


async def _body(request: Request) -> bytes:
    if request.method != "POST":
        return b""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise bad(f"The request is larger than {LARGEST_BODY} bytes")
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if body and kind != _FORM:
        raise bad(f"The body of a request must be of type {_FORM}")
    return bytes(body)


def _response(answer: Answer, *, is_secure: bool) -> Response:
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-store"}
    if answer.description:
        headers["X-Description"] = _header(answer.description)
    response = Response(answer.body, answer.status, headers)
    for name, value in answer.cookies:
        response.set_cookie(
            name,
            value,
            max_age=None if value else 0,
            path=PATH,
            secure=is_secure,
            httponly=True,
            samesite="strict",
        )
    return response


def _header(text: str) -> str:
    """The text as a header can carry it: printable Latin letters, one line, not too long."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:1000]
