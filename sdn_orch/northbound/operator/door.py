"""Routes under `/v1/`, and the thread that serves them on a unix socket only the daemon's user may open."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
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


class Door:
    """Serves a view at `path` from `start` until `stop`."""

    def __init__(self, view: View, path: Path) -> None:
        self.path = path
        config = uvicorn.Config(application(view), log_config=None, access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen and serve. Raises Invalid when another daemon answers at this path."""
        self._socket = listen(self.path)
        run = self._server.run
        self._thread = threading.Thread(target=run, args=([self._socket],), name="operator-door", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being answered, and remove the socket."""
        self._server.should_exit = True
        if self._thread:
            self._thread.join(timeout=5)
        if self._socket:
            self._socket.close()
            self.path.unlink(missing_ok=True)


def listen(path: Path) -> socket.socket:
    """A listening unix socket with mode 0600, in place of one that a killed daemon left."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            else:
                raise Invalid(f"another sdn-orch runs: it answers at {path}")
    listener = socket.socket(socket.AF_UNIX)
    fresh = path.with_suffix(f".{threading.get_native_id()}")
    listener.bind(str(fresh))
    fresh.chmod(0o600)
    listener.listen(64)
    # Renamed into place only now, so that nobody can connect before the mode is set.
    fresh.rename(path)
    return listener
