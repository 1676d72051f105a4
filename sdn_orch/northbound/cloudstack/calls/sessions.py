"""login, logout: the door itself keeps the sessions."""

from __future__ import annotations

from sdn_orch.intent.model import Account, Domain
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.answers.sessions import LOGIN, LOGOUT
from sdn_orch.northbound.cloudstack.callers import Caller, is_enabled
from sdn_orch.northbound.cloudstack.declare import Call, shows
from sdn_orch.northbound.cloudstack.faults import denied
from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.northbound.cloudstack.parameters import required, text
from sdn_orch.northbound.cloudstack.passwords import fits

USERNAME = text("username", "the user name")
PASSWORD = text("password", "the password")
DOMAIN_PATH = text("domain", "the path of the user's domain; the root, /, by default")
DOMAIN_ID = text("domainid", "the id of the user's domain, instead of its path")


def named_domain(call: Call) -> str:
    """The id or path that the login names, as text."""
    parts = [part for part in (call.get(DOMAIN_PATH) or "").split("/") if part]
    if parts[:1] == ["ROOT"]:
        del parts[0]
    return call.get(DOMAIN_ID) or "/" + "/".join(parts)


@shows(
    "login",
    LOGIN,
    "Logs a user in; by POST only",
    required(USERNAME),
    required(PASSWORD),
    DOMAIN_PATH,
    DOMAIN_ID,
)
def login(call: Call) -> Caller:
    """The user with this name and password; raises a fault that does not tell which of them is wrong."""
    found = _user(call.snapshot, call[USERNAME], named_domain(call))
    # Whether or not there is such a user, it takes the time of a comparison.
    is_right = fits(call[PASSWORD], found.password if found else "")
    if found is None or not is_right:
        raise denied(
            f"Failed to authenticate user {call[USERNAME]} in domain {named_domain(call)};"
            " please provide valid credentials"
        )
    if not is_enabled(call.snapshot, found):
        raise denied(
            f"User {found.username} (or their account) in domain {named_domain(call)} is disabled/locked."
            " Please contact the administrator."
        )
    return Caller(found, call.snapshot.need(Account, found.account_id))


def _user(snapshot: Snapshot, username: str, domain_name: str) -> User | None:
    by_path = snapshot.where(Domain, "path", domain_name)
    domain = by_path[0] if by_path else snapshot.get(Domain, domain_name.lower())
    for user in snapshot.where(User, "username", username):
        account = snapshot.need(Account, user.account_id)
        if domain is not None and account.domain_id == domain.id:
            return user
    return None


@shows("logout", LOGOUT, "Ends the session")
def logout(call: Call) -> Caller:
    """Whoever called; a call that is signed has no session to end."""
    return call.caller
