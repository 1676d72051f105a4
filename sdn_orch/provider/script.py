"""The same installation as a shell script of cloudmonkey's commands, for who wants to see what is done."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from sdn_orch.provider.wanted import DISABLED, ENABLED, REGISTRATION, Wanted, reference

#: Where a management server looks for extensions.
EXTENSIONS = "/usr/share/cloudstack-management/extensions"
_ROWS = {
    "listExtensions": "extension",
    "listNetworkServiceProviders": "networkserviceprovider",
    "listNetworkOfferings": "networkoffering",
    "listVPCOfferings": "vpcoffering",
}


def install(wanted: Wanted) -> Iterator[str]:
    """Line by line. What is a secret is asked of sdn-orch when the script runs."""
    yield from ("#!/bin/sh", "set -eu", "")
    yield f"network=$({_looked('listPhysicalNetworks', {}, 'physicalnetwork', wanted.physical_network)})"
    for step in wanted.steps():
        yield from ("", f"# {step.what}", _call(step.make, step.arguments, step.hidden))
        if step.make == "createExtension":
            yield from ("", "# the file, on every management server", place_file(wanted.name))
        if step.gives:
            yield f"{step.gives}=$({_looked(step.look, step.listing, _ROWS[step.look])})"
        if step.update:
            id = (
                f'"${step.gives}"'
                if step.gives
                else f"$({_looked(step.look, step.listing, _ROWS[step.look])})"
            )
            yield f"{_call(step.update, {'state': ENABLED})} id={id}"


def uninstall(wanted: Wanted) -> Iterator[str]:
    """Line by line; it fails while networks are of its offerings."""
    yield from ("#!/bin/sh", "set -eu", "")
    yield f"network=$({_looked('listPhysicalNetworks', {}, 'physicalnetwork', wanted.physical_network)})"
    extension = _looked("listExtensions", {"name": wanted.name}, "extension")
    yield f"extension=$({extension})"
    for step in reversed(list(wanted.steps())):
        rows = _ROWS.get(step.look, "extensioncustomaction")
        yield from ("", f"# {step.what}", f"id=$({_looked(step.look, step.listing, rows)})")
        if step.update:
            yield f'{_call(step.update, {"state": DISABLED})} id="$id"'
        if step.make == "createExtension":
            yield _call("unregisterExtension", REGISTRATION)
        yield f'cmk {step.end} id="$id"'


def place_file(name: str) -> str:
    """The command that puts the file where a management server looks for it."""
    place = f"{EXTENSIONS}/{name}/{name}.py"
    return f"install -D -o cloud -g cloud -m 755 apps/cloudstack_extension.py {shlex.quote(place)}"


def _call(command: str, arguments: Mapping[str, str], hidden: frozenset[str] = frozenset()) -> str:
    words = [f"cmk {command}"]
    for name, value in arguments.items():
        if name in hidden:
            words.append(f"'{name}='\"$(sdn-orch token create cloudstack --scope operate)\"")
        elif whose := reference(value):
            words.append(f'{name}="${whose}"')
        else:
            words.append(shlex.quote(f"{name}={value}"))
    return " \\\n    ".join(words) if len(words) > 3 else " ".join(words)


def _looked(command: str, arguments: Mapping[str, str], rows: str, name: str = "") -> str:
    chosen = f'select(.name == "{name}" or .id == "{name}") | ' if name else ""
    call = _call(command, arguments).replace(" \\\n   ", "")
    return f"{call} | jq -r {shlex.quote(f'[.{rows}[] | {chosen}.id][0]')}"
