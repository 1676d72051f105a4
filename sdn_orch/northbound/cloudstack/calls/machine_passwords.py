"""resetPasswordForVirtualMachine."""

from __future__ import annotations

import secrets
import string

from sdn_orch.intent.model import Machine
from sdn_orch.northbound import machine_data
from sdn_orch.northbound.cloudstack.answers.machines import MACHINE_WITH_PASSWORD as SHAPE
from sdn_orch.northbound.cloudstack.calls.user_data import ID, must_be_stopped
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.parameters import required, text

PASSWORD = text("password", "the password; by default one is made", since="4.19.0")

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 16


@changes(
    "resetPasswordForVirtualMachine",
    SHAPE,
    "Gives a stopped machine another password, which it asks for when it starts",
    required(ID),
    PASSWORD,
    mode=Mode.ASYNC,
    event="VM.RESETPASSWORD",
    is_secret=True,
)
def reset_password(call: Call) -> dict[str, object]:
    """The machine, with the password that it will have."""
    machine: Machine = call[ID]
    must_be_stopped(machine, "password reset")
    password = given(call) or "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    machine_data.set_password(call.transaction, machine, password)
    return SHAPE.render(call.scene, machine) | {"password": password}


def given(call: Call) -> str | None:
    """The password of a call, if there is one. Raises a parameter fault for what guests cannot read."""
    password = call.get(PASSWORD)
    if password is not None and not (password.isascii() and password.isprintable()):
        raise bad("Invalid value for parameter password: it must be of printable ASCII characters")
    return password
