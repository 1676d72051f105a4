"""uploadSslCert, listSslCerts, deleteSslCert, assignCertToLoadBalancer, removeCertFromLoadBalancer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.intent.balancers import Balancer, Certificate
from sdn_orch.intent.model import Account
from sdn_orch.northbound.cloudstack.answers.balancers import CERTIFICATE as SHAPE
from sdn_orch.northbound.cloudstack.calls.balancers import RULE_ID
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.parameters import boolean, entity, required, text
from sdn_orch.northbound.cloudstack.scope import OWNER, PROJECT, chosen, new_owner, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

if TYPE_CHECKING:
    from sdn_orch.northbound.cloudstack.certificates import Pair

#: As much as CloudStack takes.
_LENGTH = 65_535
#: What RSA keys of 4,096 bits need; longer ones take seconds to check.
_KEY_LENGTH = 4_096

ID = entity("id", Certificate, "the id of the certificate")
CERTIFICATE_ID = entity("certid", Certificate, "the id of the certificate")
ACCOUNT_ID = entity("accountid", Account, "the account that owns it")
PEM = text("certificate", "the certificate, PEM", length=_LENGTH)
CHAIN = text("certchain", "the certificates from its issuer up, PEM", length=_LENGTH)
PRIVATE_KEY = text("privatekey", "the private key, PEM", length=_KEY_LENGTH)
PASSWORD = text("password", "what the private key is encrypted with")
FORCED = boolean("forced", "true: in place of the certificate that the rule has")


def _read_pair(call: Call) -> Pair:
    # Only here, because it takes long to load.
    from sdn_orch.northbound.cloudstack.certificates import read_pair

    chain, password = call.get(CHAIN) or "", call.get(PASSWORD) or ""
    return read_pair(call[PEM], chain, call[PRIVATE_KEY], password, call.now)


@changes(
    "uploadSslCert",
    SHAPE,
    "Uploads a certificate with its private key",
    required(PEM),
    required(NAME),
    required(PRIVATE_KEY),
    CHAIN,
    PASSWORD,
    *OWNER,
    event="LB.CERT.UPLOAD",
    ahead=_read_pair,
)
def upload_ssl_cert(call: Call) -> Certificate:
    """The certificate; nothing shows its private key again."""
    pair: Pair = call.ahead
    id = str(uuid4())
    return call.transaction.put(
        Certificate(
            id=id,
            account_id=new_owner(call).id,
            name=call[NAME],
            certificate=call[PEM],
            chain=call.get(CHAIN) or "",
            fingerprint=pair.fingerprint,
            private_key=call.vault.seal(id, "private_key", pair.private_key.encode()),
        )
    )


@lists("listSslCerts", SHAPE, "Lists certificates", CERTIFICATE_ID, RULE_ID, ACCOUNT_ID, PROJECT)
def list_ssl_certs(call: Call) -> Iterable[Certificate]:
    """The certificates of an account, or the one that is named or that a rule has."""
    certificate, balancer, account = call.get(CERTIFICATE_ID), call.get(RULE_ID), call.get(ACCOUNT_ID)
    found: Iterable[Certificate]
    if certificate is not None:
        found = (certificate,)
    elif balancer is not None:
        id = balancer.certificate_id
        found = (call.snapshot.need(Certificate, id),) if id is not None else ()
    elif account is not None:
        found = call.snapshot.where(Certificate, "account_id", account.id)
    else:
        found = owned(call, Certificate)
    return chosen(found, (account.id if account else None, lambda each: each.account_id))


@changes("deleteSslCert", SUCCESS, "Deletes a certificate", required(ID), event="LB.CERT.DELETE")
def delete_ssl_cert(call: Call) -> None:
    """Only a certificate that no rule has."""
    users = call.snapshot.where(Balancer, "certificate_id", call[ID].id)
    if users:
        raise InUse(f"Certificate in use by a loadbalancer(s) {', '.join(each.name for each in users)}")
    call.transaction.delete(call[ID])


@changes(
    "assignCertToLoadBalancer",
    SUCCESS,
    "Gives a load balancer rule a certificate",
    required(CERTIFICATE_ID),
    required(RULE_ID),
    FORCED,
    mode=Mode.ASYNC,
    event="LB.CERT.ASSIGN",
)
def assign_cert_to_load_balancer(call: Call) -> None:
    """A rule of protocol ssl has one certificate, of its own account."""
    balancer, certificate = call[RULE_ID], call[CERTIFICATE_ID]
    if not balancer.tls:
        raise bad(
            f"Ssl termination is not supported by load balancer rule {balancer.id}: its protocol is not ssl"
        )
    if certificate.account_id != balancer.account_id:
        raise bad(f"Certificate {certificate.id} and load balancer rule {balancer.id} have different owners")
    if balancer.certificate_id is not None and not call.get(FORCED):
        raise bad(f"Another certificate is already bound to the LB {balancer.id}")
    call.transaction.put(dataclasses.replace(balancer, certificate_id=certificate.id))


@changes(
    "removeCertFromLoadBalancer",
    SUCCESS,
    "Takes its certificate from a load balancer rule",
    required(RULE_ID),
    mode=Mode.ASYNC,
    event="LB.CERT.REMOVE",
)
def remove_cert_from_load_balancer(call: Call) -> None:
    """The certificate stays."""
    balancer = call[RULE_ID]
    if balancer.certificate_id is None:
        raise bad(f"No certificate is bound to lb with id: {balancer.id}")
    call.transaction.put(dataclasses.replace(balancer, certificate_id=None))
