"""MAC addresses that are made here."""

from __future__ import annotations

import secrets

from sdn_orch.intent.model import Nic
from sdn_orch.intent.snapshot import Snapshot


def new_mac(snapshot: Snapshot) -> str:
    """A locally administered unicast MAC that no NIC has.

    The first octet is 02: gateways have 0e, and labels, which may start with 02, reach no tenant's port.
    """
    while True:
        mac = "02:" + secrets.token_bytes(5).hex(":")
        if not snapshot.where(Nic, "mac", mac):
            return mac
