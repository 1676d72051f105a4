"""What an installation brings."""

from __future__ import annotations

import tomllib
from pathlib import Path

from setuptools import find_packages

ROOT = Path(__file__).parents[2]


def test_only_the_package_itself_is_installed() -> None:
    """Nothing of ours is to stand at the top of site-packages under a name as common as `apps`."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = find_packages(str(ROOT), **settings["tool"]["setuptools"]["packages"]["find"])
    assert {name.partition(".")[0] for name in found} == {"sdn_orch"}
