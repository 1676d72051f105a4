"""Every declared call is CloudStack's: mode, key, parameters and fields are those of its own description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.declare import INJECTED_JOB_ID, LIST_PARAMETERS, TAGS, Command, Mode
from sdn_orch.northbound.cloudstack.scope import SCOPE
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Field
from sdn_orch.northbound.cloudstack.unserved import UNSERVED

#: Field name -> (type, inner fields).
Fields = Mapping[str, tuple[str, Any]]

_WORD = re.compile(r"[^\s()]+|[()]")


@dataclass(frozen=True, slots=True)
class Facts:
    """What CloudStack says of one call.

    `parameters` maps names to a type and a need: `!` required, `?` formerly required, or nothing.
    """

    mode: str
    key: str
    parameters: Mapping[str, tuple[str, str]]
    fields: Fields


def _fields(words: Iterator[str]) -> Fields:
    """`name:type` or `name:type(inner fields)`, up to the closing bracket or the end."""
    found: dict[str, tuple[str, Any]] = {}
    name = ""
    for word in words:
        if word == ")":
            break
        if word == "(":
            found[name] = (found[name][0], _fields(words))
        else:
            name, _, kind = word.partition(":")
            found[name] = (kind, {})
    return found


def _facts(lines: Iterable[str]) -> dict[str, Facts]:
    rows = [line for line in lines if not line.startswith("#")]
    found = {}
    for head, given, answered in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        name, mode, key = head.split()
        pairs = [word.partition(":") for word in given.split()[1:]]
        parameters = {
            name: (kind.rstrip("!?"), kind.strip("abcdefghijklmnopqrstuvwxyz")) for name, _, kind in pairs
        }
        words = _WORD.findall(answered)
        found[name] = Facts(mode, key, parameters, _fields(iter(words[1:])))
    return found


FACTS = _facts((Path(__file__).parent / "cloudstack_facts.txt").read_text().splitlines())
known_command = pytest.mark.parametrize(
    ("command", "facts"),
    [(command, FACTS[name]) for name, command in COMMANDS.items() if name in FACTS],
    ids=[name for name in COMMANDS if name in FACTS],
)

#: Calls of CloudStack of which no description was at hand.
UNDESCRIBED = {
    "activateProject", "addAccountToProject", "createPod", "createSSHKeyPair", "createServiceOffering",
    "createUser", "deleteAccount", "deleteAccountFromProject", "deleteDomain", "deletePod",
    "deleteSSHKeyPair", "deleteServiceOffering", "deleteUser", "deleteUserData", "disableAccount",
    "disableUser", "enableAccount", "enableUser", "getVirtualMachineUserData", "listAffinityGroupTypes",
    "listDiskOfferings", "listInstanceGroups", "listIsos", "listOsTypes", "listProjectAccounts",
    "listSSHKeyPairs", "listSnapshots", "listStoragePools", "listUserData", "listVolumes", "lockAccount",
    "lockUser", "registerSSHKeyPair", "registerUserData", "resetPasswordForVirtualMachine",
    "resetSSHKeyForVirtualMachine", "resetUserDataForVirtualMachine", "suspendProject", "updateAccount",
    "updateDomain", "updatePod", "updateProject", "updateServiceOffering", "updateUser",
}  # fmt: skip
#: Calls whose answers are described as something else than what servers answer.
ANSWERED_OTHERWISE = {
    "listTrafficTypes",  # described as providers
    "listLoadBalancerRuleInstances",  # machines, described with lbvmips only
    "dedicateGuestVlanRange",  # ids, described as numbers
    "listDedicatedGuestVlanRanges",
    "authorizeSecurityGroupIngress",  # groups with the new rules, described as rules
    "authorizeSecurityGroupEgress",
    "createIpv6FirewallRule",  # firewall rules, described as forwarded ports
    "updateIpv6FirewallRule",
    "listIpv6FirewallRules",
    "createRoutingFirewallRule",
    "updateRoutingFirewallRule",
    "listRoutingFirewallRules",
    "listSrxFirewallNetworks",  # networks, described as they were when the call went
    "listF5LoadBalancerNetworks",
}
#: Parameters that are described as the numbers that ids were before they were UUIDs.
NUMBERS_ONCE = {("login", "domainid")}
#: What every list takes here, whether CloudStack's takes it or not, and every job.
EVERYWHERE = (INJECTED_JOB_ID, TAGS, *LIST_PARAMETERS, *SCOPE)
_MODES = {Mode.ASYNC: "async", Mode.ASYNC_CREATE: "async-create"}


def test_every_call_is_described() -> None:
    assert COMMANDS.keys() - FACTS.keys() == UNDESCRIBED


@known_command
def test_mode_and_key(command: Command, facts: Facts) -> None:
    assert _MODES.get(command.mode, "sync") == facts.mode
    if facts.key not in ("-", "success"):
        assert command.key == facts.key
    if facts.key == "success":
        assert command.shape is SUCCESS


@known_command
def test_parameters(command: Command, facts: Facts) -> None:
    parameters = {name.lower(): known for name, known in facts.parameters.items()}
    for each in command.parameters:
        if each in EVERYWHERE or (command.name, each.name) in NUMBERS_ONCE:
            continue
        kind, need = parameters[each.name]
        assert _same_type(each.type_name, kind), f"{each.name}: {each.type_name}, not {kind}"
        assert not each.is_required or need, f"{each.name} is not required by CloudStack"
    required = {name for name, (_, need) in facts.parameters.items() if need == "!"}
    assert required <= {each.name for each in command.parameters if each.is_required}


@pytest.mark.parametrize("name", UNSERVED)
def test_what_is_not_served_is_cloudstacks_and_not_ours(name: str) -> None:
    assert UNSERVED[name].keys() <= FACTS[name].parameters.keys()
    assert not UNSERVED[name].keys() & {each.name for each in COMMANDS[name].parameters}


@known_command
def test_fields(command: Command, facts: Facts) -> None:
    strange = list(_strange(command.shape.fields, facts.fields))
    assert bool(strange) == (command.name in ANSWERED_OTHERWISE), strange


def _strange(fields: Iterable[Field[Any]], known: Fields, where: str = "") -> Iterator[str]:
    """Fields that CloudStack has not, or has of another type."""
    for field in fields:
        name = f"{where}{field.name}"
        if field.name == "domainpath" and "domain" in known:
            continue  # Newer versions have it wherever there is a domain.
        if field.name not in known:
            yield f"{name} is unknown"
            continue
        kind, inner = known[field.name]
        if not _same_type(field.type, kind):
            yield f"{name}: {field.type}, not {kind}"
        if inner:
            yield from _strange(field.fields, inner, f"{name}.")


def _same_type(ours: str, theirs: str) -> bool:
    """uuid, date and map travel as CloudStack's clients read them: texts, and objects."""
    ours = {"long": "integer", "short": "integer"}.get(ours, ours)
    return ours == theirs or {ours, theirs} in ({"uuid", "string"}, {"date", "string"}, {"map", "list"})
