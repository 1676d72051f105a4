"""Certificates and private keys as users upload them: read, and found to belong together."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from sdn_orch.northbound.cloudstack import pbes
from sdn_orch.northbound.cloudstack.faults import bad

_LONGEST_CHAIN = 10
_ENCRYPTED = "ENCRYPTED PRIVATE KEY"
#: Rounds of hashing that make a key of a password: nothing else runs meanwhile, here for 50 ms.
_MOST_EFFORT = 100_000


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate that was found good, and its key without password."""

    fingerprint: str
    private_key: str = field(repr=False)


def read_pair(certificate: str, chain: str, private_key: str, password: str, now: datetime) -> Pair:
    """Raises a fault unless all can be read, the key is the certificate's and the chain leads up from it.

    What is wrong is said without a word of what was given.
    """
    (own,) = _certificates("certificate", certificate, 1)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        raise bad("Parsing certificate/key failed: certificate is not valid now")
    key = _key(private_key, password)
    if _public(key.public_key()) != _public(own.public_key()):
        raise bad("Bad private key/certificate: privatekey is not that of certificate")
    issued = own
    for issuer in _certificates("certchain", chain, _LONGEST_CHAIN) if chain else ():
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise bad(
                "Invalid certificate chain: each of certchain must have issued the one before"
            ) from None
        issued = issuer
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(own.fingerprint(hashes.SHA512()).hex(":"), plain.decode())


def _certificates(parameter: str, text: str, most: int) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(text.encode())
        for each in found:
            each.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise bad(f"Parsing certificate/key failed: {parameter} is not a PEM certificate") from None
    if len(found) > most:
        raise bad(f"Parsing certificate/key failed: {parameter} has more than {most} certificates")
    return found


def _key(text: str, password: str) -> PrivateKeyTypes:
    opener = password.encode() if password else None
    try:
        if _ENCRYPTED not in text:
            return serialization.load_pem_private_key(text.encode(), opener)
        encrypted = _encrypted(text)
        if pbes.effort(encrypted) > _MOST_EFFORT:
            raise bad(
                "Parsing certificate/key failed: opening privatekey with its password would take too long:"
                f" at most {_MOST_EFFORT} rounds of PBKDF2 are taken"
            )
        return serialization.load_der_private_key(encrypted, opener)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise bad(
            "Parsing certificate/key failed: privatekey is not a PEM key, or password does not open it"
        ) from None


def _encrypted(text: str) -> bytes:
    """The one encrypted key in a PEM text (RFC 7468, 11); raises ValueError."""
    _, begin, rest = text.partition(f"-----BEGIN {_ENCRYPTED}-----")
    body, end, _ = rest.partition(f"-----END {_ENCRYPTED}-----")
    if not begin or not end:
        raise ValueError("no PEM")
    return b64decode("".join(body.split()), validate=True)


def _public(key: object) -> bytes:
    encode = key.public_bytes  # type: ignore[attr-defined]
    encoded: bytes = encode(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded
