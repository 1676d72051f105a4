"""User data of machines: resetUserDataForVirtualMachine, getVirtualMachineUserData."""

from __future__ import annotations

from base64 import b64decode, b64encode

from sdn_orch.intent.model import Machine
from sdn_orch.northbound import machine_data
from sdn_orch.northbound.cloudstack.answers.machines import MACHINE as SHAPE
from sdn_orch.northbound.cloudstack.answers.machines import USER_DATA as USER_DATA_SHAPE
from sdn_orch.northbound.cloudstack.declare import Call, changes, shows
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model_guests import RegisteredUserData
from sdn_orch.northbound.cloudstack.parameters import entity, required, text

#: Bytes, decoded; CloudStack's default of vm.userdata.max.length.
LARGEST = 32_768

USER_DATA = text("userdata", "what the machine reads as its user data, in Base64", length=2 * LARGEST)
REGISTERED = entity("userdataid", RegisteredUserData, "the registered user data that it reads instead")
ID = entity("id", Machine, "the id of the machine")
MACHINE_ID = entity("virtualmachineid", Machine, "the id of the machine")


def given(call: Call) -> bytes | None:
    """The user data of a call, decoded; None where there are none. Raises a parameter fault."""
    encoded, registered = call.get(USER_DATA), call.get(REGISTERED)
    if registered is not None:
        if encoded is not None:
            raise bad("Both userdata and userdataid inputs are not allowed, please provide only one")
        return call.vault.unseal(registered.id, "user_data", registered.user_data)
    return None if encoded is None else decoded(encoded)


def decoded(encoded: str) -> bytes:
    """User data as machines read them. Raises a parameter fault."""
    # Clients send either alphabet, with line ends or without, and some without padding.
    plain = "".join(encoded.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        found = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise bad("User data is not Base64 encoded") from None
    if len(found) > LARGEST:
        raise bad(f"User data is longer than {LARGEST} bytes")
    return found


def must_be_stopped(machine: Machine, what: str) -> None:
    """Raises a parameter fault for a machine that runs, and would not hear of it."""
    if machine.running:
        raise bad(f"Vm with id {machine.id} should be in Stopped state for {what}")


@changes(
    "resetUserDataForVirtualMachine",
    SHAPE,
    "Gives a stopped machine other user data",
    required(ID),
    USER_DATA,
    REGISTERED,
    event="VM.RESETUSERDATA",
    since="4.18.0",
)
def reset_user_data(call: Call) -> Machine:
    """The machine reads these when it next starts; without any, it has none."""
    must_be_stopped(call[ID], "UserData reset")
    machine_data.set_user_data(call.transaction, call[ID], given(call) or b"")
    return call[ID]


@shows(
    "getVirtualMachineUserData",
    USER_DATA_SHAPE,
    "Shows the user data of a machine",
    required(MACHINE_ID),
    key=USER_DATA_SHAPE.key,
    since="4.4",
)
def get_user_data(call: Call) -> dict[str, object]:
    """As they were given, in Base64."""
    machine = call[MACHINE_ID]
    return USER_DATA_SHAPE.render(call.scene, machine) | {"userdata": in_base64(call, machine)}


def in_base64(call: Call, machine: Machine) -> str:
    """A machine's user data; empty where it has none."""
    sealed = machine_data.data_of(call.snapshot, machine).user_data
    return b64encode(call.vault.unseal(machine.id, "user_data", sealed)).decode() if sealed else ""
