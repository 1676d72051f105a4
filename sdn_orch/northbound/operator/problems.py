"""Refusals as problem details (RFC 9457): which rule of HTTP or of ours, and every fault with its place."""

from __future__ import annotations

from http import HTTPStatus

from sdn_orch.errors import (
    Conflict,
    Disconnected,
    Exhausted,
    InUse,
    Invalid,
    NotFound,
    ReadFailed,
    RuleConflict,
    SdnOrchError,
    StoreUnavailable,
)
from sdn_orch.northbound.operator.models import Fault, Problem

MEDIA_TYPE = "application/problem+json"

_KINDS: tuple[tuple[type[SdnOrchError], str, HTTPStatus], ...] = (
    (Invalid, "invalid", HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFound, "not-found", HTTPStatus.NOT_FOUND),
    (InUse, "in-use", HTTPStatus.CONFLICT),
    (RuleConflict, "rule-conflict", HTTPStatus.CONFLICT),
    (Conflict, "store-moved-on", HTTPStatus.CONFLICT),
    (Exhausted, "exhausted", HTTPStatus.CONFLICT),
    (Disconnected, "disconnected", HTTPStatus.SERVICE_UNAVAILABLE),
    (ReadFailed, "cloudstack-unread", HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreUnavailable, "store-unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
)
_TYPE = "urn:sdn-orch:problem:"


class Refusal(SdnOrchError):
    """A request that is refused before any use case sees it; `faults` are (object, field, reason)."""

    def __init__(
        self, status: HTTPStatus, kind: str, detail: str, faults: tuple[tuple[str, str, str], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.faults = faults


def problem(error: SdnOrchError) -> Problem:
    """Any deliberate error as a problem."""
    if isinstance(error, Refusal):
        faults = [Fault(object=thing, field=field, reason=reason) for thing, field, reason in error.faults]
        return _problem(error.kind, error.status, str(error), faults)
    for kind, name, status in _KINDS:
        if isinstance(error, kind):
            texts = error.faults if isinstance(error, Invalid) else ()
            return _problem(name, status, str(error), [fault(text) for text in texts])
    return failure()


def failure() -> Problem:
    """A fault of ours."""
    return _problem("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "sdn-orch failed; its log says why", [])


def fault(text: str) -> Fault:
    """From `Kind name (id): field: reason`, as validation words faults; less where the text says less."""
    parts = text.split(": ", 2)
    if len(parts) == 3:
        return Fault(object=parts[0], field=parts[1], reason=parts[2])
    return Fault(object="request", field=parts[0] if len(parts) == 2 else "", reason=parts[-1])


def _problem(kind: str, status: HTTPStatus, detail: str, faults: list[Fault]) -> Problem:
    return Problem(
        type=f"{_TYPE}{kind}", title=status.phrase, status=status.value, detail=detail, faults=faults
    )
