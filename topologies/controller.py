"""The controller as a process of its own, with its configuration, its log and its operator's door."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

#: Where the machine's own Open vSwitch has its database.
SYSTEM_DATABASE = "unix:/var/run/openvswitch/db.sock"

Sections = Mapping[str, Mapping[str, Any]]


class Controller:
    """One daemon, everything of which is in `directory`. Stopped and started again it is the same one."""

    def __init__(
        self,
        directory: Path,
        switches: Sequence[Mapping[str, Any]],
        settings: Sections,
        *,
        databases: Sequence[str] = (SYSTEM_DATABASE,),
        attachments: Sequence[Mapping[str, Any]] = (),
        openflow_host: str = "127.0.0.1",
    ) -> None:
        """`switches` and `attachments` are rows of the configuration, `databases` endpoints of OVSDB, and
        `settings` sections of it that differ from loopback's."""
        self.openflow_port, self.api_port = free_ports(2)
        self.configuration = directory / "sdn-orch.toml"
        self.admin_keys = directory / "admin.keys"
        self.store = directory / "store.db"
        self.log = directory / "controller.log"
        self._socket = directory / "sdn-orch.sock"
        #: Further words behind `sdn-orch controller`.
        self.arguments: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        sections: dict[str, dict[str, Any]] = {
            "openflow": {"listen": f"{openflow_host}:{self.openflow_port}"},
            "api": {"listen": f"127.0.0.1:{self.api_port}", "admin_keys": str(self.admin_keys)},
            "store": {"path": str(self.store)},
            "discovery": {"interval": 1.0, "lost_after": 4.0},
        }
        for name, section in settings.items():
            sections.setdefault(name, {}).update(section)
        lines = [f'run_directory = "{directory}"']
        for name, section in sections.items():
            lines += [f"[{name}]", *_pairs(section)]
        tables: dict[str, Sequence[Mapping[str, Any]]] = {
            "ovsdb": [{"endpoint": endpoint} for endpoint in databases],
            "switches": switches,
            "attachments": attachments,
        }
        for name, rows in tables.items():
            for row in rows:
                lines += [f"[[{name}]]", *_pairs(row)]
        self.configuration.write_text("\n".join(lines) + "\n")

    @property
    def pid(self) -> int:
        """The daemon's process id."""
        if self._process is None:
            raise RuntimeError("the controller was not started")
        return self._process.pid

    def start(self, patience: float = 20.0) -> None:
        """Start the daemon and wait until it answers. Raises RuntimeError with the end of its log."""
        self.launch()
        self.wait(self._answers, "the controller to answer", patience)

    def launch(self) -> None:
        """Start the daemon and do not wait for it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command_line("controller", *self.arguments),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` brings it back."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def ask(self, path: str, **parameters: str) -> Any:
        """The operator's door: the JSON answer to `GET path`. Raises httpx.HTTPError."""
        with self._client() as client:
            return client.get(path, params=parameters).raise_for_status().json()

    def put(self, path: str, content: Any) -> Any:
        """The operator's door: the JSON answer to `PUT path`. Raises httpx.HTTPError."""
        with self._client() as client:
            return client.put(path, json=content).raise_for_status().json()

    def post(self, path: str, content: Any) -> Any:
        """The operator's door: the JSON answer to `POST path`. Raises httpx.HTTPError."""
        with self._client() as client:
            return client.post(path, json=content).raise_for_status().json()

    def delete(self, path: str) -> None:
        """The operator's door: `DELETE path`. Raises httpx.HTTPError."""
        with self._client() as client:
            client.delete(path).raise_for_status()

    def metrics(self) -> str:
        """What monitoring reads."""
        with self._client() as client:
            answer = client.get("/metrics").raise_for_status()
        return answer.text

    def _client(self) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=str(self._socket), verify=False)
        return httpx.Client(transport=transport, base_url="http://sdn-orch", timeout=30)

    def ask_all(self, path: str) -> list[Any]:
        """All pages of a list of the operator's door. Raises httpx.HTTPError."""
        found: list[Any] = []
        page: dict[str, Any] = {"next": "0"}
        while page["next"] is not None:
            page = self.ask(path, limit="1000", cursor=page["next"])
            found += page["items"]
        return found

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `sdn-orch` with this daemon's configuration."""
        return subprocess.run(self.command_line(*words), capture_output=True, text=True, check=False)

    def wait(self, condition: Callable[[], object], what: str, patience: float = 20.0) -> None:
        """Until the condition is true. Raises RuntimeError with the end of the log when it takes too long."""
        deadline = time.monotonic() + patience
        while not condition():
            code = self._process.poll() if self._process else None
            if code is not None or time.monotonic() > deadline:
                happened = "was not in time" if code is None else f"ended with {code}"
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
                raise RuntimeError(f"waiting for {what}: the controller {happened}; its log:\n{tail}")
            time.sleep(0.05)

    def command_line(self, *words: str) -> list[str]:
        """The words that run a command of `sdn-orch` with this daemon's configuration."""
        return [sys.executable, "-m", "sdn_orch.cli", *words, "--config", str(self.configuration)]

    def _answers(self) -> bool:
        try:
            self.ask("/v1/status")
        except httpx.HTTPError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """TCP ports on loopback on which nobody listens now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _pairs(section: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in section.items()]


def _toml(value: Any) -> str:
    # JSON's spelling of texts, numbers, truths and lists is TOML's too.
    return f"{{ {', '.join(_pairs(value))} }}" if isinstance(value, Mapping) else json.dumps(value)
