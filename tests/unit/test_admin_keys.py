"""The administrator's keys: written for the `cs` client, read back, and secret."""

from __future__ import annotations

import resource
import stat
from pathlib import Path

import cs
import pytest

from sdn_orch import admin_keys
from sdn_orch.config import Api, Config
from sdn_orch.errors import Invalid
from sdn_orch.northbound.cloudstack.bootstrap import Credentials


def config(path: Path | None) -> Config:
    return Config(api=Api(admin_keys=path))


def test_what_is_written_is_read_by_us_and_by_cs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "etc" / "admin.keys"
    keys = Credentials("key-_", "s%ecret")
    assert admin_keys.read(config(path)) is None
    admin_keys.write(config(path), keys)
    assert admin_keys.read(config(path)) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    admin_keys.write(config(path), Credentials("key", "secret"))
    monkeypatch.setenv("CLOUDSTACK_CONFIG", str(path))
    found = cs.read_config()
    assert found["endpoint"] == "http://127.0.0.1:8080/client/api"
    assert (found["key"], found["secret"]) == ("key", "secret")


def test_keys_that_are_there_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "admin.keys"
    path.write_text("[cloudstack]\nkey = mine\nsecret = own\n")
    admin_keys.write(config(path), Credentials("a", "b"))
    assert admin_keys.read(config(path)) == Credentials("mine", "own")


def test_without_a_file_configured_nothing_is_written() -> None:
    admin_keys.write(config(None), Credentials("a", "b"))
    assert admin_keys.read(config(None)) is None


@pytest.mark.parametrize(
    "text", ["nothing", "[cloudstack]\nkey = a\n", "[other]\nkey = a\nsecret = b\n", "\xff["]
)
def test_a_file_without_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "admin.keys"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Invalid, match=r"admin\.keys: needs \[cloudstack\] with key and secret"):
        admin_keys.read(config(path))


def test_a_full_disk_leaves_no_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "admin.keys"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            admin_keys.write(config(path), Credentials("a", "b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    admin_keys.write(config(path), Credentials("a", "b"))
    assert admin_keys.read(config(path)) == Credentials("a", "b")
