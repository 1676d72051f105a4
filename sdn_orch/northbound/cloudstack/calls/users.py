"""createUser, listUsers, getUser, registerUserKeys, getUserKeys."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.intent.model import Role
from sdn_orch.northbound.cloudstack.answers.accounts import USER, USER_KEYS
from sdn_orch.northbound.cloudstack.callers import Access, check_access
from sdn_orch.northbound.cloudstack.calls.accounts import (
    ACCOUNT_NAME,
    API_KEY_ACCESS,
    PERSON,
    STATE,
    TIMEZONE,
    USERNAME,
    hashed_password,
    new_user,
)
from sdn_orch.northbound.cloudstack.declare import ADMINS, EVERYBODY, Call, changes, lists, shows
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.filters import by
from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.northbound.cloudstack.parameters import entity, integer, required, text
from sdn_orch.northbound.cloudstack.scope import (
    ACCOUNT,
    DOMAIN,
    IS_RECURSIVE,
    LIST_ALL,
    chosen,
    named_account,
    one_or,
    owned,
)
from sdn_orch.northbound.cloudstack.user_keys import UserKeys, keys_of, new_key, with_keys

ID = entity("id", User, "the id of the user")
API_KEY = text("userapikey", "the API key of the user")


@lists(
    "listUsers",
    USER,
    "Lists users",
    ID,
    USERNAME,
    STATE,
    by(USER, integer("accounttype", "0 user, 1 root admin, 2 domain admin", 0, 2)),
    by(USER, text("usersource", "where users are from: native")),
    API_KEY_ACCESS,
    ACCOUNT,
    DOMAIN,
    IS_RECURSIVE,
    LIST_ALL,
    roles=ADMINS,
)
def list_users(call: Call) -> Iterable[User]:
    """The users that the caller may see."""
    state = call.get(STATE)
    return chosen(
        one_or(call, ID, lambda: owned(call, User)),
        (call.get(USERNAME), lambda user: user.username),
        (state.lower() if state else None, lambda user: user.standing),
    )


@changes(
    "createUser",
    USER,
    "Creates a user of an account",
    required(ACCOUNT_NAME),
    *PERSON,
    DOMAIN,
    TIMEZONE,
    roles=ADMINS,
    event="USER.CREATE",
    ahead=hashed_password,
)
def create_user(call: Call) -> User:
    """Another user of an account that exists."""
    return new_user(call, named_account(call, call[ACCOUNT_NAME], call.get(DOMAIN)))


@shows("getUser", USER, "Finds a user by API key", required(API_KEY), roles=EVERYBODY, key="user")
def get_user(call: Call) -> User:
    """The user with the key; users find themselves."""
    found = call.snapshot.where(User, "api_key", call[API_KEY])
    if not found:
        raise bad("Unable to find user by the API key")
    check_access(call.snapshot, call.caller, found[0], Access.OPERATE)
    return found[0]


@changes("registerUserKeys", USER_KEYS, "Gives a user new keys", required(ID), event="REGISTER.USER.KEY")
def register_user_keys(call: Call) -> UserKeys:
    """A new key pair; the old one stops working at once."""
    check_self(call, call[ID])
    changed = call.transaction.put(with_keys(call[ID], new_key(), new_key(), call.vault))
    return keys_of(changed, call.vault)


@shows("getUserKeys", USER_KEYS, "Shows the keys of a user", required(ID), key="userkeys")
def get_user_keys(call: Call) -> UserKeys:
    """The key pair, if there is one."""
    check_self(call, call[ID])
    return keys_of(call[ID], call.vault)


def check_self(call: Call, user: User) -> None:
    """Keys are for the user and those above: not for others of the account."""
    if call.caller.account.role is Role.USER and user.id != call.caller.user.id:
        raise denied(f"User {call.caller.user.username} may not have the keys of user {user.id}")
