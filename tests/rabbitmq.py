"""A RabbitMQ of Debian's as processes of our own on loopback, and a line to it that can be cut."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pika

from tests.certificates import self_signed
from topologies.controller import free_ports

HOST, EXCHANGE = "127.0.0.1", "cloudstack-events"
#: Who listens, with no more permissions than docs/cloudstack.md gives; and who publishes.
USERNAME, PASSWORD = "sdn-orch", "the-broker's-s3cret"
_CLOUDSTACK, _THEIRS = "cloudstack", "the-cloud's-s3cret"
#: Seconds until it listens: on a machine with other work it takes long.
_PATIENCE = 400
#: One scheduler that does not spin, and no port but on loopback.
_MODEST = "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"


class RabbitMq:
    """The broker, at `port` and with TLS at `tls_port`; `authority` has signed its certificate."""

    def __init__(self, directory: Path) -> None:
        self.port, self.tls_port, self._dist_port, self._epmd_port = free_ports(4)
        self._directory = directory
        self.authority, self._key = self_signed(directory, "broker", HOST)
        self._processes: list[subprocess.Popen[bytes]] = []
        (script,) = Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server")
        self._script = script

    def start(self) -> None:
        """Start it. Raises RuntimeError when it does not listen in the end."""
        for name, text in {
            "rabbitmq.conf": "\n".join(
                (
                    f"listeners.tcp.1 = {HOST}:{self.port}", f"listeners.ssl.1 = {HOST}:{self.tls_port}",
                    f"ssl_options.certfile = {self.authority}", f"ssl_options.keyfile = {self._key}",
                    f"load_definitions = {self._directory / 'definitions.json'}",
                )
            ),
            "definitions.json": json.dumps(_definitions()),
            "plugins": "[].", "environment": "",
        }.items():  # fmt: skip
            (self._directory / name).write_text(text)
        own = {
            "HOME": str(self._directory), "ERL_EPMD_PORT": str(self._epmd_port), "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": f"sdn-orch-{os.getpid()}@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port), "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": str(self._directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._directory),
            "RABBITMQ_CONFIG_FILE": str(self._directory / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._directory / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self._directory / "environment"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _MODEST,
            # The server itself has the process's id then, and no shell in front of it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }  # fmt: skip
        # Erlang's port mapper is ours as well: another one would stay behind as a service.
        self._run(["epmd", "-port", str(self._epmd_port), "-address", HOST], own, "epmd.log")
        self._until(lambda: _listens(self._epmd_port), "epmd")
        self._run([str(self._script)], own, "server.log")
        self._until(lambda: _listens(self.tls_port) and _listens(self.port), "the broker")
        with self.connected() as connection:
            # As CloudStack does when its event bus starts.
            connection.channel().exchange_declare(EXCHANGE, "topic", durable=True)

    def stop(self) -> None:
        """End it, and what it has written is of no use to anybody."""
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.wait()

    def connected(self) -> contextlib.closing[pika.BlockingConnection]:
        """A connection of somebody else's."""
        credentials = pika.PlainCredentials(_CLOUDSTACK, _THEIRS)
        return contextlib.closing(
            pika.BlockingConnection(pika.ConnectionParameters(HOST, self.port, credentials=credentials))
        )

    def publish(self, *bodies: bytes) -> None:
        """Events as CloudStack publishes them."""
        with self.connected() as connection:
            channel = connection.channel()
            for body in bodies:
                key = "management-server.ActionEvent.NETWORK-CREATE.Network.*"
                channel.basic_publish(EXCHANGE, key, body)

    def _run(self, words: list[str], own: dict[str, str], log: str) -> None:
        with (self._directory / log).open("ab") as out:
            self._processes.append(
                subprocess.Popen(
                    words, env=os.environ | own, stdin=subprocess.DEVNULL, stdout=out, stderr=out
                )
            )

    def _until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if self._processes[-1].poll() is not None or time.monotonic() > deadline:
                log = self._directory / "server.log"
                tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise RuntimeError(f"{what} does not listen:\n{tail}")
            time.sleep(0.1)

    def trusting(self) -> ssl.SSLContext:
        """Of somebody who trusts its certificate."""
        return ssl.create_default_context(cafile=self.authority)


def _definitions() -> dict[str, object]:
    """What the broker knows from the start: the virtual host, and both users."""
    anything = {"configure": ".*", "write": ".*", "read": ".*"}
    own = r"^amq\.gen-.*"
    listening = {"configure": own, "write": own, "read": rf"^(amq\.gen-.*|{EXCHANGE})$"}
    return {
        "vhosts": [{"name": "/"}],
        "users": [_user(_CLOUDSTACK, _THEIRS), _user(USERNAME, PASSWORD)],
        "permissions": [
            {"vhost": "/", "user": _CLOUDSTACK} | anything,
            {"vhost": "/", "user": USERNAME} | listening,
        ],
    }


def _user(name: str, password: str) -> dict[str, object]:
    salt = b"salt"
    hashed = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
    algorithm = "rabbit_password_hashing_sha256"
    return {"name": name, "password_hash": hashed, "hashing_algorithm": algorithm, "tags": ""}


class Line:
    """A way to the broker, at `port`, that can be cut: what is sent meanwhile arrives nowhere."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._whole = threading.Event()
        self._whole.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and let no new one through."""
        self._whole.clear()
        for each in self._ends:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self._whole.set()

    def close(self) -> None:
        """End."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole.is_set():
                near.close()
                continue
            far = socket.create_connection((HOST, self._target))
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
