"""Of a CloudStack's API what an installation of an extension needs, with CloudStack's own checks.

It is not sdn-orch's: it stands for the CloudStack that an operator runs.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import httpx

from sdn_orch.northbound.cloudstack.signing import is_signed
from sdn_orch.northbound.sync import events

JSON = dict[str, Any]
KEY, SECRET = "key", "s3cret"


class Refused(Exception):
    """What CloudStack answers with status 431."""


class CloudStack:
    """A zone with one physical network, and what is made of extensions, actions, providers and offerings."""

    def __init__(self, version: str = "4.23.0.0") -> None:
        self.version = version
        self.rows: dict[str, list[JSON]] = {
            "physicalnetwork": [{"id": "pn-1", "name": "Physical 1"}],
            "extension": [], "networkserviceprovider": [], "extensioncustomaction": [], "networkoffering": [],
            "vpcoffering": [], "network": [], "vpc": [], "virtualmachine": [], "webhook": [],
        }  # fmt: skip
        self.registered: dict[str, JSON] = {}
        self.jobs: dict[str, JSON] = {}
        self.calls: list[str] = []
        self._numbers = count(1)

    def answer(self, given: dict[str, str]) -> JSON:
        """What a call is answered. Raises Refused."""
        command = given["command"]
        self.calls.append(command)
        signature = given.pop("signature", "")
        if given.get("apiKey") != KEY or not is_signed(given, signature, SECRET):
            raise Refused("unable to verify user credentials and/or request signature")
        if command == "listCapabilities":
            return {"capability": {"cloudstackversion": self.version}}
        if command == "queryAsyncJobResult":
            return self.jobs[given["jobid"]]
        if command.startswith("list"):
            return self._list(command, given)
        handler: Callable[[dict[str, str]], JSON] | None = getattr(self, f"_{command}", None)
        if handler is None:
            raise Refused(f"The given command '{command}' does not exist")
        return handler(given)

    def _list(self, command: str, given: dict[str, str]) -> JSON:
        kind = {
            "listExtensions": "extension", "listNetworkServiceProviders": "networkserviceprovider",
            "listCustomActions": "extensioncustomaction", "listNetworkOfferings": "networkoffering",
            "listVPCOfferings": "vpcoffering", "listPhysicalNetworks": "physicalnetwork",
            "listNetworks": "network", "listVPCs": "vpc", "listVirtualMachines": "virtualmachine",
            "listWebhooks": "webhook",
        }[command]  # fmt: skip
        chosen = {
            name: value for name, value in given.items()
            if name in ("name", "extensionid", "physicalnetworkid", "networkofferingid", "vpcofferingid")
        }  # fmt: skip
        rows = [
            row for row in self.rows[kind] if all(row.get(name) == value for name, value in chosen.items())
        ]
        return {"count": len(rows), kind: rows} if rows else {}

    def _make(self, kind: str, **row: Any) -> JSON:
        row["id"] = f"{kind}-{next(self._numbers)}"
        self.rows[kind].append(row)
        return {kind: row}

    def _find(self, kind: str, id: str) -> JSON:
        for row in self.rows[kind]:
            if row["id"] == id:
                return row
        raise Refused(f"Unable to find {kind} {id}")

    def _remove(self, kind: str, id: str) -> JSON:
        self.rows[kind].remove(self._find(kind, id))
        return {"success": True}

    def _job(self, result: JSON) -> JSON:
        id = f"job-{next(self._numbers)}"
        self.jobs[id] = {"jobid": id, "jobstatus": 1, "jobresult": result}
        return {"jobid": id}

    def _createExtension(self, given: dict[str, str]) -> JSON:  # noqa: N802
        if any(row["name"] == given["name"] for row in self.rows["extension"]):
            raise Refused(f"Extension by name: {given['name']} already exists")
        path = f"/usr/share/cloudstack-management/extensions/{given['name']}/{given['path']}"
        return self._make(
            "extension", name=given["name"], type=given["type"], state="Enabled", path=path, pathready=False,
            details=_details(given),
        )  # fmt: skip

    def _updateExtension(self, given: dict[str, str]) -> JSON:  # noqa: N802
        """Details that are given take the place of all that there are."""
        row = self._find("extension", given["id"])
        row["details"] = _details(given) or row["details"]
        row["state"] = given.get("state", row["state"])
        return {"extension": row}

    def _registerExtension(self, given: dict[str, str]) -> JSON:  # noqa: N802
        extension = self._find("extension", given["extensionid"])
        self._find("physicalnetwork", given["resourceid"])
        if extension["id"] in self.registered:
            raise Refused("Extension is already registered with this physical network")
        self.registered[extension["id"]] = _details(given)
        if not any(row["name"] == extension["name"] for row in self.rows["networkserviceprovider"]):
            self._make(
                "networkserviceprovider", name=extension["name"], physicalnetworkid=given["resourceid"],
                state="Enabled",
            )  # fmt: skip
        return {"extension": extension}

    def _unregisterExtension(self, given: dict[str, str]) -> JSON:  # noqa: N802
        if self.registered.pop(given["extensionid"], None) is None:
            raise Refused("Extension is not registered")
        return {"success": True}

    def _deleteExtension(self, given: dict[str, str]) -> JSON:  # noqa: N802
        if given["id"] in self.registered:
            raise Refused("Extension is registered with resources")
        return self._remove("extension", given["id"])

    def _updateNetworkServiceProvider(self, given: dict[str, str]) -> JSON:  # noqa: N802
        row = self._find("networkserviceprovider", given["id"])
        row["state"] = given["state"]
        return self._job({"networkserviceprovider": row})

    def _deleteNetworkServiceProvider(self, given: dict[str, str]) -> JSON:  # noqa: N802
        if self._find("networkserviceprovider", given["id"])["state"] == "Enabled":
            raise Refused("Provider is enabled; shut it down first")
        return self._job(self._remove("networkserviceprovider", given["id"]))

    def _addCustomAction(self, given: dict[str, str]) -> JSON:  # noqa: N802
        names = [row["name"] for row in self.rows["extensioncustomaction"]]
        if given["name"] in names:
            raise Refused(f"Action by name {given['name']} already exists")
        return self._make(
            "extensioncustomaction", name=given["name"], extensionid=given["extensionid"],
            resourcetype=given["resourcetype"],
        )  # fmt: skip

    def _deleteCustomAction(self, given: dict[str, str]) -> JSON:  # noqa: N802
        return self._remove("extensioncustomaction", given["id"])

    def _createWebhook(self, given: dict[str, str]) -> JSON:  # noqa: N802
        names = ("name", "payloadurl", "secretkey", "scope", "state")
        return self._make("webhook", **{name: given[name] for name in names})

    def _updateWebhook(self, given: dict[str, str]) -> JSON:  # noqa: N802
        self._find("webhook", given["id"])["state"] = given["state"]
        return {}

    def _deleteWebhook(self, given: dict[str, str]) -> JSON:  # noqa: N802
        return self._remove("webhook", given["id"])

    def _executeWebhookDelivery(self, given: dict[str, str]) -> JSON:  # noqa: N802
        """Sends the payload as it sends events, and tells what became of that."""
        row, body = self._find("webhook", given["webhookid"]), given["payload"].encode()
        headers = {"X-CS-Event-ID": str(next(self._numbers))}
        headers["X-CS-Signature"] = events.signature(row["secretkey"], body)
        try:
            answer = httpx.post(row["payloadurl"], content=body, headers=headers)
        except httpx.HTTPError as error:
            return {"webhookdelivery": {"success": False, "response": str(error)}}
        return {"webhookdelivery": {"success": answer.status_code == 200, "response": answer.text}}

    def _createNetworkOffering(self, given: dict[str, str]) -> JSON:  # noqa: N802
        return self._offer("networkoffering", given)

    def _createVPCOffering(self, given: dict[str, str]) -> JSON:  # noqa: N802
        return self._job(self._offer("vpcoffering", given))

    def _offer(self, kind: str, given: dict[str, str]) -> JSON:
        """Every service must have an enabled provider that declares it."""
        services = set(given["supportedservices"].split(","))
        if given.get("guestiptype") == "L2" and services - {"UserData"}:
            raise Refused("L2 offerings may only carry UserData")
        told = {
            (value, given[name.removesuffix("service") + "provider"])
            for name, value in given.items()
            if re.fullmatch(r"serviceproviderlist\[\d+\]\.service", name)
        }
        if {service for service, _ in told} != services:
            raise Refused("A service has no provider")
        for service, provider in told:
            found = [row for row in self.rows["extension"] if row["name"] == provider]
            if not found or service not in found[0]["details"]["network.services"].split(","):
                raise Refused(f"Provider {provider} does not support service {service}")
        return self._make(kind, name=given["name"], state="Disabled", services=sorted(services))

    def _updateNetworkOffering(self, given: dict[str, str]) -> JSON:  # noqa: N802
        self._find("networkoffering", given["id"])["state"] = given["state"]
        return {}

    def _updateVPCOffering(self, given: dict[str, str]) -> JSON:  # noqa: N802
        self._find("vpcoffering", given["id"])["state"] = given["state"]
        return self._job({})

    def _deleteNetworkOffering(self, given: dict[str, str]) -> JSON:  # noqa: N802
        return self._remove("networkoffering", given["id"])

    def _deleteVPCOffering(self, given: dict[str, str]) -> JSON:  # noqa: N802
        return self._job(self._remove("vpcoffering", given["id"]))


@contextmanager
def serving(cloudstack: CloudStack) -> Iterator[str]:
    """The URL at which it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = dict(parse_qsl(body, keep_blank_values=True))
            try:
                status, said = 200, cloudstack.answer(given)
            except Refused as refused:
                status, said = 431, {"errorcode": 431, "errortext": str(refused)}
            content = json.dumps({f"{given['command'].lower()}response": said}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/client/api"
    finally:
        server.shutdown()
        server.server_close()


def _details(given: dict[str, str]) -> dict[str, str]:
    prefix = "details[0]."
    return {name[len(prefix) :]: value for name, value in given.items() if name.startswith(prefix)}
