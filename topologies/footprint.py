"""What a Mininet run leaves on the machine, written down before it is made, so that just that can go again.

Mininet's own clean-up kills processes by name on the whole machine and deletes bridges that it did not make.
Ours knows three things of a run: its bridges and interfaces by name, its directory, and a mark in the
environment that every process of it inherits, whatever daemon it turns into. Each run holds a lock on its
file under `BASE` while it lives; a file that nobody holds was left by a run that was killed, and the next
run removes what it names.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

BASE = Path("/run/sdn-orch/mininet")
#: Environment variable whose value is the run's id.
MARK = "SDN_ORCH_RUN"
_SLOTS = range(1, 100)


class Footprint:
    """One run's traces: what it made, and how to unmake it. Get one by `claim`."""

    def __init__(self, file: IO[str], path: Path, run: str) -> None:
        self._file = file
        self._path = path
        self.run = run
        #: Goes before the name of every bridge, so that runs side by side do not meet.
        self.prefix = f"{path.stem}-"
        self.directory = path.with_suffix("")
        #: The mark of a run within which this one was begun.
        self._around = os.environ.get(MARK)
        self._interfaces: set[str] = set()
        self._bridges: set[str] = set()

    def note(self, bridges: Iterable[str] = (), interfaces: Iterable[str] = ()) -> None:
        """Write down what is about to be made. Raises FileExistsError when a name is taken."""
        fresh = [*bridges, *interfaces]
        for name in fresh:
            if Path("/sys/class/net", name).exists() and name not in self._interfaces:
                raise FileExistsError(f"a network interface called {name} exists already and is not ours")
        self._bridges.update(bridges)
        # A userspace bridge has an interface of its own name too.
        self._interfaces.update(fresh)
        self._write()

    def remove(self) -> None:
        """Remove all that was noted: processes, bridges, interfaces, directory, and then the note itself."""
        _remove(self.run, sorted(self._bridges), sorted(self._interfaces), self.directory)
        if os.environ.get(MARK) == self.run:
            os.environ.pop(MARK)
            if self._around is not None:
                os.environ[MARK] = self._around
        self._path.unlink(missing_ok=True)
        self._file.close()

    def _write(self) -> None:
        # Appending one line is atomic enough: a run killed half-way leaves a last line that does not parse,
        # and what it would have named was not made yet.
        line = {"run": self.run, "bridges": sorted(self._bridges), "interfaces": sorted(self._interfaces)}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def claim(base: Path = BASE) -> Footprint:
    """Take the first free slot, mark this process's children with its run, and make its directory."""
    base.mkdir(parents=True, exist_ok=True)
    for slot in _SLOTS:
        path = base / f"n{slot}.jsonl"
        file = _lock(path)
        if file is None:
            continue
        is_left = bool(file.read())  # by a killed run that could not be cleaned up yet
        if is_left or any(name.startswith(f"n{slot}-") for name in _interfaces()):
            if not is_left:
                path.unlink()
            file.close()
            continue
        footprint = Footprint(file, path, uuid.uuid4().hex)
        footprint.note()
        footprint.directory.mkdir(mode=0o700, exist_ok=True)
        os.environ[MARK] = footprint.run
        return footprint
    raise RuntimeError(
        f"no free slot in {base}: {len(_SLOTS)} runs at once, or leftovers that cannot be removed"
    )


def remove_leftovers(base: Path = BASE) -> list[str]:
    """Remove what killed runs left behind; gives the names of their slots. Runs that live are not touched."""
    removed = []
    for path in sorted(base.glob("n*.jsonl")):
        file = _lock(path)
        if file is None:
            continue
        with file:
            run, bridges, interfaces = _last_note(file)
            if run:
                _remove(run, bridges, interfaces, path.with_suffix(""))
                removed.append(path.stem)
            path.unlink()
    return removed


def _interfaces() -> list[str]:
    return [entry.name for entry in Path("/sys/class/net").iterdir()]


def _lock(path: Path) -> IO[str] | None:
    """The file, open and locked by us, or None while another process holds it."""
    while True:
        file = path.open("a+")
        file.seek(0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        # Its holder may have removed the file between our open and our lock.
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
        file.close()


def _last_note(file: IO[str]) -> tuple[str, list[str], list[str]]:
    note: dict[str, list[str]] = {}
    run = ""
    for line in file:
        with contextlib.suppress(ValueError):
            note = json.loads(line)
            run = str(note["run"])
    return run, note.get("bridges", []), note.get("interfaces", [])


def _remove(run: str, bridges: list[str], interfaces: list[str], directory: Path) -> None:
    kill_marked(run)
    if bridges:
        command = ["ovs-vsctl", "--timeout=10"]
        for bridge in bridges:
            command += ["--", "--if-exists", "del-br", bridge]
        subprocess.run(command, check=True, capture_output=True)
    for bridge in bridges:
        for namespace in namespaces(bridge):
            subprocess.run(["ip", "netns", "delete", namespace.name], check=False, capture_output=True)
    for name in interfaces:
        # A veth goes with its peer, and the peers in hosts have gone with their namespaces.
        if Path("/sys/class/net", name).exists():
            subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
    shutil.rmtree(directory, ignore_errors=True)


def namespaces(bridge: str) -> list[Path]:
    """Those of the proxies that `sdn-orch proxy` runs behind a bridge."""
    return sorted(Path("/run/netns").glob(f"sdn-orch-proxy.{bridge}.*"))


def kill_marked(run: str, patience: float = 5.0) -> None:
    """Kill every process that carries the mark of this run, and wait until all are gone."""
    deadline = time.monotonic() + patience
    quiet = 0
    # A process that executes a new program at this moment has no environment yet: look again.
    while quiet < 3:
        marked = list(_marked(run))
        quiet = 0 if marked else quiet + 1
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {marked} of run {run} do not die")
        for pid in marked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)


def _marked(run: str) -> Iterator[int]:
    mark = f"{MARK}={run}".encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        # A process may end while we look; a zombie's environment is empty.
        with contextlib.suppress(OSError):
            if mark in Path(entry.path, "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
