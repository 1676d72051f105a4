"""Domains, accounts, users and their keys."""

from __future__ import annotations

from sdn_orch.intent.model import Account, Domain, Machine, Role
from sdn_orch.northbound.cloudstack.answers.owners import domain_path
from sdn_orch.northbound.cloudstack.answers.resources import resource_fields
from sdn_orch.northbound.cloudstack.model import AccountDetails, DomainDetails, User
from sdn_orch.northbound.cloudstack.shapes import (
    Field,
    Scene,
    Shape,
    always,
    flag,
    moment,
    nested,
    number,
    string,
)
from sdn_orch.northbound.cloudstack.user_keys import UserKeys

#: CloudStack's numbers and names for roles.
ACCOUNT_TYPES = {Role.USER: 0, Role.ROOT_ADMIN: 1, Role.DOMAIN_ADMIN: 2, Role.PROJECT: 5}
ROLE_NAMES = {Role.USER: "User", Role.ROOT_ADMIN: "Root Admin", Role.DOMAIN_ADMIN: "Domain Admin"}
ROLE_TYPES = {Role.USER: "User", Role.ROOT_ADMIN: "Admin", Role.DOMAIN_ADMIN: "DomainAdmin"}
#: Roles are not records: their ids are fixed.
ROLE_IDS = {
    Role.ROOT_ADMIN: "5d0f9b10-0000-4000-8000-000000000001",
    Role.DOMAIN_ADMIN: "5d0f9b10-0000-4000-8000-000000000003",
    Role.USER: "5d0f9b10-0000-4000-8000-000000000004",
}


def _domain_details(scene: Scene, domain: Domain) -> DomainDetails:
    return scene.snapshot.need(DomainDetails, domain.id)


def _parent(scene: Scene, domain: Domain) -> Domain | None:
    return scene.snapshot.need(Domain, domain.parent_id) if domain.parent_id else None


def _parent_name(scene: Scene, domain: Domain) -> str | None:
    parent = _parent(scene, domain)
    return parent.name if parent else None


_HELD_BY_DOMAINS: tuple[Field[Domain], ...] = resource_fields(lambda _, domain: domain)

DOMAIN: Shape[Domain] = Shape(
    key="domain",
    resource="Domain",
    kind=Domain,
    fields=(
        string("id", "the id of the domain", lambda _, domain: domain.id),
        string("name", "the name of the domain", lambda _, domain: domain.name),
        string("path", "the path from the root", lambda _, domain: domain_path(domain)),
        number("level", "how deep it is", lambda _, domain: len([x for x in domain.path.split("/") if x])),
        string("parentdomainid", "the id of the parent", lambda _, domain: domain.parent_id),
        string("parentdomainname", "the name of the parent", _parent_name),
        flag(
            "haschild",
            "whether there are domains below",
            lambda scene, domain: bool(scene.snapshot.where(Domain, "parent_id", domain.id)),
        ),
        string(
            "networkdomain",
            "the network domain",
            lambda scene, domain: _domain_details(scene, domain).network_domain or None,
        ),
        string("state", "Active or Inactive", always("Active")),
        *_HELD_BY_DOMAINS,
        moment("created", "when it was created", lambda s, domain: _domain_details(s, domain).created),
    ),
)


def _account(scene: Scene, user: User) -> Account:
    return scene.snapshot.need(Account, user.account_id)


def _user_domain(scene: Scene, user: User) -> Domain:
    return scene.snapshot.need(Domain, _account(scene, user).domain_id)


USER: Shape[User] = Shape(
    key="user",
    resource="User",
    kind=User,
    keywords=("username", "firstname", "lastname", "email"),
    fields=(
        string("id", "the user id", lambda _, user: user.id),
        string("username", "the user name", lambda _, user: user.username),
        string("firstname", "the first name", lambda _, user: user.first_name),
        string("lastname", "the last name", lambda _, user: user.last_name),
        string("email", "the address", lambda _, user: user.email),
        string("timezone", "the time zone", lambda _, user: user.timezone or None),
        string("state", "enabled, disabled or locked", lambda _, user: user.standing),
        string("account", "the account name", lambda scene, user: _account(scene, user).name),
        string("accountid", "the account id", lambda _, user: user.account_id),
        number(
            "accounttype",
            "0 user, 1 root admin, 2 domain admin",
            lambda scene, user: ACCOUNT_TYPES[_account(scene, user).role],
        ),
        string("roleid", "the role id", lambda scene, user: ROLE_IDS[_account(scene, user).role]),
        string("rolename", "the role name", lambda scene, user: ROLE_NAMES[_account(scene, user).role]),
        string("roletype", "the role type", lambda scene, user: ROLE_TYPES[_account(scene, user).role]),
        string("domainid", "the domain id", lambda scene, user: _user_domain(scene, user).id),
        string("domain", "the domain name", lambda scene, user: _user_domain(scene, user).name),
        string("apikey", "the API key", lambda _, user: user.api_key),
        string("usersource", "where the user is from", always("native")),
        flag("iscallerchilddomain", "whether the caller's domain is below", always(False)),
        flag("isdefault", "whether it was there from the start", lambda s, user: _is_default(s, user)),
        moment("created", "when it was created", lambda _, user: user.created),
    ),
)


def _is_default(scene: Scene, user: User) -> bool:
    return scene.snapshot.need(AccountDetails, user.account_id).is_default


def _machines(scene: Scene, account: Account) -> tuple[Machine, ...]:
    return scene.snapshot.where(Machine, "account_id", account.id)


def _account_details(scene: Scene, account: Account) -> AccountDetails:
    return scene.snapshot.need(AccountDetails, account.id)


def _account_domain(scene: Scene, account: Account) -> Domain:
    return scene.snapshot.need(Domain, account.domain_id)


_HELD_BY_ACCOUNTS: tuple[Field[Account], ...] = resource_fields(lambda _, account: account)

ACCOUNT: Shape[Account] = Shape(
    key="account",
    resource="Account",
    kind=Account,
    fields=(
        string("id", "the id of the account", lambda _, account: account.id),
        string("name", "the name of the account", lambda _, account: account.name),
        number(
            "accounttype",
            "0 user, 1 root admin, 2 domain admin",
            lambda _, account: ACCOUNT_TYPES[account.role],
        ),
        string("roleid", "the role id", lambda _, account: ROLE_IDS.get(account.role)),
        string("rolename", "the role name", lambda _, account: ROLE_NAMES.get(account.role)),
        string("roletype", "the role type", lambda _, account: ROLE_TYPES.get(account.role)),
        string("domainid", "the domain id", lambda _, account: account.domain_id),
        string("domain", "the domain name", lambda scene, account: _account_domain(scene, account).name),
        string("domainpath", "the path", lambda scene, account: domain_path(_account_domain(scene, account))),
        string(
            "state", "enabled, disabled or locked", lambda scene, each: _account_details(scene, each).standing
        ),
        string(
            "networkdomain",
            "the network domain",
            lambda scene, account: _account_details(scene, account).network_domain or None,
        ),
        flag(
            "isdefault",
            "whether it was there from the start",
            lambda scene, account: _account_details(scene, account).is_default,
        ),
        *_HELD_BY_ACCOUNTS,
        number(
            "vmrunning",
            "how many of its machines run",
            lambda scene, account: sum(machine.running for machine in _machines(scene, account)),
        ),
        number(
            "vmstopped",
            "how many of them do not",
            lambda scene, account: sum(not machine.running for machine in _machines(scene, account)),
        ),
        moment("created", "when it was created", lambda s, account: _account_details(s, account).created),
        nested("user", "the users", USER, lambda s, a: s.snapshot.where(User, "account_id", a.id)),
    ),
)

USER_KEYS: Shape[UserKeys] = Shape(
    key="userkeys",
    resource="User",
    fields=(
        string("apikey", "the API key", lambda _, keys: keys.api_key),
        string("secretkey", "the secret key", lambda _, keys: keys.secret_key),
    ),
)


ROLE: Shape[Role] = Shape(
    key="role",
    resource="Role",
    fields=(
        string("id", "the role id", lambda _, role: ROLE_IDS[role]),
        string("name", "the role name", lambda _, role: ROLE_NAMES[role]),
        string("type", "Admin, DomainAdmin or User", lambda _, role: ROLE_TYPES[role]),
        string("description", "what it is for", lambda _, role: f"Default role: {ROLE_NAMES[role]}"),
        string("state", "enabled or disabled", always("enabled")),
        flag("isdefault", "whether it was there from the start", always(True)),
        flag("ispublic", "whether everybody sees it", always(True)),
    ),
)
