"""Asks the controller which proxies this gateway's host is to run, and makes it so, over and over."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from threading import Event

import httpx
from pydantic import ConfigDict, TypeAdapter, ValidationError

from sdn_orch.errors import SdnOrchError
from sdn_orch.northbound.operator.models_proxies import AgentState, ProxyAnswer
from sdn_orch.proxy.configuration import certificate_file, configuration, remembers
from sdn_orch.proxy.haproxy import Haproxy
from sdn_orch.proxy.namespace import Namespace, datapath_id, known

log = logging.getLogger(__name__)

#: What is wrong with an answer is said without a word of it: there are private keys in it.
_ANSWER = TypeAdapter(list[ProxyAnswer], config=ConfigDict(hide_input_in_errors=True))
#: Seconds in which it asks again, even if not all is made yet: the controller counts on those that ask.
_LONGEST = 3.0
#: Seconds until the switches are told anew of what they do not lead to.
_ANEW = 5.0
#: Seconds that others have to take over what it runs, when it ends.
_HANDOVER = 15.0


class Agent:
    """Of the gateway whose bridge this is. What it made outlives it, unless it is stopped in order."""

    def __init__(self, client: httpx.Client, bridge: str, directory: Path) -> None:
        self._client = client
        self._bridge = bridge
        self._directory = directory
        self._datapath = ""
        self._tag = ""
        self._wanted: list[ProxyAnswer] = []
        self._is_known = False
        #: All that is there, whoever made it.
        self._there: set[Namespace] = set()
        #: When the switches were told that one is here to which they did not lead, in monotonic seconds.
        self._plugged: dict[Namespace, float] = {}
        #: What was complained about last, by what it is about.
        self._said: dict[str, str] = {}

    def run(self, ended: Event, pause: float) -> None:
        """Until told to end, looking every so many seconds; then nothing of it is left.

        It ends when others have taken over what it runs, or do not in time.
        """
        while not ended.is_set():
            self._look()
            ended.wait(pause)
        given_up = time.monotonic() + _HANDOVER
        while self._look(AgentState.LEAVES) and self._wanted and time.monotonic() < given_up:
            time.sleep(pause)
        for namespace in tuple(self._there):
            self._remove(namespace)

    def _look(self, state: AgentState = AgentState.STAYS) -> bool:
        """Ask what is wanted and make it so; False where nobody answers."""
        try:
            self._ask(state)
            self._is_known = True
            self._said.pop("", None)
        except (SdnOrchError, httpx.HTTPError, ValidationError) as error:
            self._complain("", f"what is to be served is not known, all stays as it is: {error}")
            is_answered = False
        else:
            is_answered = True
        if self._is_known:
            self._settle(time.monotonic() + _LONGEST)
        return is_answered

    def _ask(self, state: AgentState) -> None:
        """What is wanted now. Raises Failed, HTTPError and ValidationError."""
        if not self._datapath:
            self._there = known(self._bridge)
            self._datapath = datapath_id(self._bridge)
        path = f"/v1/switches/{self._datapath}/proxies"
        headers = {"If-None-Match": self._tag} if self._tag else {}
        answer = self._client.get(path, params={"agent": state}, headers=headers)
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            self._wanted = _ANSWER.validate_json(answer.raise_for_status().content)
            self._tag = answer.headers.get("etag", "")

    def _settle(self, until: float) -> None:
        """Make it so: nothing is done that is done already, and one that fails is in no other's way.

        What is not done `until` then, in monotonic seconds, is left for the next time.
        """
        wanted = {Namespace.of(self._bridge, proxy.nic): proxy for proxy in self._wanted}
        for namespace in self._there - wanted.keys():
            self._remove(namespace)
        for namespace, proxy in wanted.items():
            if time.monotonic() > until:
                break
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
            self._plugged.pop(namespace, None)
            namespace.unplug()
            namespace.make(proxy)
        directory, files = self._directory / namespace.name, {}
        if proxy.certificate is not None:
            files[certificate_file(proxy.certificate, directory)] = proxy.certificate
        haproxy.bring(configuration(proxy, directory), files, remembers=remembers(proxy))
        now = time.monotonic()
        if not proxy.here and self._plugged.get(namespace, -_ANEW) <= now - _ANEW:
            namespace.plug(proxy)
            self._plugged[namespace] = now
            log.info("%s (%s) is served at %s", proxy.name, proxy.balancer, proxy.address)

    def _remove(self, namespace: Namespace) -> None:
        self._plugged.pop(namespace, None)
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
