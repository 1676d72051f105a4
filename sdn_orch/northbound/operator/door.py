"""Routes under `/v1/`, to be served on a unix socket that only the daemon's user may open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sdn_orch.errors import Disconnected, Invalid, NotFound, SdnOrchError
from sdn_orch.northbound.operator import flows, lists, trace
from sdn_orch.northbound.operator.view import View


def application(view: View) -> Starlette:
    """The door as an ASGI application. Every answer is JSON; a fault is `{"error": …}`."""

    def answer(ask: Callable[[Request], Any]) -> Callable[[Request], JSONResponse]:
        def endpoint(request: Request) -> JSONResponse:
            return JSONResponse(ask(request))

        return endpoint

    return Starlette(
        routes=[
            Route("/v1/status", answer(lambda _: lists.status(view))),
            Route("/v1/networks", answer(lambda _: lists.networks(view))),
            Route("/v1/ports", answer(lambda _: lists.ports(view))),
            Route("/v1/topology", answer(lambda _: lists.topology(view))),
            Route("/v1/plan", answer(lambda _: flows.plan(view))),
            Route(
                "/v1/switches/{switch}/flows",
                answer(lambda request: flows.flows(view, request.path_params["switch"])),
            ),
            Route(
                "/v1/explain/{what:path}",
                answer(lambda request: flows.explain(view, request.path_params["what"])),
            ),
            Route("/v1/trace", answer(lambda request: trace.trace(view, request.query_params))),
        ],
        exception_handlers={SdnOrchError: _refuse},
    )


_STATUS: tuple[tuple[type[SdnOrchError], int], ...] = ((Invalid, 400), (NotFound, 404), (Disconnected, 503))


def _refuse(_request: Request, error: Exception) -> JSONResponse:
    code = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    return JSONResponse({"error": str(error)}, status_code=code)
