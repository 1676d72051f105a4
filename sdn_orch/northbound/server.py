"""HTTP on threads of its own: an ASGI application on TCP, with TLS if wanted, or on a unix socket."""

from __future__ import annotations

import socket
import ssl
import threading
from asyncio import CancelledError
from pathlib import Path

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Seconds that requests under way get when the server stops.
_GRACE = 1
_START_TIMEOUT = 10.0


class Server:
    """One listening socket and the thread that serves it. Binding happens at once, and fails at once."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        *,
        certificate: Path | None = None,
        private_key: Path | None = None,
        client_authority: Path | None = None,
        name: str = "http",
    ) -> None:
        """Serve `app`; with `certificate` over TLS, and with `client_authority` only to clients it signed.

        `name` is the thread's.
        """
        config = uvicorn.Config(
            _ending(app),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            h11_max_incomplete_event_size=128 * 1024,
            ssl_certfile=certificate,
            ssl_keyfile=private_key,
            ssl_ca_certs=str(client_authority) if client_authority else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if client_authority else ssl.CERT_NONE,
        )
        if certificate is not None:
            config.load()  # Reads certificate and key now: a wrong one is told to the caller.
        self._listener = listener
        self._server = uvicorn.Server(config)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of a TCP listener."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Begin to serve; returns when requests are answered. Raises TimeoutError if that never happens."""
        self._thread.start()
        waiting = threading.Event()
        for _ in range(int(_START_TIMEOUT / 0.01)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            waiting.wait(0.01)
        raise TimeoutError("the HTTP server did not start")

    def stop(self) -> None:
        """Finish what is under way, for a second at most, and close the socket."""
        self._stopping = True
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_GRACE + 1)
        self._listener.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])
        if not self._stopping:
            raise RuntimeError("the HTTP server has ended by itself")


def _ending(app: ASGIApp) -> ASGIApp:
    """The application, whose requests that the end cuts off are told so."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, receive, watch)
        except CancelledError:
            if not started:
                await PlainTextResponse("the server stops", status_code=503)(scope, receive, send)

    return serve
