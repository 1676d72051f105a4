"""Nothing that a call is given is silently ignored: every parameter is carried out, refused or listed openly.

What lists and other reads do with theirs is watched; the code of writes is searched for what they ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from sdn_orch.intent.model import Account
from sdn_orch.northbound.cloudstack.callers import Caller
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.declare import (
    COUNT_ONLY,
    INJECTED_JOB_ID,
    LIST_PARAMETERS,
    TAGS,
    Call,
    Command,
    Mode,
)
from sdn_orch.northbound.cloudstack.faults import ApiFault
from sdn_orch.northbound.cloudstack.filters import Filter
from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.northbound.cloudstack.parameters import Parameter, Request
from sdn_orch.northbound.cloudstack.unserved import UNSERVED, WITHOUT_EFFECT
from tests.cloudstack import Cloud
from tests.contract.everything import furnish
from tests.contract.test_cloudstack_calls import NOTHING, enough, is_nowhere, sample
from tests.contract.test_cloudstack_facts import FACTS, Facts, known_command

#: What the door itself does for every command that takes it.
BY_THE_DOOR = {each.name for each in (COUNT_ONLY, INJECTED_JOB_ID, TAGS, *LIST_PARAMETERS)}
#: Calls that are refused whatever they are given.
ALWAYS_REFUSED = {name for name, command in COMMANDS.items() if "; refused, for" in command.description}

#: What parameters mean nothing without, by their names.
COMPANIONS = {"isrecursive": "domainid"}


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    """A cloud with something of every kind; tests here change nothing in it."""
    cloud = Cloud()
    furnish(cloud)
    return cloud


def without_effect(command: str) -> frozenset[str]:
    """The parameters of the command that are accepted without effect."""
    return frozenset().union(*(each.parameters for each in WITHOUT_EFFECT if command in each.calls))


@known_command
def test_what_cloudstack_takes_is_taken_refused_or_listed(command: Command, facts: Facts) -> None:
    if command.name in NOTHING | ALWAYS_REFUSED:
        return
    taken = {each.name for each in command.parameters}
    refused, accepted = set(UNSERVED.get(command.name, ())), without_effect(command.name)
    assert {name.lower() for name in facts.parameters} <= taken | refused | accepted
    assert not taken & refused and not refused & accepted


def test_what_is_accepted_without_effect_is_cloudstacks() -> None:
    for each in WITHOUT_EFFECT:
        for call in each.calls:
            assert each.parameters <= {name.lower() for name in FACTS[call].parameters}, call


class Watched(Call):
    """A call that remembers what it was asked for."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.asked: set[str] = set()

    def __getitem__(self, parameter: Parameter[Any]) -> Any:
        self.asked.add(parameter.name)
        return super().__getitem__(parameter)

    def get(self, parameter: Parameter[Any]) -> Any:
        """The value of a parameter, or None."""
        self.asked.add(parameter.name)
        return super().get(parameter)


def own(command: Command) -> Iterator[Parameter[Any]]:
    """The parameters that the command itself must carry out; of an id it is enough that it is checked."""
    others = BY_THE_DOOR | without_effect(command.name)
    for each in command.parameters:
        is_checked = is_nowhere(each) or (each.name == "id" and each.is_required)
        if not isinstance(each, Filter) and not is_checked and each.name not in others:
            yield each


reads = [
    (command, each)
    for command in COMMANDS.values()
    if not command.is_write and command.name not in NOTHING
    for each in own(command)
]


@pytest.mark.parametrize(
    ("command", "parameter"), reads, ids=[f"{command.name}-{each.name}" for command, each in reads]
)
def test_reads_ask_for_what_they_are_given(cloud: Cloud, command: Command, parameter: Parameter[Any]) -> None:
    snapshot = cloud.snapshot
    user = next(each for each in snapshot.all(User) if each.username == "admin")
    caller = Caller(user, snapshot.need(Account, user.account_id))
    besides = [each for each in own(command) if each.name == COMPANIONS.get(parameter.name)]
    given = enough(cloud, command)
    given |= {each.name: sample(cloud, command, each) for each in (*besides, parameter)}
    if parameter.type_name == "map":
        given |= {f"{parameter.name}[0].key": "k", f"{parameter.name}[0].value": "v"}
    request = Request(given, snapshot, caller, is_list=command.mode is Mode.LIST)
    call = Watched(command, request, cloud.clock(), vault=cloud.service.vault)
    with suppress(ApiFault):  # There may be nobody of that name, which is an answer too.
        list(command.handler(call))
        if command.variant is not None:
            command.variant(call)
    assert parameter.name in call.asked


writes = [command for name, command in COMMANDS.items() if command.is_write and name not in ALWAYS_REFUSED]


@pytest.mark.parametrize("command", writes, ids=lambda each: each.name)
def test_writes_ask_for_what_they_take(command: Command) -> None:
    asked = set().union(*(_asked(each) for each in (command.handler, command.ahead) if each is not None))
    assert {each.name for each in own(command)} <= asked


def _asked(handler: Any) -> set[str]:
    """The names of the parameters that a function, or what it calls of ours, speaks of."""
    names: set[str] = set()
    seen: set[int] = set()
    waiting: list[Any] = [handler]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Parameter):
            names.add(each.name)
        elif isinstance(each, tuple | list | dict):
            waiting += each.values() if isinstance(each, dict) else each
        elif isinstance(each, FunctionType) and each.__module__.startswith("sdn_orch.northbound"):
            waiting += _spoken_of(each)
    return names


def _spoken_of(function: FunctionType) -> Iterator[Any]:
    """What a function's code names: globals, what it takes of modules, and what it closes over."""
    for code in _codes(function.__code__):
        for name in code.co_names:
            found = function.__globals__.get(name)
            if isinstance(found, ModuleType):
                yield from (vars(found)[attribute] for attribute in code.co_names if attribute in vars(found))
            elif found is not None:
                yield found
    yield from (cell.cell_contents for cell in function.__closure__ or ())
    yield from function.__defaults__ or ()


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
