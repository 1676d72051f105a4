"""Work that takes long is done ahead of the transaction: meanwhile others write."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.balancing import issued, key_pem, pem, refused
from tests.cloudstack import Client, Cloud

PERSON = {"password": "p", "email": "e", "firstname": "f", "lastname": "l"}


def _certificate(_cloud: Cloud) -> dict[str, str]:
    certificate, key = issued("www")
    return {"name": "www", "certificate": pem(certificate), "privatekey": key_pem(key)}


def _admin(cloud: Cloud) -> dict[str, str]:
    return {"id": cloud.admin.call("listUsers")["user"][0]["id"], "password": "other"}


@pytest.mark.parametrize(
    ("command", "given", "module", "function"),
    [
        ("createSSHKeyPair", lambda _: {"name": "pair"}, rsa, "generate_private_key"),
        ("uploadSslCert", _certificate, serialization, "load_pem_private_key"),
        ("createAccount", lambda _: PERSON | {"username": "red"}, hashlib, "scrypt"),
        ("createUser", lambda _: PERSON | {"username": "second", "account": "admin"}, hashlib, "scrypt"),
        ("updateUser", _admin, hashlib, "scrypt"),
    ],
)
def test_others_write_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
    cloud: Cloud,
    command: str,
    given: Callable[[Cloud], dict[str, Any]],
    module: Any,
    function: str,
) -> None:
    slow = getattr(module, function)
    written: list[Any] = []

    def other() -> None:
        written.append(cloud.admin.call("createSecurityGroup", name=f"group{len(written)}"))

    def slowly(*arguments: Any, **named: Any) -> Any:
        thread = threading.Thread(target=other, daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive(), "nobody else can write"
        return slow(*arguments, **named)

    arguments = given(cloud)
    monkeypatch.setattr(module, function, slowly)
    assert cloud.admin.call(command, **arguments)
    assert len(written) == 1


def test_a_password_that_changed_meanwhile_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch, cloud: Cloud, red: Client
) -> None:
    """Who knew the password before does not know the new one."""
    id = red.call("getUser", userapikey=red.keys.api_key)["user"]["id"]
    scrypt, hashed = hashlib.scrypt, []

    def slowly(*arguments: Any, **named: Any) -> Any:
        hashed.append(arguments)
        if len(hashed) == 1:
            cloud.admin.call("updateUser", id=id, password="new")
        return scrypt(*arguments, **named)

    monkeypatch.setattr(hashlib, "scrypt", slowly)
    error = refused(red, "updateUser", id=id, password="mine", currentpassword="secret")
    assert (error.status, error.text) == (531, "Current password is incorrect: it has just been changed.")
    assert red.call("updateUser", id=id, password="mine", currentpassword="new")["user"]["id"] == id
