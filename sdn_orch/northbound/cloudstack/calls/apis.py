"""listApis and listEventTypes, generated from the declarations: clients build their commands from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sdn_orch.intent.model import Record
from sdn_orch.northbound.cloudstack.answers.settings import EVENT_TYPE
from sdn_orch.northbound.cloudstack.declare import Call, Command, Mode, lists
from sdn_orch.northbound.cloudstack.parameters import Parameter, text
from sdn_orch.northbound.cloudstack.shapes import (
    Field,
    Shape,
    always,
    flag,
    items,
    nested,
    number,
    string,
)

NAME = text("name", "the name of the command")

_JOB_FIELDS: tuple[Field[Any], ...] = (
    string("jobid", "the id of the job that the object waits for", always(None)),
    Field("jobstatus", "integer", "the status of that job", always(None)),
)

FIELD: Shape[Field[Any]] = Shape(
    key="response",
    resource="",
    fields=(
        string("name", "the name of the field", lambda _, field: field.name),
        string("description", "what it is", lambda _, field: field.description),
        string("type", "its type", lambda _, field: field.type),
        items(
            "response",
            "its own fields",
            lambda scene, field: [FIELD.render(scene, inner) for inner in field.fields],
        ),
    ),
)


def declare_list_apis(commands: Callable[[], Iterable[Command]]) -> Command:
    """The command listApis over these commands, itself among them."""

    def related(kind: type[Record] | None, besides: str = "") -> str:
        """The commands that answer with objects of a kind."""
        if kind is None:
            return ""
        return ",".join(each.name for each in commands() if each.shape.kind is kind and each.name != besides)

    parameter_shape: Shape[Parameter[Any]] = Shape(
        key="params",
        resource="",
        fields=(
            string("name", "the name of the parameter", lambda _, parameter: parameter.name),
            string("description", "what it is", lambda _, parameter: parameter.description),
            string("type", "its type", lambda _, parameter: parameter.type_name),
            number("length", "characters at most", lambda _, parameter: parameter.length),
            flag("required", "whether it must be there", lambda _, parameter: parameter.is_required),
            string("since", "the version that it came with", lambda _, parameter: parameter.since),
            string("related", "commands that list such objects", lambda _, each: related(each.kind)),
        ),
    )
    shape: Shape[Command] = Shape(
        key="api",
        resource="",
        fields=(
            string("name", "the name of the command", lambda _, command: command.name),
            string("description", "what it does", lambda _, command: command.description),
            flag("isasync", "whether it answers with a job", lambda _, command: command.is_async),
            string("since", "the version that it came with", lambda _, command: command.since),
            string("related", "commands with the same objects", lambda _, c: related(c.shape.kind, c.name)),
            nested("params", "the parameters", parameter_shape, lambda _, command: command.parameters),
            nested("response", "the fields of the answer", FIELD, lambda _, command: _response(command)),
        ),
    )

    @lists("listApis", shape, "Lists the commands that the caller may use", NAME)
    def list_apis(call: Call) -> Iterable[Command]:
        """All of them, or the one that is named."""
        wanted, role = call.get(NAME), call.caller.account.role
        return sorted(
            (each for each in commands() if role in each.roles and wanted in (None, each.name)),
            key=lambda command: command.name,
        )

    return list_apis


def declare_list_event_types(commands: Callable[[], Iterable[Command]]) -> Command:
    """The command listEventTypes over these commands."""

    @lists("listEventTypes", EVENT_TYPE, "Lists the types of events")
    def list_event_types(_call: Call) -> Iterable[str]:
        """What commands tell of when they are done, or have failed."""
        return sorted({command.event for command in commands() if command.event})

    return list_event_types


def _response(command: Command) -> tuple[Field[Any], ...]:
    return (*command.shape.fields, *_JOB_FIELDS) if command.mode is not Mode.SHOW else command.shape.fields
