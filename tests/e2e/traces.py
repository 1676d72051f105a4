"""What one run has left on the machine, told apart from what others make there at the same time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from topologies.footprint import MARK


@dataclass(frozen=True, slots=True)
class Run:
    """A run of Mininet under a footprint, known by the file of its slot."""

    file: Path
    id: str

    @classmethod
    def of(cls, pid: int, base: Path) -> Run:
        """The run whose slot a process holds the lock of. Raises LookupError if it holds none."""
        inodes = {path.stat().st_ino: path for path in base.glob("*.jsonl")}
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, _, _, holder, place, *_ = line.split()
            path = inodes.get(int(place.rpartition(":")[2]))
            if kind == "FLOCK" and int(holder) == pid and path is not None:
                return cls(path, str(json.loads(path.read_text().splitlines()[0])["run"]))
        raise LookupError(f"process {pid} holds no slot in {base}")

    def interfaces(self) -> set[str]:
        """Interfaces of the machine, bridges' own among them, that have the names of this slot."""
        names = (entry.name for entry in Path("/sys/class/net").iterdir())
        return {name for name in names if name.startswith(f"{self.file.stem}-")}

    def processes(self) -> list[str]:
        """Command lines of processes that carry the mark of this run."""
        found = []
        mark = f"{MARK}={self.id}".encode()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found

    def left(self) -> list[str]:
        """What is still there of it. A slot that another run has taken since is that one's."""
        interfaces = sorted(self.interfaces())
        directory = self.file.with_suffix("")
        if self.file.exists():
            return [*self.processes(), *([str(self.file)] if self.id in self.file.read_text() else [])]
        return [*self.processes(), *interfaces, *([str(directory)] if os.path.lexists(directory) else [])]
