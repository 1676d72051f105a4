"""Request signatures: HMAC-SHA1 over the sorted, encoded, lower-cased parameters, in Base64.

Clients differ in two details, and each form is accepted: Java's URLEncoder writes `~` as `%7E` where
others leave it, and some sort by lower-cased names. With ordinary values all forms are the same.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote


def is_signed(parameters: Mapping[str, str], signature: str, secret_key: str) -> bool:
    """Whether the signature is that of the parameters (without `signature` itself) in an accepted form."""
    given = signature.encode()
    # Every form is compared: how long this takes says nothing of what matched.
    matches = [hmac.compare_digest(sign(text, secret_key), given) for text in _forms(parameters)]
    return any(matches)


def sign(text: str, secret_key: str) -> bytes:
    """The signature of a canonical text."""
    return base64.b64encode(hmac.new(secret_key.encode(), text.encode(), hashlib.sha1).digest())


def canonical(parameters: Mapping[str, str], *, bare_tilde: bool = False, lower_sort: bool = False) -> str:
    """The text that is signed: names as they are, values encoded, all in lower case."""
    names = sorted(parameters, key=str.lower if lower_sort else None)
    pairs = (f"{name}={_encode(parameters[name], bare_tilde)}" for name in names)
    return "&".join(pairs).lower()


def has_expired(parameters: Mapping[str, str], now: datetime) -> bool:
    """Whether a version 3 signature has no readable `expires`, or one in the past; others never expire.

    `parameters` has lower-case names.
    """
    if parameters.get("signatureversion") != "3":
        return False
    try:
        expires = datetime.strptime(parameters.get("expires", ""), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return True
    return expires.astimezone(UTC) < now


def _forms(parameters: Mapping[str, str]) -> set[str]:
    """The accepted forms, each once: with most parameters there is but one."""
    has_tilde = any("~" in value for value in parameters.values())
    has_orders = sorted(parameters) != sorted(parameters, key=str.lower)
    return {
        canonical(parameters, bare_tilde=bare, lower_sort=lower)
        for bare in {False, has_tilde}
        for lower in {False, has_orders}
    }


def _encode(value: str, bare_tilde: bool) -> str:
    encoded = quote(value, safe="*")
    return encoded if bare_tilde else encoded.replace("~", "%7E")
