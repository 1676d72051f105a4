"""Where something listens, and the files of its TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address to listen on (port 0: any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM. With `authority`, the other side must show a certificate signed by it."""

    #: For the configuration, which reads these: an unknown key is a fault there.
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    certificate: Path
    key: Path
    authority: Path | None = None

    def server_context(self) -> ssl.SSLContext:
        """The listening side. Raises OSError (ssl.SSLError) for files that are missing or do not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Nobody is there to be asked for a password.
        context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        if self.authority is not None:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True, slots=True)
class MutualTls(Tls):
    """Where both sides always show a certificate."""

    authority: Path
