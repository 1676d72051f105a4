"""Certificates that openssl(1) makes, for TLS between processes on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path


def self_signed(directory: Path, name: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for an address that signs itself, and its RSA key, as PEM files."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=IP:{address}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
