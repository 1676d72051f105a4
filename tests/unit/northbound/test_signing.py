"""Signatures: the forms that clients send, worked by hand from the rules, and none else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

import pytest

from sdn_orch.northbound.cloudstack.signing import has_expired, is_signed

SECRET = "s3cret"
PARAMETERS = {"command": "listZones", "apiKey": "KEY", "response": "json", "name": "a b*c[d]"}


def hmac_sha1(text: str) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()


def java(parameters: dict[str, str]) -> str:
    """As CloudStack signs: URLEncoder's rules, + as %20, sorted by raw names, all lower-cased."""
    encoded = {
        k: quote_plus(v, safe="*").replace("+", "%20").replace("~", "%7E") for k, v in parameters.items()
    }
    return hmac_sha1("&".join(f"{k}={encoded[k]}" for k in sorted(encoded)).lower())


def cs(parameters: dict[str, str]) -> str:
    """As the client cs signs: a bare tilde."""
    return hmac_sha1("&".join(f"{k}={quote(parameters[k], safe='*')}" for k in sorted(parameters)).lower())


def libcloud(parameters: dict[str, str]) -> str:
    """As libcloud signs: sorted by lower-cased names."""
    pairs = [(k.lower(), quote(v, safe="*")) for k, v in parameters.items()]
    return hmac_sha1("&".join(f"{k}={v}" for k, v in sorted(pairs)).lower())


@pytest.mark.parametrize("signer", [java, cs, libcloud])
@pytest.mark.parametrize("value", ["plain", "a b*c[d]", "x~y", "ü & = + %", "日本", "1.2.3.4/24,ab"])
def test_what_clients_send_is_accepted(signer: Callable[[dict[str, str]], str], value: str) -> None:
    parameters = PARAMETERS | {"name": value, "Zoneid": "z"}
    assert is_signed(parameters, signer(parameters), SECRET)


@pytest.mark.parametrize(
    "change",
    [{"name": "other"}, {"extra": "1"}, {"command": "listUsers"}, {"apiKey": "OTHER"}],
    ids=str,
)
def test_any_change_breaks_the_signature(change: dict[str, str]) -> None:
    assert not is_signed(PARAMETERS | change, java(PARAMETERS), SECRET)


@pytest.mark.parametrize("signature", ["", "x", "Ü", java(PARAMETERS)[:-1], java(PARAMETERS) + "="])
def test_wrong_signatures(signature: str) -> None:
    assert not is_signed(PARAMETERS, signature, SECRET)
    assert not is_signed(PARAMETERS, java(PARAMETERS), SECRET + "x")


NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires", "expired"),
    [
        ("2026-11-22T12:10:00+0000", False),
        ("2026-11-22T12:10:00Z", False),
        ("2026-11-22T11:59:59+0000", True),
        ("2026-11-22T13:30:00+0200", True),
        ("2026-11-22T14:30:00+0200", False),
        ("tomorrow", True),
        ("2026-11-22T12:10:00", True),
        (None, True),
    ],
)
def test_version_3_needs_a_time_to_come(expires: str | None, expired: bool) -> None:
    parameters = {"signatureversion": "3"} | ({"expires": expires} if expires else {})
    assert has_expired(parameters, NOW) is expired


def test_without_version_3_expires_is_ignored() -> None:
    assert not has_expired({"expires": "2001-01-01T00:00:00Z"}, NOW)
