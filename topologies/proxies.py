"""The proxies of gateways beside a cloud in one box, as they run on the gateways' hosts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from topologies.cloud import Cloud
from topologies.footprint import namespaces


class Proxies:
    """`sdn-orch proxy` for one gateway of a cloud, given by its switch's name."""

    def __init__(self, cloud: Cloud, gateway: str) -> None:
        self.bridge = str(cloud.node(gateway).name)
        self.log = cloud.directory / f"proxy-{gateway}.log"
        self._cloud = cloud
        self._directory = cloud.directory / f"proxy-{gateway}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """With a token of its own."""
        controller = self._cloud.controller
        token = self._cloud.directory / "proxy.token"
        if not token.exists():
            made = controller.command("token", "create", "proxies", "--scope", "proxy")
            token.write_text(made.stdout)
        words = ["--controller", f"http://127.0.0.1:{controller.api_port}", "--token", token]
        words += ["--bridge", self.bridge, "--directory", self._directory, "--interval", "0.2"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sdn_orch.cli", "proxy", *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """SIGTERM: it takes all that it runs with it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)

    def kill(self) -> None:
        """SIGKILL: what it runs goes on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def die(self) -> None:
        """SIGKILL, and all that it runs too, as if the host had died behind its switch."""
        self.kill()
        for pid in {*self._masters(), *self.workers()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def workers(self) -> set[str]:
        """The process ids of what serves now, and of what only ends connections that stand."""
        return {
            child
            for pid in self._masters()
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        }

    def _masters(self) -> list[str]:
        return [path.read_text().strip() for path in self._directory.glob("*/haproxy.pid")]

    def there(self) -> list[Path]:
        """The namespaces that it has, and the files of what runs in them."""
        return [*namespaces(self.bridge), *self._directory.glob("*")]
