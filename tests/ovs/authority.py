"""A certificate authority for tests, made with openssl(1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.ovs.bridges import run


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs identities; its own certificate is `certificate`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self.certificate, self._key = self._folder / "ca.pem", self._folder / "ca.key"
        subject = ("-subj", f"/CN={name}")
        request = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        files = ("-keyout", str(self._key), "-out", str(self.certificate))
        run(*request, "-nodes", "-days", "2", *subject, *files)

    def identity(self, name: str) -> Identity:
        """A signed certificate for `name`."""
        key, request, certificate = (self._folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        algorithm = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        files = ("-keyout", str(key), "-out", str(request))
        run("openssl", "req", *algorithm, "-subj", f"/CN={name}", *files)
        signer = ("-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial", "-days", "2")
        run("openssl", "x509", "-req", "-in", str(request), *signer, "-out", str(certificate))
        return Identity(certificate, key)
