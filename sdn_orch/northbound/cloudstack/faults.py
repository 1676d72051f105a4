"""Errors as CloudStack words and numbers them."""

from __future__ import annotations

from sdn_orch.errors import Exhausted, InUse, Invalid, NotFound, RuleConflict, SdnOrchError

UNAUTHORIZED = 401
METHOD = 405
TOO_MANY = 429
MALFORMED = 430
PARAMETER = 431
UNSUPPORTED = 432
INTERNAL = 530
PERMISSION = 531
LIMIT = 532
NO_CAPACITY = 533
IN_USE = 536
RULE_CONFLICT = 537

#: Upstream's number for each class of exception, by our error code.
_CLASSES = {
    PARAMETER: 4350,
    PERMISSION: 4365,
    LIMIT: 4370,
    NO_CAPACITY: 4320,
    IN_USE: 4375,
    RULE_CONFLICT: 4360,
    INTERNAL: 4250,
}
_SERVER_API_EXCEPTION = 9999


class ApiFault(SdnOrchError):
    """What a client is told: HTTP status and error code, CloudStack's exception number, and the text."""

    def __init__(self, code: int, text: str, exception_code: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.exception_code = exception_code or _CLASSES.get(code, _SERVER_API_EXCEPTION)

    def body(self) -> dict[str, object]:
        """The object that answers and failed jobs carry."""
        return {
            "uuidList": [],
            "errorcode": self.code,
            "cserrorcode": self.exception_code,
            "errortext": self.text,
        }


def bad(text: str) -> ApiFault:
    """A parameter has a value that cannot be."""
    return ApiFault(PARAMETER, text)


def conflict(text: str) -> ApiFault:
    """A rule meets another one, or what the rule is for."""
    return ApiFault(RULE_CONFLICT, text)


def denied(text: str) -> ApiFault:
    """The caller may not do this."""
    return ApiFault(PERMISSION, text)


class MissingParameter(ApiFault):
    """What a call cannot do without is absent; never the outcome of a job, but told at once."""


def missing_parameter(command: str, parameter: str) -> MissingParameter:
    """A required parameter is absent."""
    return MissingParameter(
        PARAMETER,
        f"Unable to execute API command {command.lower()} due to missing parameter {parameter}",
        _SERVER_API_EXCEPTION,
    )


def invalid_value(command: str, reason: str) -> ApiFault:
    """A parameter is not what its type wants; `reason` names it."""
    return ApiFault(
        PARAMETER,
        f"Unable to execute API command {command.lower()} due to invalid value. {reason}",
        _SERVER_API_EXCEPTION,
    )


def no_entity(parameter: str, value: str) -> str:
    """Why a UUID names nothing. Clients recognise deleted objects by this text, word for word."""
    return (
        f"Invalid parameter {parameter} value={value} due to incorrect long value format, or entity does not"
        " exist or due to incorrect parameter annotation for the field in api cmd class."
    )


def unauthorized() -> ApiFault:
    """The request is not signed by somebody we know."""
    return ApiFault(
        UNAUTHORIZED, "unable to verify user credentials and/or request signature", _SERVER_API_EXCEPTION
    )


def translate(error: SdnOrchError) -> ApiFault:
    """Any deliberate error as a fault."""
    match error:
        case ApiFault():
            return error
        case Invalid() | NotFound():
            return ApiFault(PARAMETER, str(error))
        case InUse():
            return ApiFault(IN_USE, str(error))
        case RuleConflict():
            return ApiFault(RULE_CONFLICT, str(error))
        case Exhausted():
            return ApiFault(NO_CAPACITY, str(error))
        case _:
            return ApiFault(INTERNAL, str(error))
