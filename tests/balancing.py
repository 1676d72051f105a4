"""What tests of load balancers begin with: public addresses, rules, and calls that fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cloudstack import Client, Cloud, Refused

INTERNAL = "DefaultIsolatedNetworkOfferingForVpcNetworksWithInternalLB"
RULE = {"algorithm": "roundrobin", "name": "web", "privateport": 8080, "publicport": 80}


def address(client: Client, **where: object) -> str:
    """A new public address of a network or a VPC."""
    id: str = client.job("associateIpAddress", **where)["ipaddress"]["id"]
    return id


def rule(client: Client, ip: str, **more: object) -> str:
    """A new rule."""
    first = client.call("createLoadBalancerRule", **(RULE | {"publicipid": ip} | more))
    id: str = first["id"]
    return id


def refused(client: Client, command: str, **arguments: object) -> Refused:
    """The fault of a call that is refused, at once or by its job; nothing of it stays."""
    with pytest.raises(Refused) as caught:
        client.call(command, **arguments)
    return caught.value


def failure(client: Client, command: str, **arguments: object) -> tuple[int, str]:
    """Code and text of a job that fails."""
    job = client.failed_or_done(command, **arguments)
    assert job["jobstatus"] == 2, job
    return job["jobresult"]["errorcode"], job["jobresult"]["errortext"]


NOW = datetime(2026, 11, 22, tzinfo=UTC)


def issued(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None, days: int = 30
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate with its key, signed by the issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=60))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    return certificate, key


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey, password: str = "") -> str:
    encryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    ).decode()


def certificate(client: Client) -> str:
    """The id of a new certificate."""
    own, key = issued("own")
    given = {"name": "own", "certificate": pem(own), "privatekey": key_pem(key)}
    id: str = client.call("uploadSslCert", **given)["sslcert"]["id"]
    return id


def internal_tier(cloud: Cloud, client: Client) -> str:
    """A tier of a new VPC that has internal load balancers."""
    vpc = cloud.vpc(client)["id"]
    gateway = {"gateway": "10.20.1.1", "netmask": "255.255.255.0"}
    id: str = cloud.network(client, "tier", INTERNAL, vpcid=vpc, **gateway)["id"]
    return id


def inner(tier: str) -> dict[str, object]:
    """What createLoadBalancer needs."""
    return {
        "algorithm": "source",
        "name": "inner",
        "instanceport": 8080,
        "sourceport": 80,
        "scheme": "Internal",
        "networkid": tier,
        "sourceipaddressnetworkid": tier,
    }
