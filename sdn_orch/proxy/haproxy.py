"""One HAProxy: in a namespace, with a configuration that changes under its connections."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from sdn_orch.proxy.namespace import Failed, run

#: Seconds in which a process that is told to end has ended.
_PATIENCE = 5.0
#: Seconds from its start until it would tell a next process what it knows of clients: it asks others first.
_SETTLED = 11.0
#: Seconds between two configurations: who is to hand over the sockets must have taken them over.
_APART = 2.0
_ALERT = re.compile(r"\[ALERT\]\s+\(\d+\) : (.*)")


class Haproxy:
    """That in a namespace, with its files in a directory; one that runs already is taken over."""

    def __init__(self, namespace: str, directory: Path) -> None:
        self._namespace = namespace
        self._directory = directory
        self._file = directory / "haproxy.cfg"
        self._pid_file = directory / "haproxy.pid"

    def bring(self, configuration: str, files: Mapping[Path, str], *, remembers: bool) -> None:
        """Have it run with this configuration and the files that it names; connections that stand go on.

        One that has only begun, or has just had another one, keeps its configuration for a while: call again.
        Raises Failed, and then it is as it was.
        """
        pid = self.pid
        if pid is not None and self._file.exists() and self._file.read_text() == configuration:
            return
        if pid is not None and (self._is_fresh() or (remembers and _age(pid) < _SETTLED)):
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        for path, text in {**files, fresh: configuration}.items():
            path.touch(mode=0o600)
            path.write_text(text)
        _haproxy("haproxy", "-c", "-q", "-f", str(fresh))
        fresh.rename(self._file)
        if pid is not None:
            os.kill(pid, signal.SIGUSR2)
        else:
            program = ("haproxy", "-W", "-D", "-p", str(self._pid_file), "-f", str(self._file))
            _haproxy("ip", "netns", "exec", self._namespace, *program)
        for path in set(self._directory.glob("*.pem")) - files.keys():
            path.unlink()

    @property
    def pid(self) -> int | None:
        """The master's, while it runs."""
        try:
            pid = int(self._pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self._file).encode() in words else None

    def _is_fresh(self) -> bool:
        try:
            return time.time() - self._file.stat().st_mtime < _APART
        except FileNotFoundError:
            return False

    def stop(self) -> None:
        """End it with all its connections; nothing is left of it. Raises Failed."""
        deadline = time.monotonic() + _PATIENCE
        while (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if time.monotonic() < deadline - 1 else signal.SIGKILL)
            if time.monotonic() > deadline:
                raise Failed(f"HAProxy {pid} does not end")
            time.sleep(0.05)
        for path in self._directory.glob("*"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._directory.rmdir()


def _age(pid: int) -> float:
    """Seconds since a process began; that is when the machine had run for so many ticks."""
    began = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    running = float(Path("/proc/uptime").read_text().split()[0])
    return running - began / os.sysconf("SC_CLK_TCK")


def _haproxy(*command: str) -> None:
    """Run it; raises Failed with what it finds wrong, without what is another each time."""
    try:
        run(*command)
    except Failed as failed:
        wrong = _ALERT.findall(str(failed))
        raise Failed("; ".join(wrong) or str(failed)) from None
