"""Looks at every step of an installation, and says what is wrong and how to mend it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from sdn_orch.provider import sync_doctor
from sdn_orch.provider.api import JSON, CallRefused
from sdn_orch.provider.findings import Finding
from sdn_orch.provider.installation import Installation
from sdn_orch.provider.script import place_file
from sdn_orch.provider.wanted import ENABLED, Step

#: The first version that gives networks to extensions.
FIRST_VERSION = (4, 23)
_TIMEOUT = 10.0
_LET_IN = "export SDN_ORCH_TOKEN=$(sdn-orch token create doctor --scope read)"


def examine(installation: Installation, *, is_extended: bool = True) -> Iterator[Finding]:
    """From CloudStack to the switches; without the extension where it is not `is_extended`."""
    yield from _cloudstack(installation, is_extended=is_extended)
    yield from _daemon(installation, is_extended=is_extended)


def _cloudstack(installation: Installation, *, is_extended: bool) -> Iterator[Finding]:
    try:
        said = installation.api.call("listCapabilities").get("capability", {})
        version = str(said.get("cloudstackversion", ""))
        if not is_extended:
            yield Finding(True, f"CloudStack {version}")
            return
        yield _version(version)
        installation.find_network()
        for step in installation.wanted.steps():
            row = installation.find(step)
            if row is None:
                yield Finding(False, f"{step.what}: is not there", "sdn-orch cloudstack install")
            else:
                yield from _step(installation, step, row)
    except CallRefused as refused:
        yield Finding(False, str(refused), "give the endpoint, and a root administrator's key and secret")


def _version(text: str) -> Finding:
    numbers = re.match(r"(\d+)\.(\d+)", text)
    is_right = numbers is not None and (int(numbers[1]), int(numbers[2])) >= FIRST_VERSION
    wanted = ".".join(map(str, FIRST_VERSION))
    return Finding(
        is_right, f"CloudStack {text or 'of an unknown version'}", f"extensions for networks need {wanted}"
    )


def _step(installation: Installation, step: Step, row: JSON) -> Iterator[Finding]:
    state = row.get("state")
    if step.update and state != ENABLED:
        mend = f"cmk {step.update} id={row['id']} state={ENABLED}"
        yield Finding(False, f"{step.what}: is {state}", mend)
    elif step.make == "createExtension":
        yield from _extension(installation, step, row)
    else:
        yield Finding(True, step.what)


def _extension(installation: Installation, step: Step, row: JSON) -> Iterator[Finding]:
    name = installation.wanted.name
    if row.get("state") != "Enabled":
        yield Finding(
            False, f"{step.what}: is {row.get('state')}", f"cmk updateExtension id={row['id']} state=Enabled"
        )
    given, wanted = row.get("details") or {}, installation.wanted.extension_details
    # Those that are given take the place of all others.
    details = " ".join(shlex.quote(f"details[0].{key}={value}") for key, value in (given | wanted).items())
    for key, value in wanted.items():
        if not _means(str(given.get(key, "")), value):
            yield Finding(
                False,
                f"{step.what}: its detail {key} is {given.get(key) or 'missing'}",
                f"cmk updateExtension id={row['id']} {details}",
            )
    if row.get("pathready") is False:
        yield Finding(
            False,
            f"{step.what}: its file is not ready on every management server",
            f"on each: {place_file(name)}; CloudStack looks every five minutes",
        )
    else:
        yield Finding(True, step.what)
    if row.get("path"):
        yield _file(Path(row["path"]), name)


def _means(given: str, wanted: str) -> bool:
    """Whether two details are the same, as texts or as JSON."""
    if given == wanted:
        return True
    try:
        return bool(json.loads(given) == json.loads(wanted))
    except ValueError:
        return False


def _file(path: Path, name: str) -> Finding:
    """The file, where this is a management server."""
    if not path.exists():
        return Finding(None, f"{path}: this is no management server", "run this on each of them, too")
    others = sorted(each.name for each in path.parent.iterdir() if each != path)
    if others:
        return Finding(False, f"{path.parent}: has more than the file in it", f"remove {', '.join(others)}")
    ours = Path(__file__).parents[2] / "apps" / "cloudstack_extension.py"
    if not path.stat().st_mode & 0o100 or (ours.exists() and path.read_bytes() != ours.read_bytes()):
        return Finding(False, f"{path}: is another version, or cannot be run", place_file(name))
    return Finding(True, str(path))


def _daemon(installation: Installation, *, is_extended: bool) -> Iterator[Finding]:
    wanted = installation.wanted
    if not wanted.token:
        yield Finding(None, f"{wanted.url}: no token to ask the daemon with", _LET_IN)
        return
    try:
        answer = _ask(installation, "/v1/status")
    except (httpx.HTTPError, OSError) as error:
        yield Finding(
            False,
            f"{wanted.url}: {error}",
            "start the daemon, let [api] listen where this host reaches it, and see cafile",
        )
        return
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        yield Finding(False, f"{wanted.url}: does not accept the token", _LET_IN)
    elif answer.status_code != httpx.codes.OK:
        yield Finding(False, f"{wanted.url}: answers {answer.status_code}", "see the daemon's log")
    else:
        yield Finding(True, f"the daemon at {wanted.url}")
        yield from _switches(answer.json()["switches"])
        if is_extended:
            yield from _machines(installation)
        yield from _sync(installation)


def _sync(installation: Installation) -> Iterator[Finding]:
    try:
        yield from sync_doctor.examine(
            installation.api, lambda path: _ask(installation, path), installation.wanted.url
        )
    except httpx.HTTPError as error:
        yield Finding(None, f"sync: {error}", "look again")


def _switches(rows: list[dict[str, Any]]) -> Iterator[Finding]:
    if not rows:
        yield Finding(False, "the daemon has no switches", "list them under [[switches]]")
    for row in rows:
        if row["phase"] == "in-sync" and not row["notes"]:
            continue
        notes = "; ".join(row["notes"])
        yield Finding(
            row["phase"] == "in-sync" and None,
            f"switch {row['name']}: {row['phase']}{': ' + notes if notes else ''}",
            "point it at the controller; sdn-orch status says more",
        )


def _ask(installation: Installation, path: str) -> httpx.Response:
    """The daemon's answer. Raises httpx.HTTPError, and OSError for a cafile that cannot be read."""
    wanted = installation.wanted
    with httpx.Client(timeout=_TIMEOUT, verify=wanted.cafile or True) as client:
        return client.get(f"{wanted.url}{path}", headers={"Authorization": f"Bearer {wanted.token}"})


def _machines(installation: Installation) -> Iterator[Finding]:
    """Whether the daemon knows the NICs of the machines that run in networks of its offerings."""
    try:
        running = dict(_running(installation))
        known = dict(_known(installation))
    except CallRefused:
        return  # it was said already
    except httpx.HTTPError as error:
        yield Finding(None, f"the daemon's NICs: {error}", "look again")
        return
    for nic_id, (machine, network_id) in running.items():
        row = known.pop(nic_id, None)
        if row is None or not row["active"]:
            yield Finding(
                False,
                f"machine {machine}: the daemon has not heard of its NIC {nic_id}",
                f"cmk restartNetwork id={network_id} cleanup=true",
            )
        elif row["condition"] == "refused":
            reasons = "; ".join(f"{each['switch']}: {each['reason']}" for each in row["refusals"])
            yield Finding(False, f"machine {machine}: refused: {reasons}", f"sdn-orch explain {nic_id}")
        elif row["place"] is None:
            yield Finding(
                False,
                f"machine {machine}: its NIC {nic_id} is plugged in nowhere",
                "list its host's database under [[ovsdb]], and see its bridge with sdn-orch status",
            )
    for nic_id, row in known.items():
        if row["active"]:
            yield Finding(
                None,
                f"NIC {nic_id} of {row['network']}: no machine that runs in CloudStack has it",
                "it goes when its address is another machine's, or with its network",
            )
    yield Finding(True, f"{len(running)} NICs of machines that run")


def _running(installation: Installation) -> Iterator[tuple[str, tuple[str, str]]]:
    """NICs of CloudStack's machines in networks of the offerings: id, the machine's name, the network."""
    for step in installation.wanted.steps():
        offering = installation.find(step) if step.make == "createNetworkOffering" else None
        if offering is None:
            continue
        networks = installation.api.listed("listNetworks", networkofferingid=offering["id"], listall="true")
        for network in networks:
            machines = installation.api.listed(
                "listVirtualMachines", networkid=network["id"], state="Running", listall="true"
            )
            for machine in machines:
                for nic in machine["nic"]:
                    if nic["networkid"] == network["id"]:
                        yield nic["id"], (machine["name"], network["id"])


def _known(installation: Installation) -> Iterator[tuple[str, JSON]]:
    """The daemon's NICs of this cloud, by id."""
    cursor: str | None = "0"
    while cursor is not None:
        page = _ask(installation, f"/v1/ports?limit=1000&cursor={cursor}").raise_for_status().json()
        for row in page["items"]:
            if row["account"] == (installation.wanted.cloud or "cloudstack"):
                yield row["id"], row
        cursor = page["next"]
