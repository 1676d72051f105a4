"""The door's documentation, OpenAPI 3.1, made from the declarations."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from sdn_orch.northbound.operator.declare import Declaration
from sdn_orch.northbound.operator.models import Problem
from sdn_orch.northbound.operator.problems import MEDIA_TYPE

JSON = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_TEXT = (
    "What sdn-orch knows and does that CloudStack's API has no words for. Over TCP every request carries a"
    " token; the command line asks on a unix socket that only the daemon's user may open. Every answer has an"
    " entity tag; a refused request has changed nothing."
)


def document(declarations: Iterable[Declaration]) -> JSON:
    """The whole document."""
    declarations = tuple(declarations)
    schemas, components = _schemas(declarations)
    paths: dict[str, JSON] = {}
    for each in declarations:
        paths.setdefault(each.template, {})[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sdn-orch",
            "version": version("sdn-orch"),
            "description": _TEXT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of sufficient scope."}
            },
            "responses": {
                "Problem": {
                    "description": "Why the request was refused; nothing has changed.",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}},
                }
            },
        },
    }


_Schemas = dict[tuple[int, str], JSON]


def _schemas(declarations: tuple[Declaration, ...]) -> tuple[_Schemas, JSON]:
    """The schema of every model, by the model's identity and its use, and the components they refer to."""
    inputs: list[tuple[int, Any, TypeAdapter[Any]]] = []
    for each in declarations:
        inputs.append((id(each.query), "validation", TypeAdapter(each.query)))
        if each.body is not None:
            inputs.append((id(each.body), "validation", TypeAdapter(each.body)))
        if each.answer is not None:
            inputs.append((id(each.answer), "serialization", each.answer))
    inputs.append((id(Problem), "serialization", TypeAdapter(Problem)))
    found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)
    return {(key, mode): schema for (key, mode), schema in found.items()}, definitions["$defs"]


def _operation(each: Declaration, schemas: _Schemas) -> JSON:
    refused = {"$ref": "#/components/responses/Problem"}
    answer: JSON = {
        "description": each.status.phrase,
        "headers": {"ETag": {"description": "A hash of the answer.", "schema": {"type": "string"}}},
    }
    if each.answer is None:
        answer = {"description": each.status.phrase}
    else:
        answer["content"] = {"application/json": {"schema": schemas[id(each.answer), "serialization"]}}
    operation: JSON = {
        "operationId": each.name,
        "summary": each.summary,
        "description": f"{(each.handler.__doc__ or '').strip()}\n\nScope: {each.scope}.".strip(),
        "parameters": [*_in_path(each), *_in_query(each), *_headers(each)],
        "responses": {str(each.status.value): answer, **_no_change(each), "default": refused},
    }
    if each.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[id(each.body), "validation"]}},
        }
    return operation


def _in_path(each: Declaration) -> list[JSON]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in each.parameters
    ]


def _in_query(each: Declaration) -> list[JSON]:
    schema = TypeAdapter(each.query).json_schema(ref_template=_REFERENCE)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": member.get("description", ""),
            "schema": _without_null(member),
        }
        for name, member in schema.get("properties", {}).items()
    ]


def _headers(each: Declaration) -> list[JSON]:
    match each.method:
        case "GET":
            name, text = "If-None-Match", "Entity tags of answers that the client has."
        case "PUT" | "DELETE":
            name, text = "If-Match", "Entity tags of what the client saw and is about to change."
        case _:
            return []
    return [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
    ]


def _no_change(each: Declaration) -> JSON:
    if each.method != "GET":
        return {}
    return {str(HTTPStatus.NOT_MODIFIED.value): {"description": "The client has the answer already."}}


def _without_null(schema: JSON) -> JSON:
    """A parameter's schema: null cannot be said in a query, there the parameter is left out."""
    bare = {key: value for key, value in schema.items() if key not in ("description", "title", "default")}
    some = [each for each in bare.get("anyOf", ()) if each.get("type") != "null"]
    if "anyOf" in bare:
        bare = some[0] if len(some) == 1 else {"anyOf": some}
    return bare | ({"default": schema["default"]} if schema.get("default") is not None else {})
