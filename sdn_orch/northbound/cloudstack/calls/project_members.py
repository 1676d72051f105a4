"""addAccountToProject, deleteAccountFromProject, listProjectAccounts."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.intent.model import Account
from sdn_orch.northbound.cloudstack.answers.projects import PROJECT_MEMBER, domain_of, members
from sdn_orch.northbound.cloudstack.calls.projects import ROLE, check_administers
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model_tenancy import Project, ProjectMember, ProjectRole
from sdn_orch.northbound.cloudstack.parameters import choice, entity, required, text
from sdn_orch.northbound.cloudstack.scope import chosen
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

PROJECT = entity("projectid", Project, "the id of the project")
MEMBER = text("account", "the name of the account")
LISTED_ROLE = choice("role", "Admin or Regular", ProjectRole)


@changes(
    "addAccountToProject",
    SUCCESS,
    "Lets an account act in a project",
    required(PROJECT),
    required(MEMBER),
    ROLE,
    mode=Mode.ASYNC,
    event="PROJECT.ACCOUNT.ADD",
)
def add_account_to_project(call: Call) -> None:
    """An account of the project's domain; nothing happens to one that is in it already."""
    project, name = call[PROJECT], call[MEMBER]
    check_administers(call, project)
    domain = domain_of(call.snapshot, project)
    found = [each for each in call.snapshot.where(Account, "name", name) if each.domain_id == domain.id]
    if not found:
        raise bad(f"Unable to find account name={name} in domain id={domain.id}")
    if any(each.account_id == found[0].id for each in members(call.snapshot, project)):
        return
    call.transaction.put(
        ProjectMember(
            id=str(uuid4()),
            project_id=project.id,
            account_id=found[0].id,
            role=call.get(ROLE) or ProjectRole.REGULAR,
        )
    )


@changes(
    "deleteAccountFromProject",
    SUCCESS,
    "Lets an account act in a project no longer",
    required(PROJECT),
    required(MEMBER),
    mode=Mode.ASYNC,
    event="PROJECT.ACCOUNT.REMOVE",
)
def delete_account_from_project(call: Call) -> None:
    """What belongs to the project stays; somebody must be left to administer it."""
    project, name = call[PROJECT], call[MEMBER]
    check_administers(call, project)
    found = members(call.snapshot, project)
    going = [each for each in found if call.snapshot.need(Account, each.account_id).name == name]
    if not going:
        raise bad(f"Account {name} is not assigned to the project with specified id")
    if not any(each.role is ProjectRole.ADMIN for each in found if each not in going):
        raise bad(
            f"Unable to delete account {name} from the project id={project.id}"
            " as the account is the owner of the project"
        )
    call.transaction.delete(*going)


@lists(
    "listProjectAccounts",
    PROJECT_MEMBER,
    "Lists who may act in a project",
    required(PROJECT),
    MEMBER,
    LISTED_ROLE,
)
def list_project_accounts(call: Call) -> Iterable[ProjectMember]:
    """The members of the project, for each other and for those above."""
    return chosen(
        members(call.snapshot, call[PROJECT]),
        (call.get(MEMBER), lambda member: call.snapshot.need(Account, member.account_id).name),
        (call.get(LISTED_ROLE), lambda member: member.role),
    )
