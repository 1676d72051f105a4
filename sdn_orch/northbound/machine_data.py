"""What machines can read of themselves: the use cases that all doors share."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Machine
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.service import Transaction


def data_of(snapshot: Snapshot, machine: Machine) -> MachineData:
    """What is kept for a machine; empty where nothing is."""
    return snapshot.get(MachineData, machine.id) or MachineData(id=machine.id)


def set_user_data(transaction: Transaction, machine: Machine, user_data: bytes) -> None:
    """The machine reads these user data from now on; empty: none."""
    data = data_of(transaction.snapshot, machine)
    known = data.user_data and transaction.vault.unseal(machine.id, "user_data", data.user_data)
    if user_data == (known or b""):
        return
    sealed = transaction.vault.seal(machine.id, "user_data", user_data) if user_data else ""
    transaction.put(replace(data, user_data=sealed))


def set_public_keys(transaction: Transaction, machine: Machine, keys: tuple[str, ...]) -> None:
    """The machine lets in who has one of these keys."""
    _change(transaction, machine, public_keys=keys)


def set_told(transaction: Transaction, machine: Machine, told: dict[str, str]) -> None:
    """What the machine reads under names besides what is known of it, or instead of that."""
    _change(transaction, machine, told=tuple(sorted(told.items())))


def set_password(transaction: Transaction, machine: Machine, password: str) -> None:
    """The machine gets this password when it next asks, once."""
    sealed = transaction.vault.seal(machine.id, "password", password.encode())
    transaction.put(replace(data_of(transaction.snapshot, machine), password=sealed))


def forget_password(transaction: Transaction, machine_id: str) -> None:
    """The machine has its password; nobody needs it any more."""
    data = transaction.snapshot.get(MachineData, machine_id)
    if data is not None and data.password:
        transaction.put(replace(data, password=""))


def _change(transaction: Transaction, machine: Machine, **fields: object) -> None:
    before = data_of(transaction.snapshot, machine)
    after = replace(before, **fields)  # type: ignore[arg-type]
    if after != before:
        transaction.put(after)
