"""Where CloudStack's webhooks deliver events.

Whoever knows the secret is heard, once for each delivery, and while the event is young: an old message that
somebody kept is refused. CloudStack takes 200 alone for delivered, and tries again for anything else.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from threading import Lock

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sdn_orch.northbound.sync import events

log = logging.getLogger(__name__)

PATH = "/cloudstack/events"
#: How old an event may be, and how many deliveries are remembered at most.
_OLDEST, _REMEMBERED = timedelta(minutes=10), 10_000
#: How long after a refusal no other one is logged.
_TELL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Hearing:
    """When a message was last verified, and when one was last refused, with the reason."""

    heard: datetime | None = None
    refused: datetime | None = None
    reason: str | None = None


class Webhook:
    """The route; `heed` gets each event once. `hearing` is replaced whole: any thread may read it."""

    def __init__(
        self, secret: str, heed: Callable[[events.Event], None], now: Callable[[], datetime]
    ) -> None:
        self._secret = secret
        self._heed = heed
        self._now = now
        self._lock = Lock()
        self._told: datetime | None = None
        self.hearing = Hearing()
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def route(self) -> Route:
        """POST on `PATH`."""
        return Route(PATH, self._endpoint, methods=["POST"])

    async def _endpoint(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > events.LARGEST:
                return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the message is too large")
        headers = request.headers
        return self.receive(bytes(body), headers.get("x-cs-signature", ""), headers.get("x-cs-event-id", ""))

    def receive(self, body: bytes, signature: str, id: str) -> Response:
        """One delivery."""
        if not events.is_signed(self._secret, body, signature):
            return self._refuse(HTTPStatus.UNAUTHORIZED, "the signature is not that of the message")
        self.hearing = replace(self.hearing, heard=self._now())
        try:
            event = events.read(body)
        except ValueError:
            # Somebody may test a webhook with any text at all.
            return PlainTextResponse("not an event")
        if event is None:
            return PlainTextResponse("passed over")
        now = self._now()
        if abs(now - event.at) > _OLDEST:
            return self._refuse(HTTPStatus.FORBIDDEN, "the event is too old, or the clocks differ")
        if self._is_new((id, signature.strip()), now):
            self._heed(event)
        return PlainTextResponse("heard")

    def _is_new(self, delivery: tuple[str, str], now: datetime) -> bool:
        """Whether it comes for the first time; remembered for as long as its event is young enough."""
        with self._lock:
            while self._seen and (
                len(self._seen) > _REMEMBERED or now - next(iter(self._seen.values())) > 2 * _OLDEST
            ):
                self._seen.popitem(last=False)
            if delivery in self._seen:
                return False
            self._seen[delivery] = now
            return True

    def _refuse(self, status: HTTPStatus, reason: str) -> Response:
        """Refuse a message; the log has one a minute, however many anybody sends."""
        now = self._now()
        self.hearing = replace(self.hearing, refused=now, reason=reason)
        if self._told is None or now - self._told > _TELL:
            self._told = now
            log.warning("a message to %s was refused: %s", PATH, reason)
        return PlainTextResponse(reason, status)
