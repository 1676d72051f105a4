"""What somebody who logs in or out is told."""

from __future__ import annotations

from sdn_orch.northbound.cloudstack.answers.accounts import ACCOUNT_TYPES
from sdn_orch.northbound.cloudstack.callers import Caller
from sdn_orch.northbound.cloudstack.sessions import TIMEOUT
from sdn_orch.northbound.cloudstack.shapes import Shape, always, number, string

#: `sessionkey` is added by the door, which alone knows the session.
LOGIN: Shape[Caller] = Shape(
    key="",
    resource="User",
    fields=(
        string("username", "the user name", lambda _, caller: caller.user.username),
        string("userid", "the id of the user", lambda _, caller: caller.user.id),
        string("firstname", "the first name", lambda _, caller: caller.user.first_name),
        string("lastname", "the last name", lambda _, caller: caller.user.last_name),
        string("timezone", "the time zone", lambda _, caller: caller.user.timezone or None),
        string("account", "the account", lambda _, caller: caller.account.name),
        string("domainid", "the id of the domain", lambda _, caller: caller.account.domain_id),
        string("type", "the type of the account", lambda _, caller: ACCOUNT_TYPES[caller.account.role]),
        string("registered", "whether it is registered", always("false")),
        string("is2faenabled", "whether a second factor is wanted", always("false")),
        string("is2faverified", "whether it was given", always("false")),
        string("sessionkey", "what calls of the session carry besides its cookie", always(None)),
        number(
            "timeout",
            "seconds without a call after which the session ends",
            always(int(TIMEOUT.total_seconds())),
        ),
    ),
)

LOGOUT: Shape[Caller] = Shape(
    key="", resource="", fields=(string("description", "how it went", always("success")),)
)
