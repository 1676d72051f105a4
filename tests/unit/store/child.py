"""Programs that the store's tests run as processes of their own, to be killed or starved.

`python -m tests.unit.store.child PROGRAM FILE [ARGUMENT]`
"""

from __future__ import annotations

import resource
import sys
from dataclasses import replace
from pathlib import Path

from sdn_orch.errors import StoreUnavailable
from sdn_orch.intent.model import Domain
from sdn_orch.intent.snapshot import Change, Delete, Put
from sdn_orch.store.sqlite import SqliteStore

#: Long enough for a commit to need more than one page.
PADDING = "x" * 2000


def commit_for_ever(file: Path) -> None:
    """Each commit names `left` and `right` alike, adds a domain, removes an old one; prints revisions."""
    store = SqliteStore(file)
    if store.snapshot().revision == 0:
        store.commit([Put(Domain(id=id, name="", path="/")) for id in ("left", "right")], 0)
    while True:
        snapshot = store.snapshot()
        revision = snapshot.revision + 1
        changes: list[Change] = [
            Put(replace(snapshot.need(Domain, id), name=str(revision))) for id in ("left", "right")
        ]
        changes.append(Put(Domain(id=f"d{revision}", name=PADDING, path=str(revision))))
        if snapshot.get(Domain, f"d{revision - 10}") is not None:
            changes.append(Delete(Domain, f"d{revision - 10}"))
        done = store.commit(changes, snapshot.revision)
        print(done.revision, flush=True)


def starve(file: Path) -> None:
    """Commits until no file may grow, then with room again; prints the revision before and after."""
    store = SqliteStore(file)
    limit = file.stat().st_size + 200_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    fill(store)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    recover(store)


def fill_disk(file: Path, ballast: str) -> None:
    """The same on a full disk, of which removing `ballast` frees a part."""
    store = SqliteStore(file)
    Path(ballast).write_bytes(bytes(200_000))
    fill(store)
    Path(ballast).unlink()
    recover(store)


def fill(store: SqliteStore) -> None:
    while True:
        before = store.snapshot()
        try:
            store.commit([Put(Domain(id=f"d{before.revision}", name=PADDING, path="/"))], before.revision)
        except StoreUnavailable as error:
            assert store.snapshot() is before
            print(error, flush=True)
            print(before.revision, flush=True)
            return


def recover(store: SqliteStore) -> None:
    snapshot = store.snapshot()
    print(store.commit([Put(Domain(id="after", name="", path="/"))], snapshot.revision).revision, flush=True)
    store.close()


if __name__ == "__main__":
    program, name, *rest = sys.argv[1:]
    match program:
        case "commit":
            commit_for_ever(Path(name))
        case "starve":
            starve(Path(name))
        case "disk":
            fill_disk(Path(name), *rest)
