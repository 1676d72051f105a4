"""Declarations: everything that is known of a command, from which the door does the rest.

A command is a function of a `Call` under a decorator: `lists` for lists, `shows` for other reads,
`changes` for writes. Parsing, validation, scoping, paging, jobs, events and listApis follow from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from sdn_orch.intent.model import Role
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack import settings
from sdn_orch.northbound.cloudstack.callers import Caller
from sdn_orch.northbound.cloudstack.faults import invalid_value, missing_parameter
from sdn_orch.northbound.cloudstack.parameters import (
    Entry,
    Gone,
    Parameter,
    Request,
    WrongValue,
    boolean,
    integer,
    mapping,
    text,
    uuid_of_choice,
)
from sdn_orch.northbound.cloudstack.shapes import Scene, Shape
from sdn_orch.northbound.cloudstack.unserved import refuse_unserved
from sdn_orch.northbound.service import Transaction
from sdn_orch.vault import Vault

T = TypeVar("T")

EVERYBODY = frozenset(Role) - {Role.PROJECT}
ADMINS = frozenset((Role.ROOT_ADMIN, Role.DOMAIN_ADMIN))
ROOT = frozenset((Role.ROOT_ADMIN,))

KEYWORD = text("keyword", "list by keyword, a part of the name in any case")
PAGE = integer("page", "the page to list, from 1 on; needs pagesize", 1)
_ANY_SIZE = integer("pagesize", "entries a page, or -1 for all; default.page.size at most; needs page", -1)


def _read_page_size(request: Request) -> int | None:
    size, largest = _ANY_SIZE.read(request), settings.PAGE_SIZE.number(request.snapshot)
    if size is not None and size > largest >= 0:
        raise WrongValue(f"Invalid value {size} for parameter pagesize: it must be {largest} at most")
    return size


PAGE_SIZE = dataclasses.replace(_ANY_SIZE, read=_read_page_size)
TAGS = mapping("tags", "list by tags, all of which an object must have: key and value of each")
COUNT_ONLY = boolean("retrieveonlyresourcecount", "true: how many there are, and not which")
LIST_PARAMETERS: tuple[Parameter[Any], ...] = (KEYWORD, PAGE, PAGE_SIZE)
INJECTED_JOB_ID = uuid_of_choice("injectedjobid", "the UUID that the job shall have")


class Mode(StrEnum):
    """How a command answers."""

    #: With a list.
    LIST = "list"
    #: With an object as it is, not wrapped.
    SHOW = "show"
    #: With what was changed.
    SYNC = "sync"
    #: With a job id.
    ASYNC = "async"
    #: With a job id and the id of what was created.
    ASYNC_CREATE = "async-create"


class Call:
    """One call of a command: who, when, in which state, with which arguments."""

    def __init__(
        self,
        command: Command,
        request: Request,
        now: datetime,
        transaction: Transaction | None = None,
        vault: Vault | None = None,
        ahead: Any = None,
    ) -> None:
        self.caller: Caller = request.caller
        #: What the command has done ahead of its transaction.
        self.ahead = ahead
        self.now = now
        self.command = command
        self._request = request
        self._transaction = transaction
        self._vault = vault
        self._values = _values(command, request)

    def __getitem__(self, parameter: Parameter[T]) -> T:
        """The value of a required parameter."""
        return cast("T", self._values[parameter.name])

    def get(self, parameter: Parameter[T]) -> T | None:
        """The value of a parameter, or None."""
        return cast("T | None", self._values.get(parameter.name))

    def within(self, entry: Entry, parameter: Parameter[T]) -> T | None:
        """The value of a parameter in one entry of a map, or None."""
        request = Request(entry, self._request.snapshot, self.caller)
        return _value(self.command, parameter, request)

    @property
    def snapshot(self) -> Snapshot:
        """The state, with what the call has changed so far."""
        return self._transaction.snapshot if self._transaction is not None else self._request.snapshot

    @property
    def transaction(self) -> Transaction:
        """Where a `changes` command makes its changes."""
        if self._transaction is None:
            raise TypeError(f"{self.command.name} is declared as reading only")
        return self._transaction

    @property
    def vault(self) -> Vault:
        """What opens what is sealed."""
        vault = self._transaction.vault if self._transaction is not None else self._vault
        if vault is None:
            raise TypeError(f"{self.command.name} is called without a vault")
        return vault

    @property
    def scene(self) -> Scene:
        """What answers are made from."""
        return Scene(self.snapshot, self.caller)


#: Key and shape of a list's items for this call; None: the declared ones.
Variant = Callable[[Call], tuple[str, Shape[Any]] | None]
#: Lists answer with records, changes with the record changed or None for mere success; a dictionary is an
#: answer made already, for what is no longer there when the call ends.
Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """See the module. `key` is what the answer's object or items are called; empty: not wrapped."""

    name: str
    description: str
    mode: Mode
    handler: Handler
    parameters: tuple[Parameter[Any], ...]
    shape: Shape[Any]
    key: str
    roles: frozenset[Role]
    event: str = ""
    since: str = ""
    #: Whether what it answers is a secret, to be sealed where the job is kept.
    is_secret: bool = False
    #: What a list's items are called and look like instead, where that depends on the call.
    variant: Variant | None = None
    #: What takes long, done before the transaction so that other writers need not wait; see `Call.ahead`.
    ahead: Handler | None = None

    @property
    def response_name(self) -> str:
        """The top-level key of the answer."""
        return f"{self.name.lower()}response"

    @property
    def is_async(self) -> bool:
        """Whether the first answer carries a job id."""
        return self.mode in (Mode.ASYNC, Mode.ASYNC_CREATE)

    @property
    def is_write(self) -> bool:
        """Whether the command runs in a transaction."""
        return self.mode in (Mode.SYNC, Mode.ASYNC, Mode.ASYNC_CREATE)


def lists(
    name: str,
    shape: Shape[Any],
    description: str,
    *parameters: Parameter[Any],
    roles: frozenset[Role] = EVERYBODY,
    key: str = "",
    since: str = "",
    variant: Variant | None = None,
) -> Callable[[Callable[[Call], Iterable[Any]]], Command]:
    """A list: the function yields what the caller may see and asked for; keyword and pages are seen to."""

    def declare(handler: Callable[[Call], Iterable[Any]]) -> Command:
        return Command(
            name=name,
            description=description,
            mode=Mode.LIST,
            handler=handler,
            parameters=(*parameters, *(TAGS,) * shape.is_taggable, *LIST_PARAMETERS),
            shape=shape,
            key=key or shape.key,
            roles=roles,
            since=since,
            variant=variant,
        )

    return declare


def shows(
    name: str,
    shape: Shape[Any],
    description: str,
    *parameters: Parameter[Any],
    roles: frozenset[Role] = EVERYBODY,
    key: str = "",
    since: str = "",
) -> Callable[[Callable[[Call], Any]], Command]:
    """A read of one object, which is wrapped by `key` if there is one."""

    def declare(handler: Callable[[Call], Any]) -> Command:
        return Command(
            name=name,
            description=description,
            mode=Mode.SHOW,
            handler=handler,
            parameters=parameters,
            shape=shape,
            key=key,
            roles=roles,
            since=since,
        )

    return declare


def changes(
    name: str,
    shape: Shape[Any],
    description: str,
    *parameters: Parameter[Any],
    mode: Mode = Mode.SYNC,
    event: str,
    roles: frozenset[Role] = EVERYBODY,
    since: str = "",
    is_secret: bool = False,
    ahead: Handler | None = None,
) -> Callable[[Callable[[Call], Any]], Command]:
    """A write, committed with its job and event when the function returns. `shape` may be SUCCESS."""

    def declare(handler: Callable[[Call], Any]) -> Command:
        extra = () if mode is Mode.SYNC else (INJECTED_JOB_ID,)
        if ahead is not None and mode is not Mode.SYNC:
            raise TypeError(f"{name}: a job cannot fail ahead of its transaction")
        return Command(
            name=name,
            description=description,
            mode=mode,
            handler=handler,
            parameters=(*parameters, *extra),
            shape=shape,
            key=shape.key,
            roles=roles,
            event=event,
            is_secret=is_secret,
            since=since,
            ahead=ahead,
        )

    return declare


def _value(command: Command, parameter: Parameter[T], request: Request) -> T | None:
    try:
        return parameter.read(request)
    except Gone as error:
        if request.is_list:
            raise
        raise invalid_value(command.name, str(error)) from None
    except WrongValue as error:
        raise invalid_value(command.name, str(error)) from None


def _values(command: Command, request: Request) -> dict[str, object]:
    """Every parameter read; raises the first fault, as CloudStack does."""
    values: dict[str, object] = {}
    for parameter in command.parameters:
        value = _value(command, parameter, request)
        if value is not None:
            values[parameter.name] = value
        elif parameter.is_required:
            raise missing_parameter(command.name, parameter.name)
    refuse_unserved(command.name, request.given)
    return values
