"""The calls for people: a row each, and the page of the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sdn_orch.intent.model import Role
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.declare import INJECTED_JOB_ID, LIST_PARAMETERS, Mode

_MODES = {Mode.ASYNC: "A", Mode.ASYNC_CREATE: "A+id"}
#: Which every list takes, or every job.
_EVERYWHERE = {each.name for each in (*LIST_PARAMETERS, INJECTED_JOB_ID)}

_HEAD = """\
# CloudStack's API, as far as it is here

{count} calls at `/client/api`, in JSON and XML; `listApis` says the same to programs. *A* answers with a job,
*A+id* with a job and the id of what it creates. Required parameters are bold; every list takes page, pagesize
and keyword besides. Made by `sdn-orch calls --markdown`.

| call | | for | what it does | parameters |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One call: its answer's mode, for whom it is, and the parameters that are its own."""

    name: str
    mode: str
    callers: str
    description: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


def rows() -> Iterator[Row]:
    """Every call, in the order of names."""
    for name, command in sorted(COMMANDS.items()):
        own = [each for each in command.parameters if each.name not in _EVERYWHERE]
        yield Row(
            name,
            _MODES.get(command.mode, ""),
            _callers(command.roles),
            command.description,
            tuple(each.name for each in own if each.is_required),
            tuple(each.name for each in own if not each.is_required),
        )


def _callers(roles: frozenset[Role]) -> str:
    if Role.USER in roles:
        return "all"
    return "admins" if Role.DOMAIN_ADMIN in roles else "root"


def page() -> str:
    """The page docs/cloudstack-api.md."""
    lines = [
        f"| {row.name} | {row.mode} | {row.callers} | {row.description} |"
        f" {', '.join([f'**{each}**' for each in row.required] + list(row.optional))} |\n"
        for row in rows()
    ]
    return _HEAD.format(count=len(lines)) + "".join(lines)
