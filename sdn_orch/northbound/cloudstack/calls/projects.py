"""Projects: createProject, listProjects and their relatives, and who may act in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.intent.model import Account, Domain, Machine, Role
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import machines, tenants
from sdn_orch.northbound.cloudstack import settings
from sdn_orch.northbound.cloudstack.answers.projects import PROJECT as SHAPE
from sdn_orch.northbound.cloudstack.answers.projects import domain_of, members
from sdn_orch.northbound.cloudstack.callers import may_act_for, project_role
from sdn_orch.northbound.cloudstack.calls.belongings import drop_belongings, owns_something
from sdn_orch.northbound.cloudstack.calls.common import DISPLAY_TEXT, NAME
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.filters import matching
from sdn_orch.northbound.cloudstack.model import AccountDetails, User
from sdn_orch.northbound.cloudstack.model_tenancy import Project, ProjectMember, ProjectRole, ProjectState
from sdn_orch.northbound.cloudstack.parameters import boolean, choice, entity, required, text
from sdn_orch.northbound.cloudstack.scope import (
    ACCOUNT,
    DOMAIN,
    IS_RECURSIVE,
    LIST_ALL,
    chosen,
    new_owner,
    one_or,
    only_account,
)
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.service import Transaction

ID = entity("id", Project, "the id of the project")
OWNER_ID = entity("accountid", Account, "the id of the account that administers it, instead of its name")
OWNER_USER = entity("userid", User, "the only user of that account that administers it")
STATE = choice("state", "Active or Suspended", ProjectState)
USERNAME = matching(
    text("username", "projects that a user of this name may act in"),
    lambda scene, project, name: any(
        user.username == name and member.user_id in (None, user.id)
        for member in scene.snapshot.where(ProjectMember, "project_id", project.id)
        for user in scene.snapshot.where(User, "account_id", member.account_id)
    ),
)
CLEANUP = boolean("cleanup", "true: with everything that belongs to it; else only a project without anything")
NEW_OWNER = text("account", "the member that administers it from now on")
SWAP_OWNER = boolean("swapowner", "false: those who administer it go on to do so")
ROLE = choice("roletype", "Admin or Regular", ProjectRole)


@lists(
    "listProjects",
    SHAPE,
    "Lists projects",
    ID,
    NAME,
    DISPLAY_TEXT,
    STATE,
    USERNAME,
    ACCOUNT,
    DOMAIN,
    LIST_ALL,
    IS_RECURSIVE,
)
def list_projects(call: Call) -> Iterable[Project]:
    """The projects that the account in scope is a member of, or all that an administrator may see."""
    return chosen(
        one_or(call, ID, lambda: _seen(call)),
        (call.get(NAME), lambda project: project.name),
        (call.get(DISPLAY_TEXT), lambda project: project.display_text),
        (call.get(STATE), lambda project: project.state),
    )


def _seen(call: Call) -> Iterable[Project]:
    snapshot, account, domain = call.snapshot, only_account(call), call.get(DOMAIN)
    if call.caller.account.role is Role.USER or account is not None:
        member = account or call.caller.account
        ids = {each.project_id for each in snapshot.where(ProjectMember, "account_id", member.id)}
        found = (snapshot.need(Project, id) for id in ids)
        return sorted(found, key=lambda project: project.number)

    def lies_there(project: Project) -> bool:
        if domain is None:
            return True
        own = domain_of(snapshot, project)
        return tenants.lies_in(snapshot, own.id, domain) if call.get(IS_RECURSIVE) else own.id == domain.id

    return (
        project
        for project in snapshot.all(Project)
        if may_act_for(snapshot, call.caller, project.account_id) and lies_there(project)
    )


@changes(
    "createProject",
    SHAPE,
    "Creates a project",
    required(NAME),
    required(DISPLAY_TEXT),
    ACCOUNT,
    DOMAIN,
    OWNER_ID,
    OWNER_USER,
    mode=Mode.ASYNC_CREATE,
    event="PROJECT.CREATE",
)
def create_project(call: Call) -> Project:
    """A project in the domain of the account that administers it, by default the caller's."""
    owner, user = call.get(OWNER_ID) or new_owner(call), call.get(OWNER_USER)
    if user is not None and user.account_id != owner.id:
        raise bad(f"User {user.id} is not of account {owner.name}")
    snapshot, name = call.snapshot, call[NAME]
    may_create = settings.USERS_CREATE_PROJECTS.is_on(snapshot)
    if call.caller.account.role is Role.USER and not may_create:
        raise denied("Regular user is not permitted to create a project")
    domain = snapshot.need(Domain, owner.domain_id)
    _check_name(snapshot, name, domain)
    number = snapshot.last_number(Project) + 1
    account = tenants.create_account(call.transaction, f"PrjAcct-{name[:200]}-{number}", domain, Role.PROJECT)
    call.transaction.put(AccountDetails(id=account.id, created=call.now))
    project = call.transaction.put(
        Project(
            id=str(uuid4()),
            account_id=account.id,
            name=name,
            display_text=call[DISPLAY_TEXT],
            created=call.now,
        )
    )
    call.transaction.put(
        ProjectMember(
            id=str(uuid4()),
            project_id=project.id,
            account_id=owner.id,
            user_id=user.id if user else None,
            role=ProjectRole.ADMIN,
        )
    )
    return project


@changes(
    "updateProject",
    SHAPE,
    "Updates a project",
    required(ID),
    NAME,
    DISPLAY_TEXT,
    NEW_OWNER,
    SWAP_OWNER,
    ROLE,
    mode=Mode.ASYNC,
    event="PROJECT.UPDATE",
)
def update_project(call: Call) -> Project:
    """Another name or text, another administrator, or another role of a member."""
    project, name = call[ID], call.get(NAME)
    check_administers(call, project)
    if name is not None and name != project.name:
        _check_name(call.snapshot, name, domain_of(call.snapshot, project))
    if (member_name := call.get(NEW_OWNER)) is not None:
        _set_role(call, project, member_name)
    return call.transaction.put(
        dataclasses.replace(
            project,
            name=name or project.name,
            display_text=call.get(DISPLAY_TEXT) or project.display_text,
        )
    )


def _set_role(call: Call, project: Project, name: str) -> None:
    """Give the member the role; an administrator takes the place of the others unless told otherwise."""
    found = members(call.snapshot, project)
    chosen_ones = [each for each in found if call.snapshot.need(Account, each.account_id).name == name]
    if not chosen_ones:
        raise bad(
            f"Account {name} doesn't belong to the project. Add it to the project first and then change the"
            " project's ownership"
        )
    role = call.get(ROLE) or ProjectRole.ADMIN
    for member in found:
        if member in chosen_ones:
            call.transaction.put(dataclasses.replace(member, role=role))
        elif role is ProjectRole.ADMIN and call.get(ROLE) is None and call.get(SWAP_OWNER) is not False:
            call.transaction.put(dataclasses.replace(member, role=ProjectRole.REGULAR))
    if not any(each.role is ProjectRole.ADMIN for each in members(call.snapshot, project)):
        raise bad(f"Project {project.name} would have no administrator")


@changes(
    "suspendProject",
    SHAPE,
    "Suspends a project",
    required(ID),
    mode=Mode.ASYNC,
    event="PROJECT.SUSPEND",
)
def suspend_project(call: Call) -> Project:
    """Its machines are stopped, and nothing can be created in it until it is activated again."""
    project = call[ID]
    check_administers(call, project)
    for machine in call.snapshot.where(Machine, "account_id", project.account_id):
        machines.set_running(call.transaction, machine, False)
    return call.transaction.put(dataclasses.replace(project, state=ProjectState.SUSPENDED))


@changes(
    "activateProject",
    SHAPE,
    "Activates a suspended project",
    required(ID),
    mode=Mode.ASYNC,
    event="PROJECT.ACTIVATE",
)
def activate_project(call: Call) -> Project:
    """Its machines stay stopped until they are started."""
    project = call[ID]
    check_administers(call, project)
    return call.transaction.put(dataclasses.replace(project, state=ProjectState.ACTIVE))


@changes(
    "deleteProject",
    SUCCESS,
    "Deletes a project",
    required(ID),
    CLEANUP,
    mode=Mode.ASYNC,
    event="PROJECT.DELETE",
)
def delete_project(call: Call) -> None:
    """With `cleanup`, everything that belongs to it goes too."""
    project, transaction = call[ID], call.transaction
    check_administers(call, project)
    account = call.snapshot.need(Account, project.account_id)
    if not call.get(CLEANUP) and (what := owns_something(call.snapshot, account)):
        raise InUse(f"project {project.name} ({project.id}) still has {what}; delete it with cleanup=true")
    drop_project(transaction, project)


def drop_project(transaction: Transaction, project: Project) -> None:
    """Delete the project with its account and all that belongs to it; raises InUse."""
    snapshot = transaction.snapshot
    account = snapshot.need(Account, project.account_id)
    drop_belongings(transaction, account)
    transaction.delete(
        *members(snapshot, project), project, snapshot.need(AccountDetails, account.id), account
    )


def check_administers(call: Call, project: Project) -> None:
    """Raises a permission fault unless the caller administers the project, or stands above it."""
    caller, snapshot = call.caller, call.snapshot
    if project_role(snapshot, caller, project.account_id) is ProjectRole.ADMIN or caller.is_root_admin:
        return
    domain = domain_of(snapshot, project)
    own = snapshot.need(Domain, caller.account.domain_id)
    if caller.account.role is Role.DOMAIN_ADMIN and tenants.lies_in(snapshot, domain.id, own):
        return
    raise denied(f"Account {caller.account.name} can't modify the project id={project.id}")


def _check_name(snapshot: Snapshot, name: str, domain: Domain) -> None:
    if not name.strip() or not name.isprintable():
        raise bad("The name of a project must be printable characters, not only blanks")
    for other in snapshot.where(Project, "name", name):
        if domain_of(snapshot, other).id == domain.id:
            raise bad(f"Project with name {name} already exists in domain id={domain.id}")
