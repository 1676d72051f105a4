"""Encrypted keys that would take long to open are told from others, and refused unopened."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.northbound.cloudstack.pbes import effort
from tests.balancing import issued, key_pem, pem, refused
from tests.cloudstack import Client

PBKDF2, PBES2, AES, SCRYPT = (
    bytes.fromhex(text)
    for text in ("2a864886f70d01050c", "2a864886f70d01050d", "60864801650304012a", "2b06010401da47040b")
)


def element(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content).to_bytes(2) if len(content) > 127 else b""
    return bytes([tag, 0x80 | len(size) if size else len(content)]) + size + content


def number(value: int) -> bytes:
    return element(2, value.to_bytes(value.bit_length() // 8 + 1))


def encrypted(oid: bytes, *numbers: int) -> bytes:
    """A key that nobody has encrypted, which says so often to hash its password."""
    derivation = element(0x30, element(6, oid), element(0x30, element(4, b"salt"), *map(number, numbers)))
    cipher = element(0x30, element(6, AES), element(4, bytes(16)))
    algorithm = element(0x30, element(6, PBES2), element(0x30, derivation, cipher))
    return element(0x30, algorithm, element(4, bytes(144)))


def as_pem(der: bytes) -> str:
    text = b64encode(der).decode()
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n"


def test_rounds_are_read_and_not_run() -> None:
    assert effort(encrypted(PBKDF2, 2_048)) == 2_048
    assert effort(encrypted(PBKDF2, 2**62, 32)) == 2**62
    assert effort(encrypted(SCRYPT, 2**14, 8, 1)) == 2**15
    assert effort(encrypted(SCRYPT, 2**40, 8, 0)) == 2**41


@given(st.binary(max_size=200))
def test_what_is_no_key_is_refused_or_has_a_number(data: bytes) -> None:
    for whole in (data, element(0x30, element(0x30, data))):
        with suppress(ValueError):
            assert effort(whole) >= 0


def test_what_is_nested_deeply_is_refused() -> None:
    nested = number(1)
    for _ in range(100):
        nested = element(0x30, nested)
    with pytest.raises(ValueError, match="nested"):
        effort(nested)


@pytest.mark.parametrize(
    "option", [("-iter", "90000"), ("-scrypt",), ("-v1", "PBE-SHA1-3DES", "-iter", "90000")]
)
def test_what_openssl_encrypts_is_opened(red: Client, tmp_path: Path, option: tuple[str, ...]) -> None:
    certificate, key = issued("www")
    plain = tmp_path / "key.pem"
    plain.write_text(key_pem(key))
    command = ("openssl", "pkcs8", "-topk8", "-in", str(plain), "-passout", "pass:sesame", *option)
    sealed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    given = {"name": "www", "certificate": pem(certificate), "privatekey": sealed}
    assert red.call("uploadSslCert", **given, password="sesame")["sslcert"]["name"] == "www"


@pytest.mark.parametrize("der", [encrypted(PBKDF2, 2**31 - 1), encrypted(SCRYPT, 2**20, 8, 1)])
def test_what_would_take_minutes_is_refused_unopened(red: Client, der: bytes) -> None:
    certificate, key = issued("www")
    for text in (as_pem(der), key_pem(key) + as_pem(der), "\n".join(("Bag", as_pem(der)))):
        given = {"name": "www", "certificate": pem(certificate), "privatekey": text}
        error = refused(red, "uploadSslCert", **given, password="sesame")
        assert (error.status, "would take too long" in error.text) == (431, True), error.text
