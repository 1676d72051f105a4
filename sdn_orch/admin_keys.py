"""The root administrator's key pair in a file that the `cs` client reads as its configuration.

The file is made at the first start, for the daemon's user alone. Keys that an operator has put there are
taken over.
"""

from __future__ import annotations

import configparser
import os

from sdn_orch.config import Config
from sdn_orch.errors import Invalid
from sdn_orch.northbound.cloudstack.app import PATH
from sdn_orch.northbound.cloudstack.bootstrap import Credentials

_SECTION = "cloudstack"


def read(config: Config) -> Credentials | None:
    """The keys in the file, None without a file. Raises Invalid for a file without keys."""
    path = config.api.admin_keys
    if path is None or not path.exists():
        return None
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text())
        return Credentials(parser[_SECTION]["key"], parser[_SECTION]["secret"])
    except (configparser.Error, KeyError, OSError, UnicodeDecodeError) as fault:
        raise Invalid(f"{path}: needs [{_SECTION}] with key and secret: {type(fault).__name__}") from None


def write(config: Config, credentials: Credentials) -> None:
    """Make the file if it is configured and not there; never readable for others. Raises OSError."""
    path = config.api.admin_keys
    if path is None or path.exists():
        return
    scheme = "https" if config.api.tls else "http"
    text = (
        f"[{_SECTION}]\n"
        f"endpoint = {scheme}://{config.api.listen}{PATH}\n"
        f"key = {credentials.api_key}\n"
        f"secret = {credentials.secret_key}\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Half a file would be refused at the next start: it gets its name once it is whole.
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        fresh.rename(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
