"""updateAccount, disableAccount, enableAccount, lockAccount."""

from __future__ import annotations

import dataclasses

from sdn_orch.intent.model import Account, Machine
from sdn_orch.northbound import machines
from sdn_orch.northbound.cloudstack.answers.accounts import ACCOUNT as SHAPE
from sdn_orch.northbound.cloudstack.calls.accounts import ID
from sdn_orch.northbound.cloudstack.calls.common import NETWORK_DOMAIN
from sdn_orch.northbound.cloudstack.declare import ADMINS, Call, Mode, changes
from sdn_orch.northbound.cloudstack.faults import bad, denied, missing_parameter
from sdn_orch.northbound.cloudstack.model import AccountDetails, Standing
from sdn_orch.northbound.cloudstack.parameters import boolean, required, text
from sdn_orch.northbound.cloudstack.scope import ACCOUNT, DOMAIN, named_account

NEW_NAME = text("newname", "the new name")
LOCK = boolean("lock", "true: only lock it; false: its machines are stopped too")


def _named(call: Call) -> Account:
    """The account by its id, or by its name and domain; raises a fault if neither is given."""
    account, name = call.get(ID), call.get(ACCOUNT)
    if account is not None:
        return account
    if name is None:
        raise missing_parameter(call.command.name, "id")
    return named_account(call, name, call.get(DOMAIN))


@changes(
    "updateAccount",
    SHAPE,
    "Updates an account",
    ID,
    ACCOUNT,
    DOMAIN,
    NEW_NAME,
    NETWORK_DOMAIN,
    roles=ADMINS,
    event="ACCOUNT.UPDATE",
)
def update_account(call: Call) -> Account:
    """Another name or network domain; networks that exist keep theirs."""
    account = _named(call)
    name, details = call.get(NEW_NAME) or account.name, call.snapshot.need(AccountDetails, account.id)
    for other in call.snapshot.where(Account, "name", name):
        if other.domain_id == account.domain_id and other.id != account.id:
            raise bad(f"The specified account: {name} already exists")
    domain_name = call.get(NETWORK_DOMAIN)
    call.transaction.put(dataclasses.replace(details, network_domain=domain_name or details.network_domain))
    return call.transaction.put(dataclasses.replace(account, name=name))


@changes(
    "disableAccount",
    SHAPE,
    "Disables or locks an account",
    required(LOCK),
    ID,
    ACCOUNT,
    DOMAIN,
    roles=ADMINS,
    mode=Mode.ASYNC,
    event="ACCOUNT.DISABLE",
)
def disable_account(call: Call) -> Account:
    """Its users may call no more; unless it is only locked, its machines are stopped."""
    account = _named(call)
    if not call[LOCK]:
        for machine in call.snapshot.where(Machine, "account_id", account.id):
            machines.set_running(call.transaction, machine, False)
    return _stand(call, account, Standing.LOCKED if call[LOCK] else Standing.DISABLED)


@changes(
    "lockAccount",
    SHAPE,
    "Locks an account",
    required(ACCOUNT),
    required(DOMAIN),
    roles=ADMINS,
    event="ACCOUNT.LOCK",
)
def lock_account(call: Call) -> Account:
    """Its users may call no more; its machines run on."""
    return _stand(call, _named(call), Standing.LOCKED)


@changes(
    "enableAccount",
    SHAPE,
    "Enables an account again",
    ID,
    ACCOUNT,
    DOMAIN,
    roles=ADMINS,
    event="ACCOUNT.ENABLE",
)
def enable_account(call: Call) -> Account:
    """Its users may call again; its machines stay stopped until they are started."""
    return _stand(call, _named(call), Standing.ENABLED)


def _stand(call: Call, account: Account, standing: Standing) -> Account:
    details = call.snapshot.need(AccountDetails, account.id)
    if details.is_default or account.id == call.caller.account.id:
        raise denied(f"Account {account.name} may not be changed so: it is the default or the caller's own")
    call.transaction.put(dataclasses.replace(details, standing=standing))
    return account
