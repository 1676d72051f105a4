"""The calls for people: a row each, and the page of the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sdn_orch.intent.model import Role
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.declare import INJECTED_JOB_ID, LIST_PARAMETERS, Mode
from sdn_orch.northbound.cloudstack.unserved import UNSERVED, WITHOUT_EFFECT

_MODES = {Mode.ASYNC: "A", Mode.ASYNC_CREATE: "A+id"}
#: Which every list takes, or every job.
_EVERYWHERE = {each.name for each in (*LIST_PARAMETERS, INJECTED_JOB_ID)}

_HEAD = """\
# CloudStack's API, as far as it is here

{count} calls at `/client/api`, in JSON and XML; `listApis` says the same to programs. *A* answers with a job,
*A+id* with a job and the id of what it creates. Required parameters are bold; every list takes page, pagesize
and keyword besides. Made by `sdn-orch calls --markdown`.

What CloudStack's calls take besides is refused by name where it stands in the last column, unless it asks for
nothing else than what is done here; what is [accepted without effect](#accepted-without-effect) stands below,
with the reason. Lists of what there is nothing of are empty whatever they are asked for; ids of what there is
nothing of (hosts, clusters, affinity groups…) are refused as unknown. What CloudStack does not know either is
ignored, as it does.

| call | | for | what it does | parameters | refused |
|---|---|---|---|---|---|
"""

_ACCEPTED_HEAD = """
## Accepted without effect

| parameters | calls | why |
|---|---|---|
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
    refused: tuple[str, ...]


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
            tuple(sorted(UNSERVED.get(name, ()))),
        )


def _callers(roles: frozenset[Role]) -> str:
    if Role.USER in roles:
        return "all"
    return "admins" if Role.DOMAIN_ADMIN in roles else "root"


def page() -> str:
    """The page docs/cloudstack-api.md."""
    lines = [
        f"| {row.name} | {row.mode} | {row.callers} | {row.description} |"
        f" {', '.join([f'**{each}**' for each in row.required] + list(row.optional))} |"
        f" {', '.join(row.refused)} |\n"
        for row in rows()
    ]
    accepted = [
        f"| {', '.join(sorted(each.parameters))} | {', '.join(sorted(each.calls))} | {each.why} |\n"
        for each in WITHOUT_EFFECT
    ]
    return _HEAD.format(count=len(lines)) + "".join(lines) + _ACCEPTED_HEAD + "".join(accepted)
