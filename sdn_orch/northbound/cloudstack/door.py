"""The door: from a request's parameters to an answer, through authentication, declaration and use case."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from sdn_orch.errors import Invalid, SdnOrchError
from sdn_orch.intent.model import Account, Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack import implementing, jobs, limits, settings, tombstones
from sdn_orch.northbound.cloudstack.answers.sessions import LOGIN
from sdn_orch.northbound.cloudstack.callers import STRANGER, Caller, is_enabled
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.calls.sessions import USERNAME, login, logout, named_domain
from sdn_orch.northbound.cloudstack.declare import (
    COUNT_ONLY,
    INJECTED_JOB_ID,
    KEYWORD,
    PAGE,
    PAGE_SIZE,
    TAGS,
    Call,
    Command,
    Mode,
)
from sdn_orch.northbound.cloudstack.faults import (
    INTERNAL,
    METHOD,
    UNSUPPORTED,
    ApiFault,
    MissingParameter,
    bad,
    translate,
    unauthorized,
)
from sdn_orch.northbound.cloudstack.filters import narrow
from sdn_orch.northbound.cloudstack.model import Event, Job, User
from sdn_orch.northbound.cloudstack.parameters import Gone, Request
from sdn_orch.northbound.cloudstack.serialise import to_json, to_xml
from sdn_orch.northbound.cloudstack.sessions import Attempts, Sessions
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Scene, has_tags
from sdn_orch.northbound.cloudstack.signing import has_expired, is_signed
from sdn_orch.northbound.cloudstack.user_keys import keys_of, new_key, with_keys
from sdn_orch.northbound.service import Service, Transaction

log = logging.getLogger(__name__)

_ERROR_RESPONSE = "errorresponse"
SESSION_COOKIE = "JSESSIONID"
KEY_COOKIE = "sessionkey"

#: What lists can be by. Of jobs and events, which go by themselves, nothing is remembered.
_LISTED_BY = {
    parameter.kind
    for command in COMMANDS.values()
    if command.mode is Mode.LIST
    for parameter in command.parameters
    if parameter.kind not in (None, Job, Event)
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    content_type: str
    #: The error's text, for the header X-Description.
    description: str = ""
    #: Names and values to set; an empty value is to be forgotten.
    cookies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request is besides its parameters."""

    is_post: bool = False
    #: The value of the cookie JSESSIONID.
    session_id: str = field(default="", repr=False)


class Door:
    """Answers requests. `answer` may be called from any thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._sessions = Sessions()
        self._attempts = Attempts()
        # Whom an unknown key is taken for, with a secret key that nobody knows.
        self._nobody = with_keys(STRANGER.user, "", new_key(), service.vault)

    def answer(self, pairs: Sequence[tuple[str, str]], visit: Visit = Visit()) -> Answer:
        """Answer a request with these decoded parameters, of the query and the form; never raises."""
        given: dict[str, str] = {}
        try:
            given = _merge(pairs)
            if given.get("command") == login.name:
                return self._login(given, visit)
            caller = self._authenticate(pairs, given, visit)
            command = _command(given, caller)
            if command is logout:
                return self._logout(given, caller, visit)
            return _answer(given, command.response_name, self._run(command, given, caller))
        except ApiFault as fault:
            return refuse(fault, given)
        except SdnOrchError as error:
            return refuse(translate(error), given)
        except Exception:
            log.exception("%s failed", given.get("command"))
            return refuse(
                ApiFault(
                    INTERNAL, "Internal error executing command, please contact your system administrator"
                ),
                given,
            )

    def _login(self, given: Mapping[str, str], visit: Visit) -> Answer:
        """Begin a session, which the answer carries; raises what `login` does, and 429 for too many tries."""
        snapshot, now = self._service.snapshot, self._service.now
        call = Call(login, Request(given, snapshot, STRANGER), now)
        if not visit.is_post:
            raise ApiFault(METHOD, "Method not allowed: login is by POST only")
        name = f"{named_domain(call)} {call[USERNAME]}"
        self._attempts.begin(name, now)
        was_right = False
        try:
            caller: Caller = login.handler(call)
            was_right = True
        finally:
            self._attempts.end(name, now, was_right=was_right)
        session = self._sessions.begin(caller.user, now)
        shown = LOGIN.render(Scene(snapshot, caller), caller) | {"sessionkey": session.key}
        answer = _answer(given, login.response_name, shown)
        return replace(answer, cookies=((SESSION_COOKIE, session.id), (KEY_COOKIE, session.key)))

    def _logout(self, given: Mapping[str, str], caller: Caller, visit: Visit) -> Answer:
        self._sessions.end(visit.session_id)
        answer = _answer(given, logout.response_name, self._run(logout, given, caller))
        return replace(answer, cookies=((SESSION_COOKIE, ""), (KEY_COOKIE, "")))

    def _authenticate(
        self, pairs: Sequence[tuple[str, str]], given: Mapping[str, str], visit: Visit
    ) -> Caller:
        """The user whose key signed the request, or whose session it belongs to; raises 401."""
        snapshot = self._service.snapshot
        user = self._signer(snapshot, pairs, given) if "apikey" in given else None
        if "apikey" not in given and visit.session_id:
            key = given.get("sessionkey", "")
            user = self._sessions.user(snapshot, visit.session_id, key, self._service.now)
        if user is None or not is_enabled(snapshot, user):
            raise unauthorized()
        return Caller(user, snapshot.need(Account, user.account_id))

    def _signer(
        self, snapshot: Snapshot, pairs: Sequence[tuple[str, str]], given: Mapping[str, str]
    ) -> User | None:
        """The user whose key signed the request."""
        # An unknown key takes as long as a wrong signature.
        user = snapshot.first(User, "api_key", given["apikey"]) or self._nobody
        try:
            secret_key = keys_of(user, self._service.vault).secret_key
        except Invalid as fault:
            log.warning("user %s may not call: %s", user.username, fault)
            return None
        signed = {name: value for name, value in pairs if name.lower() != "signature"}
        if secret_key is None or not is_signed(signed, given.get("signature", ""), secret_key):
            return None
        return None if has_expired(given, self._service.now) else user

    def _run(self, command: Command, given: Mapping[str, str], caller: Caller) -> dict[str, object]:
        if command.is_write:
            return self._write(command, given, caller)
        try:
            call = self._reading(command, given, caller)
        except Gone:
            return {}
        found = command.handler(call)
        if command.mode is Mode.LIST:
            return _page(call, found)
        shown = found if isinstance(found, dict) else command.shape.render(call.scene, found)
        return {command.key: shown} if command.key else shown

    def _reading(self, command: Command, given: Mapping[str, str], caller: Caller) -> Call:
        """A call outside of a transaction; raises faults of its parameters, and Gone."""
        request = Request(given, self._service.snapshot, caller, is_list=command.mode is Mode.LIST)
        return Call(command, request, self._service.now, vault=self._service.vault)

    def _write(self, command: Command, given: Mapping[str, str], caller: Caller) -> dict[str, object]:
        is_bound = False
        job_id: str | None = None
        ahead = command.ahead(self._reading(command, given, caller)) if command.ahead else None

        def use_case(transaction: Transaction) -> dict[str, object]:
            nonlocal is_bound, job_id
            request = Request(given, transaction.snapshot, caller)
            call = Call(command, request, transaction.now, transaction, ahead=ahead)
            job_id = _free_job_id(transaction.snapshot, call)
            is_bound = True
            return _do(command, call, transaction, job_id)

        try:
            return self._service.write(use_case)
        except SdnOrchError as error:
            # Once its parameters are read, a call that creates nothing fails as a job.
            if command.mode is not Mode.ASYNC or not is_bound or isinstance(error, MissingParameter):
                raise
            fault = translate(error)
            return self._service.write(lambda transaction: _fail(transaction, caller, command, job_id, fault))


def _do(command: Command, call: Call, transaction: Transaction, job_id: str | None) -> dict[str, object]:
    """Run the handler, record its event and its job, and make the first answer."""
    before = transaction.snapshot
    done = command.handler(call)
    implementing.follow(transaction, before)
    if isinstance(done, Record):
        # What followed from the call may have changed it.
        done = transaction.snapshot.get(type(done), done.id) or done
    limits.enforce(transaction, before)
    tombstones.bury(transaction, before, _LISTED_BY)
    if command.shape is SUCCESS:
        result: dict[str, object] = {"success": True}
        resource = ("", "")
    else:
        shown = done if isinstance(done, dict) else command.shape.render(call.scene, done)
        result = {command.key: shown}
        resource = (command.shape.resource, str(shown.get("id") or getattr(done, "id", "")))
    jobs.tell(transaction, call.caller, command.event, _description(command, resource), resource, "INFO")
    if not command.is_async:
        return result
    job = jobs.finished(
        transaction, call.caller, command.name, job_id, result, resource, is_secret=command.is_secret
    )
    return {"id": resource[1], "jobid": job.id} if command.mode is Mode.ASYNC_CREATE else {"jobid": job.id}


def _fail(
    transaction: Transaction, caller: Caller, command: Command, job_id: str | None, fault: ApiFault
) -> dict[str, object]:
    jobs.tell(transaction, caller, command.event, f"Error in {command.name}: {fault.text}", ("", ""), "ERROR")
    return {"jobid": jobs.failed(transaction, caller, command.name, job_id, fault).id}


def _description(command: Command, resource: tuple[str, str]) -> str:
    what = f" {resource[0]} {resource[1]}" if resource[1] else ""
    return f"Successfully completed {command.name}{what}"


def _free_job_id(snapshot: Snapshot, call: Call) -> str | None:
    injected = call.get(INJECTED_JOB_ID)
    if injected is not None and snapshot.get(Job, injected) is not None:
        raise bad(f"Job {injected} already exists")
    return injected


def _page(call: Call, found: Iterable[object]) -> dict[str, object]:
    """The page asked for of what was found, and how much there is in all; nothing found is nothing said."""
    page, size = call.get(PAGE), call.get(PAGE_SIZE)
    if (page is None) != (size is None):
        missing = "page" if page is None else "pagesize"
        raise bad(
            f"Unable to execute API command {call.command.name.lower()} due to missing parameter {missing}"
        )
    if size == 0:
        raise bad("pagesize must be -1 or positive")
    key, shape = call.command.key, call.command.shape
    if call.command.variant is not None and (variant := call.command.variant(call)) is not None:
        key, shape = variant
    scene, keyword = call.scene, call.get(KEYWORD)
    if keyword is not None:
        found = (record for record in found if shape.matches(scene, record, keyword))
    if (tags := _tags(call)) is not None:
        found = (record for record in found if has_tags(scene, cast("Record", record), tags))
    found = narrow(call, found)
    records = found if isinstance(found, Sequence) else list(found)
    if call.get(COUNT_ONLY):
        return {"count": len(records)}
    length = size or settings.PAGE_SIZE.number(call.snapshot)
    if length < 0:
        shown = records if page in (None, 1) else []
    else:
        start = ((page or 1) - 1) * length
        shown = records[start : start + length]
    if not shown:
        return {}
    return {"count": len(records), key: [shape.render(scene, record) for record in shown]}


def _tags(call: Call) -> dict[str, str] | None:
    """The tags that objects must have; raises a fault if one has no key or value."""
    entries = call.get(TAGS) if call.command.shape.is_taggable else None
    if entries is None:
        return None
    for entry in entries:
        if not entry.get("key") or not entry.get("value"):
            raise bad("Invalid parameter tags: every tag needs a key and a value")
    return {entry["key"]: entry["value"] for entry in entries}


def _merge(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Parameters by lower-case name; one said twice with different values is a fault, not a choice."""
    merged: dict[str, str] = {}
    for name, value in pairs:
        if merged.setdefault(name.lower(), value) != value:
            raise bad(f"Parameter {name.lower()[:255]} is given twice with different values")
    return merged


def _command(given: Mapping[str, str], caller: Caller) -> Command:
    """The command, if it exists and the caller's role may use it; else 432, as older servers answer."""
    name = given.get("command", "")
    command = COMMANDS.get(name)
    if command is None or caller.account.role not in command.roles:
        shown = name if len(name) <= 255 and name.isprintable() else "(unprintable)"
        raise ApiFault(
            UNSUPPORTED,
            f"The given command '{shown}' either does not exist, or is not available for the account",
        )
    return command


def refuse(fault: ApiFault, given: Mapping[str, str]) -> Answer:
    """The error as an answer, in the format that was asked for."""
    command = COMMANDS.get(given.get("command", ""))
    root = command.response_name if command and fault.code != UNSUPPORTED else _ERROR_RESPONSE
    return _answer(given, root, fault.body(), fault.code, fault.text)


def _answer(
    given: Mapping[str, str], root: str, body: dict[str, object], status: int = 200, description: str = ""
) -> Answer:
    if given.get("response", "xml").lower() == "json":
        return Answer(status, to_json(root, body), "application/json;charset=UTF-8", description)
    return Answer(status, to_xml(root, body), "text/xml;charset=UTF-8", description)
