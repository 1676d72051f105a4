"""The ASGI routes of the door: reads a request within its limits, answers it in the thread pool."""

from __future__ import annotations

import logging
import time
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sdn_orch.northbound.cloudstack.door import Answer, Door, refuse
from sdn_orch.northbound.cloudstack.faults import ApiFault, bad

log = logging.getLogger(__name__)

PATH = "/client/api"
#: Enough for the largest call, machines with 1 MB of user data in Base64; more is refused unread.
LARGEST_BODY = 2 * 1024 * 1024
_MOST_PARAMETERS = 2000
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
            answer = await run_in_threadpool(door.answer, pairs)
        # The command is the only parameter that is ever logged: others may be secrets.
        command = next((value for name, value in pairs if name.lower() == "command"), "")
        log.info(
            "%s %s",
            request.method,
            command[:64] if command.isalnum() else "(no command)",
            extra={"status": answer.status, "ms": round((time.monotonic() - started) * 1000, 1)},
        )
        return _response(answer)

    return [Route(PATH, endpoint, methods=["GET", "POST"])]


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


def _response(answer: Answer) -> Response:
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-store"}
    if answer.description:
        headers["X-Description"] = _header(answer.description)
    return Response(answer.body, answer.status, headers)


def _header(text: str) -> str:
    """The text as a header can carry it: printable Latin letters, one line, not too long."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:1000]
