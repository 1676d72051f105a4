"""updateUser, deleteUser, disableUser, enableUser, lockUser."""

from __future__ import annotations

import dataclasses

from sdn_orch.intent.model import Account
from sdn_orch.northbound.cloudstack.answers.accounts import USER
from sdn_orch.northbound.cloudstack.calls.accounts import (
    EMAIL,
    FIRST_NAME,
    LAST_NAME,
    PASSWORD,
    TIMEZONE,
    USERNAME,
    check_username,
)
from sdn_orch.northbound.cloudstack.calls.users import ID, check_self
from sdn_orch.northbound.cloudstack.declare import ADMINS, Call, Mode, changes
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.model import AccountDetails, Standing, User
from sdn_orch.northbound.cloudstack.model_tenancy import ProjectMember, ProjectRole
from sdn_orch.northbound.cloudstack.parameters import required, text
from sdn_orch.northbound.cloudstack.passwords import fits, scrypt
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.cloudstack.user_keys import with_keys

CURRENT_PASSWORD = text("currentpassword", "the password so far: needed to change one's own")
API_KEY = text("userapikey", "the API key; needs usersecretkey")
SECRET_KEY = text("usersecretkey", "the secret key; needs userapikey")


def _new_password(call: Call) -> tuple[str, str] | None:
    """What is kept of the user's password so far, and of the new one; None without one.

    Raises faults unless whoever changes the own one knows it.
    """
    user, password = call[ID], call.get(PASSWORD)
    check_self(call, user)
    if password is None:
        return None
    if user.id == call.caller.user.id and user.password:
        current = call.get(CURRENT_PASSWORD)
        if current is None:
            raise bad("To set a new password the current password must be provided.")
        if not fits(current, user.password):
            raise denied("Current password is incorrect.")
    return user.password, scrypt(password)


@changes(
    "updateUser",
    USER,
    "Updates a user",
    required(ID),
    USERNAME,
    PASSWORD,
    CURRENT_PASSWORD,
    FIRST_NAME,
    LAST_NAME,
    EMAIL,
    TIMEZONE,
    API_KEY,
    SECRET_KEY,
    event="USER.UPDATE",
    ahead=_new_password,
)
def update_user(call: Call) -> User:
    """The user changed; another password ends the user's sessions."""
    user = call[ID]
    check_self(call, user)
    if (name := call.get(USERNAME)) is not None and name != user.username:
        check_username(call.snapshot, name, call.snapshot.need(Account, user.account_id))
    api_key, secret_key = call.get(API_KEY), call.get(SECRET_KEY)
    if (api_key is None) != (secret_key is None):
        raise bad("Please provide a userApiKey/userSecretKey pair")
    if api_key and any(each.id != user.id for each in call.snapshot.where(User, "api_key", api_key)):
        raise bad("The API key is that of another user")
    before, password = call.ahead or (user.password, user.password)
    if user.password != before:
        raise denied("Current password is incorrect: it has just been changed.")
    keyed = with_keys(user, api_key, secret_key, call.vault) if api_key and secret_key else user
    return call.transaction.put(
        dataclasses.replace(
            keyed,
            username=call.get(USERNAME) or user.username,
            first_name=call.get(FIRST_NAME) or user.first_name,
            last_name=call.get(LAST_NAME) or user.last_name,
            email=call.get(EMAIL) or user.email,
            timezone=call.get(TIMEZONE) or user.timezone,
            password=password,
        )
    )


@changes("deleteUser", SUCCESS, "Deletes a user", required(ID), roles=ADMINS, event="USER.DELETE")
def delete_user(call: Call) -> None:
    """The user; the account and what it owns stay."""
    user = call[ID]
    _check_other(call, user)
    memberships = call.snapshot.where(ProjectMember, "user_id", user.id)
    managed = [each.project_id for each in memberships if each.role is ProjectRole.ADMIN]
    if managed:
        raise bad(f"User {user.id} manages project(s) with ids {', '.join(managed)} and can't be removed")
    call.transaction.delete(*memberships, user)


@changes(
    "disableUser",
    USER,
    "Disables a user",
    required(ID),
    roles=ADMINS,
    mode=Mode.ASYNC,
    event="USER.DISABLE",
)
def disable_user(call: Call) -> User:
    """The user may call no more."""
    return _stand(call, Standing.DISABLED)


@changes("lockUser", USER, "Locks a user", required(ID), roles=ADMINS, event="USER.LOCK")
def lock_user(call: Call) -> User:
    """The user may call no more."""
    return _stand(call, Standing.LOCKED)


@changes("enableUser", USER, "Enables a user again", required(ID), roles=ADMINS, event="USER.ENABLE")
def enable_user(call: Call) -> User:
    """The user may call again."""
    return _stand(call, Standing.ENABLED)


def _stand(call: Call, standing: Standing) -> User:
    _check_other(call, call[ID])
    return call.transaction.put(dataclasses.replace(call[ID], standing=standing))


def _check_other(call: Call, user: User) -> None:
    """Raises a permission fault for the caller itself and for the user that there was from the start."""
    is_default = call.snapshot.need(AccountDetails, user.account_id).is_default
    if user.id == call.caller.user.id or (is_default and user.username == "admin"):
        raise denied(f"User {user.username} may not be changed so: it is the default or the caller itself")
