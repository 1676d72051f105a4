"""What a machine reads of itself: CloudStack's metadata, user data, and its password.

The paths are those that CloudStack's virtual router answers, which guests' scripts and cloud-init's
CloudStack data source ask for. Which machine asks is known from where it is plugged in; nothing that it
says of itself is looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from sdn_orch.errors import Invalid
from sdn_orch.guest.connection import Wait
from sdn_orch.guest.http import Asked, Reply, read_request, write_reply
from sdn_orch.guest.tcp import Peer
from sdn_orch.intent.gateways import router_id
from sdn_orch.intent.metadata import PASSWORD_PORT, MachineData
from sdn_orch.intent.model import Machine, Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot

log = logging.getLogger(__name__)

_NOT_FOUND = Reply(b"", HTTPStatus.NOT_FOUND)
_NONE_LEFT = b"saved_password"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Answers guests. `unseal` opens what is sealed, of a record and field, or raises Invalid.

    `forget_password` is called with a machine's id when it has its password.
    """

    snapshot: Callable[[], Snapshot]
    unseal: Callable[[str, str, str], bytes]
    forget_password: Callable[[str], None]

    def answer(self, peer: Peer, request: bytes) -> bytes | Wait:
        """The whole answer to a NIC's request, once that is whole."""
        asked = read_request(request)
        if asked is None:
            return Wait.MORE
        if isinstance(asked, Reply):
            return write_reply(asked)
        nic = self.snapshot().get(Nic, peer.nic_id)
        if nic is None:
            return write_reply(_NOT_FOUND)
        try:
            reply = self._password(nic, asked) if peer.service == PASSWORD_PORT else self._read(nic, asked)
        except Invalid:
            log.exception("what machine %s asked for cannot be opened", nic.machine_id)
            reply = Reply(b"", HTTPStatus.INTERNAL_SERVER_ERROR)
        return write_reply(reply, with_body=asked.method == "GET")

    def _read(self, nic: Nic, asked: Asked) -> Reply:
        steps = [step for step in asked.path.split("/") if step]
        snapshot = self.snapshot()
        match steps:
            case ["latest"]:
                return Reply(b"user-data\nmeta-data/\n")
            case ["latest", "user-data"]:
                data = machine_data(snapshot, nic)
                return Reply(self.unseal(data.id, "user_data", data.user_data) if data.user_data else b"")
            case ["latest", "meta-data"]:
                return Reply("".join(f"{name}\n" for name in tree(snapshot, nic)).encode())
            case ["latest", "meta-data", *names] | ["latest", *names]:
                found = tree(snapshot, nic).get("/".join(names))
                return _NOT_FOUND if found is None else Reply(found.encode())
        return _NOT_FOUND

    def _password(self, nic: Nic, asked: Asked) -> Reply:
        data = machine_data(self.snapshot(), nic)
        match asked.headers.get("domu_request"):
            case "send_my_password":
                held = data.password
                return Reply(self.unseal(data.id, "password", held) if held else _NONE_LEFT)
            case "saved_password":
                if data.password:
                    self.forget_password(data.id)
                return Reply(_NONE_LEFT)
        return Reply(b"bad_request")


def machine_data(snapshot: Snapshot, nic: Nic) -> MachineData:
    """What is kept of the NIC's machine; empty where nothing is."""
    found = snapshot.get(MachineData, nic.machine_id) if nic.machine_id else None
    return found or MachineData(id=nic.machine_id or "")


def tree(snapshot: Snapshot, nic: Nic) -> dict[str, str]:
    """The metadata by name, as this NIC sees them."""
    data = machine_data(snapshot, nic)
    machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
    public = _public_address(snapshot, nic)
    return {
        "service-offering": data.service_offering,
        "availability-zone": data.availability_zone,
        "local-hostname": nic.hostname or (machine.name if machine else ""),
        "local-ipv4": str(nic.ipv4 or ""),
        "public-ipv4": public,
        "public-hostname": public,
        "instance-id": nic.machine_id or nic.id,
        "vm-id": nic.machine_id or nic.id,
        "public-keys": "".join(f"{key}\n" for key in data.public_keys),
        "cloud-identifier": f"CloudStack-{{{data.cloud}}}" if data.cloud else "",
    } | dict(data.told)


def _public_address(snapshot: Snapshot, nic: Nic) -> str:
    """That of its static NAT, else the one that its router goes out under."""
    router = router_id(snapshot.need(Network, nic.network_id))
    own = snapshot.where(PublicAddress, "nic_id", nic.id)
    found = own or snapshot.where(PublicAddress, "source_nat_of", router)
    return str(found[0].address) if found else ""
