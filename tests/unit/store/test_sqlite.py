"""The SQLite store over restarts, kills and every fault of its medium."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from sdn_orch.errors import StoreUnavailable
from sdn_orch.intent.model import Account, Domain, Machine
from sdn_orch.intent.snapshot import Delete, Put
from sdn_orch.store.sqlite import SqliteStore

ROOT = Domain(id="root", name="ROOT", path="/")
ACME = Account(id="acme", name="acme", domain_id="root")
CHILD = (sys.executable, "-m", "tests.unit.store.child")


def machine(id: str) -> Machine:
    return Machine(id=id, account_id="acme", name="m")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A closed store at revision 1 with some records."""
    store = SqliteStore(tmp_path / "store.db")
    store.commit([Put(ROOT), Put(ACME), *(Put(machine(f"m{i}")) for i in range(200))], 0)
    store.close()
    return tmp_path / "store.db"


def edit(file: Path, statement: str, *values: Any) -> None:
    with sqlite3.connect(file) as database:
        database.execute(statement, values)
    database.close()


def test_everything_is_there_after_a_restart(file: Path) -> None:
    store = SqliteStore(file)
    store.commit([Delete(Machine, "m199")], 1)
    kept = store.snapshot()
    store.close()
    again = SqliteStore(file)
    assert again.snapshot().revision == 2
    for kind in (Domain, Account, Machine):
        assert list(again.snapshot().all(kind)) == list(kept.all(kind))
    # The number of a record that is gone is not given again so soon.
    done = again.commit([Put(machine("new"))], 2)
    assert done.snapshot.need(Machine, "new").number == 201
    again.close()


def test_leases_outlive_the_process(file: Path) -> None:
    store = SqliteStore(file, clock=lambda: 100.0)
    assert store.lease("leader", "one", 10)
    store.close()
    store = SqliteStore(file, clock=lambda: 109.0)
    assert not store.lease("leader", "two", 10)
    store.close()
    store = SqliteStore(file, clock=lambda: 110.0)
    assert store.lease("leader", "two", 10)
    store.close()


def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch(0o644)
    mask = os.umask(0)
    try:
        store = SqliteStore(path)
        store.commit([Put(ROOT)], 0)
    finally:
        os.umask(mask)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm", "store.db.lock"), 0o600)
    store.close()


def test_one_process_owns_the_file(file: Path) -> None:
    store = SqliteStore(file)
    with pytest.raises(StoreUnavailable, match=f"store.db: process {os.getpid()} uses it"):
        SqliteStore(file)
    other = subprocess.run([*CHILD, "commit", str(file)], capture_output=True, text=True, check=False)
    assert f"process {os.getpid()} uses it" in other.stderr
    store.commit([Put(machine("new"))], 1)
    store.close()
    SqliteStore(file).close()


def test_a_file_locked_by_another_program_can_be_used_when_it_lets_go(file: Path) -> None:
    store = SqliteStore(file, busy_seconds=0.05)
    before = store.snapshot()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"store\.db: database is locked"):
        store.commit([Put(machine("new"))], 1)
    with pytest.raises(StoreUnavailable, match=r"store\.db: database is locked"):
        store.lease("leader", "one", 1)
    assert store.snapshot() is before
    other.execute("ROLLBACK")
    assert store.commit([Put(machine("new"))], 1).revision == 2
    # Reading, as a backup does, holds up nobody.
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM record").fetchone() == (203,)
    assert store.commit([Put(machine("newer"))], 2).revision == 3
    other.close()
    store.close()


def test_a_change_by_another_program_is_noticed(file: Path) -> None:
    store = SqliteStore(file)
    edit(file, "UPDATE state SET revision = 7")
    with pytest.raises(StoreUnavailable, match="another program changed it"):
        store.commit([Put(machine("new"))], 1)
    store.close()


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_moved_away_takes_no_commit(file: Path, gone: bool) -> None:
    store = SqliteStore(file)
    aside = file.with_name("aside.db")
    file.rename(aside)
    if not gone:
        shutil.copy(aside, file)
    with pytest.raises(StoreUnavailable, match=r"store\.db: (No such file|another file)"):
        store.commit([Put(machine("new"))], 1)
    aside.rename(file)
    assert store.commit([Put(machine("new"))], 1).revision == 2
    store.close()


def test_files_may_not_grow(file: Path) -> None:
    starved = subprocess.run([*CHILD, "starve", str(file)], capture_output=True, text=True, check=False)
    check_recovered(starved, file)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk(file: Path, tmp_path: Path) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept.db"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=1m none {disk} && cp {file} {disk}/store.db"
        f" && {' '.join(CHILD)} disk {disk}/store.db {disk}/ballast && cp {disk}/store.db {kept}"
    )
    # A mount namespace of its own, which ends with the process.
    filled = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    check_recovered(filled, kept)


def check_recovered(ended: subprocess.CompletedProcess[str], file: Path) -> None:
    assert ended.returncode == 0, ended.stderr
    error, before, after = ended.stdout.splitlines()
    assert "store.db: " in error
    assert any(reason in error for reason in ("full", "I/O"))
    assert int(before) > 5
    assert int(after) == int(before) + 1
    store = SqliteStore(file)
    assert store.snapshot().revision == int(after)
    expected = {"root", "after", *(f"d{revision}" for revision in range(1, int(before)))}
    assert {domain.id for domain in store.snapshot().all(Domain)} == expected
    store.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system read-only")
def test_a_read_only_file_system(file: Path) -> None:
    folder = file.parent
    script = (
        f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
        f" && exec {' '.join(CHILD)} commit {file}"
    )
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert f"StoreUnavailable: {file}: Read-only file system" in ended.stderr


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"nowhere/store\.db: No such file or directory"):
        SqliteStore(tmp_path / "nowhere" / "store.db")


def check_refused(file: Path, said: str) -> None:
    """Opening says why, and leaves every byte and no lock."""
    content = file.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=said) as caught:
            SqliteStore(file)
        assert str(caught.value).startswith(f"{file}: ")
    assert file.read_bytes() == content


@pytest.mark.parametrize("content", [b"garbage", b"\0" * 4096, os.urandom(100_000)])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    check_refused(path, "file is not a database")


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    edit(path, "CREATE TABLE theirs (x)")
    check_refused(path, "not a database of sdn-orch")


def test_a_database_of_a_newer_version(file: Path) -> None:
    edit(file, "PRAGMA user_version = 2")
    check_refused(file, "schema has version 2, this program's 1")


@pytest.mark.parametrize("seed", range(20))
def test_a_page_overwritten(file: Path, seed: int) -> None:
    """Whatever page is lost: nothing is half-loaded, and everything that is loaded is right."""
    whole = SqliteStore(file)
    expected = [list(whole.snapshot().all(kind)) for kind in (Domain, Account, Machine)]
    whole.close()
    generator = random.Random(seed)
    content = bytearray(file.read_bytes())
    start = generator.randrange(100, len(content) - 4096)
    content[start : start + 600] = generator.randbytes(600) if seed % 2 else bytes(600)
    file.write_bytes(content)
    try:
        store = SqliteStore(file)
    except StoreUnavailable as error:
        assert str(error).startswith(f"{file}: ")
        assert file.read_bytes() == content
    else:
        assert [list(store.snapshot().all(kind)) for kind in (Domain, Account, Machine)] == expected
        store.close()


def test_a_truncated_file(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 4096)
    check_refused(file, "damaged|malformed")


def test_one_wrong_character_in_a_row_is_named(file: Path) -> None:
    edit(file, "UPDATE record SET body = replace(body, 'acme', 'acmf') WHERE id = 'm5'")
    check_refused(file, "Machine m5: the row is damaged")


def test_bytes_that_are_no_text_are_named(file: Path) -> None:
    edit(file, "UPDATE record SET body = CAST(x'7bff7d' AS TEXT) WHERE id = 'm5'")
    check_refused(file, "Machine m5: the row is damaged")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM record WHERE id = 'acme'", "Machine m0: account_id: there is no Account acme"),
        ("DELETE FROM state", "does not say its revision"),
        ("DROP TABLE kind", "no such table: kind"),
        ("UPDATE record SET kind = 'Unheard' WHERE id = 'm5'", "Unheard m5: the row is damaged"),
    ],
)
def test_an_edited_database_is_refused(file: Path, statement: str, said: str) -> None:
    edit(file, statement)
    check_refused(file, said)


def test_a_kind_that_is_not_known_is_named(file: Path) -> None:
    checksum = crc32(b"Unheard\0u1\x001\0{}")
    edit(file, "INSERT INTO record VALUES ('Unheard', 'u1', 1, '{}', ?)", checksum)
    check_refused(file, "Unheard u1: this program knows no such kind")


def test_a_row_of_a_newer_version_is_named(file: Path) -> None:
    body = '{"account_id":"acme","name":"m","display_name":"","running":true,"colour":"red"}'
    checksum = crc32(f"Machine\0new\x00300\0{body}".encode())
    edit(file, "INSERT INTO record VALUES ('Machine', 'new', 300, ?, ?)", body, checksum)
    check_refused(file, "Machine new: colour: Machine has no such field")


def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    generator = random.Random(7)
    acknowledged = rounds = 0
    while rounds < 20 or acknowledged <= 100:
        rounds += 1
        with subprocess.Popen([*CHILD, "commit", str(file)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline()]
            time.sleep(generator.uniform(0, 0.06))
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.read().splitlines(keepends=True)
        # A line cut short by the kill was not acknowledged.
        acknowledged = max([acknowledged, *(int(line) for line in lines if line.endswith("\n"))])
        store = SqliteStore(file)
        snapshot = store.snapshot()
        assert acknowledged <= snapshot.revision <= acknowledged + 1
        names = {snapshot.need(Domain, id).name for id in ("left", "right")}
        assert names == {str(snapshot.revision)}
        kept = range(max(2, snapshot.revision - 9), snapshot.revision + 1)
        assert {domain.id for domain in snapshot.all(Domain)} == {"left", "right", *(f"d{r}" for r in kept)}
        assert all(snapshot.need(Domain, f"d{r}").number == r + 1 for r in kept)
        store.close()


def test_killed_while_the_file_is_made(tmp_path: Path) -> None:
    generator = random.Random(3)
    for round_ in range(6):
        file = tmp_path / f"store{round_}.db"
        with subprocess.Popen([*CHILD, "commit", str(file)], stdout=subprocess.PIPE) as child:
            while not file.exists():
                time.sleep(0.0005)
            time.sleep(generator.uniform(0, 0.004))
            child.send_signal(signal.SIGKILL)
        store = SqliteStore(file)
        revision = store.snapshot().revision
        assert store.snapshot().count(Domain) == (min(revision, 10) + 1 if revision else 0)
        store.commit([Put(replace(ROOT, id="more"))], revision)
        store.close()
