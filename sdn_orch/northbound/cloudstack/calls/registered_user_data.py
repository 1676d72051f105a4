"""registerUserData, listUserData, deleteUserData."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.northbound.cloudstack.answers.guests import REGISTERED_USER_DATA as SHAPE
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.calls.user_data import USER_DATA, decoded
from sdn_orch.northbound.cloudstack.declare import Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model_guests import RegisteredUserData
from sdn_orch.northbound.cloudstack.parameters import entity, required
from sdn_orch.northbound.cloudstack.scope import OWNER, SCOPE, check_owner, chosen, new_owner, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", RegisteredUserData, "the id of the user data")


@changes(
    "registerUserData",
    SHAPE,
    "Keeps user data for machines",
    required(NAME),
    required(USER_DATA),
    *OWNER,
    event="REGISTER.USER.DATA",
    since="4.18",
)
def register_user_data(call: Call) -> RegisteredUserData:
    """The name is one of its own in the account."""
    owner, id = new_owner(call), str(uuid4())
    if any(
        data.name == call[NAME] for data in call.snapshot.where(RegisteredUserData, "account_id", owner.id)
    ):
        raise bad(f"A userdata with name {call[NAME]} already exists for this account")
    sealed = call.transaction.vault.seal(id, "user_data", decoded(call[USER_DATA]))
    return call.transaction.put(
        RegisteredUserData(id=id, account_id=owner.id, name=call[NAME], user_data=sealed)
    )


@lists(
    "listUserData", SHAPE, "Lists registered user data, without their content", ID, NAME, *SCOPE, since="4.18"
)
def list_user_data(call: Call) -> Iterable[RegisteredUserData]:
    """User data by owner and name."""
    return chosen(
        one_or(call, ID, lambda: owned(call, RegisteredUserData)), (call.get(NAME), lambda data: data.name)
    )


@changes(
    "deleteUserData",
    SUCCESS,
    "Forgets registered user data",
    required(ID),
    *OWNER,
    event="USER.DATA.DELETE",
    since="4.18",
)
def delete_user_data(call: Call) -> None:
    """Machines that were given them keep them."""
    check_owner(call, call[ID].account_id)
    call.transaction.delete(call[ID])
