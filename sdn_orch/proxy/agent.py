"""Asks the controller which proxies this gateway's host is to run, and makes it so, over and over."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from threading import Event

import httpx
from pydantic import ConfigDict, TypeAdapter, ValidationError

from sdn_orch.errors import SdnOrchError
from sdn_orch.northbound.operator.models_proxies import ProxyAnswer
from sdn_orch.proxy.configuration import certificate_file, configuration, remembers
from sdn_orch.proxy.haproxy import Haproxy
from sdn_orch.proxy.namespace import Namespace, datapath_id, known

log = logging.getLogger(__name__)

#: What is wrong with an answer is said without a word of it: there are private keys in it.
_ANSWER = TypeAdapter(list[ProxyAnswer], config=ConfigDict(hide_input_in_errors=True))


class Agent:
    """Of the gateway whose bridge this is. What it made outlives it, unless it is stopped in order."""

    def __init__(self, client: httpx.Client, bridge: str, directory: Path) -> None:
        self._client = client
        self._bridge = bridge
        self._directory = directory
        self._datapath = ""
        self._tag = ""
        self._wanted: list[ProxyAnswer] = []
        #: All that is there, whoever made it.
        self._there: set[Namespace] = set()
        #: Those that connections come to, as far as we made it so.
        self._plugged: set[Namespace] = set()
        #: What was complained about last, by what it is about.
        self._said: dict[str, str] = {}

    def run(self, ended: Event, pause: float) -> None:
        """Until told to end, looking every so many seconds; then nothing of it is left."""
        is_known = False
        while not ended.is_set():
            try:
                self._ask()
                is_known = True
                self._said.pop("", None)
            except (SdnOrchError, httpx.HTTPError, ValidationError) as error:
                self._complain("", f"what is to be served is not known, all stays as it is: {error}")
            if is_known:
                self._settle()
            ended.wait(pause)
        for namespace in tuple(self._there):
            self._remove(namespace)

    def _ask(self) -> None:
        """What is wanted now. Raises Failed, HTTPError and ValidationError."""
        if not self._datapath:
            self._there = known(self._bridge)
            self._datapath = datapath_id(self._bridge)
        path = f"/v1/switches/{self._datapath}/proxies"
        answer = self._client.get(path, headers={"If-None-Match": self._tag} if self._tag else {})
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            self._wanted = _ANSWER.validate_json(answer.raise_for_status().content)
            self._tag = answer.headers.get("etag", "")

    def _settle(self) -> None:
        """Make it so: nothing is done that is done already, and one that fails is in no other's way."""
        wanted = {Namespace.of(self._bridge, proxy.nic): proxy for proxy in self._wanted}
        for namespace in self._there - wanted.keys():
            self._remove(namespace)
        for namespace, proxy in wanted.items():
            self._there.add(namespace)
            try:
                self._serve(namespace, proxy)
            except (SdnOrchError, OSError) as error:
                self._complain(namespace.name, f"{proxy.name} ({proxy.balancer}) is not served: {error}")
            else:
                self._said.pop(namespace.name, None)

    def _serve(self, namespace: Namespace, proxy: ProxyAnswer) -> None:
        haproxy = self._haproxy(namespace)
        if haproxy.pid is None:
            # Nobody is to come before somebody listens.
            self._plugged.discard(namespace)
            namespace.unplug()
            namespace.make(proxy)
        directory, files = self._directory / namespace.name, {}
        if proxy.certificate is not None:
            files[certificate_file(proxy.certificate, directory)] = proxy.certificate
        haproxy.bring(configuration(proxy, directory), files, remembers=remembers(proxy))
        if namespace not in self._plugged:
            namespace.plug(proxy)
            self._plugged.add(namespace)
            log.info("%s (%s) is served at %s", proxy.name, proxy.balancer, proxy.address)

    def _remove(self, namespace: Namespace) -> None:
        self._plugged.discard(namespace)
        try:
            namespace.unplug()
            self._haproxy(namespace).stop()
            namespace.remove()
        except (SdnOrchError, OSError) as error:
            self._complain(namespace.name, f"{namespace.name} is not removed: {error}")
        else:
            self._there.discard(namespace)
            self._said.pop(namespace.name, None)
            log.info("%s is served no more", namespace.name)

    def _haproxy(self, namespace: Namespace) -> Haproxy:
        return Haproxy(namespace.name, self._directory / namespace.name)

    def _complain(self, about: str, what: str) -> None:
        """Once, however often it happens in a row."""
        if what != self._said.get(about):
            log.warning("%s", what)
        self._said[about] = what


def missing() -> list[str]:
    """The programs that are needed and not there."""
    return [name for name in ("haproxy", "ip", "ovs-vsctl", "ethtool") if shutil.which(name) is None]
