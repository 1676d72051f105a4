"""Public keys and registered user data; of these the name, never the content."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.northbound.cloudstack.answers.owners import owner
from sdn_orch.northbound.cloudstack.model_guests import KeyPair, RegisteredUserData
from sdn_orch.northbound.cloudstack.shapes import Shape, always, string

KEY_PAIR: Shape[KeyPair] = Shape(
    key="keypair",
    resource="SSHKeyPair",
    kind=KeyPair,
    fields=(
        string("id", "the id of the key pair", lambda _, pair: pair.id),
        string("name", "its name", lambda _, pair: pair.name),
        string("fingerprint", "the MD5 fingerprint of the public key", lambda _, pair: pair.fingerprint),
        *owner(lambda pair: pair.account_id),
    ),
)

#: What shows a private key, once.
NEW_KEY_PAIR: Shape[KeyPair] = replace(
    KEY_PAIR, fields=(*KEY_PAIR.fields, string("privatekey", "the private key, PEM", always(None)))
)

REGISTERED_USER_DATA: Shape[RegisteredUserData] = Shape(
    key="userdata",
    resource="UserData",
    kind=RegisteredUserData,
    fields=(
        string("id", "the id of the user data", lambda _, data: data.id),
        string("name", "their name", lambda _, data: data.name),
        string("accountid", "the id of the account", lambda _, data: data.account_id),
        *owner(lambda data: data.account_id),
    ),
)
