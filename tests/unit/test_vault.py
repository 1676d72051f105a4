"""Secrets at rest: sealed with a key beside the store, for the daemon alone, and bound to their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdn_orch.errors import Invalid
from sdn_orch.vault import Vault, new_key, open_vault


def test_a_secret_opens_with_its_key_at_its_place_only() -> None:
    vault = Vault(new_key())
    sealed = vault.seal("m1", "password", b"x7Kq")
    assert "x7Kq" not in sealed and sealed != vault.seal("m1", "password", b"x7Kq")
    assert vault.unseal("m1", "password", sealed) == b"x7Kq"
    for other, record, field, text in (
        (vault, "m2", "password", sealed),
        (vault, "m1", "user_data", sealed),
        (Vault(new_key()), "m1", "password", sealed),
        (vault, "m1", "password", "x"),
        (vault, "m1", "password", "AAAA"),
        (vault, "m1", "password", sealed[:-8]),
    ):
        with pytest.raises(Invalid, match="not sealed with the key"):
            other.unseal(record, field, text)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secrets.key"
    sealed = open_vault(path).seal("m", "f", b"s")
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_vault(path).unseal("m", "f", sealed) == b"s"
    assert [each.name for each in path.parent.iterdir()] == ["secrets.key"]


@pytest.mark.parametrize("text", ["", "short", "A" * 100, "ÄÖ"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.key"
    path.write_text(text)
    with pytest.raises(Invalid, match="holds no key"):
        open_vault(path)


def test_a_key_that_is_gone_is_not_made_anew_over_what_it_sealed(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    with pytest.raises(Invalid, match="put it back"):
        open_vault(path, is_new=False)
    assert not path.exists()
    open_vault(path)
    open_vault(path, is_new=False)
