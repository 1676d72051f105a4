"""registerSSHKeyPair, createSSHKeyPair, listSSHKeyPairs, deleteSSHKeyPair, resetSSHKeyForVirtualMachine."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from hashlib import md5
from uuid import uuid4

from sdn_orch.intent.model import Account, Machine
from sdn_orch.northbound import machine_data
from sdn_orch.northbound.cloudstack.answers.guests import KEY_PAIR, NEW_KEY_PAIR
from sdn_orch.northbound.cloudstack.answers.machines import MACHINE
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.calls.user_data import ID, must_be_stopped
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model_guests import KeyPair
from sdn_orch.northbound.cloudstack.parameters import entity, required, text, words
from sdn_orch.northbound.cloudstack.scope import OWNER, SCOPE, check_owner, chosen, new_owner, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

PAIR_ID = entity("id", KeyPair, "the id of the key pair")
PUBLIC_KEY = text("publickey", "the public key, as OpenSSH writes it", length=5120)
FINGERPRINT = text("fingerprint", "the MD5 fingerprint")
PAIR = text("keypair", "the name of the key pair whose owner may log in")
PAIRS = words("keypairs", "the names of the key pairs whose owners may log in")


@changes(
    "registerSSHKeyPair",
    KEY_PAIR,
    "Keeps a public key for machines",
    required(NAME),
    required(PUBLIC_KEY),
    *OWNER,
    event="REGISTER.SSH.KEYPAIR",
)
def register_key_pair(call: Call) -> KeyPair:
    """The key is kept as it was given, in one line."""
    return _keep(call, " ".join(call[PUBLIC_KEY].split()))


def _new_pair(_call: Call) -> tuple[str, str]:
    """A public key as OpenSSH writes it, and its private key, PEM."""
    # Only here, because it takes long to load.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return public.decode(), pem.decode()


@changes(
    "createSSHKeyPair",
    NEW_KEY_PAIR,
    "Makes a key pair, and keeps the public key for machines",
    required(NAME),
    *OWNER,
    event="REGISTER.SSH.KEYPAIR",
    ahead=_new_pair,
)
def create_key_pair(call: Call) -> dict[str, object]:
    """The pair; nothing shows its private key again."""
    public, private = call.ahead
    return NEW_KEY_PAIR.render(call.scene, _keep(call, public)) | {"privatekey": private}


@lists("listSSHKeyPairs", KEY_PAIR, "Lists public keys", PAIR_ID, NAME, FINGERPRINT, *SCOPE, key="sshkeypair")
def list_key_pairs(call: Call) -> Iterable[KeyPair]:
    """Keys by owner, name and fingerprint."""
    return chosen(
        one_or(call, PAIR_ID, lambda: owned(call, KeyPair)),
        (call.get(NAME), lambda pair: pair.name),
        (call.get(FINGERPRINT), lambda pair: pair.fingerprint),
    )


@changes(
    "deleteSSHKeyPair", SUCCESS, "Forgets a public key", required(NAME), *OWNER, event="SSH.KEYPAIR.DELETE"
)
def delete_key_pair(call: Call) -> None:
    """Machines that were given the key keep it."""
    call.transaction.delete(_named(call, new_owner(call), call[NAME]))


@changes(
    "resetSSHKeyForVirtualMachine",
    MACHINE,
    "Gives a stopped machine other public keys",
    required(ID),
    PAIR,
    PAIRS,
    *OWNER,
    mode=Mode.ASYNC,
    event="VM.RESETSSHKEY",
)
def reset_key(call: Call) -> Machine:
    """The machine reads these when it next starts."""
    machine = call[ID]
    check_owner(call, machine.account_id)
    must_be_stopped(machine, "SSH Key reset")
    keys = public_keys(call, call.snapshot.need(Account, machine.account_id))
    if not keys:
        raise bad("Please specify keypair or keypairs")
    machine_data.set_public_keys(call.transaction, machine, keys)
    return machine


def public_keys(call: Call, owner: Account) -> tuple[str, ...]:
    """The public keys that the call names, of the owner's. Raises a parameter fault for others."""
    names = [name for name in (call.get(PAIR), *(call.get(PAIRS) or ())) if name]
    return tuple(_named(call, owner, name).public_key for name in dict.fromkeys(names))


def _named(call: Call, owner: Account, name: str) -> KeyPair:
    for pair in call.snapshot.where(KeyPair, "account_id", owner.id):
        if pair.name == name:
            return pair
    raise bad(f"A key pair with name '{name}' does not exist for account {owner.name}")


def _keep(call: Call, public_key: str) -> KeyPair:
    owner, kind = new_owner(call), public_key.partition(" ")[0]
    try:
        content = b64decode(public_key.split()[1], validate=True)
    except (IndexError, ValueError):
        content = b""
    # A key begins with the name of its kind (RFC 4253, section 6.6).
    if not content.startswith(len(kind).to_bytes(4) + kind.encode()) or not public_key.isprintable():
        raise bad("Public key is invalid")
    digest = md5(content, usedforsecurity=False).hexdigest()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    for pair in call.snapshot.where(KeyPair, "account_id", owner.id):
        if pair.name == call[NAME] or pair.fingerprint == fingerprint:
            raise bad(f"A key pair with name '{pair.name}' already has this name or this key")
    id = str(uuid4())
    call.transaction.put(
        KeyPair(id=id, account_id=owner.id, name=call[NAME], public_key=public_key, fingerprint=fingerprint)
    )
    return call.snapshot.need(KeyPair, id)
