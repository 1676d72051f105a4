"""createAccount, listAccounts, deleteAccount."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.intent.model import Account, Domain, Role
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import tenants
from sdn_orch.northbound.cloudstack.answers.accounts import ACCOUNT as SHAPE
from sdn_orch.northbound.cloudstack.answers.accounts import ACCOUNT_TYPES, ROLE_IDS
from sdn_orch.northbound.cloudstack.calls.belongings import drop_belongings
from sdn_orch.northbound.cloudstack.calls.common import NAME, NETWORK_DOMAIN, new_id
from sdn_orch.northbound.cloudstack.declare import ADMINS, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, denied, no_entity
from sdn_orch.northbound.cloudstack.filters import all_have
from sdn_orch.northbound.cloudstack.model import AccountDetails, User
from sdn_orch.northbound.cloudstack.model_tenancy import ProjectMember, ProjectRole
from sdn_orch.northbound.cloudstack.parameters import boolean, entity, integer, required, text, uuid_of_choice
from sdn_orch.northbound.cloudstack.passwords import scrypt
from sdn_orch.northbound.cloudstack.scope import (
    DOMAIN,
    IS_RECURSIVE,
    LIST_ALL,
    chosen,
    one_or,
    visible,
)
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.service import Transaction

ID = entity("id", Account, "the id of the account")
ACCOUNT_NAME = text("account", "the name of the account; the user name by default")
ACCOUNT_TYPE = integer("accounttype", "0 user, the default, 1 root admin, 2 domain admin", 0, 2)
ROLE_ID = text("roleid", "the id of a role, instead of accounttype")
USERNAME = text("username", "the user name")
PASSWORD = text("password", "the password")
FIRST_NAME = text("firstname", "the first name")
LAST_NAME = text("lastname", "the last name")
EMAIL = text("email", "the address")
TIMEZONE = text("timezone", "the time zone")
STATE = text("state", "enabled, disabled or locked")

API_KEY_ACCESS = all_have(text("apikeyaccess", "Enabled, Disabled or Inherit, which all are"), "inherit")
CLEANUP_REQUIRED = all_have(
    boolean("iscleanuprequired", "true: only those that are deleted halfway; none is"), False
)
NEW_ID = uuid_of_choice("accountid", "the id that the account shall have")
NEW_USER_ID = uuid_of_choice("userid", "the id that its user shall have")

_ROLES = {number: role for role, number in ACCOUNT_TYPES.items()}
PERSON = (required(USERNAME), required(PASSWORD), required(EMAIL), required(FIRST_NAME), required(LAST_NAME))


@lists(
    "listAccounts",
    SHAPE,
    "Lists accounts",
    ID,
    NAME,
    ACCOUNT_TYPE,
    STATE,
    API_KEY_ACCESS,
    CLEANUP_REQUIRED,
    DOMAIN,
    IS_RECURSIVE,
    LIST_ALL,
)
def list_accounts(call: Call) -> Iterable[Account]:
    """The accounts that the caller may see."""
    kind, state = call.get(ACCOUNT_TYPE), call.get(STATE)
    return chosen(
        one_or(call, ID, lambda: visible(call, call.snapshot.all(Account))),
        (call.get(NAME), lambda account: account.name),
        (None if kind is None else _ROLES[kind], lambda account: account.role),
        (
            state.lower() if state else None,
            lambda account: call.snapshot.need(AccountDetails, account.id).standing,
        ),
    )


def hashed_password(call: Call) -> str:
    """What is kept of the new user's password."""
    return scrypt(call[PASSWORD])


@changes(
    "createAccount",
    SHAPE,
    "Creates an account with its first user",
    *PERSON,
    ACCOUNT_NAME,
    ACCOUNT_TYPE,
    ROLE_ID,
    DOMAIN,
    NETWORK_DOMAIN,
    TIMEZONE,
    NEW_ID,
    NEW_USER_ID,
    roles=ADMINS,
    event="ACCOUNT.CREATE",
    ahead=hashed_password,
)
def create_account(call: Call) -> Account:
    """An account in the domain, by default the root; the user gets keys by registerUserKeys."""
    domain = call.get(DOMAIN) or _default_domain(call)
    role = _role(call)
    name = call.get(ACCOUNT_NAME) or call[USERNAME]
    if role is Role.ROOT_ADMIN and not call.caller.is_root_admin:
        raise denied("Only root administrators may create root administrators")
    if role is Role.ROOT_ADMIN and domain.parent_id is not None:
        raise bad("Root administrators can be created in the root domain only")
    if any(other.domain_id == domain.id for other in call.snapshot.where(Account, "name", name)):
        raise bad(f"The specified account: {name} already exists")
    account = tenants.create_account(call.transaction, name, domain, role, id=new_id(call, NEW_ID))
    call.transaction.put(
        AccountDetails(id=account.id, created=call.now, network_domain=call.get(NETWORK_DOMAIN) or "")
    )
    new_user(call, account)
    return account


def _role(call: Call) -> Role:
    """The role that the type or the role id says; raises faults."""
    kind, id = call.get(ACCOUNT_TYPE), call.get(ROLE_ID)
    by_type = None if kind is None else _ROLES[kind]
    if id is None:
        return by_type or Role.USER
    by_id = {role_id: role for role, role_id in ROLE_IDS.items()}.get(id.lower())
    if by_id is None:
        raise bad(no_entity("roleid", id))
    if by_type not in (None, by_id):
        raise bad(f"accounttype {kind} is not that of role {id}")
    return by_id


def new_user(call: Call, account: Account) -> User:
    """A user of the account, after `hashed_password`; raises a fault if the name is taken."""
    check_username(call.snapshot, call[USERNAME], account)
    return call.transaction.put(
        User(
            id=new_id(call, NEW_USER_ID),
            account_id=account.id,
            username=call[USERNAME],
            created=call.now,
            first_name=call[FIRST_NAME],
            last_name=call[LAST_NAME],
            email=call[EMAIL],
            timezone=call.get(TIMEZONE) or "",
            password=call.ahead,
        )
    )


def check_username(snapshot: Snapshot, name: str, account: Account) -> None:
    """Raises a fault if a user in the account's domain is named so."""
    for other in snapshot.where(User, "username", name):
        if snapshot.need(Account, other.account_id).domain_id == account.domain_id:
            raise bad(f"The user {name} already exists in domain {account.domain_id}")


def _default_domain(call: Call) -> Domain:
    return call.snapshot.need(Domain, call.caller.account.domain_id)


@changes(
    "deleteAccount",
    SUCCESS,
    "Deletes an account with everything that it owns",
    required(ID),
    roles=ADMINS,
    mode=Mode.ASYNC,
    event="ACCOUNT.DELETE",
)
def delete_account(call: Call) -> None:
    """Machines, networks, VPCs and users go with the account; others' machines in its networks forbid it."""
    account = call[ID]
    details = call.snapshot.need(AccountDetails, account.id)
    if details.is_default or account.id == call.caller.account.id:
        raise denied(f"Account {account.name} may not be deleted: it is the default or the caller's own")
    drop_account(call.transaction, account)


def drop_account(transaction: Transaction, account: Account) -> None:
    """Delete the account with its users and all that it owns; raises faults and InUse."""
    snapshot = transaction.snapshot
    memberships = snapshot.where(ProjectMember, "account_id", account.id)
    managed = [each.project_id for each in memberships if each.role is ProjectRole.ADMIN]
    if managed:
        raise bad(
            f"The account id={account.id} manages project(s) with ids {', '.join(managed)}"
            " and can't be removed"
        )
    drop_belongings(transaction, account)
    transaction.delete(
        *memberships,
        *snapshot.where(User, "account_id", account.id),
        snapshot.need(AccountDetails, account.id),
        account,
    )
