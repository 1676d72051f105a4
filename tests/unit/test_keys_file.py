"""The administrator's keys: written for the `cs` client, read back, and secret."""

from __future__ import annotations

import stat
from pathlib import Path

import cs
import pytest

from sdn_orch.errors import Invalid
from sdn_orch.northbound.cloudstack.bootstrap import Credentials
from sdn_orch.northbound.cloudstack.keys_file import read_keys, write_keys

ENDPOINT = "http://127.0.0.1:8080/client/api"


def test_what_is_written_is_read_by_us_and_by_cs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "etc" / "admin.keys"
    keys = Credentials("k%y-_", "s%(ecret)s=;#")
    assert read_keys(path) is None
    write_keys(path, keys, ENDPOINT)
    assert read_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["admin.keys"]
    plain = Credentials("key", "secret")
    write_keys(path, plain, ENDPOINT)
    monkeypatch.setenv("CLOUDSTACK_CONFIG", str(path))
    found = cs.read_config()
    assert (found["endpoint"], found["key"], found["secret"]) == (ENDPOINT, "key", "secret")


@pytest.mark.parametrize(
    "text", ["nothing", "[cloudstack]\nkey = a\n", "[other]\nkey = a\nsecret = b\n", "\xff["]
)
def test_a_file_without_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "admin.keys"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Invalid, match=r"admin\.keys: no key pair in it"):
        read_keys(path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="cannot be written"):
        write_keys(tmp_path / "file" / "admin.keys", Credentials("a", "b"), ENDPOINT)
