"""The store in one SQLite file: every record a row of JSON, every commit one durable transaction.

One process owns the file as long as the store is open (a lock file beside it says which): the snapshot
in memory is therefore the file's content, and reading costs no I/O. Others may read the file, to back it
up for example. A commit is written to the write-ahead log and synced before it is acknowledged, so
that a process or machine that dies at any moment loses nothing acknowledged and leaves nothing half-written.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from zlib import crc32

from sdn_orch.errors import Conflict, Invalid, StoreUnavailable
from sdn_orch.intent.model import Record
from sdn_orch.intent.snapshot import Change, Difference, Snapshot
from sdn_orch.store import codec
from sdn_orch.store.base import Commit
from sdn_orch.store.feed import Feed
from sdn_orch.uncollected import uncollected

#: "sdno", in the header of the file.
APPLICATION = 0x73646E6F
#: Raised with every change to the tables; a file of another version is not touched.
VERSION = 1

_SCHEMA = (
    "CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL) STRICT",
    "CREATE TABLE kind (name TEXT PRIMARY KEY, last_number INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE record (kind TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,"
    " checksum INTEGER NOT NULL, PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID",
    "CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "INSERT INTO state VALUES (1, 0)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


class SqliteStore:
    """See `Store`. Opening raises StoreUnavailable naming the file, and the row where one is to blame.

    Every kind of record in the file must have been imported. `clock` gives seconds since the epoch and is
    asked for leases only; `busy_seconds` is how long to wait for another program that writes to the file.
    `is_owned`: the caller is within `own` already, and stays there until the store is closed.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        busy_seconds: float = 1.0,
        is_owned: bool = False,
    ) -> None:
        self._path = path
        self._clock = clock
        self._lock = Lock()
        self._closed = False
        with ExitStack() as undo:
            if not is_owned:
                undo.enter_context(own(path))
            with _explained(path):
                self._database = undo.enter_context(closing(_connect(path, busy_seconds)))
                self._inode = path.stat().st_ino
                self._prepare()
                with uncollected():
                    self._snapshot = self._load()
            self._feed = Feed(self._snapshot)
            self._release = undo.pop_all()

    def snapshot(self) -> Snapshot:
        """See `Store.snapshot`."""
        return self._snapshot

    def commit(self, changes: Sequence[Change], expected: int) -> Commit:
        """See `Store.commit`."""
        with self._lock:
            self._check_open()
            before = self._snapshot
            if expected != before.revision:
                raise Conflict(f"the store is at revision {before.revision}, not {expected}")
            after = before.change(changes)
            differences = after.differences(before, changes)
            if not differences:
                return Commit(before.revision, (), before)
            rows = [_row(new) for _, new in differences if new is not None]
            with self._transaction():
                self._write(before, after, differences, rows)
            commit = Commit(after.revision, differences, after)
            self._snapshot = after
            self._feed.publish(commit)
            return commit

    def watch(self, after: int) -> Iterator[Commit]:
        """See `Store.watch`."""
        return self._feed.watch(after)

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """See `Store.lease`."""
        with self._lock, self._transaction():
            now = self._clock()
            self._database.execute(
                "INSERT INTO lease VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
                " SET holder = excluded.holder, until = excluded.until"
                " WHERE holder = excluded.holder OR until <= ?",
                (name, holder, now + seconds, now),
            )
            return bool(self._database.execute("SELECT changes()").fetchone()[0])

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            self._closed = True
            self._feed.close()
            with _explained(self._path):
                self._release.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self._path}: the store is closed")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._check_open()
        with _explained(self._path):
            if self._path.stat().st_ino != self._inode:
                raise StoreUnavailable(f"{self._path}: another file stands in its place")
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    with suppress(sqlite3.Error):
                        self._database.execute("ROLLBACK")
                raise

    def _write(
        self,
        before: Snapshot,
        after: Snapshot,
        differences: Sequence[Difference],
        rows: Sequence[tuple[str, str, int, str, int]],
    ) -> None:
        moved = self._database.execute(
            "UPDATE state SET revision = ? WHERE revision = ?", (after.revision, before.revision)
        )
        if moved.rowcount != 1:
            raise StoreUnavailable(f"{self._path}: another program changed it; start again")
        gone = [(type(old).__name__, old.id) for old, new in differences if old is not None and new is None]
        self._database.executemany("DELETE FROM record WHERE kind = ? AND id = ?", gone)
        self._database.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)", rows)
        for kind in {type(new) for _, new in differences if new is not None}:
            last = after.last_number(kind)
            if last != before.last_number(kind):
                self._database.execute("INSERT OR REPLACE INTO kind VALUES (?, ?)", (kind.__name__, last))

    def _prepare(self) -> None:
        """Make the tables in a new file; refuse a file that is damaged or not ours."""
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != APPLICATION:
            raise StoreUnavailable(f"{self._path}: it is not a database of sdn-orch")
        if tables and version != VERSION:
            raise StoreUnavailable(
                f"{self._path}: its schema has version {version}, this program's {VERSION}"
            )
        (damage,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
        if damage != "ok":
            raise StoreUnavailable(f"{self._path}: it is damaged: {damage}")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        if not tables:
            with self._transaction():
                for statement in _SCHEMA:
                    self._database.execute(statement)

    def _load(self) -> Snapshot:
        states = self._database.execute("SELECT revision FROM state").fetchall()
        if len(states) != 1:
            raise StoreUnavailable(f"{self._path}: it does not say its revision")
        kinds = codec.kinds()
        rows = self._database.execute("SELECT kind, id, number, body, checksum FROM record")
        records = [_record(self._path, kinds, *row) for row in rows]
        numbers = self._database.execute("SELECT name, last_number FROM kind").fetchall()
        try:
            return Snapshot.load(
                states[0][0], records, {kinds[name]: last for name, last in numbers if name in kinds}
            )
        except Invalid as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error


@contextmanager
def own(path: Path) -> Iterator[None]:
    """Within it the file is this process's, and made if need be; only its owner may read it.

    Raises StoreUnavailable naming the file, and the process that has it.
    """
    with ExitStack() as undo:
        with _explained(path):
            lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            undo.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(lock, 20).decode(errors="replace").strip()
                raise StoreUnavailable(f"{path}: process {holder or '(unknown)'} uses it") from None
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.fchmod(file, 0o600)
            os.close(file)
        yield


def _connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    # Text that is not UTF-8 must reach the checksum, which names the row.
    database.text_factory = lambda text: text.decode(errors="replace")
    return database


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of the medium as StoreUnavailable naming the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StoreUnavailable(f"{path}: {reason}") from error


def _row(record: Record) -> tuple[str, str, int, str, int]:
    kind, body = type(record).__name__, codec.encode(record)
    return kind, record.id, record.number, body, _checksum(kind, record.id, record.number, body)


def _record(
    path: Path, kinds: dict[str, type[Record]], kind: str, id: str, number: int, body: str, checksum: int
) -> Record:
    where = f"{path}: {kind} {id}"
    if checksum != _checksum(kind, id, number, body):
        raise StoreUnavailable(f"{where}: the row is damaged: its checksum is wrong")
    if kind not in kinds:
        raise StoreUnavailable(f"{where}: this program knows no such kind of record")
    try:
        return codec.decode(kinds[kind], id, number, body)
    except (ValueError, TypeError) as error:
        raise StoreUnavailable(f"{where}: {error}") from error


def _checksum(kind: str, id: str, number: int, body: str) -> int:
    return crc32("\0".join((kind, id, str(number), body)).encode())
