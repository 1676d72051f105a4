"""The administrator's key pair as a file, in the form that the `cs` client reads (`CLOUDSTACK_CONFIG=…`)."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from sdn_orch.errors import Invalid
from sdn_orch.northbound.cloudstack.bootstrap import Credentials

_SECTION = "cloudstack"


def read_keys(path: Path) -> Credentials | None:
    """The key pair of the file, None if there is no file. Raises Invalid if it holds none."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if not parser.read(path, encoding="utf-8"):
            return None
        return Credentials(parser[_SECTION]["key"], parser[_SECTION]["secret"])
    except (configparser.Error, UnicodeDecodeError, KeyError) as error:
        raise Invalid(f"{path}: no key pair in it: {error}") from None


def write_keys(path: Path, credentials: Credentials, endpoint: str) -> None:
    """Write the file for its owner's eyes only, whole or not at all. Raises Invalid if that fails."""
    parser = configparser.ConfigParser(interpolation=None)
    keys = {"endpoint": endpoint, "key": credentials.api_key, "secret": credentials.secret_key}
    parser[_SECTION] = keys
    fresh = path.with_suffix(f"{path.suffix}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            parser.write(file)
        fresh.replace(path)
    except OSError as error:
        raise Invalid(f"{path}: cannot be written: {error.strerror}") from None
